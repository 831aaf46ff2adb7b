"""From settings to services: each part made once, only when it is needed, or taken from the caller."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.context import Services
from cbtguard.nodes.retrieval.note import NOTES, NoteLibrary
from cbtguard.safety.errors import RecordError, SettingsError

if TYPE_CHECKING:
    from cbtguard.graph.settings import Settings
    from cbtguard.nodes.writers.task import Writer
    from cbtguard.safety.record import RecordStore


def assemble(settings: Settings, **own: Any) -> Services:
    """Return the services for these settings.

    Args:
        settings: What to make.
        own: Parts of the caller's that are used as they are, by their name in
            :class:`cbtguard.nodes.context.Services`.

    Raises:
        CbtguardError: Of the part that cannot be made.
    """
    known = {field.name for field in fields(Services)}
    unknown = set(own) - known
    if unknown:
        raise SettingsError(
            "settings.invalid",
            f"There is no part named {sorted(unknown)[0]!r}.",
            hint=f"The parts are {', '.join(sorted(known))}.",
        )
    made = dict(own)
    if "library" not in made:
        made["library"] = NoteLibrary(settings.notes_dir.expanduser() if settings.notes_dir else NOTES)
    makers = {
        "redactor": _redactor,
        "detector": _detector,
        "retriever": _retriever,
        "writer": _writer,
        "checker": _checker,
        "referrals": _referrals,
        "record": _record,
    }
    for name, make in makers.items():
        if name not in made:
            made[name] = make(settings, made)
    return Services(**made)


def _redactor(settings: Settings, made: dict[str, Any]) -> Any:
    del made
    from cbtguard.safety.privacy import PresidioRedactor  # noqa: PLC0415 - imports Presidio

    return PresidioRedactor(config=settings.privacy_file)


def _detector(settings: Settings, made: dict[str, Any]) -> Any:
    del settings, made
    from cbtguard.safety.risk import RuleDetector  # noqa: PLC0415 - compiles the rules

    return RuleDetector()


def _retriever(settings: Settings, made: dict[str, Any]) -> Any:
    from cbtguard.nodes.retrieval.encoder import load_encoder  # noqa: PLC0415 - loads a model
    from cbtguard.nodes.retrieval.hybrid import HybridRetriever  # noqa: PLC0415 - the same

    return HybridRetriever(made["library"], load_encoder(settings.encoder), cache=settings.path("cache"))


def _writer(settings: Settings, made: dict[str, Any]) -> Writer:
    del made
    if settings.writer == "composer":
        from cbtguard.nodes.writers.composer import Composer  # noqa: PLC0415 - reads its phrases

        return Composer()
    kind, _, name = settings.writer.partition(":")
    if kind == "transformers" and name:
        from cbtguard.nodes.writers.local import TransformersWriter  # noqa: PLC0415 - imports torch

        return TransformersWriter(name)
    raise SettingsError(
        "settings.invalid",
        f"There is no writer {kind!r}.",
        hint="Use composer or transformers:NAME, or pass a writer object to Guard.",
    )


def _checker(settings: Settings, made: dict[str, Any]) -> Any:
    del settings, made
    from cbtguard.safety.structure import StructureChecker  # noqa: PLC0415 - compiles patterns

    return StructureChecker()


def _referrals(settings: Settings, made: dict[str, Any]) -> Any:
    del made
    from cbtguard.safety.referral import FileDirectory, Referrals  # noqa: PLC0415 - renders texts

    return Referrals(FileDirectory(settings.directory_file, settings.extra_lines))


def _record(settings: Settings, made: dict[str, Any]) -> RecordStore:
    del made
    from cbtguard.safety.record import MemoryRecord, SqliteRecord  # noqa: PLC0415 - keeps start-up short

    if settings.record == "memory":
        return MemoryRecord()
    path = settings.path("record.sqlite") if settings.record == "sqlite" else Path(settings.record).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(
            "record.unreadable",
            f"The folder {path.parent} cannot be made ({type(error).__name__}).",
            hint="Set CBTGUARD_HOME to a folder that can be written, or the setting record to memory.",
        ) from error
    return SqliteRecord(path)
