"""The shapes of requests and responses, as the OpenAPI document tells them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cbtguard.graph.review.acts import MAX_TEXT

_TEXT = "最近总睡不着，一躺下就想工作的事"
_ANSWER = "听起来你最近很累。想开点，早点睡就好了。"


class Body(BaseModel):
    """Base of requests: no field that nobody reads."""

    model_config = ConfigDict(extra="forbid")


class Question(Body):
    """A message to answer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": _TEXT, "thread": "talk-7", "region": "CN"}]},
    )

    text: str = Field(description="What the person wrote.")
    thread: str | None = Field(default=None, description="Your id of the talk, at most 256 characters.")
    region: str | None = Field(default=None, description="Region whose help lines to show, such as CN.")
    language: str | None = Field(default=None, description="auto, zh-Hans, zh-Hant or en.")
    earlier: list[str] = Field(
        default_factory=list,
        max_length=200,
        description="What the person wrote before, oldest first, where you keep the talk yourself; the last "
        "12 are screened again. Not read once the thread is known here.",
    )


class Text(Body):
    """A text for one guard alone."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": _TEXT}]})

    text: str


class Pair(Body):
    """A question and an answer to it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"question": _TEXT, "answer": _ANSWER}]}
    )

    question: str
    answer: str
    language: str | None = Field(default=None, description="Language the answer should have.")


class RiskOut(BaseModel):
    """What the crisis screen found."""

    level: Literal["none", "watch", "crisis", "emergency"]
    kinds: list[str]
    subject: str
    score: float
    signals: list[dict[str, Any]]


class PartOut(BaseModel):
    """One of the five parts of an answer."""

    present: bool
    evidence: str


class AnswerOut(BaseModel):
    """The outcome of a turn; see ``Answer`` in the documentation."""

    route: Literal["answered", "referred", "held"]
    reply: str
    notice: str | None = Field(description="That this is a machine; show it before the reply.")
    parts: dict[str, PartOut]
    risk: RiskOut
    citations: list[dict[str, Any]]
    referral: dict[str, Any] | None
    reason: str
    writer: str | None
    attempts: int
    record_id: str | None
    thread: str | None
    turn: int


class ScreenOut(BaseModel):
    """The screen's verdict."""

    risk: RiskOut


class EntityOut(BaseModel):
    """Personal data that was found; offsets are into the text that came in."""

    type: str
    start: int
    end: int
    score: float


class RedactOut(BaseModel):
    """A text with placeholders."""

    text: str
    entities: list[EntityOut]


class CheckOut(BaseModel):
    """What the checker says of an answer."""

    parts: dict[str, dict[str, Any]]
    defects: list[dict[str, Any]]
    passed: bool


class RecordsOut(BaseModel):
    """Entries of the record, oldest first."""

    entries: list[dict[str, Any]]
    next_after: int | None = Field(description="Pass it as after for the next ones; null at the end.")


class VerifyOut(BaseModel):
    """Whether the record's chain holds."""

    ok: bool
    entries: int
    head: str
    first_bad: int | None
    reason: str | None
    signed: int


class ActIn(Body):
    """What a reviewer does with an item."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"act": "approve", "reviewer": "duty desk"}]}
    )

    act: Literal["approve", "replace", "take_over", "release", "hand_back"]
    reviewer: str = Field(
        default="", max_length=150, description="Who acts, behind this key; only a keyed hash of it is kept."
    )
    text: str | None = Field(
        default=None, max_length=MAX_TEXT, description="The reviewer's own words; with replace only."
    )
    note: str = Field(default="", max_length=2_000, description="For colleagues; never shown to the person.")


class ReviewsOut(BaseModel):
    """What waits for a person, the oldest first; see ``ReviewItem`` in the documentation."""

    items: list[dict[str, Any]]


class ActOut(BaseModel):
    """What became of an item."""

    review: str
    status: str
    delivered: bool = Field(description="Whether there are words for the person; see /v1/deliveries.")


class DeliveriesOut(BaseModel):
    """What was let through in a talk, the oldest first."""

    deliveries: list[dict[str, Any]]


class Problem(BaseModel):
    """An error, as RFC 9457 tells it; ``error`` repeats it for clients of OpenAI's API."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    instance: str | None = None
    errors: list[dict[str, Any]] | None = None
    error: dict[str, Any]


# --- OpenAI's shape ---------------------------------------------------------------------------------------


class ContentPart(BaseModel):
    """A piece of a message; text only."""

    type: str
    text: str | None = None


class ChatMessage(BaseModel):
    """A message of a chat."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None


class StreamOptions(BaseModel):
    """Options of a stream."""

    include_usage: bool | None = None


class ChatRequest(BaseModel):
    """A request in OpenAI's shape. Fields that are not listed here are ignored, such as temperature."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "cbtguard", "messages": [{"role": "user", "content": _TEXT}]}]
        }
    )

    model: str = "cbtguard"
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=2000)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    response_format: dict[str, Any] | None = None
    user: str | None = Field(default=None, description="Names the talk, as the header X-Thread does.")
    thread: str | None = Field(default=None, description="Names the talk; beats user.")
    region: str | None = None
    language: str | None = None


class ChatOut(BaseModel):
    """A reply in OpenAI's shape, and what led to it in ``guard``."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, int]
    guard: dict[str, Any]


class ModelsOut(BaseModel):
    """The one model there is."""

    object: Literal["list"]
    data: list[dict[str, Any]]


def field_names() -> frozenset[str]:
    """Return the names of all fields of requests: what an error may name."""
    models = (Question, Text, Pair, ChatRequest, ChatMessage, ContentPart, StreamOptions, ActIn)
    own = {name for model in models for name in model.model_fields}
    return frozenset(
        own | {"body", "query", "path", "header", "str", "last", "after", "limit", "head", "format"}
    )


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": about, "content": {"application/problem+json": {}}}
    for status, about in (
        (400, "Not JSON, or a feature that there is not"),
        (401, "No key, or an unknown one"),
        (403, "The key lacks the scope"),
        (404, "Not found"),
        (405, "Method not allowed"),
        (408, "The body took too long"),
        (409, "Does not fit the item as it is"),
        (413, "Too long"),
        (415, "Not JSON"),
        (421, "Addressed by a foreign name"),
        (422, "Cannot be used"),
        (429, "Too many requests; see Retry-After"),
        (500, "Something failed"),
        (503, "Not available now; see Retry-After"),
    )
}
"""What every route may answer beside its own."""
