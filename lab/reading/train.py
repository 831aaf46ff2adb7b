"""Training which thinking habits a text shows, from sentences written for them; same lines, same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from cbtguard.lab.risk.folds import folds
from cbtguard.nodes.reading.habits import MODEL, Habits
from cbtguard.nodes.reading.reader import patterns_found
from cbtguard.nodes.retrieval.note import vocabulary
from cbtguard.safety.e5 import engine
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text
from cbtguard.safety.risk.features import pieces
from cbtguard.safety.risk.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

EXAMPLES = Path(__file__).parent / "examples"
_MIN_LINES = 2
_SIZE = 16_000
_STRENGTH = 3.0
_STATE_SHARE = 2.5
_PATTERN_SHARE = 0.6
_FOLDS = 5
_GRID = np.arange(-3.5, 1.0, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence and the distortions it shows; none where it shows none."""

    text: str
    labels: tuple[str, ...]


def read_sentences(folder: Path) -> tuple[Sentence, ...]:
    """Return the sentences of all ``*.tsv`` files of a folder: labels (or ``-``), tab, text.

    Raises:
        DataError: ``data.malformed``, naming file and line; ``data.unreadable`` for an empty folder.
    """
    known = set(vocabulary().distortions)
    found = []
    for path in sorted(folder.glob("*.tsv")):
        for number, raw in enumerate(read_text(path).split("\n"), 1):
            if not raw.strip():
                continue
            names, _, text = raw.partition("\t")
            labels = () if names == "-" else tuple(names.split(","))
            if not text.strip() or not set(labels) <= known:
                raise DataError(
                    "data.malformed",
                    f"The file {path.name} is malformed at line {number}.",
                    hint="A line has distortions (or -), a tab and a sentence.",
                )
            found.append(Sentence(text=text.strip(), labels=labels))
    if not found:
        raise DataError("data.unreadable", f"There are no sentences in {folder}.", hint="Give .tsv files.")
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Data:
    labels: tuple[str, ...]
    found: list[NDArray[np.uint32]]
    matched: list[frozenset[str]]
    states: NDArray[np.float32]
    target: NDArray[np.bool_]


def train(sentences: Sequence[Sentence], say: Callable[[str], None]) -> Habits:
    """Return the model, its thresholds set on what it says of sentences it had not seen."""
    data = _data(sentences)
    part = folds([sentence.text for sentence in sentences], _FOLDS)
    logits = np.zeros((2, *data.target.shape))
    for fold in range(_FOLDS):
        model = _fit(data, np.flatnonzero(part != fold))
        for row in np.flatnonzero(part == fold).tolist():
            for number, state in enumerate((data.states[row], None)):
                logits[number, row] = model.margins(data.found[row], data.matched[row], state)
    thresholds = np.stack([_thresholds(logits[number], data.target) for number in range(2)])
    for number, what in enumerate(("read by the encoder", "by words alone")):
        scores = _f1(data.target, logits[number] > thresholds[number])
        clean = ~data.target.any(axis=1)
        quiet = np.mean(~(logits[number][clean] > thresholds[number]).any(axis=1))
        say(f"unseen sentences {what}: macro F1 {scores.mean():.3f}, none where none is {quiet:.1%}")
    return _fit(data, np.arange(len(sentences)), thresholds)


