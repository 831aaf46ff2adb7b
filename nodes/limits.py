"""How long a stop and a turn may take, and how often a writer may try."""

from __future__ import annotations

from dataclasses import dataclass, fields

from cbtguard.safety.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one turn. Times are in seconds.

    Raises:
        SettingsError: ``settings.invalid`` when a bound is not positive.
    """

    protect_s: float = 10.0
    screen_s: float = 5.0
    opinion_s: float = 8.0
    """For the third opinion, from its start behind the screen; a later one is no opinion."""
    retrieve_s: float = 5.0
    generate_s: float = 60.0
    """For one draft."""
    check_s: float = 5.0
    refer_s: float = 3.0
    record_s: float = 8.0
    turn_s: float = 120.0
    """For the whole turn; when it is over, the last-resort referral stands."""
    generations: int = 3
    """Most times a turn may ask its writer: for a draft, and after it for a new one or for parts of it."""
    fills: int = 3
    """Most parts that may be filled from the notes when the writer failed at them, 0 to 5. A draft of which
    less is left than that is no answer, and the turn is referred."""
    care_turns: int = 3
    """Messages in a row without any sign of danger after which care mode ends."""
    history_turns: int = 6
    """Earlier messages that screen and writer may see."""
    disclosure_hours: float = 3.0
    """Hours after which a talk is told again that this is a machine."""

    def __post_init__(self) -> None:
        for field in fields(self):
            least_ok = (
                getattr(self, field.name) >= 0 if field.name == "fills" else getattr(self, field.name) > 0
            )
            if not least_ok:
                raise SettingsError(
                    "settings.invalid",
                    f"The limit {field.name} must be greater than 0.",
                    hint="Leave it unset for the default.",
                )
