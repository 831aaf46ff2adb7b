"""The suite for referral desks."""

from __future__ import annotations

from functools import partial
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

from cbtguard.graph.conformance import bench, common
from cbtguard.graph.conformance.bench import call
from cbtguard.graph.conformance.common import require, require_identifier, require_type
from cbtguard.graph.conformance.material import material
from cbtguard.safety.language import Language
from cbtguard.safety.referral import Line, Mood, Reason, Referral, Service
from cbtguard.safety.risk import Kind, Level, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cbtguard.graph.conformance.report import ConformanceReport
    from cbtguard.nodes.context import ReferralDesk

_LANGUAGES = tuple(language.value for language in Language)
_TURNS = 6
"""Turns in a row that are looked at."""


def check_desk(
    make: Callable[[], ReferralDesk],
    *,
    regions: Sequence[str] = ("CN", "US", "ZZ"),
    limit_s: float = bench.LIMIT_S,
) -> ConformanceReport:
    """Return whether a referral desk leads to people in every case, region and language.

    Args:
        make: Makes the desk; called once.
        regions: Region codes it knows.
        limit_s: Longest one check may take.
    """
    where = tuple(regions)
    trials = (
        common.version,
        partial(crisis, regions=where),
        partial(help_comes_first_in_an_emergency, regions=where),
        partial(again, regions=where),
        partial(care, regions=where),
        partial(mood, regions=where),
        partial(fallback, regions=where),
        partial(safety_note, regions=where),
        partial(no_two_turns_alike, region=where[0]),
        unknown_region,
        disclosure,
        last_resort,
        partial(deterministic, regions=where),
        partial(thread_safe, regions=where),
    )
    return bench.run("referral desk", make, trials, limit_s)


async def crisis(desk: Any, *, regions: tuple[str, ...]) -> None:
    """Every level, kind and subject of a crisis has a text with lines, in every region and language."""
    several = (*((kind.value,) for kind in Kind), (Kind.SUICIDE.value, Kind.ABUSE.value))
    cases = product(("crisis", "emergency"), several, Subject, regions, _LANGUAGES)
    for level, kinds, subject, region, language in cases:
        found = await call(
            desk.crisis,
            level=level,
            kinds=kinds,
            subject=subject.value,
            region=region,
            language=language,
            variant=0,
        )
        _require_referral(found, region, language, f"{level}/{subject.value}/{'+'.join(kinds)}")


async def again(desk: Any, *, regions: tuple[str, ...]) -> None:
    """Danger that is said again has texts with lines, and a group named by the caller is taken."""
    for region, language, kind, subject in product(regions, _LANGUAGES, Kind, Subject):
        texts = []
        for variant in range(_TURNS):
            found = await call(
                desk.crisis,
                level="crisis",
                kinds=(kind.value,),
                subject=subject.value,
                region=region,
                language=language,
                variant=variant,
                again=True,
                audience=("youth",),
            )
            _require_referral(found, region, language, f"again/{subject.value}/{kind.value}")
            texts.append(found.text)
        alike = any(one == other for one, other in pairwise(texts))
        require(not alike, f"danger said again gets the same text twice in a row in {language}")


async def mood(desk: Any, *, regions: tuple[str, ...]) -> None:
    """A care text can answer thanks, denial and anger first."""
    for region, language, felt in product(regions, _LANGUAGES, Mood):
        found = await call(desk.care, region=region, language=language, variant=1, mood=felt.value)
        _require_referral(found, region, language, f"care/{felt.value}")


async def help_comes_first_in_an_emergency(desk: Any, *, regions: tuple[str, ...]) -> None:
    """An emergency names police or ambulance."""
    for region, language, kind in product(regions, _LANGUAGES, Kind):
        found = await call(
            desk.crisis,
            level="emergency",
            kinds=(kind.value,),
            subject="self",
            region=region,
            language=language,
            variant=1,
        )
        served = {service for line in found.lines for service in line.serves}
        require(bool(served & {Service.POLICE, Service.AMBULANCE}), f"{region}: nobody comes in an emergency")


