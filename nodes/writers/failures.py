"""How a call to an OpenAI-compatible server can fail, as codes; none holds a word of what it said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cbtguard.safety.errors import WriterError

if TYPE_CHECKING:
    import openai

_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|size|window)|too many tokens|maximum[^.]{0,40}tokens", re.IGNORECASE
)
_BUSY = frozenset({408, 409})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One way to fail."""

    code: str
    what: str
    """Ends a sentence that begins with the server."""
    hint: str
    down: bool
    """Whether it speaks for a server that is down, and so counts for the circuit breaker."""

    def error(self, name: str) -> WriterError:
        """Return the error of a writer by this name."""
        return WriterError(self.code, f"The server of {name!r} {self.what}.", hint=self.hint)


class AnswerError(Exception):
    """An answer that is no draft."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


KEPT_BACK = Failure(
    code="writer.circuit_open",
    what="failed several times in a row and is left alone for a while",
    hint="See why the server is down; calls go on by themselves when it is back.",
    down=False,
)
TIMEOUT = Failure(
    code="writer.timeout",
    what="took too long",
    hint="Raise writer_read_s, writer_total_s and the limit generate_s, or use a faster server.",
    down=True,
)
UNREACHABLE = Failure(
    code="writer.unreachable",
    what="cannot be reached",
    hint="Check writer_url, and that the server is up.",
    down=True,
)
BROKEN_OFF = Failure(
    code="writer.broken_off",
    what="broke off in the middle of an answer",
    hint="Check the server's log, and proxies that end long answers.",
    down=True,
)
RATE_LIMITED = Failure(
    code="writer.rate_limited",
    what="refuses further requests for now (HTTP 429)",
    hint="Lower the setting concurrency, or raise the quota.",
    down=True,
)
KEY = Failure(
    code="writer.key",
    what="does not accept the key",
    hint="Check the variable that writer_key_env names, or writer_key.",
    down=False,
)
UNKNOWN_MODEL = Failure(
    code="writer.unknown_model",
    what="does not know the address or the model (HTTP 404)",
    hint="Check writer_url, which usually ends in /v1, and writer_model.",
    down=False,
)
GARBLED = Failure(
    code="writer.garbled",
    what="gave an answer that is no stream of chat completions",
    hint="Check writer_url; the server must offer /chat/completions with streaming.",
    down=True,
)
EMPTY = Failure(
    code="writer.empty",
    what="gave an answer without text",
    hint="Check the model; one that only thinks needs a higher writer_max_tokens.",
    down=False,
)
TRUNCATED = Failure(
    code="writer.truncated",
    what="cut the answer off at its longest length",
    hint="Raise writer_max_tokens.",
    down=False,
)
FILTERED = Failure(
    code="writer.refused",
    what="refused to answer, or filtered its answer",
    hint="See the content filter of the service.",
    down=False,
)
TOO_LONG = Failure(
    code="writer.too_long",
    what="has no room for the question with one note",
    hint="Use a model with a longer context, or lower the setting max_characters.",
    down=False,
)
FAILED = Failure(
    code="writer.failed", what="failed in another way", hint="Check the server's log.", down=True
)


def failure_of(error: Exception) -> Failure:
    """Return what an error of the client says about the server."""
    import openai  # noqa: PLC0415 - keeps start-up short

    if isinstance(error, AnswerError):
        return error.failure
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return TIMEOUT
    if isinstance(error, openai.APIConnectionError):
        return UNREACHABLE
    if isinstance(error, openai.APIStatusError):
        return _of_status(error)
    if isinstance(error, openai.APIResponseValidationError | ValueError | TypeError | AttributeError):
        # JSON that is none, or of another shape.
        return GARBLED
    # An error that a server reports in the middle of a stream is an APIError without a status.
    return FAILED


def _of_status(error: openai.APIStatusError) -> Failure:
    status = error.status_code
    if status == 429:
        return RATE_LIMITED
    if status in {401, 403}:
        return KEY
    if status == 404:
        return UNKNOWN_MODEL
    if status == 413 or (status == 400 and _TOO_LONG.search(f"{error.code} {error.type} {error.message}")):
        return TOO_LONG
    busy = status >= 500 or status in _BUSY
    return Failure(
        code="writer.unavailable" if busy else "writer.rejected",
        what=f"{'is not available' if busy else 'rejects the request'} (HTTP {status})",
        hint="Check the server's log." if busy else "Check writer_url and what the server supports.",
        down=busy,
    )
