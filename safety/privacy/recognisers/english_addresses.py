"""English addresses: street, flat, postcode."""

from __future__ import annotations

from typing import ClassVar

from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.recognisers.base import RuleRecogniser


class EnglishAddressRecogniser(RuleRecogniser):
    """Street addresses, flats and British postcodes."""

    kind: ClassVar[EntityType] = EntityType.ADDRESS
    key: ClassVar[str] = "english_addresses"
