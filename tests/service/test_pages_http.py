"""The web pages as they are served: headers, texts, what they load. No browser."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cbtguard.graph.build import compile_graph
from cbtguard.graph.verify import mermaid
from cbtguard.safety.errors import DataError
from cbtguard.service.web import CSP, PAGES, texts
from cbtguard.service.web.assets import STATIC, read_assets
from cbtguard.service.web.texts import DATA, LANGUAGES, language_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

ROOT = Path(__file__).resolve().parents[2]
OWN = sorted(path for path in DATA.rglob("*") if path.is_file() and "vendor" not in path.parts)
SCRIPTS = [path for path in OWN if path.suffix == ".js"]
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def running(serving: Callable[..., Any]) -> Any:
    return serving()[0]


@pytest.fixture(scope="module")
def client(running: Any) -> Iterator[httpx.Client]:
    with running.client() as made:
        yield made


class Elements(HTMLParser):
    """All elements of a page with their attributes, and the text of its data."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.data = ""
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("id") == "data"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.data += data


# --- served -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_served_under_a_strict_policy(client: httpx.Client, page: Any, language: str) -> None:
    answer = client.get(page.path, params={"lang": language}, headers=HTML)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == CSP
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    elements = Elements(answer.text)
    loaded = [
        at.get("src") or at.get("href") for tag, at in elements.found if tag in {"script", "link", "img"}
    ]
    for address in filter(None, loaded):
        assert address.startswith("/web/"), address
        assert client.get(address).status_code == 200
    for tag, at in elements.found:
        assert not any(name.startswith("on") or name == "style" for name in at), (tag, at)
        assert tag != "style"
        if tag == "script":
            assert at.get("src") or at.get("type") == "application/json"
    data = json.loads(elements.data)
    assert data["texts"] == texts_of(language)
    assert data["keys"] is False
    assert {one["code"] for one in data["regions"]} >= {"CN", "HK", "US", "ZZ"}
    assert all(one["lines"] for one in data["regions"])
    html = dict(elements.found)["html"]
    assert html["lang"] == texts_of(language)["lang"]


def test_the_policy_allows_no_inline_code_and_nothing_from_elsewhere() -> None:
    rules = dict(rule.split(" ", 1) for rule in CSP.split("; "))
    assert rules["default-src"] == "'none'"
    assert {rules[name] for name in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert "unsafe" not in CSP
    assert "http" not in CSP


def test_the_notice_and_the_lines_stand_in_the_page_itself(client: httpx.Client) -> None:
    html = client.get("/", params={"lang": "zh"}, headers=HTML).text
    assert "我是一个人工智能程序，不是真人" in html
    assert "12356" in html
    assert "I am an AI program" in client.get("/", params={"lang": "en"}, headers=HTML).text


def test_a_program_is_told_where_the_rest_is(client: httpx.Client) -> None:
    for headers in ({}, {"Accept": "application/json"}):
        body = client.get("/", headers=headers).json()
        assert (body["service"], body["openapi"]) == ("cbtguard", "/openapi.json")


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        (None, "", "zh"),
        (None, "en-GB,en;q=0.9", "en"),
        (None, "fr,zh-TW;q=0.8,en;q=0.5", "zh"),
        (None, "fr", "zh"),
        ("en", "zh-CN", "en"),
        ("zh", "en", "zh"),
        ("<b>", "en", "en"),
    ],
)
def test_the_language_of_a_page(
    client: httpx.Client, asked: str | None, accepted: str, language: str
) -> None:
    assert language_of(asked, accepted) == language
    params = {"lang": asked} if asked else {}
    page = client.get("/review", params=params, headers={"Accept-Language": accepted})
    assert page.headers["Content-Language"] == language
    assert "<b>" not in page.text


