"""Planted defects: what the audit and the proof find when something that keeps people safe is broken."""

from cbtguard.audit.mutants.plan import Mutant, plan_mutants

__all__ = ["Mutant", "plan_mutants"]
