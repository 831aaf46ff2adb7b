"""Training what a text shows of thinking habits."""
