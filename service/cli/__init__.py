"""The command line: each module one command, loaded when it is called."""

from cbtguard.service.cli.main import main

__all__ = ["main"]
