"""Putting a crisis text together from its parts, and finding out whether a text was put together so."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from cbtguard.safety.referral.gravity import GRAVITY
from cbtguard.safety.referral.render import Renderer, Shown
from cbtguard.safety.referral.snapshot import followers
from cbtguard.safety.referral.wording import VARIANTS
from cbtguard.safety.risk.model import Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cbtguard.safety.referral.snapshot import Snapshot
    from cbtguard.safety.referral.wording import Wording
    from cbtguard.safety.risk.model import Kind

GAP = "\n\n"
"""Between paragraphs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that a crisis text depends on."""

    level: str
    subject: str
    kinds: tuple[Kind, ...]
    """In order of gravity, at least one."""
    region: str
    language: str
    variant: int


class Composer:
    """Composes crisis texts and knows them again."""

    def __init__(self, wording: Mapping[str, Wording], snapshot: Snapshot) -> None:
        self._wording = wording
        self._snapshot = snapshot
        self.renderers = {tag: Renderer(tag, one.words) for tag, one in wording.items()}
        self._openings = self._index()
        self._known = lru_cache(maxsize=256)(self._hashes)

    def template(self, recipe: Recipe) -> str:
        """Return the text with its fields open.

        At level crisis the question comes before the lines, at level emergency the lines come first.
        """
        wording = self._wording[recipe.language]
        plan = wording.plans[recipe.level, recipe.subject, recipe.kinds[0]]
        gap = wording.words["sentence_gap"]
        number = recipe.variant
        now = gap.join((plan.now, *(wording.also[recipe.subject, kind] for kind in recipe.kinds[1:])))
        people = gap.join((plan.people[number], plan.grounding[number]))
        if recipe.level == Level.EMERGENCY:
            middle = (plan.help[number], now, plan.ask, people)
        else:
            middle = (plan.ask, now, plan.help[number], people)
        return GAP.join((plan.opening[number], *middle, plan.closing[number]))

    def again(self, recipe: Recipe) -> str:
        """Return the text, with its fields open, for danger that was met before in this talk."""
        wording = self._wording[recipe.language]
        openings = wording.again[recipe.subject, recipe.kinds[0]]
        bodies = wording.again_body[recipe.subject, recipe.kinds[0]]
        return GAP.join((openings[recipe.variant % len(openings)], bodies[recipe.variant % len(bodies)]))

    def composes(self, text: str) -> bool:
        """Whether some recipe gives exactly this text."""
        return hash_of(text) in self._known(text.split(GAP, 1)[0])

    def _index(self) -> dict[str, tuple[Recipe, ...]]:
        """Return the recipes by first paragraph, with the lead only: all whole texts would be too many."""
        found: dict[str, dict[Recipe, None]] = {}
        for tag, wording in self._wording.items():
            for (level, subject, kind), plan in wording.plans.items():
                lead = next(one for one in GRAVITY if one == kind)
                for region in self._snapshot.regions:
                    every = frozenset[Shown]().union(
                        *(self._snapshot.every(region, level, (lead, *rest)) for rest in followers(lead))
                    )
                    for number in range(VARIANTS):
                        recipe = Recipe(
                            level=level,
                            subject=subject,
                            kinds=(lead,),
                            region=region,
                            language=tag,
                            variant=number,
                        )
                        for shown in every:
                            opening = self.renderers[tag].fill(plan.opening[number], shown)
                            found.setdefault(opening.split(GAP, 1)[0], {})[recipe] = None
        return {opening: tuple(recipes) for opening, recipes in found.items()}

    def _hashes(self, opening: str) -> frozenset[bytes]:
        found = set()
        for recipe in self._openings.get(opening, ()):
            for rest in followers(recipe.kinds[0]):
                whole = Recipe(
                    level=recipe.level,
                    subject=recipe.subject,
                    kinds=(*recipe.kinds, *rest),
                    region=recipe.region,
                    language=recipe.language,
                    variant=recipe.variant,
                )
                template = self.template(whole)
                for shown in self._snapshot.every(whole.region, whole.level, whole.kinds):
                    found.add(hash_of(self.renderers[whole.language].fill(template, shown)))
        return frozenset(found)


def hash_of(text: str) -> bytes:
    """Return what stands for a text among the vetted ones."""
    # A lone surrogate must give False, not an error.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
