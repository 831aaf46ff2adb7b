"""Chinese addresses: runs of place names and house numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.reading import DATA, expression, mapping, strings
from cbtguard.safety.privacy.recognisers.base import Hit, Recogniser
from cbtguard.safety.privacy.script import has_han

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.safety.privacy.lexer import Word, Words

_FULL, _UNITS, _LEVELS, _HOME = 0.85, 0.6, 0.7, 0.65
_NAME_WORDS = 4
_GAP = frozenset(" ,，、")
_PROPER = frozenset({"ORG", "nz"})
_COMMON = frozenset({"n", "a", "an", "vn", "v", "s", "PER"})


class ChineseAddressRecogniser(Recogniser):
    """Runs of address parts. A lone country, province, city or district is nobody's address."""

    kind: ClassVar[EntityType] = EntityType.ADDRESS
    key: ClassVar[str] = "chinese_addresses"

    def __init__(self, language: str, context: tuple[str, ...] = ()) -> None:
        super().__init__(language, context)
        path = DATA / "places.yaml"
        data = mapping(mapping(read_yaml(path), path, "(top)").get("address"), path, "address")

        def words(key: str) -> tuple[str, ...]:
            return strings(data.get(key), path, f"address.{key}")

        self._fine = words("fine_suffixes")
        self._fine_inside = re.compile("|".join(map(re.escape, (*self._fine, *words("district_suffixes")))))
        self._estates = words("estates")
        self._generic = frozenset(words("generic"))
        self._coarse = words("coarse_suffixes")
        self._district = words("district_suffixes")
        after = expression(data.get("after_number"), path, "address.after_number").pattern
        unit = expression(data.get("unit"), path, "address.unit").pattern
        self._unit = re.compile(f"{unit}(?!{after})")
        self._numbered = re.compile(
            f"(?:大院|院内|院)?(?:{unit}(?!{after})[ -]?){{1,6}}(?:[0-9]{{2,4}}(?![0-9]|{after}))?"
        )
        self._bridge_tags = frozenset(words("bridge_tags"))
        self._not_bridges = frozenset(words("not_bridges"))
        self._numbered_suffixes = words("numbered_suffixes")
        self._rest = expression(data.get("rest"), path, "address.rest")
        self._room = expression(data.get("room"), path, "address.room")
        self._home = re.compile("(?:" + "|".join(map(re.escape, words("home_words"))) + ")[在了到 ]{0,2}$")

    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield runs that say where somebody lives."""
        if not has_han(text):
            return
        index = 0
        while index < len(words.words):
            index, hit = self._run(text, words, index)
            if hit is not None:
                yield hit

    def _run(self, text: str, words: Words, index: int) -> tuple[int, Hit | None]:
        """Read one run of place names and numbers from a word on; return the next word and the hit."""
        first = words.words[index]
        numbers = self._numbered.match(text, first.start)
        if not self._is_place(first) and numbers is None:
            return index + 1, None
        places: list[Word] = []
        units = 0
        place, end = first.start, first.start
        while place < len(text):
            numbered = self._numbered.match(text, place)
            if numbered is not None and (places or numbers is not None):
                units += len(self._unit.findall(numbered.group()))
                end = place = numbered.start() + len(numbered.group().rstrip(" -"))
                continue
            at = words.at.get(place)
            if at is not None and (self._is_place(words.words[at]) or self._bridges(text, words, at, places)):
                places.append(words.words[at])
                units += len(self._unit.findall(words.words[at].text))
                end = place = words.words[at].end
            elif text[place] in _GAP and place == end and places:
                place += 1
            else:
                break
        start = first.start
        if units:
            end = self._completed(text, end)
            start, named = self._named_before(words, index)
            if named and not places:
                return self._next(words, index, end), Hit(start, end, _FULL, "composed_address")
        following = self._next(words, index, end)
        return following, self._judge(text, start, end, places, units)

    def _bridges(self, text: str, words: Words, index: int, places: list[Word]) -> bool:
        """Return whether a common word stands between two parts of one address: 体育 in 天河区体育东横街."""
        word = words.words[index]
        if not places or word.tag not in self._bridge_tags:
            return False
        if self._numbered.match(text, word.end):
            return word.text.endswith(self._numbered_suffixes)
        if word.text in self._not_bridges:
            return False
        following = words.words[index + 1] if index + 1 < len(words.words) else None
        return following is not None and self._is_place(following)

    def _completed(self, text: str, end: int) -> int:
        """Return where an address ends once the room behind the last part is in it."""
        rest = self._rest.match(text, end)
        end = end if rest is None else rest.end()
        numbered = self._numbered.match(text, end)
        end = end if numbered is None else numbered.end()
        room = self._room.match(text, end)
        return end if room is None else room.end()

    def _named_before(self, words: Words, index: int) -> tuple[int, bool]:
        """Return where the name before a number begins, and whether it is that of a street or an estate."""
        first, named = index, False
        while first > 0 and index - first < _NAME_WORDS:
            before = words.words[first - 1]
            if before.tag not in self._bridge_tags or (first < index and before.text in self._not_bridges):
                break
            if first == index:
                named = before.text.endswith(self._numbered_suffixes)
                common = before.text in self._generic or before.text in self._not_bridges
                alone = common or len(before.text) == 1
                if not named and before.tag != "LOC":
                    break
                if alone and (index < 2 or words.words[index - 2].tag not in self._bridge_tags):
                    return words.words[index].start, False
            first -= 1
        return words.words[first].start, named

    def _is_place(self, word: Word) -> bool:
        if word.text in self._generic or len(word.text) < 2:
            return False
        if word.tag == "LOC":
            return True
        if word.tag in _PROPER and word.text.endswith(self._fine):
            return True
        return len(word.text) > 3 and word.tag in _COMMON and word.text.endswith(self._estates)

    @staticmethod
    def _next(words: Words, index: int, end: int) -> int:
        following = index + 1
        while following < len(words.words) and words.words[following].start < end:
            following += 1
        return following

    def _judge(self, text: str, start: int, end: int, places: list[Word], units: int) -> Hit | None:
        if not places and text[start : start + 2] == text[start + 2 : start + 4]:
            # 一层一层
            return None
        if not places:
            return Hit(start, end, _UNITS, "composed_address") if units >= 2 else None
        if units > 1 or (units and self._fine_inside.search(text, start, end)):
            return Hit(start, end, _FULL, "composed_address")
        last = places[-1]
        fine = last.text.endswith(self._fine) and last.tag == "LOC"
        levels = len(places) > 1 or self._has_levels(last.text)
        if levels and (fine or last.text.endswith(self._district)):
            return Hit(start, end, _LEVELS, "composed_address")
        if last.text.endswith(self._fine) and self._home.search(text[max(0, start - 8) : start]):
            return Hit(start, end, _HOME, "home_place")
        return None

    def _has_levels(self, name: str) -> bool:
        """Return whether one word holds two administrative levels: 杭州市西湖区."""
        inner = name[1:-2]
        return any(suffix in inner for suffix in (*self._coarse, "区", "县")) and len(name) > 4
