"""The pages, rendered from their templates; what is the same for everybody who asks in a language is made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cbtguard.graph.assemble import default_directory
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.referral import FileDirectory
from cbtguard.service.web.assets import read_assets
from cbtguard.service.web.texts import DATA, LANGUAGES, texts_of

if TYPE_CHECKING:
    from cbtguard.graph import Guard

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types lit-html"
)
"""Nothing comes from elsewhere, nothing goes elsewhere, and no text ever becomes code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page."""

    name: str
    path: str
    scope: str
    """What a key needs for it."""


PAGES: Final = (
    Page(name="talk", path="/", scope="ask"),
    Page(name="trace", path="/trace", scope="ask"),
    Page(name="review", path="/review", scope="review"),
    Page(name="records", path="/records", scope="audit"),
)


class Site:
    """The pages of one service.

    Args:
        guard: Its settings and directory are shown.
        asks_keys: Whether callers need a key.

    Raises:
        DataError: When a file of the pages is missing or malformed.
    """

    def __init__(self, guard: Guard, *, asks_keys: bool) -> None:
        self._guard = guard
        self._asks_keys = asks_keys
        self.assets = read_assets()
        self._templates = Environment(
            loader=FileSystemLoader(DATA / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._flow = read_yaml(DATA / "flow.yaml")
        self._rendered = lru_cache(maxsize=len(PAGES) * len(LANGUAGES))(self._render)

    def page(self, name: str, language: str) -> str:
        """Return a page as HTML."""
        return self._rendered(name, language)

    def _render(self, name: str, language: str) -> str:
        texts = texts_of(language)
        page = next(one for one in PAGES if one.name == name)
        regions = _regions(self._guard, texts["lang"])
        notice = self._guard.services.referrals.disclosure(texts["lang"])
        data: dict[str, Any] = {
            "language": texts["lang"],
            "scope": page.scope,
            "keys": self._asks_keys,
            "texts": dict(texts),
            "notice": notice,
            "regions": regions,
            "region": self._guard.region(None),
        }
        if name == "trace":
            data["flow"] = self._flow
        other = next(one for one in LANGUAGES if one != language)
        return self._templates.get_template(f"{name}.html").render(
            t=lambda key: texts[key],
            language=texts["lang"],
            short=language,
            other=other,
            page=page,
            pages=PAGES,
            data=data,
            notice=notice,
            regions=regions,
            region=data["region"],
            reviewed=self._guard.settings.review != "off",
        )


def _regions(guard: Guard, language: str) -> list[dict[str, Any]]:
    """The regions and their help lines, in the words of a language."""
    try:
        directory = default_directory(guard.settings)
    except DataError:
        # As for the referral texts: the shipped one stands in.
        directory = FileDirectory()
    return [
        {
            "code": code,
            "name": directory.region_names(code)[language],
            "lines": [_line(line.as_dict(), language) for line in directory.lines(code)],
        }
        for code in directory.regions()
    ]


def _line(line: dict[str, Any], language: str) -> dict[str, Any]:
    return {
        "contact": line["contact"],
        "channels": line["channels"],
        "name": line["name"][language],
        "hours": line["hours_text"][language],
        "caution": line["caution"][language] if line["caution"] else None,
        "stale": line["stale"],
    }
