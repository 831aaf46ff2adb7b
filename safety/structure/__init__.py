"""The structure checker: are the five parts there, and is nothing in the answer that must not be."""

from cbtguard.safety.structure.checker import StructureChecker
from cbtguard.safety.structure.mending import Plan, plan, spliced
from cbtguard.safety.structure.model import Checker, Defect, Part, PartFinding, Review
from cbtguard.safety.structure.prefix import PrefixChecker, releasable

__all__ = [
    "Checker",
    "Defect",
    "Part",
    "PartFinding",
    "Plan",
    "PrefixChecker",
    "Review",
    "StructureChecker",
    "plan",
    "releasable",
    "spliced",
]
