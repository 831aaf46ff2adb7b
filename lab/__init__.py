"""CBT-LLM itself and its surroundings: notes, indexes, training of the screen, benchmarks."""
