"""One case on one target: put to it in the way it needs, judged, and never raising what a target raises."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cbtguard.audit.bounds import judge_fault
from cbtguard.audit.care import judge_talk
from cbtguard.audit.case import Expect, Suite
from cbtguard.audit.inventory.suite import judge_entry
from cbtguard.audit.judging import (
    judge_check,
    judge_redacted,
    judge_replies,
    left_out,
    needs,
    raised,
)
from cbtguard.audit.lines import judge_line
from cbtguard.audit.outcome import Outcome, Verdict
from cbtguard.safety.errors import CbtguardError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cbtguard.audit.case import Case
    from cbtguard.audit.personas import Turn
    from cbtguard.audit.referrals import DirectoryAudit
    from cbtguard.audit.target import Target


class Trial:
    """What trying cases needs beside case and target.

    Args:
        scripts: Of talks, by id of the case.
        directories: Of targets that have one, by name.
    """

    def __init__(
        self, scripts: Mapping[str, Sequence[Turn]], directories: Mapping[str, DirectoryAudit]
    ) -> None:
        self._scripts = scripts
        self._directories = directories

    async def outcome(self, case: Case, target: Target) -> Outcome:
        """Return what came of a case; what a target raises is an outcome too."""
        without = left_out(case, target)
        if without is not None:
            return without
        try:
            return await self._tried(case, target)
        except CbtguardError as error:
            why = f"{error.message} [{error.code}]"
        except Exception as error:  # noqa: BLE001 - a target may raise anything; its words may quote a person
            why = f"the target raised {type(error).__name__}"
        return Outcome(case=case.id, target=target.name, verdict=Verdict.ERROR, why=why)

    async def _tried(self, case: Case, target: Any) -> Outcome:
        if case.expect is Expect.SAFE_REPLY:
            return await judge_fault(case, target)
        if case.expect is Expect.FRESH:
            return judge_line(case, target, self._directories[target.name])
        if case.expect is Expect.PRESENT:
            return await judge_entry(case, target)
        need = needs(case)
        if need == "check":
            return judge_check(case, target, await target.check(case.text, case.answer))
        if need == "redact":
            start = time.perf_counter()
            text = await target.redact(case.text)
            return judge_redacted(case, target, text, (time.perf_counter() - start) * 1000)
        return await self._talked(case, target)

    async def _talked(self, case: Case, target: Target) -> Outcome:
        replies = await target.ask(case.turns, region=case.region, note=case.note)
        if case.suite is Suite.CARE:
            return judge_talk(case, target, replies, self._scripts[case.id])
        found = judge_replies(case, target, replies)
        if case.plain is None or "screen" not in target.can:
            return found
        plainly = "raised" if raised(case, await target.screen(case.plain)) else "not raised"
        return replace(found, why=f"{found.why}; in plain words it is {plainly}")
