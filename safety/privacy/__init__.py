"""Personal data: found before any model reads a text, put back only in the reply to the same person."""

from __future__ import annotations

from cbtguard.safety.privacy.entities import Entity, EntityType, Redaction, Redactor
from cbtguard.safety.privacy.presidio import PresidioRedactor
from cbtguard.safety.privacy.vault import Vault

__all__ = ["Entity", "EntityType", "PresidioRedactor", "Redaction", "Redactor", "Vault"]
