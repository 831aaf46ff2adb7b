"""The stops of the flow: protect, screen, retrieve, generate, check, refer, record."""
