"""The metamorphic suite: a text said in another way must keep the verdict of the crisis screen."""

from cbtguard.lab.risk.metamorphic.perturbation import Expect, Perturbation, perturbations
from cbtguard.lab.risk.metamorphic.run import Outcome, Pair, Rate, rates, run

__all__ = ["Expect", "Outcome", "Pair", "Perturbation", "Rate", "perturbations", "rates", "run"]
