"""Training which notes fit a question, from questions written for them; the same lines give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from cbtguard.lab.risk.folds import folds
from cbtguard.nodes.retrieval.affinity import MODEL, Affinity
from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder
from cbtguard.nodes.retrieval.grams import grams
from cbtguard.nodes.retrieval.hybrid import read_parts
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text
from cbtguard.safety.risk.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

EXAMPLES = Path(__file__).parent / "examples"
_MIN_LINES = 2
_RIDGE = 3.0
_WORDS_SHARE = 22.0
"""Mean squared length of a question's words; its state has 36."""
_STATE_SHARE = 6.0
_SECOND = 0.7
"""What a note counts that fits beside the best one."""
_SIZE = 32_000
_FOLDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question and the notes that fit it, the best first; none when nothing fits."""

    text: str
    notes: tuple[str, ...]


def read_examples(folder: Path, known: frozenset[str]) -> tuple[Example, ...]:
    """Return the examples of all ``*.tsv`` files of a folder: ids of notes (or ``-``), tab, text.

    Raises:
        DataError: ``data.malformed``, naming file and line; ``data.unreadable`` for an empty folder.
    """
    found = []
    for path in sorted(folder.glob("*.tsv")):
        for number, raw in enumerate(read_text(path).split("\n"), 1):
            if not raw.strip():
                continue
            ids, _, text = raw.partition("\t")
            notes = () if ids == "-" else tuple(ids.split(","))
            if not text.strip() or not set(notes) <= known:
                raise DataError(
                    "data.malformed",
                    f"The file {path.name} is malformed at line {number}.",
                    hint="A line has ids of notes (or -), a tab and a question.",
                )
            found.append(Example(text=text.strip(), notes=notes))
    if not found:
        raise DataError("data.unreadable", f"There are no examples in {folder}.", hint="Give .tsv files.")
    return tuple(dict.fromkeys(found))


def cue_examples(library: NoteLibrary) -> tuple[Example, ...]:
    """Return the notes' own cues as examples: the plain words beside the scenes that people tell."""
    found: dict[str, list[str]] = {}
    for note in library:
        for cue in (*note.cues.zh, *note.cues.en):
            found.setdefault(cue, []).append(note.id)
    return tuple(Example(text=cue, notes=tuple(notes)) for cue, notes in found.items())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Data:
    found: list[NDArray[np.uint32]]
    states: NDArray[np.float32]
    target: NDArray[np.float64]


def train(
    examples: Sequence[Example], ids: Sequence[str], say: Callable[[str], None]
) -> tuple[Affinity, NDArray[np.float64], NDArray[np.float64]]:
    """Return the model, and what it says of examples it had not seen.

    Returns:
        The model; cross-validated probabilities, shape ``(examples, notes)``; and those that none fits.
    """
    encoder = EmbeddedEncoder()
    data = _data(examples, ids, encoder)
    part = folds([example.text for example in examples], _FOLDS)
    held = np.zeros((len(examples), len(ids) + 1))
    for fold in range(_FOLDS):
        say(f"fold {fold + 1} of {_FOLDS}")
        model = _fit(data, np.flatnonzero(part != fold), ids, encoder.name)
        for row in np.flatnonzero(part == fold).tolist():
            held[row] = model.outputs(normalise(examples[row].text).text, data.states[row])
    slopes, biases = _calibrated(held, data.target > 0)
    say(f"training on all {len(examples)} examples")
    model = replace(
        _fit(data, np.arange(len(examples)), ids, encoder.name),
        slopes=slopes.astype(np.float32),
        biases=biases.astype(np.float32),
    )
    chances = 1 / (1 + np.exp(-(held[:, :-1] * slopes[0] + biases[0])))
    return model, chances, 1 / (1 + np.exp(-(held[:, -1] * slopes[1] + biases[1])))


