"""Reading a question: its problems, feelings and thinking habits, each with the words that show it."""

from cbtguard.nodes.reading.reader import Finding, Reading, read

__all__ = ["Finding", "Reading", "read"]
