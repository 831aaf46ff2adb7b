"""Human review over HTTP: the queue, the acts, what the one who asked then gets, and who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph.conformance.material import material

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = material().exchanges[0].answer
CALM = "我叫李晓雯，最近总是睡不着，一躺下就想明天的会议，越想越清醒"
CRISIS = "我不想活了，今晚就跳下去"
OWN = "我是值班的咨询师，谢谢你告诉我们。你现在安全吗？"


@pytest.fixture(scope="module")
def served(serving: Callable[..., Any]) -> tuple[Any, list[str]]:
    made: tuple[Any, list[str]] = serving(
        scopes=(("ask",), ("ask",), ("review",), ("audit",)),
        settings={"review": "all", "threads": "memory"},
        burst=1000,
    )
    return made


@pytest.fixture
def asker(served: Any) -> Any:
    with served[0].client(served[1][0]) as client:
        yield client


@pytest.fixture
def desk(served: Any) -> Any:
    with served[0].client(served[1][2]) as client:
        yield client


def held(asker: Any, thread: str, text: str = CALM) -> str:
    answer = asker.post("/v1/ask", json={"text": text, "thread": thread}).json()
    assert answer["route"] == "held"
    return str(answer["review"])


def test_a_draft_is_read_approved_and_given_to_the_one_who_asked(served: Any, asker: Any, desk: Any) -> None:
    item = held(asker, "one")
    assert asker.get("/v1/deliveries", headers={"X-Thread": "one"}).json() == {"deliveries": []}
    [shown] = [row for row in desk.get("/v1/reviews").json()["items"] if row["id"] == item]
    assert "李晓雯" not in str(shown)
    assert shown["draft"].startswith(GOOD)
    assert shown["status"] == "open"
    done = desk.post(f"/v1/reviews/{item}", json={"act": "approve", "reviewer": "anna"})
    assert (done.status_code, done.json()) == (200, {"review": item, "status": "approved", "delivered": True})
    assert desk.get(f"/v1/reviews/{item}").json()["status"] == "approved"
    assert item not in str(desk.get("/v1/reviews").json())
    [delivery] = asker.get("/v1/deliveries", headers={"X-Thread": "one"}).json()["deliveries"]
    assert delivery["review"] == item
    assert delivery["text"].startswith(GOOD)
    running, (_, other, *_) = served
    with running.client(other) as foreign:
        assert foreign.get("/v1/deliveries", headers={"X-Thread": "one"}).json() == {"deliveries": []}
    entry = running.entries()[-1]
    assert (entry.route, entry.review.act) == ("reviewed", "approved")
    assert "anna" not in str(entry.as_dict())


def test_own_words_take_over_and_hand_back(asker: Any, desk: Any) -> None:
    item = held(asker, "two", CRISIS)
    refused = desk.post(f"/v1/reviews/{item}", json={"act": "approve"})
    assert (refused.status_code, refused.json()["code"]) == (409, "review.no_draft")
    refused = desk.post(f"/v1/reviews/{item}", json={"act": "replace", "text": "我的电话是13812345678"})
    assert (refused.status_code, refused.json()["code"]) == (422, "review.text_identifier")
    assert "138" not in refused.text
    assert desk.post(f"/v1/reviews/{item}", json={"act": "replace", "text": OWN}).json()["delivered"]
    [delivery] = asker.get("/v1/deliveries", headers={"X-Thread": "two"}).json()["deliveries"]
    assert (delivery["text"], delivery["writer"]) == (OWN, "reviewer")
    closed = desk.post(f"/v1/reviews/{item}", json={"act": "release"})
    assert (closed.status_code, closed.json()["code"]) == (409, "review.closed")
    second = held(asker, "two", CRISIS)
    assert desk.post(f"/v1/reviews/{second}", json={"act": "take_over"}).json()["status"] == "taken_over"
    assert asker.post("/v1/ask", json={"text": "在吗", "thread": "two"}).json()["route"] == "held"
    assert desk.post(f"/v1/reviews/{second}", json={"act": "hand_back"}).json()["status"] == "handed_back"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("0" * 32, {"act": "release"}, 404, "review.unknown"),
        ("..%00", {"act": "release"}, 404, "review.unknown"),
        ("0" * 32, {"act": "expire"}, 422, "input.malformed"),
        ("0" * 32, {"act": "approve", "text": "x"}, 409, "review.act"),
        ("0" * 32, {"act": "replace"}, 409, "review.act"),
        ("0" * 32, {"act": "replace", "text": "x" * 4001}, 422, "input.malformed"),
    ],
)
def test_acts_that_cannot_be_done(desk: Any, path: str, body: Any, status: int, code: str) -> None:
    answer = desk.post(f"/v1/reviews/{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["X-Cbtguard-Code"] == code


def test_scopes(served: Any) -> None:
    running, (ask, _, review, audit) = served
    for key, path, status in (
        (ask, "/v1/reviews", 403),
        (audit, "/v1/reviews", 403),
        (None, "/v1/reviews", 401),
        (review, "/v1/reviews", 200),
        (review, "/v1/deliveries", 403),
        (ask, "/v1/deliveries", 422),
    ):
        with running.client(key) as client:
            assert client.get(path).status_code == status


def test_without_review_the_queue_says_so(serving: Callable[..., Any]) -> None:
    running, _ = serving()
    with running.client() as client:
        for path in ("/v1/reviews", "/v1/reviews/" + "0" * 32):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (409, "review.off")
        assert client.get("/v1/deliveries", headers={"X-Thread": "t"}).json()["code"] == "review.off"
