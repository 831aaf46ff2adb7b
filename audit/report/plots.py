"""Plots as inline SVG: the same numbers give the same bytes."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cbtguard.audit.curves import Curve
    from cbtguard.audit.statistics import Rate

_COLOURS = ("#1b5e7a", "#b5541c", "#4d7a2a", "#7a3b78", "#8a6d00", "#555555")
_MARKS = ("o", "s", "^", "D", "v", "P")
_LINES = ("-", "--", "-.", ":")
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Rates of one group by target."""

    label: str
    rates: Mapping[str, Rate]


def rates_plot(name: str, rows: Sequence[Row], targets: Sequence[str], label: str) -> str:
    """Return rates as dots with their intervals, a row for each group."""

    def draw(axes: Any) -> None:
        step = 0.7 / max(1, len(targets))
        for number, target in enumerate(targets):
            at = [
                (row.rates[target], i + (number - (len(targets) - 1) / 2) * step)
                for i, row in enumerate(rows)
                if target in row.rates and row.rates[target].of
            ]
            axes.errorbar(
                [100 * one.count / one.of for one, _ in at],
                [y for _, y in at],
                xerr=[
                    [100 * (one.count / one.of - one.low) for one, _ in at],
                    [100 * (one.high - one.count / one.of) for one, _ in at],
                ],
                fmt=_MARKS[number % 6],
                color=_COLOURS[number % 6],
                capsize=2.5,
                markersize=5,
                linewidth=1.3,
                label=target,
            )
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(-2, 102)
        axes.set_xlabel(label)
        axes.grid(visible=False, axis="y")

    return _svg(name, draw, height=1.1 + 0.24 * len(rows) * max(1.2, len(targets)), legend=len(targets))


def curve_plot(name: str, curves: Mapping[str, Curve], targets: Sequence[str]) -> str:
    """Return recall against false alarms over all thresholds."""

    def draw(axes: Any) -> None:
        for number, target in enumerate(targets):
            if target in curves:
                points = curves[target].points
                axes.plot(
                    [0, *(100 * one.false_alarms for one in points)],
                    [0, *(100 * one.recall for one in points)],
                    _LINES[number % 4],
                    color=_COLOURS[number % 6],
                    label=f"{target} (AUC {curves[target].auc:.3f})",
                )
        axes.plot([0, 100], [0, 100], color="#bbbbbb", linewidth=0.8)
        axes.set_xlim(-1, 101)
        axes.set_ylim(-1, 102)
        axes.set_xlabel("false alarms, % of cases without danger")
        axes.set_ylabel("found, % of cases of danger")

    return _svg(name, draw, height=3.6, legend=len(curves))


def threshold_plot(name: str, curve: Curve) -> str:
    """Return recall, false alarms and precision against the threshold of one target."""

    def draw(axes: Any) -> None:
        at = [one.threshold for one in curve.points]
        for number, (label, values) in enumerate(
            {
                "found": [one.recall for one in curve.points],
                "false alarms": [one.false_alarms for one in curve.points],
                "precision": [one.precision for one in curve.points],
            }.items()
        ):
            axes.plot(
                at,
                [100 * one for one in values],
                _LINES[number],
                color=_COLOURS[number],
                label=label,
                drawstyle="steps-pre",
            )
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-1, 102)
        axes.set_xlabel("threshold of the score")
        axes.set_ylabel("%")

    return _svg(name, draw, height=3.0, legend=3)


def times_plot(name: str, times: Mapping[str, Sequence[float]]) -> str:
    """Return the share of turns that took at most so long, a line for each target."""

    def draw(axes: Any) -> None:
        for number, (target, values) in enumerate(times.items()):
            ranked = sorted(values)
            axes.plot(
                ranked,
                [100 * (i + 1) / len(ranked) for i in range(len(ranked))],
                _LINES[number % 4],
                color=_COLOURS[number % 6],
                label=target,
                drawstyle="steps-post",
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_ylim(0, 102)
        axes.set_xlabel("milliseconds a turn, logarithmic")
        axes.set_ylabel("% of turns at most so long")

    return _svg(name, draw, height=3.0, legend=len(times))


def _svg(name: str, draw: Any, *, height: float, legend: int) -> str:
    import matplotlib as mpl  # noqa: PLC0415 - keeps help fast
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same

    with mpl.rc_context({**_STYLE, "svg.hashsalt": f"cbtguard-{name}"}):
        figure = Figure(figsize=(6.6, height + 0.3), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        if legend:
            figure.legend(loc="outside upper left", ncols=min(3, legend), handlelength=2.6)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue().decode("utf-8")
    text = text[text.index("<svg") :]
    # One page holds several drawings, and an id may be there once.
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{name}-\2"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    return re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>',
        r'<svg viewBox="\1" role="img" xmlns:xlink="http://www.w3.org/1999/xlink">',
        text,
        count=1,
    )
