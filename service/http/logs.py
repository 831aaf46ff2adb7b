"""The log: one JSON object a line; of an error its type and place, never its text, which may quote a person."""

from __future__ import annotations

import datetime as dt
import json
import logging
import logging.config
import traceback
from pathlib import Path
from typing import Any, Final

_OWN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}

_OURS: Final = frozenset({"cbtguard", "uvicorn"})


class JsonLines(logging.Formatter):
    """``at``, ``level``, ``logger``, ``event``, the extra fields, and of an error ``error`` and ``where``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        at = dt.datetime.fromtimestamp(record.created, tz=dt.UTC).isoformat(timespec="milliseconds")
        ours = record.name.partition(".")[0] in _OURS
        line: dict[str, Any] = {
            "at": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage() if ours else "a message of a library",
        }
        if not ours:
            # What a library says may quote a person.
            return json.dumps({**line, "where": f"{record.module}:{record.lineno}"}, ensure_ascii=False)
        line |= {name: value for name, value in record.__dict__.items() if name not in _OWN}
        if record.exc_info and record.exc_info[1] is not None:
            line |= _error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=lambda value: type(value).__name__)


class PlainLines(JsonLines):
    """The same for eyes: time, level, event, then fields as ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line = json.loads(super().format(record))
        head = f"{line.pop('at')} {line.pop('level'):<7} {line.pop('logger')}: {line.pop('event')}"
        return " ".join((head, *(f"{name}={value}" for name, value in line.items())))


def _error(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return {
        "error": type(error).__name__,
        "where": [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames],
    }


def logging_config(form: str) -> dict[str, Any]:
    """Return what :func:`logging.config.dictConfig` takes.

    Args:
        form: ``json``, ``text`` or ``off``.
    """
    kinds = {"json": JsonLines, "text": PlainLines}
    level = "INFO" if form in kinds else "CRITICAL"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": kinds.get(form, JsonLines)}},
        "handlers": {
            "err": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stderr"},
            # Libraries may set a level of their own.
            "grave": {
                "class": "logging.StreamHandler",
                "formatter": "lines",
                "stream": "ext://sys.stderr",
                "level": "WARNING" if form in kinds else "CRITICAL",
            },
        },
        "loggers": {
            name: {"handlers": ["err"], "level": level, "propagate": False}
            for name in ("cbtguard", "uvicorn", "uvicorn.error")
        },
        "root": {"handlers": ["grave"], "level": "WARNING"},
    }


def configure(form: str) -> None:
    """Send the log to standard error in a form."""
    logging.config.dictConfig(logging_config(form))
