"""The vault: which placeholder stands for which original, for one talk; outside memory only when sealed."""

from __future__ import annotations

import json
import re
import threading
import unicodedata
from typing import TYPE_CHECKING, Never, SupportsIndex

from cbtguard.safety.errors import InputError, RecordError
from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.script import shadow, to_simplified
from cbtguard.safety.privacy.settings import default_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NUMBERS = frozenset(
    {EntityType.PHONE, EntityType.RESIDENT_ID, EntityType.BANK_CARD, EntityType.PASSPORT, EntityType.PLATE}
)
_SPACES = re.compile(r"\s+")
_SEPARATORS = re.compile(r"[\s().·-]+")
_HAN_GAP = re.compile("(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")
_MIN_KNOWN = 2


def _key(kind: EntityType, value: str) -> str:
    folded = unicodedata.normalize("NFKC", value).casefold()
    if kind in _NUMBERS:
        return _SEPARATORS.sub("", folded)
    folded = _HAN_GAP.sub("", _SPACES.sub(" ", folded).strip())
    return to_simplified(shadow(folded)) if kind is EntityType.PERSON else folded


def _checked(counters: Mapping[str, int]) -> dict[EntityType, int]:
    checked: dict[EntityType, int] = {}
    for name, highest in counters.items():
        whole = isinstance(highest, int) and not isinstance(highest, bool)
        if name not in EntityType.__members__ or not whole or highest < 0:
            raise InputError(
                "input.counters",
                "The counters of a vault are not those of an earlier vault.",
                hint="Pass what Vault.counters returned: entity type to a number from 0.",
            )
        checked[EntityType(name)] = highest
    return checked


class Vault:
    """The mapping of one talk between originals and placeholders.

    It cannot be pickled or copied, never shows a value when printed, and leaves memory only through a seal.
    Numbers run per type over both languages and never go down, so a placeholder means one value for good.

    Args:
        counters: Highest number given out per entity type, from an earlier vault of the same talk whose
            values are gone. Their placeholders stay unknown here and are never given to a new value.

    Raises:
        InputError: ``input.counters`` when a key is no entity type or a number is negative.
    """

    __slots__ = ("_by_key", "_by_placeholder", "_counters", "_lock", "_surfaces", "_words")

    def __init__(self, counters: Mapping[str, int] | None = None) -> None:
        self._words = default_settings().placeholders
        self._counters: dict[EntityType, int] = _checked(counters or {})
        self._by_key: dict[tuple[EntityType, str], int] = {}
        self._by_placeholder: dict[tuple[EntityType, int], str] = {}
        self._surfaces: dict[str, EntityType] = {}
        self._lock = threading.Lock()

    def advance(self, counters: Mapping[str, int]) -> None:
        """Go on behind numbers that were given out elsewhere, so that none of them is given to a new value.

        Args:
            counters: Highest number given out per entity type, as from `counters`.

        Raises:
            InputError: ``input.counters``, as for the constructor.
        """
        ahead = _checked(counters)
        with self._lock:
            for kind, highest in ahead.items():
                self._counters[kind] = max(highest, self._counters.get(kind, 0))

    def sealed(self, seal: Callable[[bytes], bytes]) -> bytes:
        """Return what `unsealed` makes a vault of again; the values leave this object through ``seal`` only."""
        with self._lock:
            data = {
                "counters": {kind.value: highest for kind, highest in self._counters.items()},
                "values": [[k.value, number, value] for (k, number), value in self._by_placeholder.items()],
                "surfaces": [[kind.value, surface] for surface, kind in self._surfaces.items()],
            }
        return seal(json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass"))

    @classmethod
    def unsealed(cls, data: bytes, unseal: Callable[[bytes], bytes]) -> Vault:
        """Return the vault that `sealed` was called on.

        Raises:
            RecordError: ``record.vault`` when what was sealed is no vault; else as ``unseal``.
        """
        try:
            read = json.loads(unseal(data).decode("utf-8", "surrogatepass"))
            vault = cls(read["counters"])
            for name, number, value in read["values"]:
                kind = EntityType(name)
                vault._by_key[kind, _key(kind, value)] = int(number)
                vault._by_placeholder[kind, int(number)] = str(value)
            vault._surfaces.update({str(surface): EntityType(name) for name, surface in read["surfaces"]})
        except (InputError, ValueError, KeyError, TypeError, AttributeError):
            # Not chained: the cause may quote a value.
            raise RecordError(
                "record.vault",
                "What was sealed as a vault is none.",
                hint="Forget the talk; its placeholders then become neutral words.",
            ) from None
        return vault

    def placeholder(self, kind: EntityType, value: str, language: str) -> str:
        """Return the placeholder of a value, a new one when the value is new.

        Values are the same when they differ only in width, case or spaces, for names also in script
        (Traditional or Simplified), for numbers also in separators.

        Args:
            kind: What the value is.
            value: The original, as written.
            language: ``zh`` or ``en``, the language of the placeholder's word.
        """
        key = (kind, _key(kind, value))
        with self._lock:
            number = self._by_key.get(key)
            if number is None:
                number = self._counters.get(kind, 0) + 1
                self._counters[kind] = number
                self._by_key[key] = number
                self._by_placeholder[(kind, number)] = value
            self._surfaces.setdefault(value, kind)
        return f"<{self._words.word(kind, language)}{number}>"

    def restore(self, text: str) -> str:
        """Return the text with the originals put back.

        A value comes back as it was first written. A placeholder this vault does not know (its values
        were lost) becomes a neutral word. Spaces, full-width brackets and letter case that a model may
        have changed inside a placeholder are accepted.
        """

        def original(match: re.Match[str]) -> str:
            kind, language = self._words.meaning(match.group("word"))
            value = self._by_placeholder.get((kind, int(match.group("number"))))
            return self._words.neutral(kind, language) if value is None else value

        return self._words.pattern.sub(original, text)

    def known(self, text: str) -> tuple[tuple[EntityType, int, int], ...]:
        """Return where values that this vault holds stand in a text: type, start, end; not sorted.

        Latin values count as whole words only.
        """
        with self._lock:
            surfaces = tuple(self._surfaces.items())
        found: list[tuple[EntityType, int, int]] = []
        for value, kind in surfaces:
            if len(value) < _MIN_KNOWN or value not in text:
                continue
            pattern = rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])"
            if not value[0].isascii():
                pattern = re.escape(value)
            found.extend((kind, match.start(), match.end()) for match in re.finditer(pattern, text))
        return tuple(found)

    @property
    def counters(self) -> dict[str, int]:
        """Highest number given out per type, as JSON primitives; holds no values."""
        with self._lock:
            return {kind.value: highest for kind, highest in sorted(self._counters.items())}

    @property
    def values(self) -> frozenset[str]:
        """Every original in every written form, for checks that no reply echoes them."""
        with self._lock:
            return frozenset(self._surfaces)

    def __repr__(self) -> str:
        return f"Vault({len(self._by_placeholder)} values)"

    __str__ = __repr__

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> Never:
        raise TypeError("A vault holds personal data and is never pickled or copied.")
