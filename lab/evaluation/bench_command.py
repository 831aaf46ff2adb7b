"""``cbtguard lab bench cbt``: the benchmarks around CBT-LLM, against any writer, endpoint or the whole flow."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cbtguard.lab.evaluation.benchmarks import Bench, Result

_ALL = "all"


@click.command("cbt")
@click.argument("names", nargs=-1, required=True, metavar="NAME...|all")
@click.option(
    "--writer",
    "spec",
    default="guard",
    show_default=True,
    metavar="SPEC",
    help="guard[:WRITER], composer, openai:MODEL@URL, transformers:FOLDER or chat:MODEL@URL.",
)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--judge", "judges", multiple=True, metavar="SPEC", help="chat:MODEL@URL or transformers:FOLDER."
)
@click.option("--client", "client", default=None, metavar="SPEC", help="Chat model that plays the clients.")
@click.option("--key-env", default=None, metavar="NAME", help="Variable with the writer's key.")
@click.option("--judge-key-env", default=None, metavar="NAME", help="Variable with judges' and client's key.")
@click.option(
    "--data",
    default=None,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="With NAME.jsonl or NAME.yaml in place of what was written here.",
)
@click.option("--most", default=None, type=click.IntRange(1), help="Cases or personas of each benchmark.")
@click.option(
    "--turns", default=10, show_default=True, type=click.IntRange(1, 100), help="Most of a session."
)
@click.option("--samples", default=1, show_default=True, type=click.IntRange(1, 50), help="Of each judge.")
@click.option("--encoder", default="embedded", show_default=True, metavar="NAME", help="For BERTScore.")
@click.pass_context
def cbt_command(
    ctx: click.Context,
    names: tuple[str, ...],
    spec: str,
    out: Path,
    judges: tuple[str, ...],
    client: str | None,
    key_env: str | None,
    judge_key_env: str | None,
    data: Path | None,
    most: int | None,
    turns: int,
    samples: int,
    encoder: str,
) -> int:
    """Run benchmarks: cbt_conversation, clinical_counselling, counsellor_competence, psychological_counselling, ..."""
    from cbtguard.lab.evaluation.benchmarks import NAMES, Bench  # noqa: PLC0415 - keeps help fast
    from cbtguard.lab.evaluation.chat import load_chat  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.client import ChatClient, ScriptedClient  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.counsellor import counsellor_of  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.published import published  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.states import load_states  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.table import write  # noqa: PLC0415 - the same
    from cbtguard.safety.errors import SettingsError  # noqa: PLC0415 - the same
    from cbtguard.safety.structure import StructureChecker  # noqa: PLC0415 - the same
    from cbtguard.service.cli.common import settings_of  # noqa: PLC0415 - the same

    unknown = [name for name in names if name not in {*NAMES, _ALL}]
    if unknown:
        raise SettingsError(
            "settings.invalid",
            "There is no benchmark of that name.",
            hint=f"Name {', '.join(NAMES)}, or all.",
        )
    models = [load_chat(name, key_env=judge_key_env) for name in judges]
    player = None if client is None else load_chat(client, key_env=judge_key_env)
    checker = StructureChecker()
    with counsellor_of(spec, settings_of(ctx), key_env=key_env) as counsellor:
        bench = Bench(
            counsellor=counsellor,
            client_of=lambda persona, attitude: (
                ScriptedClient(persona, attitude, checker)
                if player is None
                else ChatClient(persona, attitude, player)
            ),
            judges=models,
            encoder=lambda: load_states(encoder),
            samples=samples,
            most_turns=turns,
            raw=out / "judges.jsonl" if models else None,
            tell=lambda line: click.echo(line, err=True),
        )
        chosen = [name for name in NAMES if name in names or _ALL in names]
        results = asyncio.run(_run(bench, chosen, data, most))
        run: dict[str, Any] = {
            "counsellor": counsellor.name,
            "clients": "scripted" if player is None else f"played by {player.name}",
            "judges": ", ".join(model.name for model in models) or "none",
            "samples of each judge": samples,
        }
    for path in write(out, results, published(), run=run):
        click.echo(str(path))
    return 0


async def _run(bench: Bench, names: list[str], data: Path | None, most: int | None) -> list[Result]:
    from cbtguard.lab.evaluation.benchmarks import CASES  # noqa: PLC0415 - keeps help fast
    from cbtguard.lab.evaluation.sets import cases_of, personas_of  # noqa: PLC0415 - the same

    results = []
    for name in names:
        if name in CASES:
            cases, about = cases_of(name, data, most)
            results.append(await bench.cases(name, cases, f"{len(cases)} of {about}"))
        else:
            personas, about = personas_of(name, data, most)
            results.append(await bench.sessions(name, personas, f"{len(personas)} of {about}"))
    return results
