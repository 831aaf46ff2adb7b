"""What answers and records call a writer."""

from __future__ import annotations

import re
from pathlib import Path

_UNRECORDABLE = re.compile(r"[^A-Za-z0-9_.:+/@-]+")
_LIMIT = 128
"""What the record takes of a name."""


def recordable(name: str) -> str:
    """Return a name as the record takes it: plain characters only, and no more of them than fit."""
    return _UNRECORDABLE.sub("-", name)[:_LIMIT]


def short(name: str) -> str:
    """Return the last part of a path, and any other name as it is: a path may name a user."""
    path = Path(name)
    return path.name if path.is_absolute() or path.is_dir() else name
