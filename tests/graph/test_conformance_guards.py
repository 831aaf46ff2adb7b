from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph.conformance import ConformanceReport, check_checker, check_detector, check_redactor
from cbtguard.safety.privacy import Entity, EntityType, Redaction
from cbtguard.safety.risk import Kind, Level, PastTurn, Risk, Signal
from cbtguard.safety.structure import Defect, Review, StructureChecker

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from cbtguard.safety.privacy import Vault

GRAVE = re.compile("不想活|自杀|殺了我|遗书|安眠药|kill myself|end my life|sleeping pills|want to die")
VALUES = re.compile(r"王建国|Emily Watson|\d{17}[\dX]|1[3-9]\d{9}|[\w.]+@[\w.]+\w|\+44 7911 123456", re.ASCII)


def failed(report: ConformanceReport) -> set[str]:
    return {check.name for check in report.failures}


class SoundDetector:
    name = "sound"
    version = "1"
    rule = "sound.grave"

    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Any:
        found = GRAVE.search(text)
        if found is None:
            return Risk(level=Level.NONE, score=0.0)
        return self.crisis(text, *found.span())

    def crisis(self, text: str, start: int, end: int) -> Risk:
        signal = Signal(
            detector=self.name,
            rule=self.rule,
            kind=Kind.SUICIDE,
            level=Level.CRISIS,
            start=start,
            end=end,
            evidence=text[start:end],
            score=0.9,
            reason="a grave word",
            reason_zh="危险的话",
        )
        return Risk(level=Level.CRISIS, kinds=(Kind.SUICIDE,), score=0.9, signals=(signal,))


class NumberedVersion(SoundDetector):
    version = "第一版"


class Words(SoundDetector):
    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Any:
        return "crisis" if GRAVE.search(text) else "none"


class ChineseOnly(SoundDetector):
    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Any:
        return super().assess("" if text.isascii() else text)


class LooksAtTheStart(SoundDetector):
    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Any:
        return super().assess(text[:200])


class TrustsCalmPast(SoundDetector):
    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Any:
        calm = len(history) >= 3 and all(turn.level is Level.NONE for turn in history)
        return super().assess("" if calm else text)


class Alarmist(SoundDetector):
    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Any:
        return self.crisis(text, 0, 0)


class Beside(SoundDetector):
    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Any:
        risk = super().assess(text)
        return replace(risk, signals=tuple(replace(s, end=s.end + 400) for s in risk.signals))


class TalkativeRule(SoundDetector):
    rule = "不想活"


class AddsToHistory(SoundDetector):
    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Any:
        if isinstance(history, list):
            history.append(PastTurn(text=text))
        return super().assess(text)


class TiresOfIt(SoundDetector):
    calls = 0

    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Any:
        self.calls += 1
        risk = super().assess(text)
        return replace(risk, score=risk.score / 2) if self.calls % 2 else risk


class OneText(SoundDetector):
    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Any:
        self.text = text
        time.sleep(0.003)
        return super().assess(self.text)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (NumberedVersion, "version"),
        (Words, "verdict"),
        (ChineseOnly, "crisis_seen"),
        (LooksAtTheStart, "crisis_seen_in_company"),
        (TrustsCalmPast, "crisis_seen_in_company"),
        (Alarmist, "ordinary_let_through"),
        (Beside, "evidence_in_text"),
        (TalkativeRule, "recordable"),
        (AddsToHistory, "unchanged_history"),
        (TiresOfIt, "deterministic"),
        (OneText, "thread_safe"),
    ],
)
def test_a_broken_detector_is_caught(broken: type[SoundDetector], check: str) -> None:
    report = check_detector(broken)
    assert check in failed(report), str(report)


def test_a_sound_detector_conforms_blocking_or_not() -> None:
    class Awaited(SoundDetector):
        async def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Any:
            return super().assess(text, history=history)

    for kind in (SoundDetector, Awaited):
        report = check_detector(kind)
        assert report.passed, str(report)


class SoundRedactor:
    name = "sound"
    version = "1"
    says = "a pattern"
    pattern = VALUES

    def redact(self, text: str, vault: Vault) -> Any:
        entities, placeholders, pieces, place = [], [], [], 0
        for match in self.pattern.finditer(text):
            kind = EntityType.PERSON if match.group()[0] in "王E" else EntityType.PHONE
            says = self.says or f"found {match.group()}"
            entities.append(
                Entity(type=kind, start=match.start(), end=match.end(), score=1.0, explanation=says)
            )
            placeholders.append(self.word(kind, match.group(), vault))
            pieces += [text[place : match.start()], placeholders[-1]]
            place = match.end()
        pieces.append(text[place:])
        return Redaction(text="".join(pieces), entities=tuple(entities), placeholders=tuple(placeholders))

    def word(self, kind: EntityType, value: str, vault: Vault) -> str:
        return vault.placeholder(kind, value, "zh")


