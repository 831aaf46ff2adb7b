"""The outcome of a suite: one line a check, and the error that names what failed."""

from __future__ import annotations

from dataclasses import dataclass

from cbtguard.safety.errors import CbtguardError


class ConformanceFailure(CbtguardError):
    """A plug-in does not do what the flow relies on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The outcome of one check."""

    name: str
    """Which property of the part was tried, such as ``deterministic``."""
    passed: bool
    detail: str
    """What was found instead; empty when the check passed."""

    def __str__(self) -> str:
        return f"ok    {self.name}" if self.passed else f"FAIL  {self.name}: {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceReport:
    """The outcome of a suite on one plug-in."""

    part: str
    """The part of the flow that the plug-in serves as, such as ``writer``."""
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether there were checks and all of them passed."""
        return bool(self.checks) and not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed, in order."""
        return tuple(check for check in self.checks if not check.passed)

    def raise_for_failures(self) -> None:
        """Do nothing for a plug-in that conforms.

        Raises:
            ConformanceFailure: ``conformance.failed``, naming the checks that failed and what was found.
        """
        if self.passed:
            return
        found = (
            "; ".join(f"{check.name} ({check.detail})" for check in self.failures) or "nothing was checked"
        )
        raise ConformanceFailure(
            "conformance.failed",
            f"The {self.part} fails {len(self.failures)} of {len(self.checks)} checks: {found}.",
            hint="Mend the plug-in; the docstring of its Protocol says what it owes the flow.",
        )

    def __str__(self) -> str:
        verdict = "conforms" if self.passed else "does not conform"
        return "\n".join((f"{self.part}: {verdict}", *(f"  {check}" for check in self.checks)))
