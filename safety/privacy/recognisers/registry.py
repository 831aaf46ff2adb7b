"""The recognisers that a configuration switches on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.safety.privacy.reading import DATA, malformed
from cbtguard.safety.privacy.recognisers.accounts import BankCardRecogniser, QqRecogniser, WechatRecogniser
from cbtguard.safety.privacy.recognisers.addresses import ChineseAddressRecogniser
from cbtguard.safety.privacy.recognisers.chinese_names import ChineseNameRecogniser
from cbtguard.safety.privacy.recognisers.documents import (
    PassportRecogniser,
    PlateRecogniser,
    StudentNumberRecogniser,
)
from cbtguard.safety.privacy.recognisers.employers import EmployerRecogniser
from cbtguard.safety.privacy.recognisers.english_addresses import EnglishAddressRecogniser
from cbtguard.safety.privacy.recognisers.english_names import EnglishNameRecogniser
from cbtguard.safety.privacy.recognisers.internet import EmailRecogniser, IpAddressRecogniser
from cbtguard.safety.privacy.recognisers.phones import InternationalPhoneRecogniser, PhoneRecogniser
from cbtguard.safety.privacy.recognisers.predefined import PredefinedRecogniser
from cbtguard.safety.privacy.recognisers.resident_ids import ResidentIdRecogniser
from cbtguard.safety.privacy.recognisers.schools import SchoolRecogniser

if TYPE_CHECKING:
    from cbtguard.safety.privacy.recognisers.base import Recogniser
    from cbtguard.safety.privacy.settings import PrivacySettings

_CLASSES: dict[str, type[Recogniser]] = {
    made.key: made
    for made in (
        ChineseNameRecogniser,
        EnglishNameRecogniser,
        PhoneRecogniser,
        ResidentIdRecogniser,
        PassportRecogniser,
        BankCardRecogniser,
        WechatRecogniser,
        QqRecogniser,
        PlateRecogniser,
        StudentNumberRecogniser,
        EmailRecogniser,
        IpAddressRecogniser,
        ChineseAddressRecogniser,
        EnglishAddressRecogniser,
        SchoolRecogniser,
        EmployerRecogniser,
    )
}


def recognisers(settings: PrivacySettings, language: str) -> list[Recogniser]:
    """Return new recognisers for one language, in the order of the configuration.

    Raises:
        DataError: ``data.malformed`` when the configuration names a recogniser that does not exist.
    """
    made: list[Recogniser] = []
    for key, context in settings.recognisers.items():
        if key == InternationalPhoneRecogniser.key:
            made.append(InternationalPhoneRecogniser(language, context, settings.phone_regions))
        elif key in _CLASSES:
            made.append(_CLASSES[key](language, context))
        else:
            raise malformed(DATA / "privacy.yaml", f"recognisers.{key}", f"one of {', '.join(_CLASSES)}")
    made.extend(PredefinedRecogniser(language, predefined) for predefined in settings.predefined)
    return made
