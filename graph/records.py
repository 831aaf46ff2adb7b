"""From settings to the record: which kind, where it lies, and the key that signs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.safety.errors import RecordError

if TYPE_CHECKING:
    from cbtguard.graph.settings import Settings
    from cbtguard.safety.record import RecordStore, SigningKey

_SERVERS = ("postgresql://", "postgres://")


def open_record(settings: Settings, *, only_read: bool = False) -> RecordStore:
    """Return the record that the settings name.

    Args:
        settings: Its fields ``record`` and ``record_key`` count.
        only_read: Refuse a record that is not there in place of making it, and leave the key alone.

    Raises:
        RecordError: ``record.missing`` for a record to read that is not there; ``record.key`` when the key
            cannot be used; else as the store.
        DependencyError: When the store or the key needs a package that is not installed.
    """
    from cbtguard.safety.record import MemoryRecord, PostgresRecord, SqliteRecord  # noqa: PLC0415 - start-up

    where = settings.record
    key = None if only_read else _key(settings)
    if where.startswith(_SERVERS):
        return PostgresRecord(where, key=key, make=not only_read)
    path = settings.path("record.sqlite") if where == "sqlite" else Path(where).expanduser()
    if only_read and (where == "memory" or not path.exists()):
        raise RecordError(
            "record.missing",
            f"There is no record at {path}.",
            hint="Ask something first, or point CBTGUARD_HOME or the setting record at it.",
        )
    if where == "memory":
        return MemoryRecord(key=key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(
            "record.unreadable",
            f"The folder {path.parent} cannot be made ({type(error).__name__}).",
            hint="Set CBTGUARD_HOME to a folder that can be written, or the setting record to memory.",
        ) from error
    return SqliteRecord(path, key=key)


def _key(settings: Settings) -> SigningKey | None:
    if settings.record_key is None:
        return None
    from cbtguard.safety.record import SigningKey  # noqa: PLC0415 - keeps start-up short

    return SigningKey.load(settings.record_key.get_secret_value())
