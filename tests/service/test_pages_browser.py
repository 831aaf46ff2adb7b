"""The web pages in a real browser: Debian's chromium, driven by Playwright. Any error of a script fails a test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from cbtguard.graph import Draft
from cbtguard.graph.conformance.material import material
from cbtguard.safety.record import from_jsonl, verify_entries
from cbtguard.service.web import PAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

# How long the machine takes is not what is tested.
expect.set_options(timeout=60_000)

GOOD = material().exchanges[0].answer
QUESTION = "最近总是睡不着，一躺下就想明天的会议，越想越清醒"
WATCH = "觉得活着没意思"
CRISIS = "我不想活了，今晚就跳下去"
CRISIS_EN = "I want to kill myself tonight"
OWN = "我是值班的咨询师，谢谢你告诉我们。你现在安全吗？"
SIZES = {"desktop": (1280, 860), "phone": (390, 844), "small": (360, 640)}
FAILED = "Failed to load resource"
SEEN = """e => {
    const copy = e.cloneNode(true);
    copy.querySelectorAll(".unseen").forEach(one => one.remove());
    return copy.textContent;
}"""
PARTS = ["听见你", "那个想法", "换个角度", "可以试试", "慢慢来"]


class Gated:
    """Tells the first paragraphs of a sound answer, then waits for the gate."""

    name = "gated"

    def __init__(self) -> None:
        self.gate = threading.Event()

    async def write(self, task: Any) -> Draft:
        return await self.stream(task, lambda _: None)

    async def stream(self, task: Any, on_text: Callable[[str], None]) -> Draft:
        for end in range(40, len(GOOD), 40):
            if end > len(GOOD) * 0.6:
                break
            on_text(GOOD[:end])
            await asyncio.sleep(0.01)
        for _ in range(4000):
            if self.gate.is_set():
                break
            await asyncio.sleep(0.005)
        on_text(GOOD)
        return Draft(text=GOOD, citations=tuple(note.id for note in task.notes[:1]))


class Broken(Gated):
    """Tells the first paragraphs, and fails once the gate is open."""

    name = "broken"

    async def stream(self, task: Any, on_text: Callable[[str], None]) -> Draft:
        await super().stream(task, lambda text: None if text == GOOD else on_text(text))
        raise OSError


class Lost:
    """A retriever that fails."""

    name = "lost"

    def retrieve(self, text: str, *, k: int = 3) -> Any:
        raise OSError


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which(os.environ.get("CBTGUARD_CHROMIUM", "chromium"))
    if path is None:
        pytest.fail(
            "There is no chromium: the tests of the web pages need one. Install it (Debian: apt-get install "
            "chromium), or name one in CBTGUARD_CHROMIUM."
        )
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield made
        made.close()


class Tabs:
    """Opens pages and collects whatever goes wrong in them."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self.url = url
        self.wrong: list[str] = []
        self.addresses: list[str] = []
        self.expected: list[str] = []
        """Refusals that a test wants; the browser calls each an error."""
        self._contexts: list[Any] = []

    def open(self, path: str = "/", size: str = "desktop", locale: str = "zh-CN", **options: Any) -> Page:
        width, height = SIZES[size]
        options = {
            "reduced_motion": "reduce",
            "viewport": {"width": width, "height": height},
            "has_touch": size != "desktop",
            **options,
        }
        context = self._browser.new_context(locale=locale, **options)
        context.set_default_timeout(60_000)
        self._contexts.append(context)
        return self.beside(context, path)

    def beside(self, context: Any, path: str) -> Page:
        page: Page = context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"pageerror: {error}"))
        page.on("request", lambda request: self.addresses.append(request.url))
        page.goto(f"{self.url}{path}")
        return page

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"} and not any(
            FAILED in message.text and one in message.text for one in self.expected
        ):
            self.wrong.append(f"{message.type}: {message.text}")

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        assert self.wrong == []
        strangers = {
            one for one in self.addresses if not one.startswith((f"{self.url}/", f"blob:{self.url}/"))
        }
        assert strangers == set()
        assert not any(re.search(r"[^\x00-\x7f]|%[89A-F]", one) for one in self.addresses)


