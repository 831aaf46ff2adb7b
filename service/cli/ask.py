"""``cbtguard ask``: one message, one answer, shown so that it is pleasant to read."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from cbtguard.service.cli.common import guard_of, settings_of

if TYPE_CHECKING:
    from cbtguard.graph.answer import Answer

_PARTS = {
    "zh": {
        "validation": "理解与共情",
        "key_thought": "关键想法",
        "challenge": "换个角度",
        "strategy": "可以怎么做",
        "encouragement": "鼓励与展望",
    },
    "en": {
        "validation": "Validation",
        "key_thought": "Key thought",
        "challenge": "Reflection",
        "strategy": "What you can do",
        "encouragement": "Looking ahead",
    },
}
_ROUTES = {
    "zh": {"answered": "已回答", "referred": "已转介", "held": "等待人工"},
    "en": {"answered": "answered", "referred": "referred to people", "held": "waiting for a person"},
}
_WORDS = {
    "zh": {"sources": "依据", "route": "路径", "record": "记录", "by": "撰写"},
    "en": {"sources": "Sources", "route": "Route", "record": "Record", "by": "Writer"},
}


@click.command("ask")
@click.argument("text")
@click.option("--json", "as_json", is_flag=True, help="Print everything about the answer as JSON.")
@click.option(
    "--region",
    default=None,
    metavar="CODE",
    help="Region whose help lines to show: CN, HK, TW, SG, US, GB, ZZ (elsewhere). Default: the setting.",
)
@click.option(
    "--lang", default=None, metavar="TAG", help="Language of the reply: auto, zh-Hans, zh-Hant, en."
)
@click.option(
    "--thread", default=None, metavar="ID", help="Continue a talk under this id; kept in the home folder."
)
@click.option(
    "--audience",
    multiple=True,
    metavar="GROUP",
    help="Whom lines come first for: youth, women, lgbt, bereaved, veterans. May be given several times.",
)
@click.pass_context
def ask_command(
    ctx: click.Context,
    text: str,
    as_json: bool,
    region: str | None,
    lang: str | None,
    thread: str | None,
    audience: tuple[str, ...],
) -> int:
    """Answer one message.

    TEXT is what the person wrote; "-" reads it from standard input. The reply holds five parts (validation,
    key thought, reflection, strategy, a look ahead) and the notes it stands on, or the way to people who
    can help.

    \b
    Examples
      cbtguard ask "同事一开会就针对我，我是不是很没用"
      cbtguard ask --thread demo "好一点了，可是晚上还是睡不着"
      echo "I feel like a failure" | cbtguard ask - --json
    """  # noqa: D301 - click reads the control character
    if text == "-":
        text = sys.stdin.read()
    settings = settings_of(ctx)
    if thread and settings.threads == "memory":
        settings = settings_of(ctx, threads="sqlite")
    with guard_of(settings) as guard:
        answer = guard.ask(text, thread=thread, region=region, language=lang, audience=audience)
    if as_json:
        click.echo(json.dumps(answer.as_dict(), ensure_ascii=False, indent=2))
    elif sys.stdout.isatty():
        _show(answer)
    else:
        click.echo(answer.reply)
    return 0


def _show(answer: Answer) -> None:
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.padding import Padding  # noqa: PLC0415 - the same
    from rich.rule import Rule  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    tongue = "en" if answer.language == "en" else "zh"
    console = Console(width=min(Console().width, 96), highlight=False)
    colour = "green" if answer.route.value == "answered" else "yellow"
    if answer.notice:
        console.print(Text(answer.notice, style="dim italic"))
        console.print()
    for paragraph in answer.reply.split("\n\n"):
        names = [_PARTS[tongue][k] for k, v in answer.parts.items() if v.present and v.evidence in paragraph]
        if names:
            console.print(Text(" · ".join(names), style=f"bold {colour}"))
        console.print(Padding(Text(paragraph), (0, 0, 1, 2 if names else 0)))
    words = _WORDS[tongue]
    console.print(Rule(style="dim"))
    for citation in answer.citations:
        title = citation.title_en if tongue == "en" else citation.title
        console.print(
            Text(f"{words['sources']}  {title} ({citation.note_id}, {citation.evidence})", style="dim")
        )
        console.print(Text("".join(f"      {source}\n" for source in citation.sources).rstrip(), style="dim"))
    route = f"{words['route']}  {_ROUTES[tongue][answer.route.value]} · {answer.reason} · {answer.risk.level.value}"
    spent = sum(answer.timings_ms.values())
    console.print(Text(f"{route} · {spent:.0f} ms", style="dim"))
    for signal in answer.risk.signals[:3]:
        reason = signal.reason if tongue == "en" else signal.reason_zh
        console.print(Text(f"      {signal.rule}: {reason}", style="dim"))
    console.print(
        Text(
            f"{words['record']}  {answer.record_id or '–'}   {words['by']} {answer.writer or '–'}",
            style="dim",
        )
    )
    for fault in answer.faults:
        console.print(Text(f"      ! {fault}", style="red"))
