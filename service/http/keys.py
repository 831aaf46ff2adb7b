"""Keys of callers: random, shown once, kept as hashes.

A key holds 256 random bits, so that no list of likely keys exists: a plain SHA-256 keeps it as well as a
slow password hash would, and costs each request microseconds.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cbtguard.safety.errors import AccessError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PREFIX: Final = "cbtguard"
_NOBODY: Final = "0" * 64


class Scope(StrEnum):
    """What a key may do."""

    ASK = "ask"
    """Turns, and the guards alone."""
    REVIEW = "review"
    """Turns that wait for a person."""
    AUDIT = "audit"
    """The record and the metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is kept of a key."""

    id: str
    """Eight hexadecimal digits; part of the key, and safe to log."""
    name: str
    """What the operator calls it."""
    scopes: tuple[Scope, ...]
    created: str
    """UTC time, ISO 8601."""
    hash: str
    """SHA-256 of the key."""
    revoked: str | None = None

    def __repr__(self) -> str:
        return f"Key({self.id})"


class KeyFile:
    """The keys of a service, in a file that other processes may change; a change is seen at once.

    Args:
        path: JSON file; none is made before there is a key.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}
        self._lock = threading.Lock()

    def listed(self) -> tuple[Key, ...]:
        """Return all keys, revoked ones too, oldest first.

        Raises:
            SettingsError: ``settings.keys`` when the file cannot be read or is malformed.
        """
        with self._lock:
            try:
                found = self.path.stat()
                now = (found.st_mtime_ns, found.st_size, found.st_ino)
                if now != self._seen:
                    self._keys = {key.id: key for key in _read(self.path)}
                    self._seen = now
            except FileNotFoundError:
                self._keys, self._seen = {}, None
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                self._keys, self._seen = {}, None
                raise SettingsError(
                    "settings.keys",
                    f"The file of keys {self.path} cannot be read ({type(error).__name__}).",
                    hint="Restore it, or move it aside and make new keys.",
                ) from None
            return tuple(self._keys.values())

    @property
    def any_active(self) -> bool:
        """Whether there is a key that is not revoked."""
        return any(key.revoked is None for key in self.listed())

    def find(self, secret: str) -> Key:
        """Return the key that was given.

        Raises:
            AccessError: ``access.key_unknown``, for a revoked key too.
        """
        known = {key.id: key for key in self.listed()}
        parts = secret.split("_", 2)
        key = known.get(parts[1]) if len(parts) == 3 else None
        # The same work for an id that nobody has.
        fits = hmac.compare_digest(_hash(secret), key.hash if key is not None else _NOBODY)
        if key is None or not fits or key.revoked is not None:
            raise AccessError(
                "access.key_unknown",
                "The key is not known.",
                hint="Send Authorization: Bearer KEY with a key that cbtguard keys new made.",
            )
        return key

    def new(self, name: str, scopes: Sequence[Scope], *, at: str) -> tuple[Key, str]:
        """Make a key; return what is kept of it, and the key itself, which is kept nowhere."""
        with _changing(self.path) as keys:
            taken = {key.id for key in keys}
            while (own := secrets.token_hex(4)) in taken:
                pass
            secret = f"{PREFIX}_{own}_{secrets.token_urlsafe(32)}"
            key = Key(id=own, name=name, scopes=tuple(dict.fromkeys(scopes)), created=at, hash=_hash(secret))
            keys.append(key)
        return key, secret

    def revoke(self, own: str, *, at: str) -> Key:
        """Revoke a key for good; once more changes nothing.

        Raises:
            AccessError: ``access.key_unknown``.
        """
        with _changing(self.path) as keys:
            for place, key in enumerate(keys):
                if key.id == own:
                    keys[place] = Key(**{**_fields(key), "revoked": key.revoked or at})
                    return keys[place]
        raise AccessError(
            "access.key_unknown", "There is no key with this id.", hint="See cbtguard keys list."
        )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _fields(key: Key) -> dict[str, Any]:
    return {name: getattr(key, name) for name in Key.__slots__}


def _read(path: Path) -> list[Key]:
    rows = json.loads(path.read_text(encoding="utf-8"))["keys"]
    keys = [Key(**{**row, "scopes": tuple(Scope(scope) for scope in row["scopes"])}) for row in rows]
    if not all(isinstance(key.hash, str) and len(key.hash) == 64 and key.id.isalnum() for key in keys):
        raise ValueError
    return keys


@contextmanager
def _changing(path: Path) -> Iterator[list[Key]]:
    """Give the keys to be changed, and put the file in place whole, one process at a time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(path.name + ".lock").open("a") as guard:
            _hold(guard.fileno())
            keys = _read(path) if path.exists() else []
            yield keys
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=path.parent, prefix=path.name, delete=False
            ) as stream:
                json.dump({"keys": [asdict(key) for key in keys]}, stream, indent=1)
                stream.flush()
                os.fsync(stream.fileno())
            Path(stream.name).replace(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(
            "settings.keys",
            f"The file of keys {path} cannot be changed ({type(error).__name__}).",
            hint="Check the file and its folder.",
        ) from None


def _hold(handle: int) -> None:
    try:
        import fcntl  # noqa: PLC0415 - not on every platform
    except ImportError:  # pragma: no cover - elsewhere, keys are made one at a time
        return
    fcntl.flock(handle, fcntl.LOCK_EX)