@pytest.fixture(scope="module")
def running(serving: Callable[..., Any]) -> Any:
    return serving(settings={"review": "crisis", "threads": "memory"})[0]


@pytest.fixture
def tabs(browser: Browser, running: Any) -> Iterator[Tabs]:
    with contextlib.closing(Tabs(browser, running.url)) as made:
        yield made


def ask(page: Page, text: str) -> Any:
    """Send a message; return its turn once the reply is complete."""
    number = page.locator(".turn").count()
    page.get_by_label(re.compile("想说的话|Your message")).fill(text)
    page.locator("#send").click()
    turn = page.locator(".turn").nth(number)
    expect(turn.locator(".after a")).to_be_visible()
    return turn


def sound(page: Page) -> None:
    """Fail where something keeps people out, or where the page is wider than the screen."""
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert over <= 0, f"{page.url} is {over} px too wide"
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


# --- every page ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_opens(tabs: Tabs, size: str, scheme: str) -> None:
    for language, locale in (("zh-Hans", "zh-CN"), ("en", "en-GB")):
        page = tabs.open(size=size, locale=locale, color_scheme=scheme)
        for number, one in enumerate(PAGES):
            if number:
                page.locator(".top nav a").nth(number).click()
            expect(page.locator("html")).to_have_attribute("lang", language)
            expect(page.locator("h1")).to_be_visible()
            expect(page.locator(".top nav a[aria-current]")).to_have_count(1)
            page.wait_for_load_state("networkidle")
            sound(page)
            assert one.path in page.url


def test_the_language_can_be_changed_and_the_talk_stays(tabs: Tabs) -> None:
    page = tabs.open()
    ask(page, QUESTION)
    page.get_by_role("link", name="换成英文页面").click()
    expect(page.locator("h1")).to_have_text("What is on your mind today?")
    expect(page.locator(".asked")).to_have_text(QUESTION)
    assert page.context.cookies() == []


# --- talk ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_an_ordinary_question(tabs: Tabs, size: str) -> None:
    page = tabs.open(size=size)
    expect(page.locator(".notice")).to_contain_text("我是一个人工智能程序，不是真人")
    turn = ask(page, QUESTION)
    said = turn.locator(".piece p").all_inner_texts()
    assert "\n\n".join(said) == GOOD
    assert turn.locator(".part").all_inner_texts() == PARTS
    expect(turn.locator(".sources li").first).to_contain_text("依据")
    turn.locator(".sources summary").first.click()
    expect(turn.locator(".sources li li").first).to_be_visible()
    expect(page.locator("#log")).to_have_attribute("aria-live", "polite")
    assert turn.locator("a[href^='tel:']").count() == 0
    sound(page)


def test_the_reply_comes_part_by_part(serving: Callable[..., Any], browser: Browser) -> None:
    writer = Gated()
    running = serving(own={"writer": writer})[0]
    with contextlib.closing(Tabs(browser, running.url)) as tabs:
        page = tabs.open()
        page.fill("#text", QUESTION)
        page.click("#send")
        expect(page.locator(".piece").first).to_be_visible()
        expect(page.locator("#stage")).not_to_be_empty()
        expect(page.locator("#send")).to_be_disabled()
        assert not writer.gate.is_set()
        begun = page.locator(".piece p").all_inner_texts()
        assert GOOD.startswith("\n\n".join(begun))
        writer.gate.set()
        expect(page.locator(".sources")).to_be_visible()
        assert "\n\n".join(page.locator(".piece p").all_inner_texts()) == GOOD


