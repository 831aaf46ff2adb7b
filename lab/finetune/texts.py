"""The texts of tuning: system messages, and the card of an adapter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

_FILE = Path(__file__).parent / "data" / "texts.yaml"
_LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What ``texts.yaml`` holds."""

    short: dict[str, str]
    """``en`` and ``zh`` to the system message of a question."""
    spelt_out: dict[str, str]
    """The same with the five parts named."""
    card: str
    """With slots in double braces."""

    def system(self, language: str, *, spelt_out: bool = False) -> str:
        """Return the system message for a language; English for one that is neither."""
        return (self.spelt_out if spelt_out else self.short)["zh" if language.startswith("zh") else "en"]


@cache
def texts() -> Texts:
    """Return the texts.

    Raises:
        DataError: ``data.malformed``, naming the entry.
    """
    data = read_yaml(_FILE)
    for name in ("system", "spelt_out", "card"):
        entry = data.get(name) if isinstance(data, dict) else None
        whole = isinstance(entry, str) if name == "card" else isinstance(entry, dict)
        if not whole or (isinstance(entry, dict) and set(entry) != {*_LANGUAGES}):
            raise DataError(
                "data.malformed",
                f"The data file {_FILE} is malformed at {name}.",
                hint="system and spelt_out have a text for en and zh, card is a text.",
            )
    return Texts(short=data["system"], spelt_out=data["spelt_out"], card=data["card"])
