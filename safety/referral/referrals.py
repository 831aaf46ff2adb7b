"""Referrals: the vetted texts a person in danger reads, and the test of whether a text is one of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.safety.errors import InputError
from cbtguard.safety.files import version_of
from cbtguard.safety.language import Language, normalise_language
from cbtguard.safety.referral.composer import GAP, Composer, Recipe
from cbtguard.safety.referral.gravity import GRAVITY, by_gravity
from cbtguard.safety.referral.model import Reason, Referral
from cbtguard.safety.referral.rules import fields, read_rules
from cbtguard.safety.referral.snapshot import Snapshot
from cbtguard.safety.referral.wording import ANY, VARIANTS, Wording
from cbtguard.safety.referral.wording_file import read_wording
from cbtguard.safety.risk.model import Level, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cbtguard.safety.referral.directory import Directory
    from cbtguard.safety.referral.render import Shown

_DATA = Path(__file__).parent / "data"


class Referrals:
    """Composes referral texts. Reads everything once; afterwards no call reads a file or the directory.

    Args:
        directory: Where help is; its lines are taken over at construction.
        texts: Folder with ``zh-Hans.yaml``, ``zh-Hant.yaml`` and ``en.yaml``; by default the shipped one.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed`` for a text file that breaks a rule, or a
            directory that has no line to talk to, no police or no ambulance for one of its regions.
    """

    def __init__(self, directory: Directory, texts: Path | None = None) -> None:
        folder = texts or _DATA / "texts"
        rules_file = _DATA / "rules.yaml"
        rules = read_rules(rules_file)
        files = {language: folder / f"{language}.yaml" for language in Language}
        self._wording: dict[str, Wording] = {
            language: read_wording(file, rules[language], language) for language, file in files.items()
        }
        self._snapshot = Snapshot(directory)
        self._composer = Composer(self._wording, self._snapshot)
        texts_version = version_of([rules_file, *files.values()])
        whole = f"{texts_version} {directory.name} {directory.version}"
        self._version = hashlib.sha256(whole.encode()).hexdigest()[:12]
        self._plain = frozenset(self._plain_texts())

    @property
    def version(self) -> str:
        """Changes whenever a text or a line can change; 12 hexadecimal digits."""
        return self._version

    def crisis(
        self,
        *,
        level: str,
        kinds: Sequence[str],
        subject: str,
        region: str,
        language: str,
        variant: int = 0,
    ) -> Referral:
        """Return the referral for a crisis or an emergency; the gravest kind leads, others get a sentence.

        Args:
            level: ``crisis`` or ``emergency``.
            kinds: Values of :class:`~cbtguard.safety.risk.Kind`, at least one, in any order.
            subject: ``self`` or ``other``.
            region: A code of the directory; anything else is answered as elsewhere (``ZZ``).
            language: A tag that :func:`~cbtguard.safety.language.normalise_language` knows.
            variant: Any integer, such as the number of the turn; consecutive ones read differently.

        Raises:
            InputError: ``input.level_unknown``, ``input.kind_unknown``, ``input.subject_unknown`` or
                ``input.language_unknown``. The flow then answers with :meth:`last_resort`.
        """
        if level not in {Level.CRISIS, Level.EMERGENCY}:
            raise InputError(
                "input.level_unknown",
                "A crisis referral needs a level of crisis or emergency.",
                hint="Answer lower levels, and add the safety note at level watch.",
            )
        if subject not in set(Subject):
            raise InputError("input.subject_unknown", "The subject is not known.", hint="Use self or other.")
        ordered = by_gravity(kinds)
        if not ordered:
            raise InputError(
                "input.kind_unknown",
                "A crisis referral needs a kind.",
                hint="Name at least one kind of risk.",
            )
        recipe = Recipe(
            level=str(level),
            subject=str(subject),
            kinds=ordered,
            region=self._snapshot.region(region),
            language=normalise_language(language),
            variant=variant % VARIANTS,
        )
        return self._referral(
            self._composer.template(recipe),
            self._snapshot.shown(recipe.region, recipe.level, ordered),
            name=f"{recipe.level}/{recipe.subject}/{'+'.join(ordered)}",
            language=recipe.language,
            region=recipe.region,
            variant=recipe.variant,
        )

    def care(self, *, region: str, language: str, variant: int) -> Referral:
        """Return a text for a later turn after a crisis: asks how safe the person is and listens.

        Consecutive variants differ; there are at least six in each language.

        Raises:
            InputError: ``input.language_unknown``.
        """
        tag, code = normalise_language(language), self._snapshot.region(region)
        texts = self._wording[tag].care
        number = variant % len(texts)
        shown = self._snapshot.shown(code, Level.WATCH)
        return self._referral(texts[number], shown, name="care", language=tag, region=code, variant=number)

    def fallback(self, *, reason: str, region: str, language: str, variant: int = 0) -> Referral:
        """Return the text that stands in for an answer that cannot be given.

        Args:
            reason: A value of :class:`~cbtguard.safety.referral.Reason`.
            region: As for :meth:`crisis`.
            language: As for :meth:`crisis`.
            variant: As for :meth:`crisis`.

        Raises:
            InputError: ``input.reason_unknown`` or ``input.language_unknown``.
        """
        if reason not in set(Reason):
            raise InputError(
                "input.reason_unknown", "The reason is not known.", hint=f"Use {', '.join(Reason)}."
            )
        tag, code = normalise_language(language), self._snapshot.region(region)
        number = variant % VARIANTS
        return self._referral(
            self._wording[tag].fallback[reason][number] + GAP + self._wording[tag].tail[number],
            self._snapshot.shown(code, Level.NONE),
            name=f"fallback/{reason}",
            language=tag,
            region=code,
            variant=number,
        )

    def safety_note(self, *, kinds: Sequence[str], region: str, language: str) -> Referral:
        """Return the two or three sentences that follow an ordinary answer at level watch.

        Raises:
            InputError: ``input.kind_unknown`` or ``input.language_unknown``.
        """
        tag, code = normalise_language(language), self._snapshot.region(region)
        lead = by_gravity(kinds)[:1]
        kind: str = lead[0] if lead else ANY
        return self._referral(
            self._wording[tag].safety_note[kind],
            self._snapshot.shown(code, Level.WATCH, lead),
            name=f"safety_note/{kind}",
            language=tag,
            region=code,
            variant=0,
        )

    def disclosure(self, language: str) -> str:
        """Return the notice that this is a machine, no therapist and no medical device.

        Raises:
            InputError: ``input.language_unknown``.
        """
        return self._wording[normalise_language(language)].disclosure

    def disclosure_again(self, language: str) -> str:
        """Return the reminder, later in a talk, that this is a machine and that a break is welcome.

        Raises:
            InputError: ``input.language_unknown``.
        """
        return self._wording[normalise_language(language)].disclosure_again

    def last_resort(self, language: str) -> str:
        """Return the text for when everything else failed. Never raises, looks nothing up.

        A language that is not known is answered in Simplified Chinese and English.
        """
        try:
            tag = normalise_language(language)
        except (InputError, AttributeError, TypeError):
            return GAP.join(self._wording[tag].last_resort for tag in (Language.ZH_HANS, Language.EN))
        return self._wording[tag].last_resort

    def is_vetted(self, text: str) -> bool:
        """Whether the text is, character for character, one that this object can produce."""
        return text in self._plain or self._composer.composes(text)

    def _referral(
        self, template: str, shown: Shown, *, name: str, language: str, region: str, variant: int
    ) -> Referral:
        return Referral(
            text=self._composer.renderers[language].fill(template, shown),
            lines=shown.named(fields(_DATA, name, template)),
            region=region,
            language=language,
            template=name,
            variant=variant,
        )

    def _plain_texts(self) -> Iterator[str]:
        """Yield every text but the crisis texts, which are too many to keep."""
        yield self.last_resort("")
        for tag in Language:
            yield self.disclosure(tag)
            yield self.disclosure_again(tag)
            yield self.last_resort(tag)
            for code in self._snapshot.regions:
                for number in range(len(self._wording[tag].care)):
                    yield self.care(region=code, language=tag, variant=number).text
                for kinds in ((), *((kind,) for kind in GRAVITY)):
                    yield self.safety_note(kinds=kinds, region=code, language=tag).text
                for reason in Reason:
                    for number in range(VARIANTS):
                        yield self.fallback(reason=reason, region=code, language=tag, variant=number).text