def test_a_reply_can_be_stopped(serving: Callable[..., Any], browser: Browser) -> None:
    writer = Gated()
    running = serving(own={"writer": writer})[0]
    with contextlib.closing(Tabs(browser, running.url)) as tabs:
        page = tabs.open()
        page.fill("#text", QUESTION)
        page.click("#send")
        expect(page.locator(".piece").first).to_be_visible()
        page.get_by_role("button", name="停下").click()
        expect(page.locator(".answer")).to_contain_text("你让它停下了")
        expect(page.locator("#send")).to_be_enabled()
        writer.gate.set()


def test_an_answer_that_is_withdrawn_is_set_aside(serving: Callable[..., Any], browser: Browser) -> None:
    writer = Broken()
    running = serving(own={"writer": writer})[0]
    with contextlib.closing(Tabs(browser, running.url)) as tabs:
        page = tabs.open()
        page.fill("#text", QUESTION)
        page.click("#send")
        expect(page.locator(".piece").first).to_be_visible()
        writer.gate.set()
        expect(page.locator(".turn .after a")).to_be_visible()
        expect(page.locator(".piece.aside").first).to_contain_text(GOOD[:10])
        expect(page.locator(".answer")).to_contain_text("就当没说")
        expect(page.locator(".piece:not(.aside) a[href='tel:12356']").first).to_be_visible()
        assert page.locator(".sources").count() == 0
        sound(page)


def test_a_fault_shows_in_the_trace(serving: Callable[..., Any], browser: Browser) -> None:
    running = serving(own={"retriever": Lost()})[0]
    with contextlib.closing(Tabs(browser, running.url)) as tabs:
        page = tabs.open()
        ask(page, QUESTION).locator(".after a").click()
        assert lit(page) == {"start", "protect", "screen", "retrieve", "refer", "record", "end"}
        expect(page.get_by_text("retrieve:raised", exact=False)).to_be_visible()
        expect(page.locator("dl.facts")).to_contain_text("中间出了错")


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_crisis_shows_the_way_to_help_and_no_technique(tabs: Tabs, size: str) -> None:
    page = tabs.open(size=size)
    turn = ask(page, CRISIS)
    for number in ("120", "110", "12356"):
        expect(turn.locator(f"a.line[href='tel:{number}']")).to_be_visible()
    assert turn.locator(".part, .sources").count() == 0
    box = turn.locator("a.line").first.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    # Word for word what was vetted: nothing of it is left out or said twice.
    shown = re.sub(r"[\s·:：]", "", turn.locator(".answer").evaluate(SEEN))
    reply = page.evaluate("JSON.parse(sessionStorage['cbtguard.turns'])[0].answer.reply")
    assert shown == re.sub(r"[\s·:：]", "", reply)
    red, green, blue = (
        int(one)
        for one in re.findall(
            r"\d+", turn.locator(".answer").evaluate("e => getComputedStyle(e).backgroundColor")
        )[:3]
    )
    assert red - min(green, blue) < 40
    sound(page)


def test_english_and_another_region(tabs: Tabs) -> None:
    page = tabs.open(locale="en-US")
    page.get_by_label("Region").select_option("US")
    page.get_by_text("Reach a person now").click()
    expect(page.locator("#help a[href='tel:988']")).to_be_visible()
    expect(page.locator("#help a[href='tel:911']")).to_be_visible()
    assert page.locator("#help a[href='tel:120']").count() == 0
    turn = ask(page, CRISIS_EN)
    expect(turn.locator("a.line[href='tel:988']")).to_be_visible()
    expect(turn.locator("a.line[href='tel:911']")).to_be_visible()
    page.get_by_label("Region").select_option("ZZ")
    link = page.locator("#help a[href='https://findahelpline.com']")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    page.reload()
    expect(page.get_by_label("Region")).to_have_value("ZZ")


def test_with_the_keyboard_alone(tabs: Tabs) -> None:
    page = tabs.open()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#help summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#help a[href='tel:12356']")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#text")).to_be_focused()
    outline = page.locator("#text").evaluate("e => getComputedStyle(e).outlineStyle")
    assert outline == "solid"
    page.keyboard.type("最近总是睡不着，")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("一躺下就想明天的会议，越想越清醒")
    assert "\n" in page.locator("#text").input_value()
    page.keyboard.press("Enter")
    expect(page.locator(".turn .after a")).to_be_visible()
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator("#text")).to_have_value("")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_have_text("还没有写字。")


