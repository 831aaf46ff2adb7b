"""``cbtguard``: the group of commands, its errors and exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from cbtguard.safety.errors import CbtguardError

_COMMANDS = {
    "ask": ("cbtguard.service.cli.ask", "Answer one message."),
    "batch": ("cbtguard.service.cli.batch", "Answer many messages."),
    "screen": ("cbtguard.service.cli.guards", "Crisis screen alone."),
    "redact": ("cbtguard.service.cli.guards", "Take personal data out."),
    "retrieve": ("cbtguard.service.cli.guards", "Find technique notes."),
    "check": ("cbtguard.service.cli.guards", "Check answers you already have."),
    "verify": ("cbtguard.service.cli.verify", "Prove the safety contract on the compiled flow."),
    "log": ("cbtguard.service.cli.log", "Verify, show or export the record."),
    "forget": ("cbtguard.service.cli.forget", "Delete a talk, or talks that were not used for long."),
    "audit": ("cbtguard.audit.cli", "Audit a flow or a model; look over the help lines."),
    "serve": ("cbtguard.service.cli.serve", "Serve the flow over HTTP."),
    "keys": ("cbtguard.service.cli.apikeys", "Keys of callers of the service."),
    "mcp": ("cbtguard.service.cli.mcp", "The guards as tools for agents."),
    "lab": ("cbtguard.lab.cli", "Notes, indexes and benchmarks."),
}

_HELP = """A CBT counselling model behind guards.

A person writes what troubles them. The flow takes personal data out, screens for crisis, looks up CBT
technique notes, lets a model (or the offline composer) write an answer in five parts, checks it, and refers
the person to people who can help wherever anything is wrong. Everything runs offline by default.

\b
First steps
  cbtguard ask "最近总睡不着，一躺下就想工作的事"
  cbtguard ask --json --region US "I can't stop worrying about my exams"
  cbtguard batch questions.jsonl answers.jsonl
  cbtguard verify

\b
Files are JSON Lines, "-" is standard input or output. A line that cannot be used gives a line with "error",
and the rest goes on.

\b
Exit codes
  0  all went well
  1  some line failed, a violation was found, or the record does not verify
  2  the command could not run: usage, settings, a missing file

It is no therapist and no medical device. In danger, call the local emergency number.
"""


class _Lazy(click.Group):
    """Imports a command only when it is called: help must not wait for models."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in _COMMANDS.items()])


@click.group(
    cls=_Lazy, help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="cbtguard", prog_name="cbtguard")
@click.option(
    "--settings",
    type=click.Path(),
    default=None,
    metavar="FILE",
    help="TOML file with settings; CBTGUARD_* in the environment beats it.",
)
@click.pass_context
def _group(ctx: click.Context, settings: str | None) -> None:
    ctx.obj = {"settings": settings}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    # Text with lone surrogates or an ASCII terminal must not end in a traceback.
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        code = _group(args=arguments, standalone_mode=False)
    except CbtguardError as error:
        click.echo(f"cbtguard: {error.message} [{error.code}]\n  → {error.hint}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("cbtguard: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)
