"""Context words: what stands near a hit and makes it surer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from presidio_analyzer import RecognizerResult
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer
    from presidio_analyzer.nlp_engine import NlpArtifacts

    from cbtguard.safety.privacy.settings import PrivacySettings


class NearbyWords(ContextAwareEnhancer):
    """Raises a score once when a context word of its recogniser stands in a window of characters.

    A window of characters works for Chinese, where word boundaries are guesses, and for English.
    """

    def __init__(self, settings: PrivacySettings) -> None:
        super().__init__(
            context_similarity_factor=settings.support,
            min_score_with_context_similarity=0.0,
            context_prefix_count=settings.before,
            context_suffix_count=settings.after,
        )

    def enhance_using_context(
        self,
        text: str,
        raw_results: list[RecognizerResult],
        nlp_artifacts: NlpArtifacts,
        recognizers: list[EntityRecognizer],
        context: list[str] | None = None,
    ) -> list[RecognizerResult]:
        """Return the results, raised in place; the window ends at a line break."""
        del nlp_artifacts, context
        words = {recogniser.id: recogniser.context for recogniser in recognizers}
        for result in raw_results:
            nearby = words[result.recognition_metadata[RecognizerResult.RECOGNIZER_IDENTIFIER_KEY]]
            if not nearby:
                continue
            ahead = text[max(0, result.start - self.context_prefix_count) : result.start]
            behind = text[result.end : result.end + self.context_suffix_count]
            window = f"{ahead.rpartition(chr(10))[2]} {behind.partition(chr(10))[0]}".lower()
            if any(word in window for word in nearby):
                result.score = min(1.0, result.score + self.context_similarity_factor)
                result.analysis_explanation.set_improved_score(result.score)
        return raw_results
