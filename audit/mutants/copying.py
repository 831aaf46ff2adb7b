"""A copy of the package in which one file is another: folders of hard links, nothing of the checkout touched."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from cbtguard.audit.mutants.edits import applied
from cbtguard.audit.mutants.plan import ROOMS, room, source
from cbtguard.safety.files import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from cbtguard.audit.mutants.plan import Mutant

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "cases", "personas", "web")


def copy_package(to: Path) -> None:
    """Make ``to/cbtguard`` with the rooms of the package in use."""
    for name in ROOMS:
        shutil.copytree(room(name), to / "cbtguard" / name, copy_function=_linked, ignore=_LEFT_OUT)


def _linked(old: str, new: str) -> str:
    try:
        os.link(old, new)
    except OSError:  # another file system
        shutil.copy2(old, new)
    return new


def plant(mutant: Mutant, folder: Path) -> None:
    """Put a defect into a copy; the link is cut before, so that the original stays as it is.

    Raises:
        DataError: ``data.malformed`` when it changes nothing or leaves no Python.
    """
    text = applied(read_text(source(mutant.file)), mutant.edit, mutant.file)
    _written(folder / "cbtguard" / mutant.file, text)


def restore(mutant: Mutant, folder: Path) -> None:
    """Take a defect out of a copy again."""
    _written(folder / "cbtguard" / mutant.file, read_text(source(mutant.file)))


def _written(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text, encoding="utf-8")