def _thresholds(logits: NDArray[np.float64], target: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Half-way between the best threshold of all labels together and the best of each one."""
    scores = np.stack([_f1(target, logits > at) for at in _GRID])
    together = _GRID[scores.mean(axis=1).argmax()]
    halves: NDArray[np.float64] = (_GRID[scores.argmax(axis=0)] + together) / 2
    return halves


def _f1(target: NDArray[np.bool_], said: NDArray[np.bool_]) -> NDArray[np.float64]:
    both: NDArray[np.float64] = (target & said).sum(axis=0) * 2.0
    both /= np.maximum(1, target.sum(axis=0) + said.sum(axis=0))
    return both


def _data(sentences: Sequence[Sentence]) -> _Data:
    labels = tuple(sorted({label for sentence in sentences for label in sentence.labels}))
    plain = [normalise(sentence.text).text for sentence in sentences]
    encoder = engine()
    states = np.stack([next(iter(encoder.halfway([f"query: {text}"])))[1][0].mean(axis=0) for text in plain])
    return _Data(
        labels=labels,
        found=[pieces(text) for text in plain],
        matched=[patterns_found(sentence.text) for sentence in sentences],
        states=states,
        target=np.array([[label in sentence.labels for label in labels] for sentence in sentences]),
    )


def _fit(data: _Data, rows: NDArray[np.int64], thresholds: NDArray[np.float64] | None = None) -> Habits:
    from scipy import sparse  # type: ignore[import-untyped] # noqa: PLC0415 - for training only
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped] # noqa: PLC0415 - the same

    keys, counts = np.unique(np.concatenate([data.found[row] for row in rows]), return_counts=True)
    keys, counts = keys[counts >= _MIN_LINES], counts[counts >= _MIN_LINES]
    rarity = np.log((len(rows) + 1) / (counts + 1)) + 1
    columns: list[Any] = []
    values: list[Any] = []
    ends = [0]
    for row in rows:
        found = data.found[row]
        places = np.searchsorted(keys, found)
        places[places == len(keys)] = 0
        places = places[keys[places] == found]
        columns.append(places)
        values.append(rarity[places] / max(1, len(found)) ** 0.5)
        ends.append(ends[-1] + len(places))
    words = sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(columns), ends), shape=(len(rows), len(keys))
    )
    seen = data.states[rows]
    # 16 bit, as the file holds them.
    centre = seen.mean(axis=0).astype(np.float16).astype(np.float32)
    spread = (seen.std(axis=0) + 1e-4).astype(np.float16).astype(np.float32)
    moved = (seen - centre) / spread
    moved *= _STATE_SHARE / np.linalg.norm(moved, axis=1, keepdims=True)
    patterns = np.array([[label in data.matched[row] for label in data.labels] for row in rows])
    patterns = patterns * _PATTERN_SHARE
    # Each sentence twice, once unread: a long text's passages are judged by their words alone.
    both = sparse.vstack(
        [
            sparse.hstack([words, sparse.csr_matrix(patterns), sparse.csr_matrix(state)])
            for state in (moved, moved * 0)
        ]
    ).tocsr()
    slopes = np.zeros((len(data.labels), both.shape[1]))
    biases = np.zeros(len(data.labels))
    for column in range(len(data.labels)):
        model = LogisticRegression(C=_STRENGTH, solver="liblinear", dual=True, random_state=0, max_iter=500)
        model.fit(both, np.tile(data.target[rows, column], 2))
        slopes[column], biases[column] = model.coef_[0], model.intercept_[0]
    table = slopes[:, : len(keys)].T * rarity[:, None]
    kept = np.sort(np.argsort(-np.abs(table).max(axis=1), kind="stable")[:_SIZE])
    scales = np.maximum(np.abs(table[kept]).max(axis=0), 1e-9) / 127
    count = len(data.labels)
    return Habits(
        labels=data.labels,
        keys=keys[kept],
        table=np.rint(table[kept] / scales).astype(np.int8),
        scales=scales.astype(np.float32),
        patterns=(slopes[:, len(keys) : len(keys) + count].T * _PATTERN_SHARE).astype(np.float32),
        states=(slopes[:, len(keys) + count :] * _STATE_SHARE).astype(np.float32),
        centre=centre,
        spread=spread,
        biases=biases.astype(np.float32),
        thresholds=(np.zeros((2, count)) if thresholds is None else thresholds).astype(np.float32),
    )


@click.command("train")
@click.option("--examples", type=click.Path(path_type=Path, exists=True, file_okay=False), default=EXAMPLES)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=MODEL)
def train_command(examples: Path, out: Path) -> int:
    """Train which thinking habits a text shows, and say how well it does."""
    sentences = read_sentences(examples)
    content = train(sentences, click.echo).dump()
    out.write_bytes(content)
    click.echo(f"{out}: {len(content) / 1e3:.0f} kB, {len(sentences)} sentences")
    return 0
