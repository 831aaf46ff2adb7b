"""The exception tree. Every error carries a stable code and a hint that says what to do.

    CbtguardError
    ├── InputError        input.*       what the caller sent cannot be used
    ├── SettingsError     settings.*    settings contradict themselves or cannot be read
    ├── DataError         data.*        a rule, note, text or directory file is malformed
    ├── DependencyError   dependency.*  a model or library that a setting asks for is not installed
    ├── RecordError       record.*      the record cannot be opened, read, written or trusted
    ├── WriterError       writer.*      a writer cannot produce a draft
    ├── OpinionError      opinion.*     a rater cannot give an opinion
    ├── ReviewError       review.*      a reviewer's act cannot be done
    ├── ContactError      contact.*     a contact could not be told
    ├── AccessError       access.*      the caller of the service may not do this
    ├── AuditError        audit.*       what is audited cannot be reached or answers no sense
    ├── BusyError         busy.*        the service takes no more for now; the same request may pass later
    └── StopFault         stop.*        a stop of the flow failed; the flow refers and goes on

Messages never quote what a person wrote: an error travels to logs, traces and issue trackers.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class CbtguardError(Exception):
    """Base of every error that cbtguard raises on purpose.

    Args:
        code: Stable dotted identifier such as ``input.empty``; callers may branch on it.
        message: One sentence that says what is wrong, without user text.
        hint: One sentence that says what to do about it.
    """

    def __init__(self, code: str, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} [{self.code}] {self.hint}"

    def as_dict(self) -> dict[str, str]:
        """Return the error as JSON primitives: ``code``, ``message``, ``hint``."""
        return {"code": self.code, "message": self.message, "hint": self.hint}

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.code, self.message, self.hint))


def _rebuild(kind: type[CbtguardError], code: str, message: str, hint: str) -> CbtguardError:
    return kind(code, message, hint=hint)


class InputError(CbtguardError):
    """What the caller sent cannot be used."""


class SettingsError(CbtguardError):
    """Settings contradict themselves or cannot be read."""


class DataError(CbtguardError):
    """A data file (rules, notes, texts, directory) is malformed; nothing of it is used."""


class DependencyError(CbtguardError):
    """A model or library that a setting asks for is not installed."""


class RecordError(CbtguardError):
    """The record cannot be opened, read, written or trusted."""


class WriterError(CbtguardError):
    """A writer cannot produce a draft."""


class OpinionError(CbtguardError):
    """A rater cannot give an opinion."""


class ReviewError(CbtguardError):
    """A reviewer's act cannot be done; the item stays as it was, unless its time is over."""


class ContactError(CbtguardError):
    """A contact could not be told; the reply was not waiting for it."""


class AccessError(CbtguardError):
    """The caller of the service may not do this."""


class AuditError(CbtguardError):
    """What is audited cannot be reached, or answers no sense."""


class BusyError(CbtguardError):
    """The service takes no more for now; the same request may pass later."""


class Fault(StrEnum):
    """How a stop of the flow can fail."""

    RAISED = "raised"
    TIMEOUT = "timeout"
    GARBAGE = "garbage"
    CANCELLED = "cancelled"
    MISSING = "missing"


class StopFault(CbtguardError):
    """A stop of the flow failed. Holds the stop, the fault and the error's type or code, never its text."""

    def __init__(self, stop: str, fault: Fault, cause: str) -> None:
        super().__init__(
            f"stop.{fault.value}",
            f"The stop {stop!r} failed ({fault.value}: {cause}).",
            hint="The flow refers the person to people; see the service that serves this stop.",
        )
        self.stop = stop
        self.fault = fault
        self.cause = cause

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.stop, self.fault, self.cause))
