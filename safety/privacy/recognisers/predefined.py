"""Presidio's own recognisers, for both languages and under this package's names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from presidio_analyzer import predefined_recognizers

from cbtguard.safety.privacy.reading import DATA, malformed
from cbtguard.safety.privacy.recognisers.base import Hit, Recogniser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.safety.privacy.entities import EntityType
    from cbtguard.safety.privacy.lexer import Words
    from cbtguard.safety.privacy.settings import Predefined

# Presidio's expressions end at word boundaries, and a Chinese character is part of a word to them.
_HAN_TO_SPACE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# A number that is said to be a QQ or student number is one, though it passes a check by chance.
_MOST = 0.9
_DIGITS = re.compile("(?:[0-9][ -]?){6}")


class PredefinedRecogniser(Recogniser):
    """One of Presidio's recognisers, with its own score and context words.

    Raises:
        DataError: ``data.malformed`` when Presidio has no recogniser of that name.
    """

    kind: ClassVar[EntityType]
    key: ClassVar[str]

    def __init__(self, language: str, predefined: Predefined) -> None:
        made = getattr(predefined_recognizers, predefined.recogniser, None)
        if made is None:
            raise malformed(
                DATA / "privacy.yaml", f"predefined.{predefined.recogniser}", "a Presidio recogniser"
            )
        self._inner = made(supported_language="en", supported_entity=predefined.entity)
        # Instances differ in what they report, so the class attributes are shadowed.
        self.kind = predefined.type  # type: ignore[misc]
        self.key = predefined.recogniser  # type: ignore[misc]
        super().__init__(language, tuple(word.lower() for word in self._inner.context or ()))

    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield what Presidio's recogniser finds in the text with Chinese characters blanked."""
        if _DIGITS.search(text):
            latin = _HAN_TO_SPACE.sub(" ", text)
            for result in self._inner.analyze(latin, self._inner.supported_entities, words):
                yield Hit(result.start, result.end, min(result.score, _MOST), "predefined")
