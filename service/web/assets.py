"""What the pages are made of beside their text: style, scripts, the icon. Read once, whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cbtguard.safety.errors import DataError
from cbtguard.service.web.texts import DATA

if TYPE_CHECKING:
    from collections.abc import Mapping

STATIC: Final = DATA / "static"
_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    media_type: str
    etag: str


def read_assets() -> Mapping[str, Asset]:
    """Return every file there is to send, by its path below ``/web/``.

    Raises:
        DataError: ``data.unreadable``.
    """
    found = {}
    for path in sorted(STATIC.rglob("*")):
        if path.is_file() and path.suffix in _TYPES:
            try:
                body = path.read_bytes()
            except OSError as error:
                raise DataError(
                    "data.unreadable",
                    f"The file {path} cannot be read ({type(error).__name__}).",
                    hint="Install the package anew.",
                ) from None
            found[path.relative_to(STATIC).as_posix()] = Asset(
                body=body,
                media_type=_TYPES[path.suffix],
                etag=f'"{hashlib.sha256(body).hexdigest()[:20]}"',
            )
    return found