def _calibrated(
    held: NDArray[np.float64], target: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Platt's slope and bias: one pair for all notes, one for none."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped] # noqa: PLC0415 - for training only

    pairs = []
    for outputs, truth in ((held[:, :-1], target[:, :-1]), (held[:, -1:], target[:, -1:])):
        model = LogisticRegression(C=1e3).fit(outputs.reshape(-1, 1), truth.ravel())
        pairs.append((float(model.coef_[0, 0]), float(model.intercept_[0])))
    return np.array([slope for slope, _ in pairs]), np.array([bias for _, bias in pairs])


def _data(examples: Sequence[Example], ids: Sequence[str], encoder: EmbeddedEncoder) -> _Data:
    plain = [normalise(example.text).text for example in examples]
    place = {name: column for column, name in enumerate(ids)}
    target = np.zeros((len(examples), len(ids) + 1))
    for row, example in enumerate(examples):
        for rank, name in enumerate(example.notes):
            target[row, place[name]] = 1.0 if rank == 0 else _SECOND
        target[row, -1] = not example.notes
    return _Data(
        found=[grams(text) for text in plain],
        states=np.stack([encoder.middle(read_parts(example.text)) for example in examples]),
        target=target,
    )


def _fit(data: _Data, rows: NDArray[np.int64], ids: Sequence[str], encoder: str) -> Affinity:
    """Ridge regression of all outputs at once, in its dual form: there are fewer examples than words."""
    from scipy import linalg, sparse  # type: ignore[import-untyped] # noqa: PLC0415 - for training only

    keys, counts = np.unique(np.concatenate([data.found[row] for row in rows]), return_counts=True)
    keys, counts = keys[counts >= _MIN_LINES], counts[counts >= _MIN_LINES]
    rarity = np.log((len(rows) + 1) / (counts + 1)) + 1
    columns, values, ends = [], [], [0]
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
    near = (words @ words.T).toarray()
    scale = _WORDS_SHARE / float(np.diag(near).mean())
    centre = data.states[rows].mean(axis=0)
    spread = data.states[rows].std(axis=0) + 1e-6
    moved = (data.states[rows] - centre) / spread
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    near = near * scale + _STATE_SHARE**2 * (moved @ moved.T)
    near[np.diag_indices_from(near)] += _RIDGE
    dual = linalg.solve(near, data.target[rows], assume_a="pos")
    table = (words.T @ dual) * scale * rarity[:, None]
    weight = np.sqrt(np.square(table).sum(axis=1) * counts)
    kept = np.sort(np.argsort(-weight, kind="stable")[:_SIZE])
    scales = np.maximum(np.abs(table[kept]).max(axis=0), 1e-9) / 127
    return Affinity(
        ids=tuple(ids),
        encoder=encoder,
        keys=keys[kept],
        table=np.rint(table[kept] / scales).astype(np.int8),
        scales=scales.astype(np.float32),
        states=(_STATE_SHARE**2 * (dual.T @ moved)).astype(np.float32),
        centre=centre.astype(np.float32),
        spread=spread.astype(np.float32),
        slopes=np.ones(2, np.float32),
        biases=np.zeros(2, np.float32),
    )


def report(
    examples: Sequence[Example],
    ids: Sequence[str],
    held: NDArray[np.float64],
    none: NDArray[np.float64],
) -> list[str]:
    """Return how well notes are found for examples that the model had not seen."""
    top = np.argsort(-held, axis=1, kind="stable")[:, :3]
    fitting = [i for i, example in enumerate(examples) if example.notes]
    hit = [bool({ids[c] for c in top[i]} & set(examples[i].notes)) for i in fitting]
    first = [ids[top[i][0]] in examples[i].notes for i in fitting]
    said = [f"a fitting note among the first three {np.mean(hit):.1%}, first {np.mean(first):.1%}"]
    nothing = [i for i, example in enumerate(examples) if not example.notes]
    for at in (0.2, 0.35, 0.5, 0.65, 0.8):
        kept = np.mean(none[fitting] < at)
        quiet = np.mean(none[nothing] >= at) if nothing else 1.0
        said.append(
            f"none from {at:.2f}: {kept:.1%} of those that a note fits keep it, {quiet:.1%} of the others none"
        )
    return said


@click.command("train")
@click.option("--examples", type=click.Path(path_type=Path, exists=True, file_okay=False), default=EXAMPLES)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=MODEL)
def train_command(examples: Path, out: Path) -> int:
    """Train which notes fit a question, and say how well it does."""
    library = NoteLibrary()
    ids = tuple(note.id for note in library)
    lines = read_examples(examples, frozenset(ids)) + cue_examples(library)
    model, held, none = train(lines, ids, click.echo)
    for said in report(lines, ids, held, none):
        click.echo(said)
    content = model.dump()
    out.write_bytes(content)
    click.echo(f"{out}: {len(content) / 1e6:.2f} MB, {len(lines)} examples")
    return 0
