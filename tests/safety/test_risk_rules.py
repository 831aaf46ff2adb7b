"""Risk rules: each does what its examples say, all kinds and levels are there, malformed files are named."""

from __future__ import annotations

import copy
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.risk import Kind, Level, RuleDetector
from cbtguard.safety.risk.rules import DATA, LANGUAGES, load, rule_book

if TYPE_CHECKING:
    from pathlib import Path

BOOK = rule_book()
RULE: dict[str, Any] = {
    "id": "en.test.rule",
    "kind": "suicide",
    "level": "crisis",
    "score": 0.5,
    "reason": {"en": "A reason.", "zh": "理由。"},
    "patterns": ["zebra"],
    "positive": ["a zebra"],
    "negative": ["a horse"],
}
SCOPE: dict[str, Any] = {"id": "test_scope", "effect": "cancel", "sentence": "novel"}
MALFORMED_RULES: dict[str, dict[str, Any]] = {
    "unknown kind": {"kind": "sadness"},
    "unknown level": {"level": "grave"},
    "level none": {"level": "none"},
    "score in words": {"score": "high"},
    "score too high": {"score": 1.5},
    "score zero": {"score": 0},
    "broken pattern": {"patterns": ["(zebra"]},
    "pattern that matches nothing": {"patterns": ["zebra|"]},
    "pattern is no list": {"patterns": "zebra"},
    "unknown word group": {"patterns": ["{no_such_group} zebra"]},
    "no positive": {"positive": []},
    "no negative": {"negative": []},
    "positive is no list": {"positive": "a zebra"},
    "no Chinese reason": {"reason": {"en": "A reason."}},
    "reason is text": {"reason": "A reason."},
}
MALFORMED_SCOPES: dict[str, dict[str, Any]] = {
    "unknown effect": {"effect": "double"},
    "broken pattern": {"sentence": "(novel"},
    "unknown kind": {"kinds": ["sadness"]},
    "unknown word group": {"before": "{no_such_group}"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped files that a test may break."""
    target = tmp_path / "data"
    target.mkdir()
    for name in (
        "codes.yaml",
        *(f"{what}.{lang}.yaml" for what in ("rules", "scopes") for lang in LANGUAGES),
    ):
        shutil.copy(DATA / name, target)
    return target


def change(path: Path, **new: Any) -> None:
    """Overwrite top-level keys of a YAML file; None takes a key out."""
    data = {**read_yaml(path), **new}
    data = {key: value for key, value in data.items() if value is not None}
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")


def add(path: Path, key: str, entry: Any) -> None:
    """Add an entry to a list of a YAML file."""
    change(path, **{key: [*read_yaml(path)[key], entry]})


def test_every_rule_holds_to_its_examples() -> None:
    assert RuleDetector(check_examples=True).version == f"rules-{BOOK.version}"


def test_ids_are_unique_and_carry_their_language() -> None:
    ids = [rule.id for rule in BOOK.rules]
    assert len(ids) == len(set(ids))
    assert {name.split(".")[0] for name in ids} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_is_covered(language: str, kind: Kind) -> None:
    assert [r.id for r in BOOK.rules if r.kind is kind and r.id.startswith(f"{language}.") and r.level.refers]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("level", [level for level in Level if level is not Level.NONE])
def test_every_level_is_covered(language: str, level: Level) -> None:
    assert [r.id for r in BOOK.rules if r.level is level and r.id.startswith(f"{language}.")]


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_a_rule_is_whole(rule: Any) -> None:
    assert 0 < rule.score <= 1
    assert rule.pattern.search("") is None
    assert rule.reason.endswith(".")
    assert rule.reason_zh.endswith("。")


@pytest.mark.parametrize("scope", BOOK.scopes, ids=lambda scope: scope.id)
def test_a_scope_asks_for_something(scope: Any) -> None:
    asked = [p for p in (scope.before, scope.after, scope.sentence, scope.around) if p is not None]
    assert asked
    assert all(pattern.search("") is None for pattern in asked)
    assert scope.effect in {"cancel", "watch"}


@pytest.mark.parametrize("pattern", [BOOK.innocent, BOOK.other, BOOK.self_])
def test_word_lists_do_not_match_everywhere(pattern: Any) -> None:
    assert pattern.search("") is None
    assert pattern.search("。") is None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("wrong", MALFORMED_RULES)
def test_a_malformed_rule_names_file_and_entry(folder: Path, language: str, wrong: str) -> None:
    path = folder / f"rules.{language}.yaml"
    add(path, "rules", {**copy.deepcopy(RULE), **MALFORMED_RULES[wrong]})
    with pytest.raises(DataError) as caught:
        load(folder)
    assert caught.value.code == "data.malformed"
    assert path.name in caught.value.message
    assert "en.test.rule" in caught.value.message


@pytest.mark.parametrize("key", sorted(RULE))
def test_a_rule_that_lacks_a_field_is_refused(folder: Path, key: str) -> None:
    add(folder / "rules.en.yaml", "rules", {k: v for k, v in RULE.items() if k != key})
    with pytest.raises(DataError, match=r"rules\.en\.yaml") as caught:
        load(folder)
    assert key in caught.value.message


@pytest.mark.parametrize("entry", ["text", 7, None, ["a"]])
@pytest.mark.parametrize("what", ["rules", "scopes"])
def test_an_entry_that_is_no_mapping_is_refused(folder: Path, what: str, entry: Any) -> None:
    add(folder / f"{what}.zh.yaml", what, entry)
    with pytest.raises(DataError, match=rf"{what}\.zh\.yaml"):
        load(folder)


@pytest.mark.parametrize("wrong", MALFORMED_SCOPES)
def test_a_malformed_scope_names_file_and_entry(folder: Path, wrong: str) -> None:
    add(folder / "scopes.en.yaml", "scopes", {**SCOPE, **MALFORMED_SCOPES[wrong]})
    with pytest.raises(DataError) as caught:
        load(folder)
    assert caught.value.code == "data.malformed"
    assert "scopes.en.yaml" in caught.value.message
    assert "test_scope" in caught.value.message


@pytest.mark.parametrize(
    ("name", "new", "entry"),
    [
        ("rules.zh.yaml", {"rules": None}, "rules"),
        ("scopes.zh.yaml", {"scopes": None}, "scopes"),
        ("scopes.en.yaml", {"innocent": None}, "innocent"),
        ("scopes.en.yaml", {"other": None}, "other"),
        ("scopes.en.yaml", {"self": None}, "self"),
        ("scopes.en.yaml", {"innocent": ["a|"]}, "innocent"),
        ("scopes.en.yaml", {"innocent": ["(a"]}, "innocent"),
        ("scopes.en.yaml", {"other": "(a"}, "other"),
        ("rules.zh.yaml", {"terms": {"loop": "{later}", "later": "a"}}, "loop"),
        ("rules.zh.yaml", {"terms": {"group": {"a": 1}}}, "group"),
    ],
)
def test_a_file_that_lacks_a_piece_is_refused(
    folder: Path, name: str, new: dict[str, Any], entry: str
) -> None:
    change(folder / name, **new)
    with pytest.raises(DataError) as caught:
        load(folder)
    assert caught.value.code == "data.malformed"
    assert name in caught.value.message
    assert repr(entry) in caught.value.message


@pytest.mark.parametrize("name", ["rules.zh.yaml", "scopes.en.yaml"])
def test_a_file_that_is_no_mapping_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("- a\n- b\n", encoding="utf-8")
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        load(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "scopes.zh.yaml").unlink()
    with pytest.raises(DataError, match=r"scopes\.zh\.yaml"):
        load(folder)


def test_an_id_used_twice_is_refused_across_files(folder: Path) -> None:
    add(folder / "rules.zh.yaml", "rules", RULE)
    add(folder / "rules.en.yaml", "rules", RULE)
    with pytest.raises(DataError, match=r"rules\.en\.yaml.*'en\.test\.rule'.*twice"):
        load(folder)


@pytest.mark.parametrize(
    ("new", "sign"),
    [
        ({"positive": ["a zebra", "a horse"]}, "positive example 2"),
        ({"negative": ["two zebras"]}, "negative"),
    ],
)
def test_an_example_that_does_not_hold_names_the_rule(folder: Path, new: dict[str, Any], sign: str) -> None:
    add(folder / "rules.en.yaml", "rules", {**RULE, **new})
    book = load(folder)
    with pytest.raises(DataError, match=sign) as caught:
        RuleDetector(book, check_examples=True)
    assert caught.value.code == "data.example"
    assert "en.test.rule" in caught.value.message


def test_a_rule_of_ones_own_fires(folder: Path) -> None:
    add(folder / "rules.en.yaml", "rules", {**RULE, "patterns": ["zebra"]})
    risk = RuleDetector(load(folder), check_examples=True).assess("I saw a ZEBRA today.")
    assert [(s.rule, s.evidence) for s in risk.signals] == [("en.test.rule", "ZEBRA")]
    assert risk.level is Level.CRISIS


@pytest.mark.parametrize("name", ["rules.zh.yaml", "scopes.en.yaml", "codes.yaml"])
def test_the_version_changes_with_every_file(folder: Path, name: str) -> None:
    before = load(folder).version
    assert before == BOOK.version
    path = folder / name
    path.write_text(path.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    assert load(folder).version != before
