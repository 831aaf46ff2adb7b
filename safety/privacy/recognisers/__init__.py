"""Recognisers, one kind of personal data a module.

Every module here imports Presidio, which is heavy; only the redactor's constructor imports them.
"""
