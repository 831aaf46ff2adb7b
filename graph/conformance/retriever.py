"""The suite for retrievers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cbtguard.graph.conformance import bench, common
from cbtguard.graph.conformance.bench import call
from cbtguard.graph.conformance.common import require, require_identifier, require_type
from cbtguard.graph.conformance.material import material
from cbtguard.nodes.retrieval.hybrid import Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from cbtguard.graph.conformance.report import ConformanceReport
    from cbtguard.nodes.retrieval.hybrid import Retriever


def check_retriever(
    make: Callable[[], Retriever], *, library: Container[str] | None = None, limit_s: float = bench.LIMIT_S
) -> ConformanceReport:
    """Return whether a retriever gives few, known, well-ordered hits, the same ones each time.

    Args:
        make: Makes the retriever; called once.
        library: The note library it searches; ids are held against it when given.
        limit_s: Longest one check may take.
    """
    trials = (common.name, hits, at_most_k, best_first, partial(known_notes, library=library), odd_questions)
    return bench.run("retriever", make, (*trials, deterministic, thread_safe), limit_s)


async def hits(retriever: Any) -> None:
    """The result is a sequence of hits with scores from 0 to 1."""
    for text in material().plain:
        _require_hits(await call(retriever.retrieve, text, k=3))


async def at_most_k(retriever: Any) -> None:
    """No more hits than asked for; asking for fewer gives the same best ones."""
    for text in material().few:
        several = list(await call(retriever.retrieve, text, k=3))
        for k in (1, 2, 3):
            found = list(await call(retriever.retrieve, text, k=k))
            require(len(found) <= k, f"{len(found)} hits where {k} were asked for")
            require(found == several[:k], "asking for fewer gives other hits")


async def best_first(retriever: Any) -> None:
    """Scores fall, and no note comes twice."""
    for text in material().few:
        found = await call(retriever.retrieve, text, k=3)
        scores = [hit.score for hit in found]
        require(scores == sorted(scores, reverse=True), "the hits are not ordered by score")
        require(len({hit.note_id for hit in found}) == len(found), "a note comes twice")


async def known_notes(retriever: Any, *, library: Container[str] | None) -> None:
    """Note ids may enter the record and are those of the library."""
    for text in material().few:
        for hit in await call(retriever.retrieve, text, k=3):
            require_identifier(hit.note_id, "note_id")
            require(
                library is None or hit.note_id in library, "a hit names a note that the library does not have"
            )


async def odd_questions(retriever: Any) -> None:
    """Whatever a person may send gives hits or none, and raises nothing."""
    for text in ("", " ", *material().odd.values()):
        _require_hits(await call(retriever.retrieve, text, k=3))


async def deterministic(retriever: Any) -> None:
    """The same question gets the same hits, whatever was asked in between."""
    await common.require_steady(_listed(retriever), [(text,) for text in material().few], "the result")


async def thread_safe(retriever: Any) -> None:
    """Eight askers at once get what each would get alone."""
    inputs = [(material().few[i % len(material().few)],) for i in range(bench.AT_ONCE)]
    await common.require_shareable(_listed(retriever), inputs, "the result")


def _listed(retriever: Any) -> Any:
    async def ask(text: str) -> list[Any]:
        return list(await call(retriever.retrieve, text, k=3))

    return ask


def _require_hits(found: Any) -> None:
    require(
        isinstance(found, Sequence) and not isinstance(found, str | bytes),
        "the result is no sequence of hits",
    )
    for hit in found:
        require_type(hit, Hit, "a hit")
        require_type(hit.score, (int, float), "a score")
        require(0 <= hit.score <= 1, "a score is not from 0 to 1")
