"""The guards as pure domain code: risk, privacy, structure, referral, record. Knows nothing of LangGraph."""
