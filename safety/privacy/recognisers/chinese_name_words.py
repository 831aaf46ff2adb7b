"""What Chinese names are made of: lists, and judgements that need nothing else."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.reading import DATA, expression, mapping, strings

if TYPE_CHECKING:
    from collections.abc import Iterable

HAN_RUN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]{1,5}")
GRAMMAR = frozenset({"p", "c", "d", "u", "xc", "r", "m", "q", "f", "w", "TIME"})
"""Tags of words that no name begins with."""
PROPER = frozenset({"PER", "nz", "nr", "nw"})
NAMING = PROPER | {"n", "LOC"}
FAMILIAR = frozenset("小老阿大")
COUNTS = frozenset("了咗这那一两三四五六七八九十几每上下半成写拍照留们个")
"""What stands before a family name that counts something: 拍了张照."""
_ENDINGS = frozenset("子儿头")
_KIN = frozenset("哥姐弟妹叔姨婶嫂爷伯总工")


def any_of(words: Iterable[str]) -> str:
    """Return an expression for any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


class ChineseNameWords:
    """The Chinese lists of ``names.yaml``.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """

    def __init__(self) -> None:
        path = DATA / "names.yaml"
        data: dict[str, Any] = mapping(read_yaml(path), path, "(top)")

        def words(key: str) -> tuple[str, ...]:
            return strings(data.get(key), path, key)

        self.single = frozenset("".join(words("surnames")))
        self.compound = frozenset(words("compound_surnames"))
        self.not_names = frozenset(words("not_names"))
        self.not_diminutives = frozenset(words("not_diminutives"))
        self.not_first = frozenset("".join(words("not_first")))
        self.never_last = frozenset("".join(words("never_last")))
        self.weekday = expression(data.get("weekday_names"), path, "weekday_names")
        self.role_prefixes = frozenset(words("role_prefixes"))
        self.title_words = tuple(sorted(words("titles"), key=len, reverse=True))
        self.titles = re.compile(any_of(self.title_words))
        self.given = frozenset("".join(words("given")))
        self.not_in_names = frozenset("".join(words("not_in_names")))
        self.measures = frozenset("".join(words("measures")))
        self.foreign = frozenset("".join(words("foreign")))
        elements = words("elements")
        long = any_of(each for each in elements if len(each) > 2)
        self.peoples = re.compile(f"(?:(?:{any_of(elements)}){{2,3}}|{long})")
        foreign = re.escape("".join(sorted(self.foreign)))
        self.dotted = re.compile(f"[{foreign}]{{1,7}}(?:[·•・][{foreign}]{{1,8}}){{1,4}}")

    def family(self, name: str) -> int:
        """Return the length of the family name a word begins with, 0 for none."""
        if name[:2] in self.compound:
            return 2
        return 1 if name[:1] in self.single else 0

    def is_role(self, name: str) -> bool:
        """Return whether a word is a role, a relative or another word that is nobody's name."""
        if name in self.not_names or (name[0] in self.not_first and name[1:] in self.not_names):
            return True
        if name[:1] in FAMILIAR and name[1:] in self.title_words:
            return True
        if name in self.role_prefixes:
            return True
        title = next((word for word in self.title_words if name.endswith(word)), None)
        return title is not None and name.removesuffix(title) in self.role_prefixes

    def is_likely(self, name: str, ahead: str) -> bool:
        """Return whether a word tagged as a name looks like one, with what stands before it."""
        if "·" in name or "•" in name:
            return True
        familiar = name[0] in FAMILIAR
        family = 1 if familiar else self.family(name)
        given = name[family:]
        if not self.not_in_names.isdisjoint(given) or (name[-1] in _ENDINGS and len(given) != 1):
            return False
        if family == 1 and name[0] in self.measures and ahead[-1:] in COUNTS:
            return set(given) <= self.given
        if family:
            return name[-1] not in _ENDINGS or familiar
        if name[-1] in _KIN:
            name = name[:-1]
        return set(name) <= self.given or (len(name) > 2 and set(name) <= self.foreign)


@cache
def chinese_name_words() -> ChineseNameWords:
    """Return the lists, read once."""
    return ChineseNameWords()
