"""From settings to services: each part made once, only when it is needed, or taken from the caller."""

from __future__ import annotations

import logging
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from cbtguard.graph.opinion import as_rater, make_rater
from cbtguard.graph.records import open_record
from cbtguard.graph.writer import make_writer
from cbtguard.nodes.context import Services
from cbtguard.nodes.retrieval.note import NOTES, NoteLibrary
from cbtguard.safety.errors import CbtguardError, SettingsError
from cbtguard.safety.referral import FileDirectory, Referrals

if TYPE_CHECKING:
    from datetime import date

    from cbtguard.graph.settings import Settings
    from cbtguard.nodes.retrieval.hybrid import Retriever
    from cbtguard.nodes.writers.task import Writer
    from cbtguard.safety.record import RecordStore
    from cbtguard.safety.risk import RiskDetector

_log = logging.getLogger("cbtguard.assemble")


class Unavailable:
    """Stands in for a part that cannot be made: every use raises its error, so the flow refers.

    Args:
        part: Name of the part.
        error: Why it cannot be made.
    """

    name = "unavailable"
    version = "unavailable"

    def __init__(self, part: str, error: CbtguardError) -> None:
        self.part = part
        self.error = error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._refuse

    def __contains__(self, _: object) -> bool:
        raise self.error

    def __getitem__(self, _: object) -> Any:
        raise self.error

    def __iter__(self) -> Any:
        raise self.error

    def close(self) -> None:
        """Nothing was opened."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise self.error


def assemble(settings: Settings, **own: Any) -> tuple[Services, tuple[CbtguardError, ...]]:
    """Return the services for these settings, and the errors of parts that cannot be made.

    A part that cannot be made is :class:`Unavailable`: somebody who writes still gets the referral. Only
    the referral texts themselves cannot be done without; when the operator's directory is broken, the
    shipped one stands in.

    Args:
        settings: What to make.
        own: Parts of the caller's that are used as they are, by their name in
            :class:`cbtguard.nodes.context.Services`.

    Raises:
        SettingsError: ``settings.invalid`` for a part that does not exist or a writer nobody knows.
        DataError: When the shipped referral texts cannot be read.
    """
    known = {field.name for field in fields(Services)}
    unknown = set(own) - known
    if unknown:
        raise SettingsError(
            "settings.invalid",
            f"There is no part named {min(unknown)!r}.",
            hint=f"The parts are {', '.join(sorted(known))}.",
        )
    made = dict(own)
    if "opinion" in made:
        made["opinion"] = as_rater(made["opinion"])
    problems: list[CbtguardError] = []
    makers = {
        "library": _library,
        "redactor": _redactor,
        "detector": _detector,
        "retriever": _retriever,
        "writer": _writer,
        "checker": _checker,
        "filler": _filler,
        "referrals": _referrals,
        "record": _record,
        "opinion": _opinion,
    }
    for name, make in makers.items():
        if name in made:
            continue
        try:
            made[name] = make(settings, made)
        except SettingsError:
            raise
        except CbtguardError as error:
            _log.error("the part %s cannot be made: %s", name, error)
            problems.append(error)
            made[name] = Referrals(FileDirectory()) if name == "referrals" else Unavailable(name, error)
    return Services(**made), tuple(problems)


def default_library(settings: Settings) -> NoteLibrary:
    """Return the note library that the settings name."""
    return NoteLibrary(settings.notes_dir.expanduser() if settings.notes_dir else NOTES)


def default_retriever(settings: Settings, library: NoteLibrary) -> Retriever:
    """Return the hybrid retriever over a library, with the encoder that the settings name."""
    from cbtguard.nodes.retrieval.encoder import load_encoder  # noqa: PLC0415 - loads a model
    from cbtguard.nodes.retrieval.hybrid import HybridRetriever  # noqa: PLC0415 - the same

    return HybridRetriever(library, load_encoder(settings.encoder), cache=settings.path("cache"))


def default_detector() -> RiskDetector:
    """Return the crisis screen that ships."""
    from cbtguard.safety.risk import FusedDetector  # noqa: PLC0415 - compiles the rules

    return FusedDetector()


def default_directory(settings: Settings, *, today: date | None = None) -> FileDirectory:
    """Return the directory of help lines that the settings name; ages are counted from today.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and the entry.
    """
    return FileDirectory(
        settings.directory_file.expanduser() if settings.directory_file else None,
        [path.expanduser() for path in settings.extra_lines],
        age_days=settings.directory_age_days,
        today=today,
    )


def _library(settings: Settings, made: dict[str, Any]) -> Any:
    del made
    return default_library(settings)


def _redactor(settings: Settings, made: dict[str, Any]) -> Any:
    del made
    from cbtguard.safety.privacy import PresidioRedactor  # noqa: PLC0415 - imports Presidio

    return PresidioRedactor(config=settings.privacy_file)


def _detector(settings: Settings, made: dict[str, Any]) -> Any:
    del settings, made
    return default_detector()


def _retriever(settings: Settings, made: dict[str, Any]) -> Any:
    return default_retriever(settings, made["library"])


def _writer(settings: Settings, made: dict[str, Any]) -> Writer:
    del made
    return make_writer(settings)


def _opinion(settings: Settings, made: dict[str, Any]) -> Any:
    del made
    return make_rater(settings)


def _checker(settings: Settings, made: dict[str, Any]) -> Any:
    del settings, made
    from cbtguard.safety.structure import StructureChecker  # noqa: PLC0415 - compiles patterns

    return StructureChecker()


def _filler(settings: Settings, made: dict[str, Any]) -> Any:
    del settings
    from cbtguard.nodes.writers.composer import Composer  # noqa: PLC0415 - reads its phrases

    writer = made["writer"]
    return writer if isinstance(writer, Composer) else Composer()


def _referrals(settings: Settings, made: dict[str, Any]) -> Any:
    return Referrals(default_directory(settings), clock=made.get("clock", time.time))


def _record(settings: Settings, made: dict[str, Any]) -> RecordStore:
    del made
    return open_record(settings)
