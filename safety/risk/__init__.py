"""Crisis risk: what is said, by whom, how grave, and why we think so."""

from cbtguard.safety.risk.detector import RuleDetector
from cbtguard.safety.risk.model import Kind, Level, PastTurn, Risk, RiskDetector, Signal, Subject

__all__ = ["Kind", "Level", "PastTurn", "Risk", "RiskDetector", "RuleDetector", "Signal", "Subject"]
