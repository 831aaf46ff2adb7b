"""Guards measured on labelled files."""