def test_assets_are_sent_once(client: httpx.Client) -> None:
    for name, asset in read_assets().items():
        answer = client.get(f"/web/{name}")
        assert (answer.status_code, answer.content) == (200, asset.body)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        again = client.get(f"/web/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["", "nothing.js", "../templates/base.html", "%2e%2e/flow.yaml", "vendor"])
def test_nothing_else_is_sent(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/web/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "input.path_unknown")


def test_pages_are_logged_by_their_pattern(client: httpx.Client, running: Any) -> None:
    client.get("/records", params={"lang": "秘密"}, headers=HTML)
    client.get("/web/秘密.js")
    lines = [json.loads(line) for line in running.log if '"event": "request"' in line]
    assert {"/records", "/web/{name}"} <= {line["route"] for line in lines}
    assert not any("秘密" in line for line in running.log)


def test_pages_open_without_a_key_and_say_that_one_is_needed(serving: Callable[..., Any]) -> None:
    running, _ = serving(scopes=(("ask",),))
    with running.client() as client:
        for page in PAGES:
            answer = client.get(page.path, headers=HTML)
            assert answer.status_code == 200
            assert json.loads(Elements(answer.text).data)["keys"] is True


# --- texts --------------------------------------------------------------------------------------------------


def holes(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_the_texts_are_complete_in_both_languages() -> None:
    zh, en = (texts_of(language) for language in LANGUAGES)
    assert set(zh) == set(en)
    for key, text in zh.items():
        assert holes(text) == holes(en[key]), key
    same = {key for key in zh if zh[key] == en[key]}
    assert same == {"talk.zh-Hans", "talk.zh-Hant", "talk.en"}
    chinese = re.compile(r"[\u4e00-\u9fff]")
    assert all(chinese.search(text) for key, text in zh.items() if key not in same | {"lang", "site.other"})
    in_english = {key for key, text in en.items() if chinese.search(text)} - same
    assert in_english == {"site.other"}


def test_every_text_is_used_and_every_used_one_is_there() -> None:
    keys = set(texts_of("en"))
    code = "\n".join(path.read_text(encoding="utf-8") for path in OWN if path.suffix in {".js", ".html"})
    used = set(re.findall(r"""\bt\(\s*["']([\w.-]+\w)["']""", code))
    # `x ? "a.b" : "a.c"` inside a call.
    used |= {key for key in re.findall(r'"([a-z]+\.[\w.-]+)"', code) if key in keys}
    assert used <= keys, used - keys
    groups = {"stages", "parts", "evidence", "flow", "routes", "reasons", "levels", "refusals", "lines"}
    by_name = {"records", "review", "trace", "site", "talk"}
    for key in sorted(keys - used):
        group, _, name = key.partition(".")
        assert (
            group in groups | {"lang"}
            or (group in by_name and re.search(rf"""["'`_]{name}\b""", code))
            or (name in {"title", "heading", "lead"} or name.startswith("done_"))
        ), key


def test_words_of_the_api_have_names() -> None:
    known = set(texts_of("zh"))
    flow = yaml.safe_load((DATA / "flow.yaml").read_text(encoding="utf-8"))
    assert {f"flow.{name}" for name in (*flow["stops"], flow["group"]["name"])} <= known
    assert {f"stages.{name}" for name in flow["stops"] if name != "end"} <= known
    from cbtguard.graph import Route  # noqa: PLC0415 - only here
    from cbtguard.graph.review.refusals import _REFUSALS  # noqa: PLC0415 - the same
    from cbtguard.safety.risk import Level  # noqa: PLC0415 - the same
    from cbtguard.safety.structure import Part  # noqa: PLC0415 - the same

    assert {f"routes.{route}" for route in Route} <= known
    assert {f"levels.{level}" for level in Level} <= known
    assert {f"parts.{part}" for part in Part} <= known
    assert {f"refusals.{code}" for code in _REFUSALS} - {"refusals.review.off"} <= known


def test_a_file_of_texts_that_is_malformed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "DATA", tmp_path)
    (tmp_path / "texts").mkdir()
    for content in ("[]", "a: ", "a: {}", "a: [b]", "off: x", "{"):
        (tmp_path / "texts" / "zh.yaml").write_text(content, encoding="utf-8")
        texts_of.cache_clear()
        with pytest.raises(DataError, match=r"zh\.yaml"):
            texts_of("zh")
    texts_of.cache_clear()


# --- what they are made of ----------------------------------------------------------------------------------


def test_nothing_comes_from_elsewhere() -> None:
    for path in OWN:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".svg":
            text = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        if path.suffix == ".js":
            # Addresses of help lines are made from the directory.
            text = re.sub(r"`https://\$\{line\.contact\}`|\"https?:\"|/\^https\?:\\/\\//", "", text)
        assert not re.search(r"(?:https?:)?//[\w-]+\.\w", text), path
        assert "@import" not in text
        assert "url(" not in text


def test_scripts_make_no_code_of_texts() -> None:
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        for word in (
            "eval(",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "new Function",
        ):
            assert word not in text, (path.name, word)
        for word in ("localStorage", "document.cookie", "indexedDB"):
            assert word not in text, (path.name, word)


def test_scripts_load_what_there_is() -> None:
    for path in SCRIPTS:
        for target in re.findall(r'from "([^"]+)"', path.read_text(encoding="utf-8")):
            assert target.startswith("./")
            assert (path.parent / target).is_file(), (path.name, target)


def test_libraries_are_as_published_with_their_licences() -> None:
    folder = STATIC / "vendor"
    listed = yaml.safe_load((folder / "versions.yaml").read_text(encoding="utf-8"))
    licences = {"MIT": "MIT License", "BSD-3-Clause": "BSD 3-Clause License"}
    known = set()
    for one in listed:
        licence = (folder / one["package"] / "LICENSE.txt").read_text(encoding="utf-8")
        assert licence.startswith(licences[one["licence"]])
        for name, digest in one["sha256"].items():
            path = folder / one["package"] / name
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
            known.add(path)
    assert set(folder.rglob("*.js")) == known


def test_the_drawing_is_the_compiled_flow() -> None:
    flow = yaml.safe_load((DATA / "flow.yaml").read_text(encoding="utf-8"))
    drawn = {(edge["from"], edge["to"]) for edge in flow["edges"]}
    picture = mermaid(compile_graph())
    edges = re.findall(r"^\s+(\w+) -(?:->|- \w+ -->) (\w+)$", picture, re.MULTILINE)
    real = {(a.rstrip("_"), b.rstrip("_")) for a, b in edges}
    # The check may be tried again with the same draft; that is no way from one stop to another.
    assert drawn == {(a, b) for a, b in real if a != b}
    assert {name for pair in drawn for name in pair} == {*flow["stops"], flow["group"]["name"]}


def test_everything_is_in_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"cbtguard.service.web"' in project
    assert all("data" in path.relative_to(ROOT / "service" / "web").parts for path in OWN)
    assert "chromium" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_documentation_shows_every_page_in_small_pictures() -> None:
    text = (ROOT / "docs" / "pages.md").read_text(encoding="utf-8")
    shown = {ROOT / "docs" / name for name in re.findall(r"\((img/pages/[\w-]+\.png)\)", text)}
    for page in PAGES:
        assert f"| `{page.path}` | " in text
        for size in ("desktop", "phone"):
            assert ROOT / "docs" / "img" / "pages" / f"{page.name}-{size}.png" in shown
    assert all(path.stat().st_size < 150_000 for path in shown)
    assert shown == set((ROOT / "docs" / "img" / "pages").glob("*.png"))