def test_words_are_never_code(tabs: Tabs) -> None:
    page = tabs.open()
    text = "<img src=x onerror=alert(1)> <b>睡不着</b> {{7*7}} 一躺下就想明天的会议"
    turn = ask(page, text)
    expect(turn.locator(".asked")).to_have_text(text)
    assert turn.locator("img, b:not(.line b)").count() == 0
    turn.locator(".after a").click()
    expect(page.locator(".words").first).to_have_text(text)


def test_a_service_that_is_not_there_leaves_the_way_to_help(tabs: Tabs) -> None:
    page = tabs.open()
    tabs.expected = ["ERR_FAILED", "503"]
    page.route("**/v1/ask/stream", lambda route: route.abort())
    page.fill("#text", QUESTION)
    page.click("#send")
    turn = page.locator(".turn")
    expect(turn).to_contain_text("没能连上服务")
    expect(turn.locator("a[href='tel:12356']")).to_be_visible()
    expect(page.locator("#text")).to_have_value(QUESTION)
    page.unroute("**/v1/ask/stream")
    problem = {"X-Cbtguard-Code": "busy.turns", "Content-Type": "application/problem+json"}
    page.route("**/v1/ask/stream", lambda route: route.fulfill(status=503, headers=problem, body="{}"))
    page.click("#send")
    expect(page.locator(".turn").nth(1)).to_contain_text("现在人有点多")
    expect(page.locator(".turn").nth(1).locator("a[href='tel:120']")).to_be_visible()


def test_starting_over_forgets_what_was_said(tabs: Tabs) -> None:
    page = tabs.open()
    ask(page, QUESTION)
    before = page.evaluate("sessionStorage['cbtguard.thread']")
    page.get_by_role("button", name="重新开始").click()
    expect(page.locator(".turn")).to_have_count(0)
    assert page.evaluate("sessionStorage['cbtguard.turns']") is None
    assert page.evaluate("sessionStorage['cbtguard.thread']") != before
    assert page.evaluate("localStorage.length") == 0


# --- trace --------------------------------------------------------------------------------------------------


def lit(page: Page) -> set[str]:
    expect(page.locator("svg.flow")).to_be_visible()
    return set(page.locator("svg.flow g.lit[data-stop]").evaluate_all("all => all.map(e => e.dataset.stop)"))


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_the_path_of_a_turn_is_lit(tabs: Tabs, size: str) -> None:
    page = tabs.open(size=size)
    ask(page, QUESTION)
    ask(page, CRISIS).locator(".after a").click()
    assert lit(page) == {"start", "protect", "screen", "refer", "hold", "record", "end"}
    assert page.locator("svg.flow g.lit:not([data-stop])").count() == 6
    expect(page.locator("svg.flow")).to_have_attribute(
        "aria-label", re.compile("遮名、筛查、转介、等人复核、记录")
    )
    marked = page.locator("mark").all_inner_texts()
    assert "今晚就跳下去" in marked
    assert all(one in CRISIS for one in marked)
    expect(page.locator("table").first).to_contain_text("zh.suicide.now")
    expect(page.locator("table").nth(1)).to_contain_text("筛查")
    sound(page)
    page.get_by_label("看哪一轮").select_option("1")
    expect(page.locator("dl.facts")).to_contain_text("已回答")
    assert lit(page) == {"start", "protect", "screen", "retrieve", "generate", "check", "record", "end"}
    expect(page.get_by_text("这一轮没有看到风险信号。")).to_be_visible()


def test_before_a_turn_the_trace_says_where_to_begin(tabs: Tabs) -> None:
    page = tabs.open("/trace", locale="en-GB")
    page.get_by_role("link", name="Go to Talk").click()
    expect(page.locator("#text")).to_be_visible()


