"""The model card: measured figures put into the page that describes the screen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from cbtguard.lab.risk.figures import bins, by_part, calibration_error, curve_of, draw_calibration, draw_curve
from cbtguard.lab.risk.measure import Share, false_alarms, recall
from cbtguard.lab.risk.report import kinds_right, misses, mistakes, subject_right
from cbtguard.safety.files import read_text
from cbtguard.safety.risk.model import Kind, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cbtguard.lab.risk.lines import Line
    from cbtguard.lab.risk.predictions import CrossValidated, Prediction

_PAGE = Path(__file__).parent / "data" / "card.md"
LEAST = 25
"""Lines that a type of text needs for a share of its own."""
_EXAMPLES = 3
_LONGEST = 70
"""Characters of an example."""
_WANTED = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08)
"""Shares of false alarms at which the curve is written out."""


def write_card(
    out: Path,
    found: CrossValidated,
    *,
    unseen: Mapping[str, Sequence[Prediction]] | None = None,
    robustness: Mapping[str, Any] | None = None,
) -> tuple[Path, ...]:
    """Write the card and, in ``img`` beside it, its pictures; return their paths.

    The same figures give the same bytes.

    Args:
        out: The page.
        found: Cross-validated predictions.
        unseen: Predictions on sets that nothing was fitted to, by name.
        robustness: What ``cbtguard lab risk metamorphic --json`` wrote.

    Raises:
        DependencyError: ``dependency.library`` without matplotlib.
    """
    folder = out.parent / "img"
    pictures = {
        folder / "risk-calibration.svg": draw_calibration(bins(found.predictions)),
        folder / "risk-curve.svg": draw_curve({name: curve_of(*part) for name, part in _sets(found).items()}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in pictures.items():
        path.write_bytes(content)
    out.write_text(page(found, unseen=unseen or {}, robustness=robustness), encoding="utf-8")
    return (out, *pictures)


def page(
    found: CrossValidated,
    *,
    unseen: Mapping[str, Sequence[Prediction]],
    robustness: Mapping[str, Any] | None,
) -> str:
    """Return the card as Markdown."""
    whole = found.predictions
    lines = [p.line for p in whole]
    public = any(":" in line.origin for line in lines)
    text = Template(read_text(_PAGE)).substitute(
        version=_version(),
        size=_size(),
        data=_data(lines),
        sources="Labelled messages come from the validation split of PsySUICIDE (MIT)." if public else "",
        folds=found.folds,
        whole=_whole(found),
        **{
            part: _table(part, by_part(whole, part))
            for part in ("level", "kind", "origin", "language", "subject")
        },
        named=_named(whole),
        least=LEAST,
        types=_types(whole),
        error=f"{calibration_error(whole):.3f}",
        curve=_curve(found),
        unseen=_unseen(unseen),
        robustness=_robustness(robustness),
        misses=_misses(whole),
        mistakes=_mistakes(whole),
    )
    return text.rstrip("\n") + "\n"


def _data(lines: Sequence[Line]) -> str:
    origins = sorted({line.origin for line in lines})
    rows = []
    for origin in origins:
        some = [line for line in lines if line.origin == origin]
        counts = Counter(line.level for line in some)
        rows.append([origin, len(some), *(counts[level] for level in Level)])
    counts = Counter(line.level for line in lines)
    rows.append(["**all**", len(lines), *(counts[level] for level in Level)])
    return _rows(["source", "lines", *(level.value for level in Level)], rows)


def _whole(found: CrossValidated) -> str:
    rows = []
    for name, (lines, _) in _sets(found).items():
        chosen = [p for p in found.predictions if _in_set(p.line, name)]
        ruled = [
            level for p, level in zip(found.predictions, found.ruled, strict=True) if _in_set(p.line, name)
        ]
        levels = [p.level for p in chosen]
        rows.append(
            [name, "rules and model", _cell(recall(lines, levels)), _cell(false_alarms(lines, levels))]
        )
        rows.append([name, "rules alone", _cell(recall(lines, ruled)), _cell(false_alarms(lines, ruled))])
    return _rows(["lines", "screen", "recall", "false alarms"], rows)


_ALL, _CORPUS, _LABELLED = "all", "corpus", "labelled messages"


def _sets(found: CrossValidated) -> dict[str, tuple[list[Line], list[float]]]:
    """All lines with their reach, and corpus and labelled messages apart where there are both."""
    lines = [p.line for p in found.predictions]
    both = len({":" in line.origin for line in lines}) > 1
    sets = {}
    for name in (_LABELLED, _CORPUS, _ALL) if both else (_ALL,):
        places = [i for i, line in enumerate(lines) if _in_set(line, name)]
        sets[name] = ([lines[i] for i in places], [found.reach[i] for i in places])
    return sets


def _in_set(line: Line, name: str) -> bool:
    return name == _ALL or (":" in line.origin) is (name == _LABELLED)


def _table(part: str, shares: Mapping[str, tuple[Share, Share]]) -> str:
    order = {word.value: place for place, word in enumerate((*Level, *Kind))}
    names = sorted(shares, key=lambda name: (order.get(name, 0), name))
    rows = [[name, *map(_cell, shares[name])] for name in names if any(share.total for share in shares[name])]
    return _rows([part, "recall", "false alarms"], rows)


def _named(whole: Sequence[Prediction]) -> str:
    urgent = [p for p in whole if p.level is Level.EMERGENCY]
    right = Share(hits=sum(p.line.level is Level.EMERGENCY for p in urgent), total=len(urgent))
    rows = [
        ["first kind named is one of the line's", _cell(kinds_right(whole))],
        ["who is in danger", _cell(subject_right(whole))],
        ["called an emergency and is one", _cell(right)],
    ]
    return _rows(["of the lines that were referred", "right"], rows)


def _types(whole: Sequence[Prediction]) -> str:
    # The types of a labelled set are its labels, which say nothing about what sort of text it is.
    invented = [p for p in whole if ":" not in p.line.origin]
    shares = {
        name: alarms for name, (_, alarms) in by_part(invented, "type").items() if alarms.total >= LEAST
    }
    names = sorted(shares, key=lambda name: (-shares[name].value, name))
    return _rows(["type", "false alarms"], [[name or "-", _cell(shares[name])] for name in names])


def _curve(found: CrossValidated) -> str:
    head, columns = ["false alarms at most"], []
    for name, part in _sets(found).items():
        head.append(f"recall, {name}")
        columns.append(curve_of(*part))
    rows = []
    for wanted in _WANTED:
        cells: list[Any] = [f"{wanted:.1%}"]
        for points in columns:
            reached = [one for _, one, alarms in points if alarms.value <= wanted]
            cells.append(_cell(max(reached, key=lambda share: share.value)) if reached else "not reached")
        rows.append(cells)
    return _rows(head, rows)


def _unseen(unseen: Mapping[str, Sequence[Prediction]]) -> str:
    if not unseen:
        return ""
    rows = []
    for name, predictions in unseen.items():
        lines, levels = [p.line for p in predictions], [p.level for p in predictions]
        emergencies = [(p.line, p.level) for p in predictions if p.line.level is Level.EMERGENCY]
        rows.append(
            [
                name,
                _cell(recall(lines, levels)),
                _cell(recall(*map(list, zip(*emergencies, strict=True)))) if emergencies else "-",  # type: ignore[arg-type]
                _cell(false_alarms(lines, levels)),
            ]
        )
    head = ["set", "recall", "recall of emergencies", "false alarms"]
    intro = "Sets that neither rules nor model were fitted to, with the model that ships:"
    return f"## On lines never fitted to\n\n{intro}\n\n{_rows(head, rows)}\n\n"


def _robustness(suite: Mapping[str, Any] | None) -> str:
    if suite is None:
        return ""
    rows = []
    for rate in suite["rates"]:
        kept, lost, raised = (
            Share(hits=rate[key]["hits"], total=rate[key]["total"]) for key in ("kept", "lost", "raised")
        )
        name = "**all that must keep it**" if rate["name"] == "all" else rate["name"].replace("_", " ")
        must = "yes" if rate["expect"] == "keeps" else "no"
        rows.append(
            [name, must, _cell(kept), f"{lost.hits} of {lost.total}", f"{raised.hits} of {raised.total}"]
        )
    intro = (
        f"{suite['lines']} lines of the corpus, each said in other ways (`cbtguard lab risk metamorphic`). A verdict is"
        "\nkept when both sides are answered or both are referred. The model was trained on the lines as they are."
    )
    head = ["said otherwise", "must keep it", "verdict kept", "alarms lost", "alarms raised"]
    return f"## Said in other ways\n\n{intro}\n\n{_rows(head, rows)}\n\n"


def _misses(whole: Sequence[Prediction]) -> str:
    wrong = [p for p in misses(whole) if _quotable(p.line)]
    rows: list[list[Any]] = []
    for kind in Kind:
        some = [p for p in wrong if p.line.kinds[:1] == (kind,)]
        rows += [
            [kind.value, p.line.level.value, p.level.value, _quoted(p.line.text)] for p in some[:_EXAMPLES]
        ]
    return _rows(["kind", "is", "was given", "line"], rows)


def _mistakes(whole: Sequence[Prediction]) -> str:
    wrong = [p for p in mistakes(whole) if _quotable(p.line)]
    first = {p.line.type: p for p in reversed(wrong)}
    chosen = [p for p in wrong if first[p.line.type] is p][: 3 * _EXAMPLES]
    return _rows(
        ["type", "was given", "line"], [[p.line.type, p.level.value, _quoted(p.line.text)] for p in chosen]
    )


def _quotable(line: Line) -> bool:
    """Only invented lines: those of the corpus, never those of a labelled set."""
    return ":" not in line.origin and len(line.text) <= _LONGEST


def _quoted(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _cell(share: Share) -> str:
    if not share.total:
        return "-"
    low, high = share.interval
    return f"{share.value:.1%} of {share.total:,} ({100 * low:.1f} to {100 * high:.1f})"


def _rows(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    body = [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *body])


def _version() -> str:
    from cbtguard.graph.assemble import default_detector  # noqa: PLC0415 - compiles the rules

    return default_detector().version


def _size() -> str:
    from cbtguard.safety.risk.learned import DATA  # noqa: PLC0415 - only here

    total = sum(path.stat().st_size for path in DATA.iterdir() if path.is_file())
    return f"{total / 1e6:.1f} MB"
