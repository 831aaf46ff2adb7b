"""The directory of help lines: what is valid where, and what to show first."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cbtguard.safety.errors import InputError
from cbtguard.safety.files import version_of
from cbtguard.safety.referral.entries import ANY_KIND, read_entries
from cbtguard.safety.referral.fitting import PLAIN, Circumstance, Fitting
from cbtguard.safety.referral.gravity import by_gravity
from cbtguard.safety.referral.line_entry import malformed
from cbtguard.safety.referral.model import ELSEWHERE, Audience, Line, Service
from cbtguard.safety.risk.model import Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cbtguard.safety.referral.entries import Wanted

_SHIPPED = Path(__file__).parent / "data" / "directory.yaml"
# Someone to talk to, and someone who comes.
_TALK = frozenset({Service.PSYCHOLOGICAL, Service.WEB_DIRECTORY})
_COME = (Service.POLICE, Service.AMBULANCE)


AGE_DAYS = 180
"""Days after which a line is checked anew."""


@runtime_checkable
class Directory(Protocol):
    """Where help is. Implementations must be thread-safe and give the same lines for one version."""

    @property
    def name(self) -> str:
        """Short identifier that ends up in the record."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever a line can change."""
        ...

    def regions(self) -> tuple[str, ...]:
        """Return the region codes there are lines for; ``ZZ`` (elsewhere) is always one of them."""
        ...

    def lines(self, region: str, *, kinds: Sequence[str] = (), level: str = "none") -> tuple[Line, ...]:
        """Return the lines to show in a region, most useful first, never none for a known region."""
        ...


@runtime_checkable
class FittingDirectory(Directory, Protocol):
    """A directory whose order depends on whom a line is for and on whether it is staffed now."""

    def fitting(self, region: str) -> Fitting:
        """Return what tells the circumstances of a region apart."""
        ...

    def lines(
        self,
        region: str,
        *,
        kinds: Sequence[str] = (),
        level: str = "none",
        circumstance: Circumstance = PLAIN,
    ) -> tuple[Line, ...]:
        """Return the lines to show in a region in a circumstance."""
        ...


