"""Retrieval over technique notes."""
