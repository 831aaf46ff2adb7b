"""``cbtguard lab risk``: the crisis screen trained, measured, said in other ways, and described."""

from __future__ import annotations

import importlib

import click

_COMMANDS = {
    "train": ("cbtguard.lab.risk.train", "main", "Train the learned part and say how well it does."),
    "measure": ("cbtguard.lab.risk.commands", "measure", "Measure the screen on a labelled file."),
    "metamorphic": (
        "cbtguard.lab.risk.commands",
        "metamorphic",
        "Say texts in other ways; is the verdict kept?",
    ),
    "card": ("cbtguard.lab.risk.commands", "card", "Write the model card from measured figures."),
}


class _Lazy(click.Group):
    """Imports a command only when it is called: help must not wait for numpy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, name, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, _, about) in _COMMANDS.items()])


@click.group("risk", cls=_Lazy)
def risk_command() -> None:
    """The crisis screen: trained, measured, said in other ways, described."""
