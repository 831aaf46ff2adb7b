"""CBT question and answer data sets, made through the whole flow."""