# --- review -------------------------------------------------------------------------------------------------


def item_of(page: Page, desk: Page) -> Any:
    """The card of the newest turn of a talk, once the queue shows it."""
    name = page.evaluate("JSON.parse(sessionStorage['cbtguard.turns']).at(-1).answer.review")
    card = desk.locator(f"[data-review='{name}']")
    expect(card).to_be_visible()
    return card


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_draft_is_approved_and_reaches_the_person(tabs: Tabs, size: str) -> None:
    desk = tabs.open("/review", size=size)
    page = tabs.open(size=size)
    turn = ask(page, WATCH)
    expect(turn).to_contain_text("已经请工作人员来看")
    assert GOOD[:20] not in (turn.text_content() or "")
    # The queue is live: nobody reloads.
    card = item_of(page, desk)
    expect(card).to_contain_text(GOOD[:20])
    sound(desk)
    card.get_by_role("button", name="就给这段").click()
    expect(desk.locator("#told")).to_have_text("已经给了对方。")
    expect(card).to_have_count(0)
    expect(turn).to_contain_text("工作人员看过的回复")
    expect(turn).to_contain_text(GOOD[:20])


def test_a_reviewer_writes_and_is_told_what_may_not_stand(tabs: Tabs, running: Any) -> None:
    tabs.expected = ["422"]
    desk, page = tabs.open("/review"), tabs.open()
    turn = ask(page, CRISIS)
    card = item_of(page, desk)
    assert card.get_by_role("button", name="就给这段").count() == 0
    desk.get_by_label("你的称呼").fill("值班台")
    card.get_by_role("button", name="我来写").click()
    words = card.get_by_label("写给对方的话")
    expect(words).to_be_focused()
    words.fill("打我的电话13812345678")
    # A look at the queue in between takes nothing away.
    desk.wait_for_timeout(3500)
    expect(words).to_have_value("打我的电话13812345678")
    card.get_by_role("button", name="发给对方").click()
    expect(card.locator(".problem")).to_contain_text("话里有个人信息")
    sound(desk)
    words.fill(OWN)
    card.get_by_role("button", name="发给对方").click()
    expect(card).to_have_count(0)
    expect(turn).to_contain_text("工作人员写给你的话")
    expect(turn).to_contain_text(OWN)
    assert not any("值班台" in str(entry.as_dict()) for entry in running.entries())


def test_a_talk_is_taken_over_and_handed_back(tabs: Tabs) -> None:
    desk, page = tabs.open("/review", locale="en-GB"), tabs.open()
    ask(page, CRISIS)
    card = item_of(page, desk)
    card.get_by_role("button", name="Take the talk over").click()
    expect(desk.locator("#told")).to_contain_text("You have taken over")
    expect(card).to_contain_text("A person has taken this talk over")
    later = ask(page, "在吗")
    expect(later).to_contain_text("已经请工作人员来看")
    card.get_by_role("button", name="Hand back to the program").click()
    expect(card).to_have_count(0)


def test_without_review_the_page_says_so(serving: Callable[..., Any], browser: Browser) -> None:
    running = serving()[0]
    with contextlib.closing(Tabs(browser, running.url)) as tabs:
        tabs.expected = ["409"]
        page = tabs.open("/review")
        expect(page.locator("#none")).to_contain_text("没有打开人工复核")


