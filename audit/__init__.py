"""What an operator looks over now and then: the help lines and how old their checks are."""

from __future__ import annotations

from cbtguard.audit.referrals import DirectoryAudit, LineAudit, RegionAudit, audit_directory

__all__ = ["DirectoryAudit", "LineAudit", "RegionAudit", "audit_directory"]
