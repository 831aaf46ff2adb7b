"""Why an act was refused, as an error with the way out."""

from __future__ import annotations

from typing import Final

from cbtguard.safety.errors import ReviewError

_REFUSALS: Final = {
    "review.unknown": (
        "There is no such item.",
        "List the items; a talk kept in memory is gone after a restart.",
    ),
    "review.closed": ("The item was closed by an earlier act.", "Look at its follow-up."),
    "review.busy": ("Another act on the item is in work.", "Look at the item again in a moment."),
    "review.expired": (
        "The time for the item was over; the safe reply stands.",
        "Raise review_deadline_s if reviewers need longer, or act on the talk's next message.",
    ),
    "review.act": (
        "The act does not fit the item as it is.",
        "hand_back goes with an item that was taken over, the other acts with an open one.",
    ),
    "review.no_draft": (
        "Nothing was written that could be approved.",
        "Replace it by your own words, take the talk over, or release it.",
    ),
    "review.overtaken": (
        "The talk has come into a crisis since; the draft does not fit it any more.",
        "Replace it by your own words, or take the talk over.",
    ),
    "review.text_identifier": (
        "The text holds personal data.",
        "Write the placeholder of the question in place of a name, and sign with a role.",
    ),
    "review.text_means": (
        "The text names a means or a way of self-harm.",
        "Ask about safety without naming one.",
    ),
    "review.text_leak": (
        "The text holds control tokens or words of a prompt.",
        "Send plain sentences.",
    ),
    "review.off": ("No turns are held for review.", "Set review to unclear, crisis or all."),
}


def refusal(code: str) -> ReviewError:
    """Return the error for a code, or for the ``stop:fault:cause`` of an act that could not be done."""
    known = _REFUSALS.get(code)
    if known is not None:
        return ReviewError(code, known[0], hint=known[1])
    return ReviewError(
        "review.not_done",
        f"The act could not be done ({code}); the item waits as before.",
        hint="Mend what failed, such as the record, and act again.",
    )
