"""Explanations: one sentence a finding, from Presidio's record of the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.reading import DATA, malformed, mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

_LANGUAGES = ("en", "zh")


class Explanations:
    """Turns the key of a reason into a sentence.

    Args:
        reasons: Further reasons (key to language to text), those of the rules in ``patterns.yaml``.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """

    def __init__(self, reasons: Mapping[str, Mapping[str, str]]) -> None:
        path = DATA / "explanations.yaml"
        whole = mapping(read_yaml(path), path, "(top)")

        def pair(value: Any, entry: str) -> dict[str, str]:
            body = mapping(value, path, entry)
            if set(body) != set(_LANGUAGES) or not all(isinstance(text, str) for text in body.values()):
                raise malformed(path, entry, "the texts en and zh")
            return body

        self._plain = pair(whole.get("sentence"), "sentence")
        self._supported = pair(whole.get("supported"), "supported")
        own = mapping(whole.get("reasons"), path, "reasons")
        self._reasons: dict[str, Mapping[str, str]] = {
            **{key: pair(body, f"reasons.{key}") for key, body in own.items()},
            **reasons,
        }

    def sentence(self, recogniser: str, reason: str, value: str, *, supported: bool = False) -> str:
        """Return the English sentence, or the Chinese one when the English one holds the value by chance.

        A name such as An occurs in ordinary English words, Names in a recogniser's name; no explanation
        may contain it.

        Raises:
            KeyError: The reason is unknown, a mistake in a recogniser.
        """
        frame = self._supported if supported else self._plain
        texts = [
            frame[language].format(recogniser=recogniser, reason=self._reasons[reason][language])
            for language in _LANGUAGES
        ]
        folded = value.strip().casefold()
        texts.append(self._reasons[reason]["zh"])
        return next((text for text in texts if folded not in text.casefold()), texts[-1])
