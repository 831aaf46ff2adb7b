"""Between LangChain's messages and the flow: what a person said, and the reply as a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.graph.answer import Answer

_TAKEN = ("route", "reason", "citations", "referral", "record_id", "notice", "language", "region", "turn")
_PERSON = frozenset({"human", "user"})


def said(messages: Sequence[Any]) -> tuple[str, tuple[str, ...]]:
    """Return the last thing a person said, and what that person said before it, oldest first.

    What anybody else said is not read: anybody can write it.

    Args:
        messages: LangChain messages, or mappings with ``role`` or ``type`` and ``content``, or pairs.

    Raises:
        InputError: ``input.empty`` where nobody said anything; ``input.unsupported`` for what is not text.
    """
    spoken = [content for role, content in map(_parts, messages) if role in _PERSON]
    if not spoken:
        raise InputError(
            "input.empty",
            "There is no message of a person.",
            hint="Let the state's messages hold what the person wrote, or set text.",
        )
    *before, last = spoken
    return text_of(last), tuple(text for one in before if (text := _readable(one)).strip())


def text_of(content: Any) -> str:
    """Return the text of a message's content.

    Raises:
        InputError: ``input.unsupported`` where it holds something else.
    """
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else [None]
    texts = [block if isinstance(block, str) else _text_of_block(block) for block in blocks]
    if any(text is None for text in texts):
        raise InputError(
            "input.unsupported",
            "A message holds something other than text.",
            hint="Send text; the screen reads nothing else.",
        )
    return "\n".join(text for text in texts if text is not None)


def shown(answer: Answer, *, begun: bool = False) -> str:
    """Return the whole of what is to be shown: the reply, and before it that this is a machine, where that is due.

    Args:
        answer: Of the flow.
        begun: Whether the talk began before the flow knew of it, so that the notice was given.
    """
    return f"{answer.notice}\n\n{answer.reply}" if answer.notice and not begun else answer.reply


def summary(answer: Answer) -> dict[str, Any]:
    """Return what led to a reply, as JSON primitives, without what the person wrote."""
    whole = answer.as_dict()
    risk = answer.risk
    return {
        **{name: whole[name] for name in _TAKEN},
        "risk": {
            "level": risk.level.value,
            "kinds": [kind.value for kind in risk.kinds],
            "subject": risk.subject.value,
            "score": risk.score,
        },
    }


def _parts(message: Any) -> tuple[str, Any]:
    if isinstance(message, dict):
        return str(message.get("role") or message.get("type") or ""), message.get("content")
    if isinstance(message, tuple | list) and len(message) == 2:
        return str(message[0]), message[1]
    if isinstance(message, str):
        return "human", message
    return str(getattr(message, "type", "")), getattr(message, "content", None)


def _text_of_block(block: Any) -> str | None:
    text = block.get("text") if isinstance(block, dict) and block.get("type") == "text" else None
    return text if isinstance(text, str) else None


def _readable(content: Any) -> str:
    """What an earlier message says; a picture in it was refused when it was the last one."""
    try:
        return text_of(content)
    except InputError:
        return ""
