"""Training which notes fit a question, from questions written for them; the same lines give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from cbtguard.lab.risk.folds import folds
from cbtguard.nodes.retrieval.affinity import MODEL, Affinity
from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder
from cbtguard.nodes.retrieval.hybrid import encoded
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text
from cbtguard.safety.risk.features import pieces
from cbtguard.safety.risk.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

EXAMPLES = Path(__file__).parent / "examples"
_MIN_LINES = 2
_STRENGTH = 12.0
_VECTOR_SHARE = 6.0
"""How much longer the vector is made than the pieces: its 384 numbers weigh against thousands."""
_SECOND = 0.7
"""What a note counts that fits beside the best one."""
_SIZE = 24_000
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Data:
    found: list[NDArray[np.uint32]]
    vectors: NDArray[np.float32]
    target: NDArray[np.bool_]
    weight: NDArray[np.float64]
    centre: NDArray[np.float32]


def train(
    examples: Sequence[Example], ids: Sequence[str], say: Callable[[str], None]
) -> tuple[Affinity, NDArray[np.float64]]:
    """Return the model, and the cross-validated probabilities, shape ``(examples, notes)``."""
    encoder = EmbeddedEncoder()
    data = _data(examples, ids, encoder)
    part = folds([example.text for example in examples], _FOLDS)
    held = np.zeros((len(examples), len(ids)))
    for fold in range(_FOLDS):
        say(f"fold {fold + 1} of {_FOLDS}")
        model = _fit(data, np.flatnonzero(part != fold), ids, encoder.name)
        for row in np.flatnonzero(part == fold).tolist():
            held[row] = model.probabilities(normalise(examples[row].text).text, data.vectors[row])
    say(f"training on all {len(examples)} examples")
    return _fit(data, np.arange(len(examples)), ids, encoder.name), held


def _data(examples: Sequence[Example], ids: Sequence[str], encoder: EmbeddedEncoder) -> _Data:
    plain = [normalise(example.text).text for example in examples]
    vectors = np.concatenate(
        [
            encoder.queries([encoded(e.text) for e in examples[i : i + 512]])
            for i in range(0, len(examples), 512)
        ]
    )
    place = {name: column for column, name in enumerate(ids)}
    target = np.zeros((len(examples), len(ids)), bool)
    weight = np.ones((len(examples), len(ids)))
    for row, example in enumerate(examples):
        for rank, name in enumerate(example.notes):
            target[row, place[name]] = True
            weight[row, place[name]] = 1.0 if rank == 0 else _SECOND
    return _Data(
        found=[pieces(text) for text in plain],
        vectors=vectors,
        target=target,
        weight=weight,
        centre=vectors.mean(axis=0),
    )


def _fit(data: _Data, rows: NDArray[np.int64], ids: Sequence[str], encoder: str) -> Affinity:
    from scipy import sparse  # type: ignore[import-untyped] # noqa: PLC0415 - for training only
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped] # noqa: PLC0415 - the same

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
    moved = data.vectors[rows] - data.centre
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    both = sparse.hstack([words, sparse.csr_matrix(moved * _VECTOR_SHARE)]).tocsr()
    slopes = np.zeros((len(ids), both.shape[1]))
    biases = np.zeros(len(ids))
    for column in range(len(ids)):
        target = data.target[rows, column]
        if not target.any():
            biases[column] = -8.0
            continue
        model = LogisticRegression(C=_STRENGTH, solver="liblinear", dual=True, random_state=0, max_iter=300)
        model.fit(both, target, sample_weight=data.weight[rows, column])
        slopes[column], biases[column] = model.coef_[0], model.intercept_[0]
    table = slopes[:, : len(keys)].T * rarity[:, None]
    kept = np.sort(np.argsort(-np.abs(table).max(axis=1), kind="stable")[:_SIZE])
    scales = np.maximum(np.abs(table[kept]).max(axis=0), 1e-9) / 127
    return Affinity(
        ids=tuple(ids),
        encoder=encoder,
        keys=keys[kept],
        table=np.rint(table[kept] / scales).astype(np.int8),
        scales=scales.astype(np.float32),
        vectors=(slopes[:, len(keys) :] * _VECTOR_SHARE).astype(np.float32),
        centre=data.centre.astype(np.float32),
        biases=biases.astype(np.float32),
    )


def report(examples: Sequence[Example], ids: Sequence[str], held: Any) -> list[str]:
    """Return how well notes are found for examples that the model had not seen."""
    top = np.argsort(-held, axis=1, kind="stable")[:, :3]
    fitting = [i for i, example in enumerate(examples) if example.notes]
    hit = [bool({ids[c] for c in top[i]} & set(examples[i].notes)) for i in fitting]
    best = [examples[i].notes[0] in {ids[c] for c in top[i]} for i in fitting]
    highest = held.max(axis=1)
    said = [f"a fitting note among the first three {np.mean(hit):.1%}, the best one {np.mean(best):.1%}"]
    nothing = [i for i, example in enumerate(examples) if not example.notes]
    for at in (0.05, 0.1, 0.15, 0.2, 0.3):
        found = np.mean(highest[fitting] >= at)
        quiet = np.mean(highest[nothing] < at) if nothing else 1.0
        said.append(
            f"at {at:.2f}: {found:.1%} of those that a note fits get one, {quiet:.1%} of the others none"
        )
    return said


@click.command("train")
@click.option("--examples", type=click.Path(path_type=Path, exists=True, file_okay=False), default=EXAMPLES)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=MODEL)
def train_command(examples: Path, out: Path) -> int:
    """Train which notes fit a question, and say how well it does."""
    library = NoteLibrary()
    ids = tuple(note.id for note in library)
    lines = read_examples(examples, frozenset(ids))
    model, held = train(lines, ids, click.echo)
    for said in report(lines, ids, held):
        click.echo(said)
    content = model.dump()
    out.write_bytes(content)
    click.echo(f"{out}: {len(content) / 1e6:.2f} MB, {len(lines)} examples")
    return 0
