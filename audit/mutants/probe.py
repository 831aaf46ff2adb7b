"""What is run on a copy of the package: parts of the inventory, cases of the suites, and the proof."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cbtguard.audit.inventory.book import UNREADABLE, look
from cbtguard.safety.errors import CbtguardError

if TYPE_CHECKING:
    from collections.abc import Collection

_PROOF_S = 60.0
"""Longest time the proof is looked at; a defect that it would find later counts as not found by it."""


def probed(suites: Collection[str], known: Collection[str] | None) -> dict[str, Any]:
    """Return what fails, and by which suite a defect was found; the first one that finds it ends the search.

    Args:
        suites: ``inventory:PART``, ``cases:SUITE`` or ``proof``, in order.
        known: Ids of what fails without a defect too; None to learn them.
    """
    failed: dict[str, str] = {}
    for suite in suites:
        kind, _, name = suite.partition(":")
        try:
            found = {"inventory": _inventory, "cases": _cases, "proof": _proof}[kind](name)
        except CbtguardError as error:
            return {"failed": {"load": f"{error.message} [{error.code}]"}, "found_by": "load"}
        if known is None:
            failed |= found
            continue
        new = {one: why for one, why in found.items() if one not in known}
        if new and all(why.startswith(UNREADABLE) for why in new.values()):
            return {"failed": new, "found_by": "load"}
        if new:
            return {"failed": new, "found_by": suite}
    return {"failed": failed, "found_by": ""}


def _inventory(part: str) -> dict[str, str]:
    return {one.id: "; ".join(one.what[:3]) for one in look((part,)) if one.what}


def _cases(suite: str) -> dict[str, str]:
    from cbtguard.audit.mutants.trial import failing  # noqa: PLC0415 - imports the suites

    return failing(suite)


def _proof(_: str) -> dict[str, str]:
    from cbtguard.graph.verify import prove  # noqa: PLC0415 - imports the flow

    start = time.monotonic()

    class Over(Exception):
        """The time is over."""

    def told(_: Any) -> None:
        if time.monotonic() - start > _PROOF_S:
            raise Over

    try:
        proof = prove(stop_at_first=True, progress=told)
    except Over:
        return {}
    return {f"proof.{one.clause}": one.what for one in proof.violations[:1]}
