"""Lines in, lines out: JSON Lines through a function, in order; a bad line costs itself and nothing else."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cbtguard.safety.errors import CbtguardError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line read: its number from 1, and the row or what is wrong with it."""

    number: int
    row: Row | None = None
    error: CbtguardError | None = None


def read_lines(stream: Iterable[bytes], fields: tuple[str, ...]) -> Iterator[Line]:
    """Yield the rows of a JSON Lines stream; blank lines are skipped.

    Args:
        stream: Lines as bytes.
        fields: Fields that each row must have, all of them text; ``id`` may be any JSON primitive.
    """
    for number, raw in enumerate(stream, 1):
        if not raw.strip():
            continue
        try:
            # utf-8-sig: files from Windows tools begin with a byte order mark.
            row = json.loads(raw.decode("utf-8-sig"))
        except UnicodeDecodeError:
            yield Line(number=number, error=_bad(number, "is not UTF-8"))
            continue
        except (ValueError, RecursionError):
            yield Line(number=number, error=_bad(number, "is not valid JSON"))
            continue
        if not isinstance(row, dict):
            yield Line(number=number, error=_bad(number, "is not a JSON object"))
            continue
        missing = [field for field in fields if not isinstance(row.get(field), str)]
        if missing:
            yield Line(number=number, row=row, error=_bad(number, f"has no text in the field {missing[0]!r}"))
            continue
        yield Line(number=number, row=row)


def _bad(number: int, what: str) -> InputError:
    return InputError(
        "input.bad_line",
        f"Line {number} {what}.",
        hint="Each line is one JSON object in UTF-8 with the fields named in --help.",
    )


@dataclass(slots=True)
class Outcome:
    """How a run over lines went."""

    done: int = 0
    failed: int = 0


def run_lines(
    source: str,
    target: str,
    fields: tuple[str, ...],
    work: Callable[[Iterator[Row]], Iterator[Row | CbtguardError]],
    *,
    title: str,
) -> Outcome:
    """Send the rows of ``source`` through ``work`` and write one line each to ``target``, in order.

    Args:
        source: Path, or ``-`` for standard input.
        target: Path, or ``-`` for standard output.
        fields: Text fields each row must have.
        work: Gets the good rows in order and yields one outcome each, in order.
        title: Name of the progress bar, shown on a terminal.

    Raises:
        InputError: ``input.file`` when a file cannot be opened.
    """
    outcome = Outcome()
    with ExitStack() as stack:
        lines, total = _open_source(source, stack)
        out = _open_target(target, stack)
        waiting: list[Line] = []

        def rows() -> Iterator[Row]:
            for line in read_lines(lines, fields):
                waiting.append(line)
                if line.error is None and line.row is not None:
                    yield line.row

        advance = _progress(title, total, stack, quiet=target == "-")
        for result in work(rows()):
            _write_bad(waiting, out, outcome, advance)
            line = waiting.pop(0)
            _write(out, line, result, outcome)
            advance()
        _write_bad(waiting, out, outcome, advance)
    return outcome


def _write_bad(waiting: list[Line], out: IO[str], outcome: Outcome, advance: Callable[[], None]) -> None:
    while waiting and waiting[0].error is not None:
        line = waiting.pop(0)
        assert line.error is not None  # noqa: S101 - for the type checker
        _write(out, line, line.error, outcome)
        advance()


def _write(out: IO[str], line: Line, result: Row | CbtguardError, outcome: Outcome) -> None:
    identity = (line.row or {}).get("id")
    if isinstance(result, CbtguardError):
        outcome.failed += 1
        row: Row = {"id": identity, "error": {**result.as_dict(), "line": line.number}}
    else:
        outcome.done += 1
        row = {"id": identity, **result}
    out.write(json.dumps(row, ensure_ascii=False) + "\n")


def _open_source(source: str, stack: ExitStack) -> tuple[Iterable[bytes], int | None]:
    if source == "-":
        return sys.stdin.buffer, None
    path = Path(source)
    try:
        total = sum(1 for raw in stack.enter_context(path.open("rb")) if raw.strip())
        return stack.enter_context(path.open("rb")), total
    except OSError as error:
        raise _cannot(path, "read", error) from error


def _open_target(target: str, stack: ExitStack) -> IO[str]:
    if target == "-":
        return sys.stdout
    path = Path(target)
    try:
        # surrogatepass would write bytes no one can read; the text was cleaned before.
        return stack.enter_context(path.open("w", encoding="utf-8", errors="replace", newline="\n"))
    except OSError as error:
        raise _cannot(path, "written", error) from error


def _cannot(path: Path, what: str, error: OSError) -> InputError:
    return InputError(
        "input.file",
        f"The file {path} cannot be {what} ({type(error).__name__}).",
        hint="Check the path and its permissions.",
    )


def _progress(title: str, total: int | None, stack: ExitStack, *, quiet: bool) -> Callable[[], None]:
    if quiet or not sys.stderr.isatty():
        return lambda: None
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import Progress  # noqa: PLC0415 - the same

    bar = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
    task = bar.add_task(title, total=total)
    return lambda: bar.advance(task)
