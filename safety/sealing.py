"""Sealing what lies on a disk: AES-256 in Galois/Counter Mode, under keys that come from one of the operator's.

Each purpose has a key of its own, derived with HKDF-SHA-256 (RFC 5869), so that nothing that was sealed for one can
be passed off as the other. What is sealed is a version byte, a random nonce of 12 bytes, and the ciphertext with its
tag of 16 bytes (NIST SP 800-38D). The package ``cryptography`` does the work and is imported on first use.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Any, Final, Never, SupportsIndex

from cbtguard.safety.errors import DependencyError, RecordError, SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = (16, 24, 32)
"""Lengths that a key may have."""

_VERSION: Final = b"\x01"
_NONCE: Final = 12
_TAG: Final = 16
_KEY_LENGTHS: Final = ", ".join(str(length) for length in KEY_BYTES[:-1]) + f" or {KEY_BYTES[-1]}"


def read_key(text: str, setting: str) -> bytes:
    """Return the key that a setting holds in base64, in the ordinary or the URL-safe alphabet.

    Args:
        text: The setting's value. No error shows it.
        setting: Its name, for errors.

    Raises:
        SettingsError: ``settings.key`` when it is no base64 of 16, 24 or 32 bytes.
    """
    try:
        key = base64.b64decode(text.strip().translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in KEY_BYTES:
        # Not chained: the cause may quote the key.
        raise SettingsError(
            "settings.key",
            f"The setting {setting!r} is no key: it must be base64 of {_KEY_LENGTHS} bytes.",
            hint="Make one with `openssl rand -base64 32` and hand it over in the environment.",
        ) from None
    return key


class Sealer:
    """Seals bytes for one purpose, and opens what was sealed for it under the same key.

    Args:
        key: 16, 24 or 32 random bytes.
        purpose: What is sealed; another purpose gives another key.

    Raises:
        DependencyError: ``dependency.library`` without the package cryptography.
    """

    __slots__ = ("_cipher", "_purpose")

    def __init__(self, key: bytes, purpose: str) -> None:
        self._purpose = purpose
        self._cipher = _cipher(key, purpose)

    def seal(self, plain: bytes, bound: bytes = b"") -> bytes:
        """Return the sealed bytes.

        Args:
            plain: What to seal.
            bound: What it belongs to. It is not kept, and what is sealed opens with the same only.
        """
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, _VERSION + bound)

    def open(self, sealed: bytes, bound: bytes = b"") -> bytes:
        """Return what was sealed.

        Raises:
            RecordError: ``record.sealed`` when it was sealed with another key, for something else, or changed.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an optional package

        nonce, rest = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        if sealed[:1] == _VERSION and len(rest) >= _TAG:
            try:
                return self._cipher.decrypt(nonce, rest, _VERSION + bound)
            except InvalidTag:
                pass
        raise sealed_error(
            f"What is sealed as {self._purpose!r} does not open: another key, or it was changed."
        )

    def __repr__(self) -> str:
        return f"Sealer({self._purpose!r})"

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> Never:
        raise TypeError("A sealer holds a key and is never pickled or copied.")


def sealed_error(message: str) -> RecordError:
    """Return the error for what does not open with the key that is set."""
    return RecordError(
        "record.sealed",
        message,
        hint="Set threads_key to the key that it was written with, or forget these talks and start anew.",
    )


def _cipher(key: bytes, purpose: str) -> AESGCM:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM as Cipher  # noqa: N811, PLC0415 - optional
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415 - the same
    except ImportError as error:
        raise DependencyError(
            "dependency.library",
            "Encryption at rest needs the package cryptography, which is not installed.",
            hint="Install cbtguard[encryption], or unset threads_key and set vaults to memory.",
        ) from error
    derived: Any = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"cbtguard {purpose} 1".encode())
    return Cipher(derived.derive(key))