class KeepsMail(SoundRedactor):
    pattern = re.compile(VALUES.pattern.replace(r"|[\w.]+@[\w.]+\w", ""))


class HidesHelp(SoundRedactor):
    pattern = re.compile(rf"{VALUES.pattern}|\d{{3,5}}")


class Stars(SoundRedactor):
    def word(self, kind: EntityType, value: str, vault: Vault) -> str:
        vault.placeholder(kind, value, "zh")
        return "***"


class SpellsItOut(SoundRedactor):
    says = ""


class ForgetsToSay(SoundRedactor):
    def redact(self, text: str, vault: Vault) -> Any:
        return replace(super().redact(text, vault), entities=(), placeholders=())


class OneVaultForAll(SoundRedactor):
    vault: Vault | None = None

    def redact(self, text: str, vault: Vault) -> Any:
        self.vault = self.vault or vault
        return super().redact(text, self.vault)


class CountsOn(SoundRedactor):
    before = 0

    def redact(self, text: str, vault: Vault) -> Any:
        for number in range(self.before):
            vault.placeholder(EntityType.PERSON, f"person {number}", "zh")
        self.before += 1
        return super().redact(text, vault)


class OneNumber(SoundRedactor):
    def word(self, kind: EntityType, value: str, vault: Vault) -> str:
        vault.placeholder(kind, value, "zh")
        return "<人名1>"


class PlainString(SoundRedactor):
    def redact(self, text: str, vault: Vault) -> Any:
        return super().redact(text, vault).text


class Trims(SoundRedactor):
    def redact(self, text: str, vault: Vault) -> Any:
        redacted = super().redact(text, vault)
        return replace(redacted, text=redacted.text.strip()[:10_000])


class OneSlot(SoundRedactor):
    def redact(self, text: str, vault: Vault) -> Any:
        self.text = text
        time.sleep(0.003)
        return super().redact(self.text, vault)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (KeepsMail, "personal_data_removed"),
        (HidesHelp, "public_numbers_kept"),
        (Stars, "restorable"),
        (SpellsItOut, "silent_explanations"),
        (ForgetsToSay, "redaction"),
        (OneVaultForAll, "personal_data_removed"),
        (CountsOn, "talks_apart"),
        (OneNumber, "same_value_same_placeholder"),
        (PlainString, "redaction"),
        (Trims, "odd_texts"),
        (OneSlot, "thread_safe"),
    ],
)
def test_a_broken_redactor_is_caught(broken: type[SoundRedactor], check: str) -> None:
    report = check_redactor(broken)
    assert check in failed(report), str(report)


def test_a_sound_redactor_conforms() -> None:
    report = check_redactor(SoundRedactor)
    assert report.passed, str(report)


class Wrapped(StructureChecker):
    def check(
        self,
        question: str,
        answer: str,
        *,
        language: str | None = None,
        notes: Collection[str] | None = None,
        citations: Collection[str] = (),
    ) -> Any:
        found = super().check(question, answer, language=language, notes=notes, citations=citations)
        return self.turned(found, answer, notes)

    def turned(self, found: Review, answer: str, notes: Collection[str] | None) -> Any:
        return found


def passing(found: Review) -> Review:
    return replace(found, defects=(), parts={p: replace(f, present=True) for p, f in found.parts.items()})


GROUNDING = {"ungrounded", "invented_citation"}


def defect(code: str) -> Defect:
    return Defect(code=code, evidence="", reason="-", reason_zh="-")


@pytest.mark.parametrize(
    ("turned", "check"),
    [
        (lambda self, found, answer, notes: found.passed, "review"),
        (lambda self, found, answer, notes: passing(found), "poor_answer_fails"),
        (
            lambda self, found, answer, notes: passing(found) if len(answer) > 50 else found,
            "missing_part_fails",
        ),
        (lambda self, found, answer, notes: replace(found, defects=(defect("x"),)), "sound_answer_passes"),
        (
            lambda self, found, answer, notes: replace(
                found,
                defects=tuple(d for d in found.defects if d.code not in GROUNDING),
            ),
            "grounding_held",
        ),
        (
            lambda self, found, answer, notes: (
                found if found.passed else replace(found, defects=(*found.defects, defect("不是标识")))
            ),
            "recordable",
        ),
        (
            lambda self, found, answer, notes: notes.append("x") or found if notes else found,
            "unchanged_inputs",
        ),
        (
            lambda self, found, answer, notes: replace(
                found, defects=(*found.defects, defect(f"at-{time.perf_counter_ns()}"))
            ),
            "deterministic",
        ),
    ],
)
def test_a_broken_checker_is_caught(turned: Callable[..., Any], check: str) -> None:
    report = check_checker(type("Broken", (Wrapped,), {"turned": turned}))
    assert check in failed(report), str(report)
