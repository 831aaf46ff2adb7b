"""Referrals: the vetted texts a person in danger reads, and the test of whether a text is one of them."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from itertools import product
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.safety.errors import InputError
from cbtguard.safety.files import version_of
from cbtguard.safety.language import Language, normalise_language
from cbtguard.safety.referral.composer import GAP, Composer, Recipe, hash_of
from cbtguard.safety.referral.gravity import GRAVITY, by_gravity
from cbtguard.safety.referral.model import Reason, Referral
from cbtguard.safety.referral.mood import Mood, read_moods
from cbtguard.safety.referral.rules import fields, read_rules
from cbtguard.safety.referral.snapshot import Snapshot
from cbtguard.safety.referral.wording import AGAIN_KINDS, ANY, VARIANTS, Wording
from cbtguard.safety.referral.wording_file import read_wording
from cbtguard.safety.risk.model import Level, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from cbtguard.safety.referral.directory import Directory
    from cbtguard.safety.referral.render import Shown
    from cbtguard.safety.risk.model import Kind

_DATA = Path(__file__).parent / "data"


class Referrals:
    """Composes referral texts. Reads everything once; afterwards no call reads a file or the directory.

    Args:
        directory: Where help is; its lines are taken over at construction.
        texts: Folder with ``zh-Hans.yaml``, ``zh-Hant.yaml`` and ``en.yaml``; by default the shipped one.
        clock: Seconds since the epoch; tells which lines are staffed.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed`` for a text file that breaks a rule, or a
            directory that has no line to talk to, no police or no ambulance for one of its regions.
    """

    def __init__(
        self, directory: Directory, texts: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        read_moods()
        self._clock = clock
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
        self._plain = frozenset(hash_of(text) for text in self._plain_texts())

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
        again: bool = False,
        audience: Collection[str] = (),
    ) -> Referral:
        """Return the referral for a crisis or an emergency; the gravest kind leads, others get a sentence.

        Args:
            level: ``crisis`` or ``emergency``.
            kinds: Values of :class:`~cbtguard.safety.risk.Kind`, at least one, in any order.
            subject: ``self`` or ``other``.
            region: A code of the directory; anything else is answered as elsewhere (``ZZ``).
            language: A tag that :func:`~cbtguard.safety.language.normalise_language` knows.
            variant: Any integer, such as the number of the turn; consecutive ones read differently.
            again: Whether this talk already met the same danger: a shorter text that asks what changed, and
                names the way to help in other words. An emergency, and a body in acute danger, always get
                their whole text.
            audience: Values of :class:`~cbtguard.safety.referral.Audience` that the caller named; their lines
                come first. What it knows no line for does not count.

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
        repeated = again and level == Level.CRISIS and ordered[0] in AGAIN_KINDS
        recipe = Recipe(
            level=str(level),
            subject=str(subject),
            kinds=ordered[:1] if repeated else ordered,
            region=self._snapshot.region(region),
            language=normalise_language(language),
            variant=variant % (self._repeats if repeated else VARIANTS),
        )
        shown = self._shown(recipe.region, recipe.level, recipe.kinds, audience)
        if repeated:
            return self._referral(
                self._composer.again(recipe),
                shown,
                name=f"again/{recipe.subject}/{recipe.kinds[0]}",
                language=recipe.language,
                region=recipe.region,
                variant=recipe.variant,
            )
        return self._referral(
            self._composer.template(recipe),
            shown,
            name=f"{recipe.level}/{recipe.subject}/{'+'.join(ordered)}",
            language=recipe.language,
            region=recipe.region,
            variant=recipe.variant,
        )

    def care(
        self,
        *,
        region: str,
        language: str,
        variant: int,
        mood: str | None = None,
        audience: Collection[str] = (),
    ) -> Referral:
        """Return a text for a later turn after a crisis: asks how safe the person is and listens.

        Consecutive variants differ; there are at least six in each language.

        Args:
            region: As for :meth:`crisis`.
            language: As for :meth:`crisis`.
            variant: As for :meth:`crisis`.
            mood: A value of :class:`~cbtguard.safety.referral.mood.Mood` that is answered first.
            audience: As for :meth:`crisis`.

        Raises:
            InputError: ``input.language_unknown`` or ``input.mood_unknown``.
        """
        if mood is not None and mood not in set(Mood):
            raise InputError("input.mood_unknown", "The mood is not known.", hint=f"Use {', '.join(Mood)}.")
        tag, code = normalise_language(language), self._snapshot.region(region)
        number = variant % len(self._wording[tag].care)
        return self._referral(
            self._care(tag, number, mood),
            self._shown(code, Level.WATCH, (), audience),
            name=f"care/{mood}" if mood else "care",
            language=tag,
            region=code,
            variant=number,
        )

    def _care(self, tag: str, number: int, mood: str | None) -> str:
        text = self._wording[tag].care[number]
        if mood is None:
            return text
        leads = self._wording[tag].care_lead[mood]
        return leads[number % len(leads)] + GAP + text

    def fallback(
        self,
        *,
        reason: str,
        region: str,
        language: str,
        variant: int = 0,
        audience: Collection[str] = (),
    ) -> Referral:
        """Return the text that stands in for an answer that cannot be given.

        Args:
            reason: A value of :class:`~cbtguard.safety.referral.Reason`.
            region: As for :meth:`crisis`.
            language: As for :meth:`crisis`.
            variant: As for :meth:`crisis`.
            audience: As for :meth:`crisis`.

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
            self._shown(code, Level.NONE, (), audience),
            name=f"fallback/{reason}",
            language=tag,
            region=code,
            variant=number,
        )

    def safety_note(
        self, *, kinds: Sequence[str], region: str, language: str, audience: Collection[str] = ()
    ) -> Referral:
        """Return the two or three sentences that follow an ordinary answer at level watch.

        Raises:
            InputError: ``input.kind_unknown`` or ``input.language_unknown``.
        """
        tag, code = normalise_language(language), self._snapshot.region(region)
        lead = by_gravity(kinds)[:1]
        kind: str = lead[0] if lead else ANY
        return self._referral(
            self._wording[tag].safety_note[kind],
            self._shown(code, Level.WATCH, lead, audience),
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
        return hash_of(text) in self._plain or self._composer.composes(text)

    @property
    def _repeats(self) -> int:
        """Variants of a repeated crisis text after which the first returns, in the richest language."""
        return max(
            lcm(len(openings), len(wording.again_body[danger]))
            for wording in self._wording.values()
            for danger, openings in wording.again.items()
        )

    def _shown(self, region: str, level: str, kinds: tuple[Kind, ...], audience: Collection[str]) -> Shown:
        now = datetime.fromtimestamp(self._clock(), tz=UTC)
        return self._snapshot.shown(region, level, kinds, self._snapshot.circumstance(region, audience, now))

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
        """Yield every text but the first crisis texts, which are too many to keep."""
        yield self.last_resort("")
        for tag in Language:
            yield self.disclosure(tag)
            yield self.disclosure_again(tag)
            yield self.last_resort(tag)
            for code in self._snapshot.regions:
                for template, level, kinds in self._plain_templates(tag):
                    for shown in self._snapshot.every(code, level, kinds):
                        yield self._composer.renderers[tag].fill(template, shown)

    def _plain_templates(self, tag: str) -> Iterator[tuple[str, str, tuple[Kind, ...]]]:
        """Yield each text with its fields open, and the level and kinds whose lines it names."""
        wording = self._wording[tag]
        for number, mood in product(range(len(wording.care)), (None, *Mood)):
            yield self._care(tag, number, mood), Level.WATCH, ()
        for (subject, name), number in product(wording.again, range(self._repeats)):
            kind = next(one for one in GRAVITY if one == name)
            recipe = Recipe(
                level=Level.CRISIS, subject=subject, kinds=(kind,), region="", language=tag, variant=number
            )
            yield self._composer.again(recipe), Level.CRISIS, (kind,)
        yield wording.safety_note[ANY], Level.WATCH, ()
        for kind in GRAVITY:
            yield wording.safety_note[kind], Level.WATCH, (kind,)
        for reason, number in product(Reason, range(VARIANTS)):
            yield wording.fallback[reason][number] + GAP + wording.tail[number], Level.NONE, ()