async def care(desk: Any, *, regions: tuple[str, ...]) -> None:
    """Each later turn of care mode has a text with lines."""
    for region, language, variant in product(regions, _LANGUAGES, range(_TURNS)):
        found = await call(desk.care, region=region, language=language, variant=variant)
        _require_referral(found, region, language, "care")


async def fallback(desk: Any, *, regions: tuple[str, ...]) -> None:
    """Every reason why there is no answer has a text with lines."""
    for region, language, reason in product(regions, _LANGUAGES, Reason):
        found = await call(desk.fallback, reason=reason.value, region=region, language=language, variant=0)
        _require_referral(found, region, language, f"fallback/{reason.value}")


async def safety_note(desk: Any, *, regions: tuple[str, ...]) -> None:
    """Every kind, and none, has a note that goes with an answer."""
    for region, language in product(regions, _LANGUAGES):
        for kinds in ((), *((kind.value,) for kind in Kind)):
            found = await call(desk.safety_note, kinds=kinds, region=region, language=language)
            _require_referral(found, region, language, "safety_note")


async def no_two_turns_alike(desk: Any, *, region: str) -> None:
    """Somebody who writes again does not read the same text again; any turn number is taken."""
    for language in _LANGUAGES:
        texts = [
            (await call(desk.care, region=region, language=language, variant=n)).text
            for n in (*range(_TURNS), 9999)
        ]
        alike = any(one == other for one, other in pairwise(texts[:_TURNS]))
        require(not alike, f"two care texts in a row are the same in {language}")


async def unknown_region(desk: Any) -> None:
    """A region nobody knows is answered too."""
    for language in _LANGUAGES:
        named = {"region": "QQ", "language": language}
        found = await call(
            desk.crisis, level=Level.CRISIS.value, kinds=("suicide",), subject="self", variant=0, **named
        )
        require_type(found, Referral, "the result")
        require(bool(found.text.strip()) and bool(found.lines), "a region nobody knows gets no line")


async def disclosure(desk: Any) -> None:
    """The notice that this is a machine is there in every language, and so is its reminder where there is one."""
    again = getattr(desk, "disclosure_again", None)
    for language in _LANGUAGES:
        _require_text(await call(desk.disclosure, language), f"the disclosure in {language}")
        if again is not None:
            _require_text(await call(again, language), f"the reminder of the disclosure in {language}")


async def last_resort(desk: Any) -> None:
    """The last resort never fails, not even in a language nobody knows."""
    for language in (*_LANGUAGES, "", "xx", "auto", *material().odd):
        _require_text(await call(desk.last_resort, language), "the last resort")


async def deterministic(desk: Any, *, regions: tuple[str, ...]) -> None:
    """The same case gets the same text."""
    await common.require_steady(_asking(desk), _inputs(regions), "the referral")


async def thread_safe(desk: Any, *, regions: tuple[str, ...]) -> None:
    """Eight askers at once get what each would get alone."""
    await common.require_shareable(_asking(desk), _inputs(regions)[: bench.AT_ONCE], "the referral")


def _inputs(regions: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return [
        (kind.value, regions[i % len(regions)], _LANGUAGES[i % 3], i) for i, kind in enumerate((*Kind, *Kind))
    ]


def _asking(desk: Any) -> Any:
    async def ask(kind: str, region: str, language: str, variant: int) -> Any:
        return await call(
            desk.crisis,
            level="crisis",
            kinds=(kind,),
            subject="self",
            region=region,
            language=language,
            variant=variant,
        )

    return ask


def _require_referral(found: Any, region: str, language: str, case: str) -> None:
    require_type(found, Referral, "the result")
    _require_text(found.text, f"{case} in {region}, {language}")
    require(found.language == language, f"{case}: the text is in another language than {language}")
    require(found.region == region, f"{case}: the lines are those of another region than {region}")
    require(len(found.lines) > 0, f"{case} in {region} names no line")
    for line in found.lines:
        require_type(line, Line, "a line")
        require_identifier(line.id, "a line's id")
        require(line.contact in found.text, f"{case} in {region}: the text does not name the line {line.id}")


def _require_text(text: Any, what: str) -> None:
    require_type(text, str, what)
    require(bool(text.strip()), f"{what} is empty")
    require("{" not in text and "}" not in text, f"{what} has a slot that was not filled")