class FileDirectory:
    """A directory read once from dated YAML files.

    Within a service, lines never verified come last and closed ones before them; of the others those for
    the group that the caller named come first, then the operator's own, then those checked of late.

    Args:
        path: The main file; by default the one shipped with the package.
        extra: Operator's files of the same form. They add regions and lines, and with ``replaces: true``
            put a line in the place of the one with the same id.
        age_days: Days after which a check against the source counts no longer; such lines are stale.
        today: The day to count from; by default the day in UTC on which the files are read.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``; nothing of a malformed file is used.
    """

    def __init__(
        self,
        path: Path | None = None,
        extra: Sequence[Path] = (),
        *,
        age_days: int = AGE_DAYS,
        today: date | None = None,
    ) -> None:
        main = path or _SHIPPED
        files = (main, *extra)
        lines: dict[str, Line] = {}
        origin: dict[str, Path] = {}
        names: dict[str, str] = {}
        self._regions: dict[str, Mapping[str, str]] = {}
        self._order: Mapping[str, Mapping[str, tuple[Wanted, ...]]] = {}
        for file in files:
            entries = read_entries(file)
            if file is main and not entries.order:
                raise malformed(file, "order", "is missing from the main file")
            self._order = entries.order or self._order
            for region in entries.regions:
                self._regions[region.code] = region.names
                for word in (region.code, *region.names.values(), *region.aliases):
                    if not _plain(word):
                        raise malformed(file, f"regions/{region.code}", "has a name without letters")
                    if names.setdefault(_plain(word), region.code) != region.code:
                        raise malformed(file, f"regions/{region.code}", "shares a name with another region")
            for line in entries.lines:
                if (line.id in lines) != (line.id in entries.replaced):
                    raise malformed(file, line.id, "must say 'replaces: true' exactly when the id is known")
                lines[line.id] = line
                origin[line.id] = file
        oldest = (today or datetime.now(UTC).date()) - timedelta(days=age_days)
        self._names = names
        self._own = frozenset(one for one, file in origin.items() if file is not main)
        self._every = tuple(replace(line, stale=_stale(line, oldest)) for line in lines.values())
        self._lines = tuple(line for line in self._every if not line.withheld)
        self._check(main, origin)
        self._fitting = {
            region: Fitting(line for line in self._lines if line.region == region) for region in self._regions
        }
        stale = " ".join(line.id for line in self._lines if line.stale)
        self._version = hashlib.sha256(f"{version_of(files)} {stale}".encode()).hexdigest()[:12]

    def _check(self, path: Path, origin: Mapping[str, Path]) -> None:
        if ELSEWHERE not in self._regions:
            raise malformed(path, f"regions/{ELSEWHERE}", "is missing")
        dialled: dict[tuple[str, str], str] = {}
        for line in self._every:
            file = origin[line.id]
            if line.region not in self._regions:
                raise malformed(file, line.id, "names a region that no file declares")
            if line.withheld:
                continue
            number = (line.region, line.contact.replace(" ", "").replace("-", "").casefold())
            if dialled.setdefault(number, line.id) != line.id:
                raise malformed(file, line.id, f"has the contact of {dialled[number]!r}; replace that line")
        for region in self._regions:
            served = {service for line in self._lines if line.region == region for service in line.serves}
            if not served & _TALK or not served.issuperset(_COME):
                raise malformed(path, f"regions/{region}", "needs a line to talk to, police and ambulance")

    @property
    def name(self) -> str:
        """``file``."""
        return "file"

    @property
    def version(self) -> str:
        """Content hash of the files, 12 hexadecimal digits."""
        return self._version

    def regions(self) -> tuple[str, ...]:
        """Return the region codes in the files' order."""
        return tuple(self._regions)

    def region_names(self, region: str) -> Mapping[str, str]:
        """Return what a region is called: language tag to name.

        Raises:
            InputError: ``input.region_unknown``.
        """
        if region not in self._regions:
            raise self._unknown()
        return self._regions[region]

    def lines(
        self,
        region: str,
        *,
        kinds: Sequence[str] = (),
        level: str = "none",
        circumstance: Circumstance = PLAIN,
    ) -> tuple[Line, ...]:
        """Return the lines to show, most useful first.

        A line for one group only is left out where a line for everyone, or for the group that the caller
        named, does the same; and a line for that group never takes the place of the last for everyone.

        Args:
            region: A code of :meth:`regions`; see :meth:`normalise_region`.
            kinds: Values of :class:`~cbtguard.safety.risk.Kind`; the gravest decides what comes first.
            level: A value of :class:`~cbtguard.safety.risk.Level`.
            circumstance: For whom and when; see :meth:`fitting`.

        Raises:
            InputError: ``input.region_unknown``, ``input.kind_unknown`` or ``input.level_unknown``.
        """
        if region not in self._regions:
            raise self._unknown()
        if level not in set(Level):
            raise InputError(
                "input.level_unknown", "The risk level is not known.", hint=f"Use {', '.join(Level)}."
            )
        order = self._order[level]
        here = [line for line in self._lines if line.region == region]
        here.sort(key=lambda line: self._place(line, circumstance))
        chosen: dict[str, Line] = {}
        asked: set[str] = set()
        for kind in by_gravity(kinds) or (ANY_KIND,):
            for wanted in order[kind]:
                if wanted.service in asked:
                    continue
                asked.add(wanted.service)
                serving = [line for line in here if wanted.service in line.serves]
                serving = [line for line in serving if circumstance.fits(line)] or serving
                first, rest = serving[: wanted.count], serving[wanted.count :]
                if not any(_open_to_all(line) for line in first):
                    first += [line for line in rest if _open_to_all(line)][:1]
                for line in first:
                    chosen.setdefault(line.id, line)
        return tuple(chosen.values())

    def _place(self, line: Line, circumstance: Circumstance) -> tuple[bool, ...]:
        return (
            line.verified_on is None,
            line.id in circumstance.closed,
            not circumstance.is_for(line),
            line.id not in self._own,
            line.stale,
        )

    def fitting(self, region: str) -> Fitting:
        """Return what tells the circumstances of a region apart.

        Raises:
            InputError: ``input.region_unknown``.
        """
        if region not in self._regions:
            raise self._unknown()
        return self._fitting[region]

    def is_own(self, line: str) -> bool:
        """Whether a line, by id, comes from an operator's file."""
        return line in self._own

    def withheld_lines(self) -> tuple[Line, ...]:
        """Return the lines that are kept in the files and shown to nobody."""
        return tuple(line for line in self._every if line.withheld)

    def all_lines(self) -> tuple[Line, ...]:
        """Return every line that may be shown, in the files' order."""
        return self._lines

    def normalise_region(self, text: str) -> str:
        """Return the region code for a code or name in any of the languages, such as ``cn`` or ``中国``.

        Raises:
            InputError: ``input.region_unknown``; the hint lists the codes.
        """
        code = self._names.get(_plain(text))
        if code is None:
            raise self._unknown()
        return code

    def _unknown(self) -> InputError:
        return InputError(
            "input.region_unknown",
            "The region is not one the directory of help lines knows.",
            hint=f"Use one of {', '.join(self._regions)}; {ELSEWHERE} stands for elsewhere.",
        )


def _stale(line: Line, oldest: date) -> bool:
    return line.verified_on is not None and line.verified_on < oldest


def _open_to_all(line: Line) -> bool:
    return Audience.EVERYONE in line.audience


def _plain(word: str) -> str:
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(char for char in folded if char.isalnum())
