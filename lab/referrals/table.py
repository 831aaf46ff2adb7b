"""The table of referral texts: every kind, level and subject in three languages, and what each text holds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from cbtguard.lab.referrals.dimensions import Reading, read_dimensions
from cbtguard.safety.errors import DataError
from cbtguard.safety.language import Language
from cbtguard.safety.referral import FileDirectory, Reason, Referrals
from cbtguard.safety.referral.wording import AGAIN_KINDS
from cbtguard.safety.risk import Kind, Level, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cbtguard.safety.referral import Referral

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
_AGE_DAYS = 100_000
"""The ages of the lines are no matter of the wording."""
_VARIANTS = {"crisis": 3, "again": 12, "care": 12, "safety_note": 1, "fallback": 3}
_WHOLE = (
    "heard",
    "asks",
    "next",
    "line",
    "professional",
    "trusted",
    "grounding",
    "supportive",
    "boundary",
    "never",
)
_CARE = ("asks", "next", "line", "professional", "trusted", "boundary", "never")
_NOTE = ("asks", "line", "professional", "trusted", "boundary", "never")
_TAIL = ("line", "professional", "trusted", "never")
_QUOTED = ("heard", "asks", "grounding")
_COLUMNS = (*_WHOLE, "helps")
_HEADS = {
    "never": "no method, no promise",
    "heard": "names what was heard",
    "asks": "asks about safety now",
    "grounding": "one grounding step",
    "helps": "how to help them",
}
_LANGUAGES = {"zh-Hans": "Simplified Chinese", "zh-Hant": "Traditional Chinese", "en": "English"}
_SHOWN = {"zh-Hans": "CN", "zh-Hant": "TW", "en": "US"}
"""Region whose first wording is quoted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One text in all its wordings and regions."""

    name: str
    language: str
    readings: tuple[Reading, ...]
    shown: Reading
    """The first wording in the region of the language."""
    lengths: tuple[int, int]
    """Shortest and longest text: characters in Chinese, words in English."""

    @property
    def short(self) -> tuple[str, ...]:
        """The dimensions that some wording falls short of, as ``name: dimension``."""
        return tuple(
            sorted(
                {f"{self.language} {self.name}: {one}" for reading in self.readings for one in reading.short}
            )
        )

    def cell(self, dimension: str) -> str:
        """Return what the table says of a dimension."""
        held = [reading.found[dimension] for reading in self.readings if dimension in reading.found]
        if not held:
            return "–"
        good = sum(words is not None for words in held)
        if good < len(held):
            return f"**{good}/{len(held)}**"
        return f"“{self.shown.found[dimension]}”" if dimension in _QUOTED else "✓"


def rows() -> Iterator[Row]:
    """Yield every text in each language, in the order of the table.

    Raises:
        DataError: For texts, lines or dimensions that cannot be read.
    """
    referrals = Referrals(FileDirectory(age_days=_AGE_DAYS))
    regions = FileDirectory().regions()
    dimensions = read_dimensions()
    for language in Language:
        for name, wanted, kind, subject, make in _texts(referrals):
            variants = _VARIANTS[name.split("/")[0].replace("emergency", "crisis")]
            read = {
                (region, variant): make(region, language, variant)
                for region, variant in product(regions, range(variants))
            }
            readings = {
                where: dimensions[language].read(text, wanted, kind=kind, subject=subject)
                for where, text in read.items()
            }
            lengths = [_length(text) for text in read.values()]
            yield Row(
                name=name,
                language=language,
                readings=tuple(readings.values()),
                shown=readings[_SHOWN[language], 0],
                lengths=(min(lengths), max(lengths)),
            )


def render(every: Sequence[Row]) -> str:
    """Return the table of rows as Markdown, between its marks."""
    short = [one for row in every for one in row.short]
    texts = sum(len(row.readings) for row in every)
    lines = [
        BEGIN,
        "",
        f"{texts:,} texts in {len(every)} rows: every wording in every region. {len(short)} fall short.",
    ]
    for language in Language:
        heads = [_HEADS.get(name, name) for name in _COLUMNS]
        unit = "words" if language == Language.EN else "characters"
        lines += [
            "",
            f"#### {_LANGUAGES[language]}",
            "",
            f"| text | {' | '.join(heads)} | {unit} |",
            "|" + " --- |" * (len(heads) + 2),
        ]
        lines += [
            f"| {row.name} | {' | '.join(row.cell(name) for name in _COLUMNS)} | {row.lengths[0]} to {row.lengths[1]} |"
            for row in every
            if row.language == language
        ]
    return "\n".join([*lines, "", END])


def put_into(document: str, table: str) -> str:
    """Return a document with the table in place of what stands between its marks.

    Raises:
        DataError: ``data.malformed`` when the marks are not there.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise DataError(
            "data.malformed",
            "The document has no place for the table of referral texts.",
            hint=f"Put the lines {BEGIN} and {END} where it belongs.",
        )
    return before + table + after


def _texts(
    referrals: Referrals,
) -> Iterator[tuple[str, tuple[str, ...], str, str, Callable[[str, str, int], Referral]]]:
    """Yield name, wanted dimensions, kind, subject and how to make the text."""
    for level, again in ((Level.CRISIS, False), (Level.EMERGENCY, False), (Level.CRISIS, True)):
        for subject, kind in product(Subject, Kind):
            if again and kind not in AGAIN_KINDS:
                continue

            def crisis(
                region: str,
                language: str,
                variant: int,
                level: Level = level,
                subject: Subject = subject,
                kind: Kind = kind,
                again: bool = again,
            ) -> Referral:
                return referrals.crisis(
                    level=level,
                    kinds=[kind],
                    subject=subject,
                    region=region,
                    language=language,
                    variant=variant,
                    again=again,
                )

            yield f"{'again' if again else level}/{subject}/{kind}", _WHOLE, kind, subject, crisis
    yield (
        "care",
        _CARE,
        "",
        "",
        lambda region, language, variant: referrals.care(region=region, language=language, variant=variant),
    )
    for own in ("", *Kind):

        def note(region: str, language: str, variant: int, own: str = own) -> Referral:
            del variant
            return referrals.safety_note(kinds=[own] if own else [], region=region, language=language)

        yield f"safety_note/{own or 'any'}", _NOTE, own, "", note
    for reason in Reason:

        def fallback(region: str, language: str, variant: int, reason: Reason = reason) -> Referral:
            return referrals.fallback(reason=reason, region=region, language=language, variant=variant)

        yield f"fallback/{reason}", _TAIL, "", "", fallback


def _length(text: Referral) -> int:
    words = text.text.split()
    return len(words) if text.language == Language.EN else len("".join(words))
