"""How the composer does over many questions: parts, defects, citations, and answers too much alike."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cbtguard.lab.evaluate.lines import read_rows
from cbtguard.lab.risk.measure import Share
from cbtguard.safety.structure import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from cbtguard.nodes.retrieval.hybrid import Retriever
    from cbtguard.nodes.retrieval.note import NoteLibrary
    from cbtguard.safety.structure import Checker

_HINT = "A row has text, and may have id."
_GRAM = 4
_ALIKE = 0.8
_ROWS = 256
"""Answers compared with all others at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to different questions, by the ids of these, and how alike they are, 0 to 1."""

    first: str
    second: str
    likeness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How alike answers are, in character 4-grams (Jaccard).

    Attributes:
        alike: Answers that have at least one other more than 0.8 alike.
        pairs: Pairs of answers more than 0.8 alike.
        nearest: Median over answers of the likeness of the most alike other one.
        worst: The most alike pair; None with fewer than two answers.
    """

    alike: Share
    pairs: int
    nearest: float
    worst: Pair | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposerReport:
    """A measurement.

    Attributes:
        answered: Questions that a note fits.
        parts: Answers in which the checker finds each part.
        sound: Answers without a defect.
        defects: How often each defect was found.
        cited: Answers whose citations are notes that were found and whose titles they name.
        likeness: How alike the answers are.
    """

    answered: Share
    parts: dict[str, Share]
    sound: Share
    defects: dict[str, int]
    cited: Share
    likeness: Likeness


def read_asked(path: Path) -> tuple[Asked, ...]:
    """Return the questions of a file.

    Raises:
        DataError: As :func:`cbtguard.lab.evaluate.lines.read_rows`.
    """

    def asked(row: dict[str, Any]) -> Asked:
        return Asked(id=str(row.get("id", "")), text=str(row["text"]))

    found = read_rows(path, asked, hint=_HINT)
    return tuple(Asked(id=q.id or str(number), text=q.text) for number, q in enumerate(found, 1))


def measure(
    questions: Sequence[Asked], retriever: Retriever, library: NoteLibrary, checker: Checker
) -> ComposerReport:
    """Return how the composer's answers do; the same text asked twice counts once."""
    from cbtguard.nodes.writers.composer import Composer  # noqa: PLC0415 - keeps help fast
    from cbtguard.nodes.writers.task import WritingTask  # noqa: PLC0415 - the same
    from cbtguard.safety.language import OTHER, UNDETERMINED, detect, to_traditional  # noqa: PLC0415 - the same

    composer = Composer()
    different = list({question.text.strip(): question for question in questions}.values())
    answers: list[tuple[str, str]] = []
    parts: dict[str, list[bool]] = {part.value: [] for part in Part}
    sound: list[bool] = []
    cited: list[bool] = []
    defects: Counter[str] = Counter()
    for question in different:
        language = detect(question.text)
        if language in {OTHER, UNDETERMINED}:
            continue
        notes = tuple(library[hit.note_id] for hit in retriever.retrieve(question.text))
        if not notes:
            continue
        draft = composer.compose(WritingTask(question=question.text, language=language, notes=notes))
        found = [note.id for note in notes]
        review = checker.check(
            question.text, draft.text, language=language, notes=found, citations=draft.citations
        )
        for part, finding in review.parts.items():
            parts[part.value].append(finding.present)
        defects.update(defect.code for defect in review.defects)
        sound.append(not review.defects)
        titles = [library[name].title.of(language) for name in draft.citations if name in found]
        named = [title in draft.text or to_traditional(title) in draft.text for title in titles]
        cited.append(bool(draft.citations) and len(named) == len(draft.citations) and all(named))
        answers.append((question.id, draft.text))
    return ComposerReport(
        answered=Share(hits=len(answers), total=len(different)),
        parts={name: Share.of(values) for name, values in parts.items()},
        sound=Share.of(sound),
        defects=dict(defects.most_common()),
        cited=Share.of(cited),
        likeness=alike([text for _, text in answers], [name for name, _ in answers]),
    )


