"""What can be audited, and how a target is named on the command line."""

from cbtguard.audit.targets.spec import make_target

__all__ = ["make_target"]
