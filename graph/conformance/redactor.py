"""The suite for redactors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.graph.conformance import bench, common
from cbtguard.graph.conformance.bench import call
from cbtguard.graph.conformance.common import require, require_type
from cbtguard.graph.conformance.material import material
from cbtguard.safety.privacy.entities import Entity, EntityType, Redaction
from cbtguard.safety.privacy.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.graph.conformance.report import ConformanceReport
    from cbtguard.safety.privacy.entities import Redactor


def check_redactor(make: Callable[[], Redactor], *, limit_s: float = bench.LIMIT_S) -> ConformanceReport:
    """Return whether a redactor takes personal data out, leaves help lines in and loses nothing of the text.

    Args:
        make: Makes the redactor; called once.
        limit_s: Longest one check may take.
    """
    trials = (
        common.name,
        common.version,
        redaction,
        personal_data_removed,
        public_numbers_kept,
        restorable,
        same_value_same_placeholder,
        talks_apart,
        silent_explanations,
        odd_texts,
    )
    return bench.run("redactor", make, (*trials, deterministic, thread_safe), limit_s)


async def redaction(redactor: Any) -> None:
    """Entities are ordered and apart, and the text is the original with a placeholder for each."""
    for text in _texts():
        _require_redaction(await call(redactor.redact, text, Vault()), text)


async def personal_data_removed(redactor: Any) -> None:
    """Nothing of the table's personal data is left, and the vault holds it."""
    for number, case in enumerate(material().personal, 1):
        vault = Vault()
        redacted = await call(redactor.redact, case.text, vault)
        for value in case.values:
            require(value not in redacted.text, f"text {number} of the table keeps personal data")
        for entity in redacted.entities:
            require(
                case.text[entity.start : entity.end] in vault.values, "what was taken out is not in the vault"
            )


async def public_numbers_kept(redactor: Any) -> None:
    """Help and emergency numbers stay readable."""
    for number, case in enumerate(material().public, 1):
        redacted = await call(redactor.redact, case.text, Vault())
        for value in case.keep:
            require(value in redacted.text, f"public text {number} of the table loses a help line")


async def restorable(redactor: Any) -> None:
    """The vault puts back what was taken out, character for character."""
    for text in _texts():
        vault = Vault()
        redacted = await call(redactor.redact, text, vault)
        require(vault.restore(redacted.text) == text, "restoring does not give the text back")


async def same_value_same_placeholder(redactor: Any) -> None:
    """In one talk a value keeps its placeholder, and another value gets another one."""
    vault = Vault()
    taken: dict[str, str] = {}
    for case in (*material().personal, *material().personal):
        redacted = await call(redactor.redact, case.text, vault)
        for entity, placeholder in zip(redacted.entities, redacted.placeholders, strict=True):
            value = case.text[entity.start : entity.end]
            require(taken.setdefault(value, placeholder) == placeholder, "a value changes its placeholder")
    require(len(set(taken.values())) == len(taken), "two values share a placeholder")


async def talks_apart(redactor: Any) -> None:
    """What one talk told is not known in another."""
    first = await call(redactor.redact, material().personal[0].text, Vault())
    other = Vault()
    await call(redactor.redact, material().personal[1].text, other)
    require(
        not other.values & set(material().personal[0].values), "the vault of one talk holds data of another"
    )
    again = await call(redactor.redact, material().personal[0].text, Vault())
    require(first == again, "a new talk does not start anew")


async def silent_explanations(redactor: Any) -> None:
    """An explanation never quotes the value: it may be shown to an operator."""
    for case in material().personal:
        for entity in (await call(redactor.redact, case.text, Vault())).entities:
            require_type(entity.explanation, str, "an explanation")
            require(
                case.text[entity.start : entity.end] not in entity.explanation,
                "an explanation quotes the value",
            )


async def odd_texts(redactor: Any) -> None:
    """Whatever a person may send is redacted."""
    for text in ("", " ", *material().odd.values()):
        _require_redaction(await call(redactor.redact, text, Vault()), text)


async def deterministic(redactor: Any) -> None:
    """The same text is redacted the same way each time."""
    await common.require_steady(
        _with_new_vault(redactor), [(text,) for text in _texts()], "the redaction of text"
    )


async def thread_safe(redactor: Any) -> None:
    """Eight talks at once get what each would get alone."""
    inputs = [(text,) for text in _texts()[: bench.AT_ONCE]]
    await common.require_shareable(_with_new_vault(redactor), inputs, "the redaction of text")


def _texts() -> tuple[str, ...]:
    personal = tuple(case.text for case in material().personal)
    return (*personal, *(case.text for case in material().public), *material().plain)


def _with_new_vault(redactor: Any) -> Any:
    async def ask(text: str) -> Any:
        return await call(redactor.redact, text, Vault())

    return ask


def _require_redaction(redacted: Any, text: str) -> None:
    require_type(redacted, Redaction, "the result")
    require(len(redacted.entities) == len(redacted.placeholders), "entities and placeholders differ")
    pieces: list[str] = []
    place = 0
    for entity, placeholder in zip(redacted.entities, redacted.placeholders, strict=True):
        require_type(entity, Entity, "an entity")
        require_type(entity.type, EntityType, "the type of an entity")
        require(place <= entity.start < entity.end <= len(text), "entities overlap or are out of order")
        pieces += [text[place : entity.start], placeholder]
        place = entity.end
    require(
        "".join((*pieces, text[place:])) == redacted.text,
        "the text is not the original with its placeholders",
    )
