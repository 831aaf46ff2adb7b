"""Figures for files: shares by part as JSON primitives, calibration bins, two small deterministic pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.lab.risk.measure import Share, false_alarms, recall
from cbtguard.lab.risk.report import kinds_right, subject_right
from cbtguard.safety.errors import DependencyError
from cbtguard.safety.risk.model import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cbtguard.lab.risk.lines import Line
    from cbtguard.lab.risk.predictions import Prediction

BINS = 10
_INK, _LINE, _GUIDE = "#24333f", "#1f6f8b", "#9aa5ad"

PARTS: tuple[tuple[str, Callable[[Line], tuple[str, ...]]], ...] = (
    ("level", lambda line: (line.level.value,)),
    ("kind", lambda line: tuple(kind.value for kind in line.kinds)),
    ("subject", lambda line: (line.subject.value,) if line.level.refers else ()),
    ("origin", lambda line: (line.origin,)),
    ("language", lambda line: (line.language,)),
    ("type", lambda line: (line.type,)),
)
"""By what the figures are cut, and the parts that a line belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Lines whose probability lies in one tenth of the scale."""

    low: float
    high: float
    said: float
    """Mean probability."""
    true: Share
    """How many are a crisis."""


def by_part(predictions: Sequence[Prediction], part: str) -> dict[str, tuple[Share, Share]]:
    """Return recall and false alarms for each value of a part, sorted by it."""
    key = dict(PARTS)[part]
    groups: dict[str, list[Prediction]] = {}
    for p in predictions:
        for value in key(p.line):
            groups.setdefault(value, []).append(p)
    return {value: _both(groups[value]) for value in sorted(groups)}


def bins(predictions: Sequence[Prediction]) -> tuple[Bin, ...]:
    """Return how often a probability came true, by tenths; watch lines are neither and left out."""
    used = [p for p in predictions if p.line.level is not Level.WATCH]
    found = []
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        inside = [
            p for p in used if low <= p.probability < high or (number == BINS - 1 and p.probability == 1.0)
        ]
        if inside:
            found.append(
                Bin(
                    low=low,
                    high=high,
                    said=sum(p.probability for p in inside) / len(inside),
                    true=Share(hits=sum(p.line.level.refers for p in inside), total=len(inside)),
                )
            )
    return tuple(found)


def calibration_error(predictions: Sequence[Prediction]) -> float:
    """Return the expected calibration error: how far probabilities lie from shares, weighed by lines; 0 to 1."""
    found = bins(predictions)
    total = sum(one.true.total for one in found)
    return sum(abs(one.said - one.true.value) * one.true.total for one in found) / total if total else 0.0


def figures(predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Return all figures as JSON primitives; intervals are 95 % Wilson intervals."""
    found, alarms = _both(predictions)
    return {
        "lines": len(predictions),
        "recall": _share(found),
        "false_alarms": _share(alarms),
        "kind_right": _share(kinds_right(predictions)),
        "subject_right": _share(subject_right(predictions)),
        "by": {
            part: {
                value: {"recall": _share(one), "false_alarms": _share(other)}
                for value, (one, other) in by_part(predictions, part).items()
            }
            for part, _ in PARTS
        },
    }


def curve_of(lines: Sequence[Line], reach: Sequence[float]) -> list[tuple[float, Share, Share]]:
    """Return threshold, recall and false alarms for each threshold at which something changes, rising.

    Args:
        lines: The lines.
        reach: For each, the highest threshold at which it is still referred.
    """
    found = []
    for at in sorted({far for far in reach if far > 0}):
        levels = [Level.CRISIS if far >= at else Level.NONE for far in reach]
        found.append((at, recall(lines, levels), false_alarms(lines, levels)))
    return found


def draw_calibration(found: Sequence[Bin]) -> bytes:
    """Return the reliability diagram as SVG, the same bytes for the same figures."""
    axes, finish = _picture("probability of a crisis, as said", "share that was one")
    axes.plot([0, 1], [0, 1], color=_GUIDE, linewidth=1, linestyle="--")
    said, true = [one.said for one in found], [one.true for one in found]
    bars = [
        [max(0.0, share.value - share.interval[0]) for share in true],
        [max(0.0, share.interval[1] - share.value) for share in true],
    ]
    axes.errorbar(
        said,
        [share.value for share in true],
        yerr=bars,
        color=_LINE,
        marker="o",
        markersize=4,
        linewidth=1.4,
        capsize=2,
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    return finish()


def draw_curve(curves: dict[str, Sequence[tuple[float, Share, Share]]]) -> bytes:
    """Return recall over false alarms as SVG, a line for each set, the same bytes for the same figures."""
    axes, finish = _picture("false alarms", "recall")
    styles = [(_LINE, "-"), (_INK, "--"), (_GUIDE, "-.")]
    for (name, points), (color, style) in zip(curves.items(), styles, strict=False):
        ordered = sorted((alarms.value, found.value) for _, found, alarms in points)
        axes.plot(*zip(*ordered, strict=True), color=color, linestyle=style, linewidth=1.6, label=name)
    axes.set_xlim(0, 0.2)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return finish()


def _picture(x: str, y: str) -> tuple[Any, Callable[[], bytes]]:
    try:
        import matplotlib as mpl  # noqa: PLC0415 - for the card only
        from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - the same
        from matplotlib.figure import Figure  # noqa: PLC0415 - the same
    except ImportError as error:
        raise DependencyError(
            "dependency.library", "The pictures of the card need matplotlib.", hint="Install matplotlib."
        ) from error
    # Text stays text, and ids hang on the content alone.
    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "cbtguard",
        "font.family": "sans-serif",
        "font.size": 9,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(4.2, 3.2), layout="tight")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
    axes.set_xlabel(x, color=_INK)
    axes.set_ylabel(y, color=_INK)
    axes.grid(visible=True, color="#e3e7ea", linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)

    def finish() -> bytes:
        target = io.BytesIO()
        with mpl.rc_context(settings):
            figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
        return target.getvalue()

    return axes, finish


def _both(predictions: Sequence[Prediction]) -> tuple[Share, Share]:
    lines, levels = [p.line for p in predictions], [p.level for p in predictions]
    return recall(lines, levels), false_alarms(lines, levels)


def _share(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {
        "hits": share.hits,
        "total": share.total,
        "rate": round(share.value, 5),
        "interval": [round(low, 5), round(high, 5)],
    }
