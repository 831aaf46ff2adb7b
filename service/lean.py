"""Starting a one-shot command without the seconds that unused libraries take to import."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNUSED = ("torch", "transformers")


@contextmanager
def without_unused_imports() -> Iterator[None]:
    """Hide torch and transformers from Presidio and spaCy while these are imported.

    Both look for them only to offer engines that this program does not use, and finding them takes four
    of five seconds. They can be imported as usual afterwards. For the command line only: a program that
    embeds the flow may use spaCy with torch itself.
    """
    hidden = [name for name in _UNUSED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
