"""Plots of benchmarks: plain line charts as SVG, the same figures giving the same file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IMAGES = Path(__file__).parents[1] / "docs" / "img"
"""Where the plots of the documentation lie, in a checkout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def chart(
    path: Path,
    lines: Sequence[Line],
    *,
    title: str,
    x: str,
    y: str,
    logarithmic: bool = False,
    limit: tuple[str, float] | None = None,
) -> Path:
    """Draw lines over a common axis into an SVG file and return its path.

    Args:
        path: The file; its folder is made.
        lines: What to draw.
        title: Above the chart.
        x: What the horizontal axis shows, with its unit.
        y: What the vertical axis shows, with its unit.
        logarithmic: Whether the horizontal axis is.
        limit: Name and height of a dashed line.
    """
    import matplotlib as mpl  # noqa: PLC0415 - for the lab only
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same

    # Without a date and with steady ids, so that the file changes only with the figures.
    with mpl.rc_context({"svg.hashsalt": "cbtguard", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for line in lines:
            axes.plot(line.x, line.y, marker="o", markersize=4, label=line.name)
        if limit is not None:
            axes.axhline(limit[1], linestyle="--", linewidth=1, color="0.5", label=limit[0])
        if logarithmic:
            axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_title(title, fontsize=11)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path


def bars(path: Path, values: Mapping[str, float], *, title: str, x: str) -> Path:
    """Draw named values as horizontal bars, the first on top, into an SVG file and return its path.

    Args:
        path: The file; its folder is made.
        values: Name to length of its bar.
        title: Above the chart.
        x: What the horizontal axis shows, with its unit.
    """
    import matplotlib as mpl  # noqa: PLC0415 - for the lab only
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same

    with mpl.rc_context({"svg.hashsalt": "cbtguard", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=(6.4, 0.9 + 0.3 * max(len(values), 3)), layout="constrained")
        axes = figure.add_subplot()
        drawn = axes.barh(list(values), list(values.values()), height=0.6)
        axes.bar_label(drawn, fmt="{:,.0f}", padding=3, fontsize=9)
        axes.margins(x=0.12)
        axes.invert_yaxis()
        axes.set_title(title, fontsize=11)
        axes.set_xlabel(x)
        axes.grid(axis="x", alpha=0.3)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path
