"""Words of a text: the Chinese segmenter behind Presidio's interface for language engines.

The engine is made over ``spacy.blank``, but every text gets a vocabulary of its own: spaCy's shared one
would keep every word a person wrote for the life of the process.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

from cbtguard.safety.privacy.script import has_han
from cbtguard.safety.segmenter import segmenter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PIECE = 384
_PIECES = re.compile(rf"[^\n。！？!?；;]{{0,{_PIECE - 1}}}[\n。！？!?；;]{{0,1}}")
_ENGLISH = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]|_")
_SCORE = 0.85
_NAMED = frozenset({"PER", "LOC", "ORG"})


@dataclass(frozen=True, slots=True)
class Word:
    """One word: text, offsets in the shadow text, and the segmenter's tag (empty in English)."""

    text: str
    start: int
    end: int
    tag: str


class Words(NlpArtifacts):
    """What recognisers get beside the text: the words, found by their start.

    Attributes:
        words: All words in order; spaces and marks too.
        at: Index of the word that starts at an offset.
    """

    def __init__(self, words: tuple[Word, ...], engine: NlpEngine, language: str) -> None:
        # Not NlpArtifacts.__init__: it makes tokens and key words at once, and no recogniser here reads them.
        self.words = words
        self.at = {word.start: index for index, word in enumerate(words)}
        self.nlp_engine = engine
        self.language = language

    @cached_property
    def tokens(self) -> Any:  # type: ignore[override]
        """The words as a spaCy document, made when a recogniser asks for it."""
        from spacy.tokens import Doc  # noqa: PLC0415 - heavy
        from spacy.vocab import Vocab  # noqa: PLC0415 - heavy

        return Doc(Vocab(), words=self.lemmas, spaces=[False] * len(self.words))

    @cached_property
    def entities(self) -> list[Any]:  # type: ignore[override]
        """Persons, places and organisations as spaCy spans."""
        from spacy.tokens import Span  # noqa: PLC0415 - heavy

        return [Span(self.tokens, i, i + 1, label=w.tag) for i, w in enumerate(self.words) if w.tag in _NAMED]

    @cached_property
    def lemmas(self) -> list[str]:  # type: ignore[override]
        """The words themselves: Chinese has no other forms."""
        return [word.text for word in self.words]

    @cached_property
    def tokens_indices(self) -> list[int]:  # type: ignore[override]
        """Where the words start."""
        return [word.start for word in self.words]

    @cached_property
    def keywords(self) -> list[str]:  # type: ignore[override]
        """The words that are no stop words."""
        found: list[str] = self.set_keywords(self.nlp_engine, self.lemmas, self.language)
        return found

    @cached_property
    def scores(self) -> list[float]:  # type: ignore[override]
        """How sure each entity is."""
        return [_SCORE] * len(self.entities)


class SegmenterEngine(NlpEngine):
    """Chinese words and PER, LOC, ORG from LAC, run once a text; English words by a rule.

    Raises:
        DependencyError: ``dependency.segmenter`` when the segmenter cannot be loaded.
    """

    def __init__(self) -> None:
        self._lac: Any = None
        self._blank: dict[str, Any] = {}

    def load(self) -> None:
        """Load the segmenter and spaCy's blank pipelines."""
        import spacy  # noqa: PLC0415 - heavy

        self._lac = segmenter()
        self._blank = {language: spacy.blank(language) for language in ("zh", "en")}

    def is_loaded(self) -> bool:
        """Return whether ``load`` has run."""
        return self._lac is not None

    def process_text(self, text: str, language: str) -> Words:
        """Return the words of a shadow text."""
        words = self._chinese(text) if has_han(text) else self._english(text)
        return Words(tuple(words), self, language)

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **_: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """Yield each text with its words, one after the other."""
        del batch_size, n_process
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:
        """Return whether spaCy lists the word as a stop word of the language."""
        return word.lower() in self._blank[language].Defaults.stop_words

    def is_punct(self, word: str, language: str) -> bool:
        """Return whether the word is nothing but marks and spaces."""
        del language
        return all(char.isspace() or unicodedata.category(char)[0] == "P" for char in word)

    def get_supported_entities(self) -> list[str]:
        """Return the tags that count as entities."""
        return sorted(_NAMED)

    def get_supported_languages(self) -> list[str]:
        """Return the languages: ``zh`` and ``en``."""
        return ["zh", "en"]

    def _chinese(self, text: str) -> Iterator[Word]:
        # The segmenter's memory grows with the text, so a long one goes through sentence by sentence.
        pieces = [text] if len(text) <= _PIECE else _PIECES.findall(text)
        place = 0
        for piece in pieces:
            if not piece:
                continue
            for word, tag in self._lac.run(piece):
                yield Word(word, place, place + len(word), tag)
                place += len(word)

    @staticmethod
    def _english(text: str) -> Iterator[Word]:
        for match in _ENGLISH.finditer(text):
            yield Word(match.group(), match.start(), match.end(), "")
