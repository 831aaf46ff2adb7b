"""The results of benchmarks as Markdown, JSON and a plot; published figures beside them, in columns of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cbtguard.lab.evaluation.score import LeftOut, Score

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cbtguard.lab.evaluation.benchmarks import Result
    from cbtguard.lab.evaluation.published import Published

_MAIN = (
    "BERTScore F1",
    "coherence",
    "session_rating",
    "helpful",
    "understanding",
    "relevance",
    "proficiency",
)
_NOTE = "The published figures were made with other data, judges and scales: they stand beside, not against, the run."


def write(
    folder: Path, results: Sequence[Result], published: Published, *, run: dict[str, Any]
) -> list[Path]:
    """Write ``results.md``, ``results.json`` and ``results.svg`` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    text, data = folder / "results.md", folder / "results.json"
    text.write_text(markdown(results, published, run=run) + "\n", encoding="utf-8")
    data.write_text(
        json.dumps(as_dict(results, published, run=run), ensure_ascii=False, indent=1) + "\n",
        encoding="utf-8",
    )
    return [text, data, plot(folder / "results.svg", results, run=run)]


def as_dict(results: Sequence[Result], published: Published, *, run: dict[str, Any]) -> dict[str, Any]:
    """Return everything as JSON primitives."""
    return {
        "run": run,
        "results": [
            {
                "benchmark": result.name,
                "data": result.data,
                "scores": [entry.as_dict() for entry in result.found if isinstance(entry, Score)],
                "left_out": [entry.as_dict() for entry in result.found if isinstance(entry, LeftOut)],
            }
            for result in results
        ],
        "published": {
            "model": published.model,
            "source": published.source,
            "seen": published.seen,
            "figures": [
                {"benchmark": f.benchmark, "metric": f.metric, "group": f.group, "value": f.value}
                for f in published.figures
            ],
        },
    }


def markdown(results: Sequence[Result], published: Published, *, run: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = ["# Benchmarks around CBT-LLM", "", *(f"- {name}: {value}" for name, value in run.items())]
    for result in results:
        lines += ["", f"## {result.name}", "", f"Asked: {result.data}.", ""]
        lines += ["| run here | of | value | 95 % | n | how |", "| --- | --- | --- | --- | --- | --- |"]
        for entry in result.found:
            if isinstance(entry, Score):
                span = "" if entry.low is None or entry.high is None else f"{entry.low:.3f}-{entry.high:.3f}"
                lines.append(
                    f"| {entry.name} | {entry.group} | {entry.value:.3f} | {span} | {entry.n} | {entry.how} |"
                )
        left = [entry for entry in result.found if isinstance(entry, LeftOut)]
        lines += ["", *(f"Left out: {entry.name}: {entry.why}" for entry in left)] if left else []
        lines += ["", "| published for CBT-LLM | of | value |", "| --- | --- | --- |"]
        lines += [
            f"| {figure.metric} | {figure.group} | {figure.value:g} |"
            for figure in published.figures
            if figure.benchmark == result.name
        ]
    lines += ["", f"Published: {published.model}. {published.source}", "", _NOTE]
    return "\n".join(lines)


def plot(path: Path, results: Sequence[Result], *, run: dict[str, Any]) -> Path:
    """Draw what was run here, one panel a benchmark; published figures have other scales and are not drawn."""
    import matplotlib as mpl  # noqa: PLC0415 - for the lab only
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same

    with mpl.rc_context({"svg.hashsalt": "cbtguard", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(7.2, 1.2 + 1.6 * len(results)), layout="constrained")
        figure.suptitle(str(run.get("counsellor", "")), fontsize=11)
        for number, result in enumerate(results, 1):
            axes = figure.add_subplot(len(results), 1, number)
            shown = [e for e in result.found if isinstance(e, Score) and _shown(e.name)]
            names = [f"{entry.name} {entry.group}".strip() for entry in shown]
            axes.barh(range(len(shown)), [entry.value for entry in shown], color="0.55")
            for place, entry in enumerate(shown):
                if entry.low is not None and entry.high is not None:
                    axes.plot([entry.low, entry.high], [place, place], color="0.1", linewidth=1.5)
            axes.set_yticks(range(len(shown)), names)
            axes.invert_yaxis()
            axes.set_xlim(left=0)
            axes.set_title(result.name, fontsize=10, loc="left")
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path


def _shown(name: str) -> bool:
    return name in {"average turns", "matters told", "answered"} or name.startswith(_MAIN)
