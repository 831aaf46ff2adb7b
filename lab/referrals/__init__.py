"""The referral texts, read against VERA-MH and WHO by rules that can fail."""

from __future__ import annotations
