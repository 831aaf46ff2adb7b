"""How a short message in care mode is meant, where its words leave no doubt: thanks, denial, anger."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import cache
from pathlib import Path

from cbtguard.safety.files import read_yaml
from cbtguard.safety.referral.line_entry import malformed

_FILE = Path(__file__).parent / "data" / "moods.yaml"
LONGEST = 60
"""Characters of the longest message that is looked at; a longer one says more than a mood."""


class Mood(StrEnum):
    """What a care text may answer first."""

    THANKS = "thanks"
    """The person thanks, and says nothing else."""
    DENIAL = "denial"
    """The person takes back what was said: a joke, never mind."""
    ANGER = "anger"
    """The person is angry at the answers."""


def mood_of(text: str) -> Mood | None:
    """Return the mood of a whole message, or None where it says anything else besides.

    Args:
        text: The message. Only the spelling is undone: width, case, signs and Traditional script.
    """
    if len(text) > LONGEST:
        return None
    plain = _plain(text)
    for mood, pattern in read_moods().items():
        if plain and pattern.fullmatch(plain):
            return mood
    return None


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    kept = "".join(c if c.isalnum() or c == "'" else " " for c in folded)
    return re.sub(r"(?<![a-z0-9']) | (?![a-z0-9'])", "", " ".join(kept.split()))


@cache
def read_moods() -> dict[Mood, re.Pattern[str]]:
    """Return the pattern of each mood.

    Raises:
        DataError: ``data.malformed`` for a file that does not hold its own examples.
    """
    data = read_yaml(_FILE)
    if not isinstance(data, dict) or set(data) != set(Mood):
        raise malformed(_FILE, "top", f"must have the moods {', '.join(Mood)}")
    found: dict[Mood, re.Pattern[str]] = {}
    for mood in Mood:
        item = data[mood]
        try:
            pattern = re.compile("|".join(f"(?:{one})" for one in item["patterns"]))
            wrong = [text for text in item["positive"] if not pattern.fullmatch(_plain(text))]
            wrong += [text for text in item["negative"] if pattern.fullmatch(_plain(text))]
        except (KeyError, TypeError, re.error) as error:
            raise malformed(_FILE, mood, "must give patterns, positive and negative") from error
        if wrong:
            raise malformed(_FILE, mood, f"does not do what its example {wrong[0]!r} says")
        found[mood] = pattern
    return found
