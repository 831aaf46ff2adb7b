"""What is written of talks: JSON primitives only, sealed where there is a key, and never read unsealed then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from cbtguard.safety.errors import RecordError
from cbtguard.safety.sealing import Sealer, read_key, sealed_error

if TYPE_CHECKING:
    from langgraph.checkpoint.serde.base import SerializerProtocol

    from cbtguard.graph.settings import Settings

PURPOSE: Final = "threads"
"""What checkpoints are sealed as."""

_PROBE: Final = b"cbtguard threads"
_CIPHER: Final = "cbtguard-aes-gcm"


def sealer_of(settings: Settings, purpose: str) -> Sealer | None:
    """Return the sealer for the key of the settings, None where there is none.

    Raises:
        SettingsError: ``settings.key``.
        DependencyError: ``dependency.library`` without the package cryptography.
    """
    if settings.threads_key is None:
        return None
    return Sealer(read_key(settings.threads_key.get_secret_value(), "threads_key"), purpose)


class _Cipher:
    """A sealer, as LangGraph's serializer asks for one."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return _CIPHER, self._sealer.seal(plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        if ciphername != _CIPHER:
            raise sealed_error("A talk was sealed with another cipher.")
        return self._sealer.open(ciphertext)


class SealedSerializer:
    """LangGraph's encrypting serializer, which reads nothing that is not sealed.

    The library's own reads what lies there in the clear, key or no key: whoever can write into the store could give
    a talk another past. It is used from within, for a copy that LangGraph makes of its own kind would lose the rule.

    Args:
        sealer: Seals what is written.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._inner = EncryptedSerializer(_Cipher(sealer), plain_serializer())

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the sealed form of an object."""
        return self._inner.dumps_typed(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the object.

        Raises:
            RecordError: ``record.sealed`` or ``record.unsealed``.
        """
        if "+" not in data[0]:
            raise unsealed_error()
        return self._inner.loads_typed(data)


def plain_serializer() -> JsonPlusSerializer:
    """Return a serializer that reads JSON primitives and nothing else: state holds no objects."""
    return JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=[])


def serializer(sealer: Sealer | None = None) -> SerializerProtocol:
    """Return the serializer of checkpoints: JSON primitives only, sealed where there is a sealer."""
    return plain_serializer() if sealer is None else SealedSerializer(sealer)


def judge(sealer: Sealer | None, probe: bytes | None) -> None:
    """See that talks that are kept fit the key that is set.

    Args:
        sealer: That of the settings, if any.
        probe: What was sealed when the first of these talks was kept; None where there was no key.

    Raises:
        RecordError: ``record.sealed`` or ``record.unsealed``.
    """
    if sealer is None:
        if probe is not None:
            raise sealed_error("The talks were sealed with a key, and none is set.")
    elif probe is None:
        raise unsealed_error()
    elif sealer.open(probe) != _PROBE:
        raise sealed_error("The talks were sealed with another key.")


def new_probe(sealer: Sealer) -> bytes:
    """Return what tells this key from another one later."""
    return sealer.seal(_PROBE)


def unsealed_error() -> RecordError:
    """Return the error for talks in the clear where a key is set."""
    return RecordError(
        "record.unsealed",
        "A key is set, and talks were kept without one.",
        hint="Forget them (`cbtguard forget --older-than 0`), or name another place for talks.",
    )
