"""The redactor: Presidio's analyzer over a Chinese segmenter, with recognisers of its own."""

from __future__ import annotations

import re
from importlib import metadata
from typing import TYPE_CHECKING

from cbtguard.safety.files import version_of
from cbtguard.safety.privacy.entities import Entity, EntityType, Redaction
from cbtguard.safety.privacy.explanations import Explanations
from cbtguard.safety.privacy.findings import GUESSED, Finding, settle, spare
from cbtguard.safety.privacy.reading import DATA, malformed
from cbtguard.safety.privacy.script import has_han, language_of, shadow
from cbtguard.safety.privacy.settings import default_settings, load_settings
from cbtguard.safety.privacy.vetoes import Vetoes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from presidio_analyzer import RecognizerResult

    from cbtguard.safety.privacy.vault import Vault

_KNOWN_SCORE = 0.9
_LANGUAGES = ("zh", "en")


class PresidioRedactor:
    """Finds personal data and replaces it; one instance serves many threads.

    The same text always gives the same findings. A text may hold anything a string can hold, lone
    surrogates and control characters too.

    Args:
        config: A file like ``privacy.yaml``; None for the one that ships with the package.
        vetoes: Further terms that no guess may hide, beside those of ``never_redact.yaml``.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
        DependencyError: ``dependency.segmenter`` when the Chinese segmenter cannot be loaded.
    """

    def __init__(self, config: Path | None = None, vetoes: Iterable[str] = ()) -> None:
        # Presidio imports torch and transformers when they are installed: seconds, so only here.
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry  # noqa: PLC0415

        from cbtguard.safety.privacy.context import NearbyWords  # noqa: PLC0415 - imports Presidio
        from cbtguard.safety.privacy.lexer import SegmenterEngine  # noqa: PLC0415 - imports Presidio
        from cbtguard.safety.privacy.recognisers.base import rules  # noqa: PLC0415 - imports Presidio
        from cbtguard.safety.privacy.recognisers.phones import PublicNumbers  # noqa: PLC0415 - the same
        from cbtguard.safety.privacy.recognisers.registry import recognisers  # noqa: PLC0415 - the same

        path = config or DATA / "privacy.yaml"
        self._settings = load_settings(path) if config else default_settings()
        self._vetoes = Vetoes(DATA / "never_redact.yaml", vetoes)
        self._public = PublicNumbers()
        self._explanations = Explanations(
            {f"{key}.{rule.name}": rule.reason for key, group in rules().items() for rule in group}
        )
        found = [made for language in _LANGUAGES for made in recognisers(self._settings, language)]
        if not found:
            raise malformed(path, "recognisers", "at least one recogniser that is enabled")
        self._engine = AnalyzerEngine(
            registry=RecognizerRegistry(recognizers=found, supported_languages=list(_LANGUAGES)),
            nlp_engine=SegmenterEngine(),
            supported_languages=list(_LANGUAGES),
            context_aware_enhancer=NearbyWords(self._settings),
            default_score_threshold=self._settings.threshold,
        )
        files = [file for file in DATA.glob("*.yaml") if config is None or file.name != "privacy.yaml"]
        self._version = f"{metadata.version('presidio-analyzer')}+{version_of([*files, path])}"

    @property
    def name(self) -> str:
        """Short stable name."""
        return "presidio"

    @property
    def version(self) -> str:
        """Presidio's version and a hash of the data files."""
        return self._version

    def find(self, text: str) -> tuple[Entity, ...]:
        """Return the personal data in a text, sorted by offset, not overlapping."""
        return self._find(text, None)

    def redact(self, text: str, vault: Vault) -> Redaction:
        """Return the text with placeholders; the originals go into the vault.

        What the vault already holds is replaced too, also where no recogniser would see it alone.
        """
        entities = self._find(text, vault)
        language = language_of(text)
        pieces: list[str] = []
        placeholders: list[str] = []
        place = 0
        for entity in entities:
            written = vault.placeholder(entity.type, text[entity.start : entity.end], language)
            pieces += [text[place : entity.start], written]
            placeholders.append(written)
            place = entity.end
        pieces.append(text[place:])
        return Redaction(text="".join(pieces), entities=entities, placeholders=tuple(placeholders))

    def _find(self, text: str, vault: Vault | None) -> tuple[Entity, ...]:
        if not text or text.isspace():
            return ()
        folded = shadow(text)
        results = self._engine.analyze(
            folded, language="zh" if has_han(folded) else "en", return_decision_process=True
        )
        findings = [_finding(result) for result in results]
        if vault is not None:
            findings += [
                Finding(
                    kind=kind, start=start, end=end, score=_KNOWN_SCORE, recogniser="vault", reason="known"
                )
                for kind, start, end in vault.known(text)
            ]
        findings = [f for f in findings if not self._is_public(f, folded)]
        findings = spare(findings, folded, self._vetoes)
        findings += spare(_repeated(findings, folded), folded, self._vetoes)
        return tuple(self._entity(finding, text) for finding in settle(findings, folded))

    def _is_public(self, finding: Finding, folded: str) -> bool:
        return finding.kind is EntityType.PHONE and folded[finding.start : finding.end] in self._public

    def _entity(self, finding: Finding, text: str) -> Entity:
        explanation = self._explanations.sentence(
            finding.recogniser,
            finding.reason,
            text[finding.start : finding.end],
            supported=finding.supported,
        )
        return Entity(
            type=finding.kind,
            start=finding.start,
            end=finding.end,
            score=round(finding.score, 3),
            explanation=explanation,
        )


def _finding(result: RecognizerResult) -> Finding:
    decision = result.analysis_explanation
    return Finding(
        kind=EntityType(result.entity_type),
        start=result.start,
        end=result.end,
        score=float(result.score),
        recogniser=decision.recognizer,
        reason=decision.pattern_name,
        supported=decision.score_context_improvement > 0,
    )


def _repeated(findings: list[Finding], folded: str) -> Iterator[Finding]:
    """Yield further occurrences of what was guessed once: a segmenter may miss a name the second time."""
    seen: dict[str, Finding] = {}
    for finding in findings:
        value = folded[finding.start : finding.end]
        if finding.kind in GUESSED and len(value) > 1:
            seen.setdefault(value, finding)
    if not seen or len(seen) > 64:
        return
    edge = ("(?<![A-Za-z0-9])", "(?![A-Za-z0-9])")
    longest = sorted(seen, key=lambda value: (-len(value), value))
    branches = [
        rf"{edge[0]}{re.escape(value)}{edge[1]}" if value[0].isascii() else re.escape(value)
        for value in longest
    ]
    taken = {(finding.start, finding.end) for finding in findings}
    for match in re.finditer("|".join(branches), folded):
        if match.span() in taken:
            continue
        first = seen[match.group()]
        yield Finding(
            kind=first.kind,
            start=match.start(),
            end=match.end(),
            score=first.score,
            recogniser=first.recogniser,
            reason="repeated",
        )
