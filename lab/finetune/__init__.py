"""Fine-tuning of a causal language model on question and answer pairs, by LoRA or QLoRA."""
