"""Answers measured: overlap with references, structure, judges, and the benchmarks around CBT-LLM."""
