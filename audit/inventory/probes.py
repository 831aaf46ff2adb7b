"""Probes that people wrote: what to put to a part, and what must come of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from cbtguard.safety.files import read_yaml

FILE = Path(__file__).parents[1] / "data" / "probes.yaml"


@cache
def probes(part: str) -> dict[str, Any]:
    """Return name to probe of a part."""
    made: dict[str, Any] = read_yaml(FILE)[part]
    return made
