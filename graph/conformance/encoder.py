"""The suite for encoders."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.graph.conformance import bench, common
from cbtguard.graph.conformance.bench import in_thread
from cbtguard.graph.conformance.common import require, require_type
from cbtguard.graph.conformance.material import material

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.graph.conformance.report import ConformanceReport
    from cbtguard.nodes.retrieval.encoder import Encoder

_LENGTH = 1e-3
"""How far from 1 a vector's length may be."""
_LONGEST = 120
"""Characters of the longest text: a retriever encodes the clauses that name the trouble, not a letter."""
_SAME = 0.99
"""Cosine from which two vectors count as those of the same text: batches may round another way."""


def check_encoder(make: Callable[[], Encoder], *, limit_s: float = bench.LIMIT_S) -> ConformanceReport:
    """Return whether an encoder gives one finite unit vector a text, in order and the same each time.

    Args:
        make: Makes the encoder; called once.
        limit_s: Longest one check may take.
    """
    trials = (common.name, vectors, unit_length, in_order, told_apart, unchanged_texts, odd_texts)
    return bench.run("encoder", make, (*trials, deterministic, thread_safe), limit_s)


async def vectors(encoder: Any) -> None:
    """Float32 rows, one a text, as wide for questions as for passages."""
    texts = material().plain
    made = [await in_thread(partial(way, texts)) for way in (encoder.queries, encoder.passages)]
    for table in made:
        _require_table(table, len(texts))
    require(made[0].shape == made[1].shape, "questions and passages have vectors of different width")
    one = await in_thread(partial(encoder.queries, texts[:1]))
    _require_table(one, 1)
    require(one.shape[1] == made[0].shape[1], "one text has a vector of another width than several")


async def unit_length(encoder: Any) -> None:
    """Every vector has the length 1."""
    for way in (encoder.queries, encoder.passages):
        table = await in_thread(partial(way, material().plain))
        lengths = np.linalg.norm(np.asarray(table, dtype=np.float64), axis=1)
        require(bool(np.all(np.abs(lengths - 1) < _LENGTH)), "a vector does not have the length 1")


async def in_order(encoder: Any) -> None:
    """Row i is the vector of text i, in a batch as alone."""
    texts = material().plain
    for way in (encoder.queries, encoder.passages):
        batch = await in_thread(partial(way, texts))
        alone = np.vstack([await in_thread(partial(way, [text])) for text in texts])
        require(batch.shape == alone.shape, "a batch gives another number of vectors than its texts alone")
        same = np.einsum("ij,ij->i", batch, alone)
        require(bool(np.all(same > _SAME)), "a text in a batch has another vector than alone")


async def told_apart(encoder: Any) -> None:
    """Different texts have different vectors."""
    table = await in_thread(partial(encoder.queries, material().plain))
    rows = {np.asarray(row, dtype=np.float32).tobytes() for row in table}
    require(len(rows) == len(material().plain), "different texts have the same vector")


async def unchanged_texts(encoder: Any) -> None:
    """The list of texts is read, not changed."""
    for way in (encoder.queries, encoder.passages):
        texts = list(material().plain)
        await in_thread(partial(way, texts))
        require(texts == list(material().plain), "the list of texts was changed")


async def odd_texts(encoder: Any) -> None:
    """Whatever a person may send has a finite vector."""
    for text in ("", " ", *material().odd.values()):
        _require_table(await in_thread(partial(encoder.queries, [text[:_LONGEST]])), 1)


async def deterministic(encoder: Any) -> None:
    """The same text has the same vector each time."""
    await common.require_steady(
        _bytes_of(encoder), [(text,) for text in material().plain], "the vector of text"
    )


async def thread_safe(encoder: Any) -> None:
    """Eight askers at once get what each would get alone."""
    inputs = [(material().plain[i % len(material().plain)],) for i in range(bench.AT_ONCE)]
    await common.require_shareable(_bytes_of(encoder), inputs, "the vector of text")


def _bytes_of(encoder: Any) -> Callable[[str], bytes]:
    def ask(text: str) -> bytes:
        return np.asarray(encoder.queries([text]), dtype=np.float32).tobytes()

    return ask


def _require_table(table: Any, rows: int) -> None:
    require_type(table, np.ndarray, "the result")
    require(table.ndim == 2 and len(table) == rows, f"the shape is {table.shape}, not ({rows}, dimensions)")
    require(table.dtype == np.float32, f"the vectors are {table.dtype}, not float32")
    require(bool(np.isfinite(table).all()), "a vector is not finite")
