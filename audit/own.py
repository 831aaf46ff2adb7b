"""Cases from somebody's own data: JSON Lines, CSV, or a data set by name."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.audit.case import Case, Expect, Suite
from cbtguard.audit.suites import digest
from cbtguard.safety.errors import DependencyError, InputError
from cbtguard.safety.language import detect
from cbtguard.safety.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FIELDS = ("text", "label", "id", "answer", "language")
_SUITES = {
    Expect.HELP: Suite.CRISIS_RECALL,
    Expect.NO_ALARM: Suite.FALSE_ALARMS,
    Expect.ANSWER: Suite.OVER_REFUSAL,
    Expect.FIVE_PARTS: Suite.STRUCTURE,
    Expect.NO_METHOD: Suite.METHOD_SEEKING,
    Expect.DEFECT: Suite.HARMFUL_ADVICE,
    Expect.SOUND: Suite.STRUCTURE,
    Expect.KEPT: Suite.PRIVACY,
}
_POSITIVE = ("1", "true", "yes", "crisis", "emergency", "suicide", "suicidal", "危机", "是")
_NEGATIVE = ("0", "false", "no", "none", "non-suicide", "normal", "safe", "无", "否")
_LABELS: Mapping[str, Expect] = {
    **dict.fromkeys(_POSITIVE, Expect.HELP),
    **dict.fromkeys(_NEGATIVE, Expect.NO_ALARM),
    **{one.value: one for one in _SUITES},
}
_CSV_FIELD = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that cannot be a case; nothing of it is quoted."""

    file: str
    row: int
    """Counted from 1, without a header."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnData:
    """The cases of a file and what of it cannot be one."""

    cases: tuple[Case, ...]
    bad: tuple[BadRow, ...]
    data: Mapping[str, str] = field(default_factory=dict)


def read_map(text: str, *, labels: bool = False) -> dict[str, str]:
    """Return ``a=b,c=d`` as a dict.

    Args:
        text: As the command line has it.
        labels: Whether it maps labels to outcomes, not fields to columns.

    Raises:
        InputError: ``input.map``.
    """
    found: dict[str, str] = {}
    for pair in text.split(","):
        name, mark, value = (part.strip() for part in pair.partition("="))
        known = value in {one.value for one in _SUITES} if labels else name in FIELDS
        if not mark or not name or not value or not known or name in found:
            allowed = ", ".join(one.value for one in _SUITES) if labels else ", ".join(FIELDS)
            raise InputError(
                "input.map",
                "A map must be pairs such as " + ("1=help,0=no_alarm." if labels else "text=COL,label=COL."),
                hint=f"{'Outcomes' if labels else 'Fields'} are {allowed}.",
            )
        found[name.lower() if labels else name] = value
    return found


def read_own(source: str, columns: Mapping[str, str], labels: Mapping[str, str], *, region: str) -> OwnData:
    """Return the cases of a source.

    Args:
        source: Path of a ``.jsonl`` or ``.csv`` file, or ``datasets:NAME`` or ``datasets:NAME:SPLIT``.
        columns: Field of :data:`FIELDS` to column; ``text`` and ``label`` stand for themselves when left out.
        labels: Label to outcome, over the default ones.
        region: Of all cases.

    Raises:
        InputError: ``input.data`` when the source cannot be read.
        DependencyError: ``dependency.datasets``.
    """
    named = {"text": "text", "label": "label", **columns}
    stem, rows, data = _rows(source)
    expects = {**_LABELS, **{label.lower(): Expect(value) for label, value in labels.items()}}
    cases: list[Case] = []
    bad: list[BadRow] = []
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        try:
            case = _case(stem, number, row, named, expects, region)
        except (ValueError, InputError) as error:
            why = error.message if isinstance(error, InputError) else str(error)
            bad.append(BadRow(file=source, row=number, why=why))
            continue
        if case.id in seen:
            bad.append(BadRow(file=source, row=number, why="its id was there before"))
            continue
        seen.add(case.id)
        cases.append(case)
    return OwnData(cases=tuple(cases), bad=tuple(bad), data=data)


def _case(
    stem: str,
    number: int,
    row: Any,
    named: Mapping[str, str],
    expects: Mapping[str, Expect],
    region: str,
) -> Case:
    if not isinstance(row, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - a row's own error, told by its number
    text = row.get(named["text"])
    if not isinstance(text, str):
        raise ValueError("the column of the text is not there or no text")  # noqa: TRY004 - the same
    clean(text)
    label = _label(row.get(named["label"]))
    if label not in expects:
        raise ValueError("its label has no outcome; see --label-map")
    expect = expects[label]
    answer = row.get(named.get("answer", "answer"))
    if expect in {Expect.DEFECT, Expect.SOUND} and not (isinstance(answer, str) and answer.strip()):
        raise ValueError("the column of the answer is not there or no text")
    given = row.get(named["id"]) if "id" in named else None
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in str(given or number))
    return Case(
        id=f"own.{stem}.{name}"[:120],
        suite=_SUITES[expect],
        language=_language(row.get(named.get("language", "")), text),
        source=f"own data: {stem}",
        expect=expect,
        reason=f"The label of the data says {label}.",
        turns=(text,),
        region=region,
        tags={"data": stem, "label": label},
        answer=answer if isinstance(answer, str) and answer.strip() else None,
    )


def _label(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().lower()


def _language(given: object, text: str) -> str:
    said = str(given or "").strip()
    tag = said or detect(text)
    if tag.lower().startswith(("zh-hant", "zh-tw", "zh-hk", "zhhant")):
        return "zh-Hant"
    return "en" if tag.lower().startswith("en") else "zh"


def _rows(source: str) -> tuple[str, Iterable[Any], dict[str, str]]:
    if source.startswith("datasets:"):
        return _data_set(source.removeprefix("datasets:"))
    path = Path(source).expanduser()
    if path.suffix.lower() not in {".jsonl", ".ndjson", ".csv"} or not path.is_file():
        raise InputError(
            "input.data",
            f"The data {source!r} is no file that ends in .jsonl or .csv.",
            hint="Give such a file, or datasets:NAME.",
        )
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in path.stem)
    rows = _csv(path) if path.suffix.lower() == ".csv" else _jsonl(path)
    return stem, rows, {f"own/{path.name}": digest(path)}


def _jsonl(path: Path) -> Iterator[Any]:
    with path.open("rb") as lines:
        for raw in lines:
            if not raw.strip():
                continue
            try:
                yield json.loads(raw)
            except (ValueError, RecursionError):
                yield None


def _csv(path: Path) -> Iterator[Any]:
    csv.field_size_limit(_CSV_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from csv.DictReader(lines)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            "input.data",
            f"The file {path.name} is no CSV in UTF-8 ({type(error).__name__}).",
            hint="Save it as CSV in UTF-8 with a header.",
        ) from None


def _data_set(name: str) -> tuple[str, Iterable[Any], dict[str, str]]:
    try:
        import datasets  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - not a dependency
    except ImportError:
        raise DependencyError(
            "dependency.datasets",
            "Data sets by name need the library datasets.",
            hint="Install it with `pip install datasets`, or save the data as JSON Lines or CSV.",
        ) from None
    where, _, split = name.partition(":")
    try:
        rows = datasets.load_dataset(where, split=split or "test")
    except Exception as error:  # noqa: BLE001 - whatever the library raises
        raise InputError(
            "input.data",
            f"The data set {where!r} cannot be loaded ({type(error).__name__}).",
            hint="Give datasets:NAME:SPLIT with a split that it has.",
        ) from None
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in where)
    return stem, rows, {f"datasets/{name}": str(getattr(rows, "_fingerprint", "unknown"))}
