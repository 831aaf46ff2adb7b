"""The structure checker: are the five parts there, and is nothing in the answer that must not be."""

from cbtguard.safety.structure.checker import StructureChecker
from cbtguard.safety.structure.model import Checker, Defect, Part, PartFinding, Review

__all__ = ["Checker", "Defect", "Part", "PartFinding", "Review", "StructureChecker"]
