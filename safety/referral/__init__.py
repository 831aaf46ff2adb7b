"""The directory of help lines and the referral texts: what a person in danger reads."""

from __future__ import annotations

from cbtguard.safety.referral.directory import Directory, FileDirectory
from cbtguard.safety.referral.model import ELSEWHERE, Audience, Channel, Line, Reason, Referral, Service
from cbtguard.safety.referral.mood import Mood, mood_of
from cbtguard.safety.referral.referrals import Referrals

__all__ = [
    "ELSEWHERE",
    "Audience",
    "Channel",
    "Directory",
    "FileDirectory",
    "Line",
    "Mood",
    "Reason",
    "Referral",
    "Referrals",
    "Service",
    "mood_of",
]
