"""What differs between what was expected and what is there, in words."""

from __future__ import annotations

from typing import Any

TOLERANCE = 0.02
"""How far a threshold may move before it counts as another one; whole numbers may not move."""


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Return what differs, each in a sentence; numbers with a fraction may differ by the tolerance."""
    at = f"{where}: " if where else ""
    if isinstance(expected, dict) and isinstance(found, dict):
        told = [f"{at}{key} is missing" for key in expected if key not in found]
        told += [f"{at}{key} is not in the inventory" for key in found if key not in expected]
        for key in expected:
            if key in found:
                told += differences(expected[key], found[key], f"{where}.{key}" if where else str(key))
        return told
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return [f"{at}{len(found)} where there should be {len(expected)}{_lost(expected, found)}"]
        return [
            one
            for place, pair in enumerate(zip(expected, found, strict=True), 1)
            for one in differences(*pair, f"{where}.{place}")
        ]
    if isinstance(expected, float) and isinstance(found, int | float) and not isinstance(found, bool):
        near = abs(expected - found) <= TOLERANCE
        return [] if near else [f"{at}is {found} where it should be {expected}"]
    return [] if expected == found else [f"{at}is {_short(found)} where it should be {_short(expected)}"]


def _lost(expected: list[Any], found: list[Any]) -> str:
    lost = [_short(one) for one in expected if one not in found]
    return f"; missing: {', '.join(lost[:3])}" if lost else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
