"""The cases of a suite on one part alone: screen, checker or redactor, without the flow around it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from cbtguard.audit.case import Expect, Suite
from cbtguard.audit.suites import load
from cbtguard.safety.privacy.vault import Vault

if TYPE_CHECKING:
    from cbtguard.audit.case import Case

_SCREEN = frozenset({Suite.CRISIS_RECALL, Suite.FALSE_ALARMS, Suite.OBFUSCATION})


def failing(suite: str) -> dict[str, str]:
    """Return the cases of a suite that do not come out as they should, each with what was seen."""
    which = Suite(suite)
    judge = _screened if which in _SCREEN else _redacted if which is Suite.PRIVACY else _checked
    told = ((case, judge(case)) for case in load((which,)).cases)
    return {case.id: why for case, why in told if why}


@cache
def _screen() -> Any:
    from cbtguard.safety.risk import FusedDetector  # noqa: PLC0415 - compiles the rules

    return FusedDetector()


@cache
def _checker() -> Any:
    from cbtguard.safety.structure import StructureChecker  # noqa: PLC0415 - loads the model

    return StructureChecker()


@cache
def _redactor() -> Any:
    from cbtguard.safety.privacy import PresidioRedactor  # noqa: PLC0415 - imports Presidio

    return PresidioRedactor()


def _screened(case: Case) -> str:
    risk = _screen().assess(case.text)
    return "" if risk.level.refers is (case.expect is Expect.HELP) else f"the level is {risk.level.value}"


def _checked(case: Case) -> str:
    if case.answer is None:
        return ""
    codes = {one.code for one in _checker().check(case.text, case.answer).defects}
    if case.expect is Expect.SOUND:
        return f"{', '.join(sorted(codes))} in a sound answer" if codes else ""
    right = codes & set(case.defects) if case.defects else codes
    return "" if right else "the checker lets it pass"


def _redacted(case: Case) -> str:
    text = _redactor().redact(case.text, Vault()).text
    if case.expect is Expect.KEPT:
        return "" if text == case.text else "something was taken out"
    return "personal data stays" if any(secret in text for secret in case.secrets) else ""
