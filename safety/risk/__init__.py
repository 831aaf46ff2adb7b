"""Crisis risk: what is said, by whom, how grave, and why we think so."""

from cbtguard.safety.risk.detector import RuleDetector
from cbtguard.safety.risk.fusion import FusedDetector
from cbtguard.safety.risk.learned import LearnedDetector
from cbtguard.safety.risk.model import Kind, Level, PastTurn, Risk, RiskDetector, Signal, Subject

__all__ = [
    "FusedDetector",
    "Kind",
    "LearnedDetector",
    "Level",
    "PastTurn",
    "Risk",
    "RiskDetector",
    "RuleDetector",
    "Signal",
    "Subject",
]
