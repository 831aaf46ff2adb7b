"""The sentence model of the structure checker: its corpus, its training."""
