"""A build from source to data set: planned, worked off, written."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.lab.build.builder import Builder, Wish
from cbtguard.lab.build.card import Origin, Price, card_of
from cbtguard.lab.build.crew import Crew
from cbtguard.lab.build.figures import PLOTS, draw, figures_of
from cbtguard.lab.build.files import digest, hashes, write, write_rows
from cbtguard.lab.build.journal import Journal
from cbtguard.lab.build.plan import Plan, Sharing, plan
from cbtguard.lab.build.result import Result, gather
from cbtguard.lab.build.sources import DATASETS, read_source
from cbtguard.safety.errors import DependencyError, WriterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cbtguard.graph.guard import Guard
    from cbtguard.graph.settings import Settings

_FAILING = 25
"""Rows in error one after another from which a build stops: something is wrong with more than rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be built.

    Attributes:
        source: As :func:`cbtguard.lab.build.sources.read_source` takes it.
        folder: Where the data set is written.
        columns: Field to column.
        wish: How questions are answered.
        sharing: How they are shared out.
        price: What a model's tokens cost.
        licence: Of the data set, for its card.
        about: One line about the source, for the card.
        most: Rows of the source that are read; all when None.
        watch: Whether questions at level watch may be in the splits.
        processes: How many work.
        fresh: Forget an earlier build in the folder.
        retry: Try rows in error again.
        plots: Whether plots are drawn.
    """

    source: str
    folder: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    wish: Wish = field(default_factory=Wish)
    sharing: Sharing = field(default_factory=Sharing)
    price: Price = field(default_factory=Price)
    licence: str = "not stated"
    about: str = "not stated"
    most: int | None = None
    watch: bool = True
    processes: int = 1
    fresh: bool = False
    retry: bool = False
    plots: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a build went.

    Attributes:
        result: The data set.
        done: Rows that were worked off now; the others were done before.
        lost: Helpers that died; their rows were done again.
    """

    result: Result
    done: int
    lost: int


def quiet_settings(settings: Settings) -> Settings:
    """Return the settings for a build: what is made here are no talks, and none is kept, told or held."""
    return settings.model_copy(update={"record": "memory", "review": "off", "contact_webhook": ""})


def build(
    order: Order,
    guard: Guard,
    *,
    started: Callable[[int, int], None] = lambda _total, _left: None,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Build a data set, or go on with one.

    Args:
        order: What is to be built.
        guard: Made with :func:`quiet_settings`.
        started: Told how many rows there are and how many of them are still to be done.
        advance: Called for each row that is done.

    Raises:
        InputError: For a source or a folder that cannot be used.
        DependencyError: ``dependency.library`` for a library that is missing, before any work.
        WriterError: ``writer.failing`` when row after row fails; what was done is kept.
    """
    _check_libraries(order)
    read = read_source(order.source, order.columns, limit=guard.settings.max_characters)
    planned = plan(itertools.islice(read, order.most), order.sharing)
    builder = Builder(guard, order.wish)
    crew = Crew(builder, guard.settings, order.wish, order.processes)
    done = 0
    with contextlib.closing(builder), Journal(order.folder, builder.made_with, fresh=order.fresh) as journal:
        if order.retry:
            journal.forget_errors()
        jobs = [row.job for row in planned.rows if journal.outcome(row.job) is None]
        started(len(planned.rows), len(jobs))
        failing = 0
        # Closed before the journal, so that no helper outlives it.
        with contextlib.closing(crew.work(jobs)) as work:
            for job, outcome in work:
                journal.add(job, outcome)
                done += 1
                advance()
                failing = failing + 1 if outcome.kind == "error" else 0
                if failing >= _FAILING:
                    raise WriterError(
                        "writer.failing",
                        f"{failing} rows in a row failed.",
                        hint="Look into the settings and the writer, then go on with --retry.",
                    )
        result = gather(planned, journal.outcome, watch=order.watch)
        _write(order, planned, result, builder.made_with)
    return Report(result=result, done=done, lost=crew.lost)


def _write(order: Order, planned: Plan, result: Result, made_with: Mapping[str, str]) -> None:
    """Write all files but the journal."""
    named = order.source.startswith(DATASETS)
    origin = Origin(
        source=order.source if named else Path(order.source).name,
        digest="" if named else digest(Path(order.source)),
        licence=order.licence,
        about=order.about,
    )
    counts = write_rows(order.folder, result)
    figures = figures_of(result)
    if order.plots:
        draw(order.folder, result, figures)
    files = hashes(order.folder, counts)
    card = card_of(
        result,
        figures,
        origin=origin,
        price=order.price,
        sharing=order.sharing,
        made_with=made_with,
        files=files,
    )
    write(order.folder / "card.md", card)
    files = hashes(order.folder, [*counts, "card.md", *(PLOTS if order.plots else ())])
    for name, rows in counts.items():
        files[name]["rows"] = rows
    manifest = {
        "format": 1,
        "origin": asdict(origin),
        "rows": {"source": len(planned.rows) + len(planned.bad), "kept": len(result.rows)},
        "made_with": dict(made_with),
        "sharing": asdict(order.sharing),
        "watch": order.watch,
        "tokens": {"read": result.read, "written": result.written, "cost": order.price.of(result)},
        "files": files,
    }
    write(order.folder / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=2) + "\n")


def _check_libraries(order: Order) -> None:
    """Refuse a build that could not be finished before it takes hours."""
    wanted = ["scipy", *(["matplotlib"] if order.plots else [])]
    for name in wanted:
        if importlib.util.find_spec(name) is None:
            raise DependencyError(
                "dependency.library",
                f"Building a data set needs the library {name}, which is not installed.",
                hint=f"Install {name}" + (", or give --no-plots." if name == "matplotlib" else "."),
            )