def alike(texts: Sequence[str], ids: Sequence[str]) -> Likeness:
    """Return how alike texts are: a sparse product of their 4-grams, some rows at a time."""
    import numpy as np  # noqa: PLC0415 - keeps help fast
    from scipy import sparse  # type: ignore[import-untyped] # noqa: PLC0415 - for the lab only

    if len(texts) < 2:
        return Likeness(alike=Share(hits=0, total=len(texts)), pairs=0, nearest=0.0, worst=None)
    grams = [_grams(text) for text in texts]
    _, columns = np.unique(np.concatenate(grams), return_inverse=True)
    ends = np.cumsum([0, *map(len, grams)])
    table = sparse.csr_matrix((np.ones(ends[-1], np.float32), columns, ends))
    turned = table.T.tocsc()
    sizes = np.diff(ends).astype(np.float32)
    best = np.zeros(len(texts))
    pairs = 0
    worst = Pair(first=ids[0], second=ids[1], likeness=0.0)
    for start in range(0, len(texts), _ROWS):
        both = (table[start : start + _ROWS] @ turned).toarray()
        rows = np.arange(start, start + len(both))
        shares = both / (sizes[rows, None] + sizes[None, :] - both)
        shares[np.arange(len(both)), rows] = 0.0
        best[rows] = shares.max(axis=1)
        pairs += int((shares > _ALIKE).sum())
        row, column = np.unravel_index(int(shares.argmax()), shares.shape)
        if shares[row, column] > worst.likeness:
            worst = Pair(
                first=ids[start + int(row)],
                second=ids[int(column)],
                likeness=round(float(shares[row, column]), 4),
            )
    return Likeness(
        alike=Share.of([value > _ALIKE for value in best.tolist()]),
        pairs=pairs // 2,
        nearest=round(float(np.median(best)), 4),
        worst=worst,
    )


def _grams(text: str) -> NDArray[np.uint32]:
    import numpy as np  # noqa: PLC0415 - keeps help fast

    plain = "".join(text.split())
    runs = {plain[place : place + _GRAM] for place in range(max(1, len(plain) - _GRAM + 1))}
    return np.unique(np.array([zlib.crc32(r.encode("utf-8", "surrogatepass")) for r in runs], np.uint32))


@click.command("composer")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--most", default=None, type=click.IntRange(1), help="Only so many questions.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def composer_command(ctx: click.Context, file: Path, most: int | None, as_json: bool) -> int:
    """Run the composer over FILE (JSON Lines with a field text): parts, defects, citations, likeness."""
    from cbtguard.graph.assemble import default_library, default_retriever  # noqa: PLC0415 - keeps help fast
    from cbtguard.safety.structure.checker import StructureChecker  # noqa: PLC0415 - the same
    from cbtguard.service.cli.common import settings_of  # noqa: PLC0415 - the same

    settings = settings_of(ctx)
    library = default_library(settings)
    report = measure(
        read_asked(file)[:most], default_retriever(settings, library), library, StructureChecker()
    )
    like = report.likeness
    shares = {
        "a note fits": report.answered,
        **{f"part {name}": share for name, share in report.parts.items()},
        "no defect": report.sound,
        "citations right": report.cited,
        "alike to another": like.alike,
    }
    worst = like.worst
    if as_json:
        rows: dict[str, Any] = {name: share.as_dict() for name, share in shares.items()}
        pair = None if worst is None else [worst.first, worst.second, worst.likeness]
        rows |= {"defects": report.defects, "pairs": like.pairs, "nearest": like.nearest, "worst": pair}
        click.echo(json.dumps(rows, ensure_ascii=False))
        return 0
    for name, share in shares.items():
        click.echo(f"{name:<22} {share}")
    click.echo(f"{'defects':<22} {', '.join(f'{n} {c}' for n, c in report.defects.items()) or 'none'}")
    click.echo(f"{'pairs over 0.8':<22} {like.pairs}; median of the nearest {like.nearest:.3f}")
    if worst is not None:
        click.echo(f"{'worst pair':<22} {worst.first} and {worst.second}: {worst.likeness:.3f}")
    return 0
