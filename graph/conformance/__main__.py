"""Lists the suites: part, function, and what it asks."""

from __future__ import annotations

import inspect

import click

from cbtguard.graph.conformance import SUITES


def main() -> None:
    """Print one line a suite."""
    for part, suite in SUITES.items():
        asks = (inspect.getdoc(suite) or "").splitlines()[0]
        click.echo(f"{part:14} {suite.__name__:19} {asks}")


if __name__ == "__main__":
    main()
