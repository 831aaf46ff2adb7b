"""Telephone numbers: mainland Chinese by rules, others by the numbering plans of their regions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.reading import DATA, mapping, strings
from cbtguard.safety.privacy.recognisers.base import Hit, Recogniser, RuleRecogniser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.safety.privacy.lexer import Words

_NOT_DIGIT = re.compile(r"[^0-9]")
_CANDIDATE = re.compile(r"(?<![0-9A-Za-z.])(?:\+ ?|00)?\(?[0-9](?:[ ().-]{0,2}[0-9]){6,14}(?![0-9]|[.][0-9])")
_SHAPED = re.compile(r"^\+|^00[1-9]|^\(|^[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4}$|^1[ -][0-9]{3}[ -]")
_TRUNK = re.compile(r"^0(?:7[0-9]{9}|9[0-9]{8}|[1238][0-9]{8,9})$")
_DATE = re.compile(r"^(?:19|20)[0-9]{2}[ .-]?[01]?[0-9][ .-]?[0-3]?[0-9]$")
_SURE, _UNSURE = 0.6, 0.3
_EXTENSION = 5


class PublicNumbers:
    """Help and emergency numbers that anyone may write.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """

    def __init__(self) -> None:
        path = DATA / "public_numbers.yaml"
        groups = mapping(read_yaml(path), path, "(top)")
        self._digits = frozenset(
            _NOT_DIGIT.sub("", number) for key in groups for number in strings(groups[key], path, key)
        )
        self._long = tuple(sorted(number for number in self._digits if len(number) >= 8))

    def __contains__(self, written: str) -> bool:
        """Return whether a number as written is one of them, with or without country code or extension."""
        digits = _NOT_DIGIT.sub("", written)
        plain = digits.removeprefix("00") if digits.startswith("00") else digits
        forms = {digits, plain, plain.removeprefix("1"), f"1{plain}"}
        for code in ("86", "852", "853", "886", "65", "44", "61", "64", "353"):
            if plain.startswith(code):
                rest = plain.removeprefix(code)
                forms |= {rest, f"0{rest}"}
        if forms & self._digits:
            return True
        return any(
            form.startswith(number) and len(form) - len(number) <= _EXTENSION and "-" in written
            for form in forms
            for number in self._long
        )


class PhoneRecogniser(RuleRecogniser):
    """Mainland Chinese mobile numbers, landlines and service numbers, also in Chinese numerals."""

    kind: ClassVar[EntityType] = EntityType.PHONE
    key: ClassVar[str] = "phones"
    needs: ClassVar[re.Pattern[str]] = re.compile(
        "[0-9一幺壹]|(?:zero|one|two|three|four|five|six|seven|eight|nine)[ ,-]", re.IGNORECASE
    )


class InternationalPhoneRecogniser(Recogniser):
    """Numbers that are valid in one of the regions, by the ``phonenumbers`` library.

    A number written like a telephone number counts by itself; a bare run of digits needs a context word.
    """

    kind: ClassVar[EntityType] = EntityType.PHONE
    key: ClassVar[str] = "international_phones"

    def __init__(self, language: str, context: tuple[str, ...] = (), regions: tuple[str, ...] = ()) -> None:
        super().__init__(language, context)
        self._regions = regions

    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield every candidate that is valid in a region."""
        del words
        for match in _CANDIDATE.finditer(text):
            written = match.group()
            if not _DATE.match(written) and self._valid(written):
                shaped = _SHAPED.search(written) or _TRUNK.match(_NOT_DIGIT.sub("", written))
                yield Hit(match.start(), match.end(), _SURE if shaped else _UNSURE, "international")

    def _valid(self, written: str) -> bool:
        import phonenumbers  # noqa: PLC0415 - heavy

        dialled = f"+{written[2:]}" if re.match("00[1-9]", written) else written
        for region in self._regions:
            try:
                number = phonenumbers.parse(dialled, region)
            except phonenumbers.NumberParseException:
                continue
            # Numbers kept for fiction, and plans newer than the library, are possible without being valid.
            shaped = written.startswith("+") or _TRUNK.match(_NOT_DIGIT.sub("", written))
            if phonenumbers.is_valid_number(number) or (shaped and phonenumbers.is_possible_number(number)):
                return True
        return False