# --- records ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_the_record_is_filtered_verified_and_exported(
    tabs: Tabs, running: Any, size: str, tmp_path: Path
) -> None:
    with running.client() as client:
        for text in (QUESTION, CRISIS):
            client.post("/v1/ask", json={"text": text})
    page = tabs.open("/records", size=size)
    rows = page.locator("#entries tbody tr")
    total = len(running.entries())
    expect(rows).to_have_count(min(total, 100))
    assert int(rows.first.get_attribute("data-seq") or 0) == total
    page.get_by_label("风险").select_option("emergency")
    page.get_by_role("button", name="筛选").click()
    expect(rows.first).to_contain_text("紧急")
    grave = sum(entry.level == "emergency" for entry in running.entries())
    expect(rows).to_have_count(grave)
    page.get_by_label("从", exact=True).fill("2999-01-01T00:00")
    page.get_by_role("button", name="筛选").click()
    expect(page.locator("#found")).to_have_text("没有合条件的记录。")
    page.get_by_role("button", name="清空条件").click()
    expect(rows).to_have_count(min(total, 100))
    page.get_by_role("button", name="核对全部记录").click()
    expect(page.locator("#verdict [data-ok=true]")).to_contain_text(f"共 {total} 条")
    head = page.locator("#head-now").inner_text()
    page.get_by_label("以前抄下的末尾指纹").fill("1" * 64)
    page.get_by_role("button", name="核对全部记录").click()
    expect(page.locator("#verdict [data-ok=false]")).to_be_visible()
    page.get_by_label("以前抄下的末尾指纹").fill(head)
    page.get_by_role("button", name="核对全部记录").click()
    expect(page.locator("#verdict [data-ok=true]")).to_be_visible()
    with page.expect_download() as begun:
        page.get_by_role("button", name="导出 JSON Lines").click()
    begun.value.save_as(tmp_path / "record.jsonl")
    lines = (tmp_path / "record.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    assert verify_entries(from_jsonl(lines)).entries == total
    with page.expect_download() as begun:
        page.get_by_role("button", name="导出 CSV").click()
    assert begun.value.suggested_filename.endswith(".csv")
    sound(page)
    rows.first.locator("summary").click()
    rows.first.get_by_role("link", name="看这一条走过的路").click()
    assert {"start", "protect", "screen", "record", "end"} <= lit(page)
    expect(page.get_by_text("记录里不留原话")).to_be_visible()
    sound(page)


# --- keys ---------------------------------------------------------------------------------------------------


def test_a_key_is_asked_for_and_stays_in_the_tab(serving: Callable[..., Any], browser: Browser) -> None:
    running, (ask_key, audit_key) = serving(scopes=(("ask",), ("audit",)))
    with contextlib.closing(Tabs(browser, running.url)) as tabs:
        tabs.expected = ["401", "403"]
        page = tabs.open()
        page.fill("#text", QUESTION)
        page.click("#send")
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_label("密钥")).to_be_focused()
        sound(page)
        dialog.get_by_label("密钥").fill("cbtguard_0_wrong")
        page.keyboard.press("Enter")
        expect(dialog).to_contain_text("这把密钥不认得")
        dialog.get_by_label("密钥").fill(ask_key)
        dialog.get_by_role("button", name="用这把密钥").click()
        expect(page.locator(".turn .after a")).to_be_visible()
        page.locator(".top nav a").nth(3).click()
        expect(dialog).to_contain_text("请换一把有「audit」权限的")
        dialog.get_by_label("密钥").fill(audit_key)
        page.keyboard.press("Enter")
        expect(page.locator("#entries tbody tr").first).to_be_visible()
        page.reload()
        expect(page.locator("#entries tbody tr").first).to_be_visible()
        assert page.evaluate("localStorage.length") == 0
        assert page.context.cookies() == []
        page.get_by_role("button", name="忘掉密钥").click()
        assert audit_key not in page.evaluate("JSON.stringify(sessionStorage)")
        assert not any(key in address for key in (ask_key, audit_key) for address in tabs.addresses)
        fresh = tabs.open()
        fresh.fill("#text", QUESTION)
        fresh.click("#send")
        fresh.get_by_role("button", name="先不填").click()
        expect(fresh.locator(".turn a[href='tel:12356']")).to_be_visible()


# Last, as it looks at what all the others left behind.
def test_no_word_of_a_person_is_in_the_log(running: Any) -> None:
    assert running.log
    for text in (QUESTION, WATCH, CRISIS, CRISIS_EN, OWN):
        assert not any(text[:8] in line for line in running.log)
