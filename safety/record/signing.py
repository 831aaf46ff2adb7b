"""Ed25519 signatures over places and hashes of the chain.

A signature covers ``cbtguard record``, the place and the hash, and the hash covers every entry before it. So
whoever changes an entry and computes the chain anew needs the private key too. A signature is written as
``KEY:SIGNATURE``: 16 hex digits that name the key and 128 hex digits (RFC 8032). Keys are PEM text, PKCS #8
and SubjectPublicKeyInfo. The package ``cryptography`` does the work and is imported on first use.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cbtguard.safety.errors import DependencyError, RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_SIGNATURE: Final = re.compile(r"([0-9a-f]{16}):([0-9a-f]{128})")


class SigningKey:
    """A private key that signs what a store appends. It shows nothing of itself when printed."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._id = key_id_of(private.public_key())

    @property
    def key_id(self) -> str:
        """Name of the key: 16 hex digits of the SHA-256 of its public half."""
        return self._id

    def sign(self, seq: int, own_hash: str) -> str:
        """Return the signature of a place and its hash."""
        return f"{self._id}:{self._private.sign(_message(seq, own_hash)).hex()}"

    def public_pem(self) -> str:
        """Return the public half as PEM text."""
        part = _serialization()
        raw: bytes = self._private.public_key().public_bytes(
            part.Encoding.PEM, part.PublicFormat.SubjectPublicKeyInfo
        )
        return raw.decode("ascii")

    @classmethod
    def load(cls, given: str | Path) -> SigningKey:
        """Return the key of a PEM file, or of PEM text itself, such as an environment variable holds.

        Raises:
            RecordError: ``record.key`` when it is no private Ed25519 key; the message never holds it.
            DependencyError: ``dependency.library`` without the package cryptography.
        """
        return cls(_load("private", given))

    def __repr__(self) -> str:
        return f"SigningKey({self._id})"

    def __reduce__(self) -> Any:
        raise TypeError("a signing key is not pickled")


class PublicKeys:
    """The public keys that signatures are held against; several where a key was replaced by another.

    Args:
        given: PEM files, or PEM texts.

    Raises:
        RecordError: ``record.key`` when there is none, or one is no public Ed25519 key.
        DependencyError: ``dependency.library`` without the package cryptography.
    """

    def __init__(self, given: Iterable[str | Path]) -> None:
        self._keys = {key_id_of(key): key for key in (_load("public", one) for one in given)}
        if not self._keys:
            raise RecordError(
                "record.key", "There is no public key to verify with.", hint="Give at least one."
            )

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Names of the keys."""
        return tuple(self._keys)

    def fits(self, seq: int, own_hash: str, signature: object) -> bool:
        """Return whether a signature is one of these keys' over this place and hash."""
        match = _SIGNATURE.fullmatch(signature) if isinstance(signature, str) else None
        key = self._keys.get(match[1]) if match is not None else None
        if match is None or key is None:
            return False
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an optional package

        try:
            key.verify(bytes.fromhex(match[2]), _message(seq, own_hash))
        except InvalidSignature:
            return False
        return True


def write_new_key(path: Path) -> SigningKey:
    """Make a key pair: the private half at `path`, readable by its owner only, the public one beside it.

    Raises:
        RecordError: ``record.key`` when either file is there already or cannot be written.
        DependencyError: ``dependency.library`` without the package cryptography.
    """
    part = _serialization()
    private = _ed25519().Ed25519PrivateKey.generate()
    pem = private.private_bytes(part.Encoding.PEM, part.PrivateFormat.PKCS8, part.NoEncryption())
    key = SigningKey(private)
    try:
        _write(path, pem, 0o600)
        _write(public_path(path), key.public_pem().encode("ascii"), 0o644)
    except OSError as error:
        raise RecordError(
            "record.key",
            f"The key {path} or its public half cannot be written ({type(error).__name__}).",
            hint="Name a file that is not there yet, in a folder that can be written.",
        ) from error
    return key


def public_path(path: Path) -> Path:
    """Return where `write_new_key` puts the public half."""
    return path.with_name(f"{path.name}.pub")


def key_id_of(key: Ed25519PublicKey) -> str:
    """Return the name of a public key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _message(seq: int, own_hash: str) -> bytes:
    return f"cbtguard record\n{seq}\n{own_hash}\n".encode("ascii")


def _write(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as stream:
        stream.write(content)


def _pem(given: str | Path) -> bytes:
    if isinstance(given, str) and given.lstrip().startswith("-----BEGIN"):
        return given.encode()
    path = Path(given).expanduser()
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise RecordError(
            "record.key",
            f"The key file {path} cannot be read ({type(error).__name__}).",
            hint="Name a PEM file; `cbtguard log key new FILE` makes one.",
        ) from error


def _load(half: str, given: str | Path) -> Any:
    part, kinds = _serialization(), _ed25519()
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - an optional package

    try:
        if half == "private":
            found = part.load_pem_private_key(_pem(given), password=None)
        else:
            found = part.load_pem_public_key(_pem(given))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, kinds.Ed25519PrivateKey if half == "private" else kinds.Ed25519PublicKey):
        # What was given may be the key itself.
        named = f"file {given}" if isinstance(given, Path) else "that was given"
        raise RecordError(
            "record.key",
            f"The key {named} is no {half} Ed25519 key in PEM text.",
            hint="`cbtguard log key new FILE` makes FILE, the private half, and FILE.pub, the public one.",
        )
    return found


def _serialization() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise _missing() from error
    return serialization


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise _missing() from error
    return ed25519


def _missing() -> DependencyError:
    return DependencyError(
        "dependency.library",
        "Signatures need the package cryptography, which is not installed.",
        hint="Install cbtguard[signatures], or leave the setting record_key unset.",
    )
