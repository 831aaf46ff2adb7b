"""What is taken out of a message: each recogniser with a probe, the settings, and the placeholders."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from cbtguard.audit.inventory.facts import Facts as Compared
from cbtguard.audit.inventory.probes import probes
from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.reading import DATA
from cbtguard.safety.privacy.vault import Vault

if TYPE_CHECKING:
    from cbtguard.safety.privacy import PresidioRedactor


class Recognisers:
    """Each kind of personal data, in the forms that people write it in."""

    name = "redactor"

    @cached_property
    def _redactor(self) -> PresidioRedactor:
        from cbtguard.safety.privacy import PresidioRedactor  # noqa: PLC0415 - imports Presidio

        return PresidioRedactor()

    def _seen(self, text: str) -> list[str]:
        return [f"{one.type.value} {text[one.start : one.end]}" for one in self._redactor.find(text)]

    def take(self) -> dict[str, Any]:
        """Return what is found in each probe."""
        return {name: {"says": text, "found": self._seen(text)} for name, text in probes("redactor").items()}

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return what is no longer found, or found beside it."""
        del name
        seen = self._seen(expected["says"])
        told = [f"{one!r} is no longer taken out" for one in expected["found"] if one not in seen]
        return told + [f"{one!r} is taken out too" for one in seen if one not in expected["found"]]


class Facts(Compared):
    """Recognisers that are on, thresholds, numbering plans, and how many patterns each recogniser has."""

    name = "privacy"

    def take(self) -> dict[str, Any]:
        """Return the settings that ship, and the names of the patterns."""
        data = read_yaml(DATA / "privacy.yaml")
        return {
            "threshold": float(data["threshold"]),
            "window": data["context_window"],
            "recognisers": {key: bool(one.get("enabled")) for key, one in data["recognisers"].items()},
            "predefined": [one["recogniser"] for one in data["predefined"]],
            "phone_regions": data["phone_regions"],
            "types": [kind.value for kind in EntityType],
            "patterns": {
                key: [f"{one['name']} {one['score']}" for one in group]
                for key, group in read_yaml(DATA / "patterns.yaml").items()
            },
        }


def _two_people() -> str:
    vault = Vault()
    first = vault.placeholder(EntityType.PERSON, "王小明", "zh")
    second = vault.placeholder(EntityType.PERSON, "李芳", "zh")
    again = vault.placeholder(EntityType.PERSON, "王小明", "zh")
    return f"{first} {second} {again} {vault.restore(f'{second}和{first}')}"


def _changed_marks() -> str:
    vault = Vault()
    vault.placeholder(EntityType.PERSON, "Anna Bell", "en")
    return vault.restore("Dear < name1 >, ＜Name1＞ and <Name2>.")


def _numbers() -> str:
    vault = Vault()
    marks = [
        vault.placeholder(EntityType.PHONE, one, "zh")
        for one in ("13912345678", "139 1234 5678", "13800001111")
    ]
    return " ".join([*marks, vault.restore(marks[2])])


def _later() -> str:
    vault = Vault({"PERSON": 4})
    mark = vault.placeholder(EntityType.PERSON, "王小明", "zh")
    return f"{mark} {vault.restore('<人名2>')} {vault.counters['PERSON']}"


def _sealed() -> str:
    vault = Vault()
    vault.placeholder(EntityType.PERSON, "王小明", "zh")
    vault.placeholder(EntityType.PERSON, "李芳", "zh")
    again = Vault.unsealed(vault.sealed(lambda data: data), lambda data: data)
    return again.restore("<人名1> <人名2>") + str(len(again.known("李芳和王小明")))


class Placeholders(Compared):
    """Whose words come back where, by talks of two people."""

    name = "vault"

    def take(self) -> dict[str, Any]:
        """Return what each little talk with the vault ends in."""
        return {
            "two people, each in their place": _two_people(),
            "marks that a model has changed": _changed_marks(),
            "one number in two spellings": _numbers(),
            "numbers go on behind those of a lost vault": _later(),
            "sealed and opened again": _sealed(),
        }
