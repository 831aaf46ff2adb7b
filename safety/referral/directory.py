"""The directory of help lines: what is valid where, and what to show first."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cbtguard.safety.errors import InputError
from cbtguard.safety.files import version_of
from cbtguard.safety.referral.entries import ANY_KIND, read_entries
from cbtguard.safety.referral.gravity import by_gravity
from cbtguard.safety.referral.line_entry import malformed
from cbtguard.safety.referral.model import ELSEWHERE, Line, Service
from cbtguard.safety.risk.model import Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cbtguard.safety.referral.entries import Wanted

_SHIPPED = Path(__file__).parent / "data" / "directory.yaml"
# Someone to talk to, and someone who comes.
_TALK = frozenset({Service.PSYCHOLOGICAL, Service.WEB_DIRECTORY})
_COME = (Service.POLICE, Service.AMBULANCE)


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


class FileDirectory:
    """A directory read once from dated YAML files.

    Args:
        path: The main file; by default the one shipped with the package.
        extra: Operator's files of the same form. They add regions and lines, and with ``replaces: true``
            put a line in the place of the one with the same id.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``; nothing of a malformed file is used.
    """

    def __init__(self, path: Path | None = None, extra: Sequence[Path] = ()) -> None:
        main = path or _SHIPPED
        files = (main, *extra)
        lines: dict[str, Line] = {}
        names: dict[str, str] = {}
        self._regions: dict[str, None] = {}
        self._order: Mapping[str, Mapping[str, tuple[Wanted, ...]]] = {}
        for file in files:
            entries = read_entries(file)
            if file is main and not entries.order:
                raise malformed(file, "order", "is missing from the main file")
            self._order = entries.order or self._order
            for region in entries.regions:
                self._regions[region.code] = None
                for word in (region.code, *region.names.values(), *region.aliases):
                    if not _plain(word):
                        raise malformed(file, f"regions/{region.code}", "has a name without letters")
                    if names.setdefault(_plain(word), region.code) != region.code:
                        raise malformed(file, f"regions/{region.code}", "shares a name with another region")
            for line in entries.lines:
                if (line.id in lines) != (line.id in entries.replaced):
                    raise malformed(file, line.id, "must say 'replaces: true' exactly when the id is known")
                lines[line.id] = line
        self._names = names
        self._lines = tuple(line for line in lines.values() if not line.withheld)
        self._check(main, lines)
        self._version = version_of(files)

    def _check(self, path: Path, lines: dict[str, Line]) -> None:
        if ELSEWHERE not in self._regions:
            raise malformed(path, f"regions/{ELSEWHERE}", "is missing")
        for line in lines.values():
            if line.region not in self._regions:
                raise malformed(path, line.id, "names a region that no file declares")
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

    def lines(self, region: str, *, kinds: Sequence[str] = (), level: str = "none") -> tuple[Line, ...]:
        """Return the lines to show, most useful first; verified ones before others of the same service.

        Args:
            region: A code of :meth:`regions`; see :meth:`normalise_region`.
            kinds: Values of :class:`~cbtguard.safety.risk.Kind`; the gravest decides what comes first.
            level: A value of :class:`~cbtguard.safety.risk.Level`.

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
        here.sort(key=lambda line: line.verified_on is None)
        chosen: dict[str, Line] = {}
        asked: set[str] = set()
        for kind in by_gravity(kinds) or (ANY_KIND,):
            for wanted in order[kind]:
                if wanted.service in asked:
                    continue
                asked.add(wanted.service)
                serving = [line for line in here if wanted.service in line.serves]
                for line in serving[: wanted.count]:
                    chosen.setdefault(line.id, line)
        return tuple(chosen.values())

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


def _plain(word: str) -> str:
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(char for char in folded if char.isalnum())
