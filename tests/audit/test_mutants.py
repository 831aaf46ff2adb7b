"""Planted defects: a plan that is always the same, copies that leave the checkout alone, and some really found."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from cbtguard.audit.mutants import plan_mutants
from cbtguard.audit.mutants.copying import copy_package, plant, restore
from cbtguard.audit.mutants.edits import Edit, applied, by_words
from cbtguard.audit.mutants.plan import NUMBERS, source
from cbtguard.audit.mutants.run import Copy, Tried, run_mutants, suites_of, table, try_defect
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

CHEAP = {
    "phone_line": ("inventory:lines",),
    "referral_text": ("inventory:texts",),
    "bounds": ("inventory:limits",),
    "placeholder": ("inventory:vault",),
    "checker_clause": ("inventory:answers",),
    "rule_deleted": ("inventory:rules",),
}


def test_the_plan_is_the_same_each_time_and_two_hundred_long() -> None:
    plan = plan_mutants()
    assert plan == plan_mutants()
    assert len({one.id for one in plan}) == len({(one.file, one.edit) for one in plan}) == 200
    assert Counter(one.kind for one in plan) == NUMBERS
    assert plan != plan_mutants(seed=1)
    for kind in NUMBERS:
        assert suites_of(kind)


def test_every_defect_changes_its_file_and_leaves_it_readable(tmp_path: Path) -> None:
    for one in plan_mutants():
        changed = applied(read_text(source(one.file)), one.edit, one.file)
        if one.kind in {"phone_line", "scope", "checker_clause"} and one.file.endswith(".yaml"):
            (tmp_path / "changed.yaml").write_text(changed, encoding="utf-8")
            assert read_yaml(tmp_path / "changed.yaml")


def test_a_defect_without_sense_is_refused() -> None:
    with pytest.raises(DataError, match="stand 2 times"):
        by_words("a a", "a", "b", "of a test")
    with pytest.raises(DataError, match="changes nothing"):
        applied("abc", Edit(start=0, end=1, new="a"), "x.yaml")
    with pytest.raises(DataError, match="without sense"):
        applied("a = 1", Edit(start=2, end=3, new="("), "x.py")


def test_a_copy_leaves_the_checkout_as_it_is(tmp_path: Path) -> None:
    mutant = next(one for one in plan_mutants() if one.kind == "phone_line")
    before = hashlib.sha256(source(mutant.file).read_bytes()).hexdigest()
    copy_package(tmp_path)
    copied = tmp_path / "cbtguard" / mutant.file
    assert copied.stat().st_ino == source(mutant.file).stat().st_ino or copied.stat().st_dev
    plant(mutant, tmp_path)
    assert hashlib.sha256(copied.read_bytes()).hexdigest() != before
    assert hashlib.sha256(source(mutant.file).read_bytes()).hexdigest() == before
    restore(mutant, tmp_path)
    assert hashlib.sha256(copied.read_bytes()).hexdigest() == before


@pytest.mark.slow
def test_defects_are_found_and_a_copy_without_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cbtguard.audit.mutants.run.suites_of", CHEAP.__getitem__)
    with Copy() as copy:
        every = tuple(one for suites in CHEAP.values() for one in suites)
        assert copy.tried(every, ())["found_by"] == ""
        for kind, suites in CHEAP.items():
            mutant = next(one for one in plan_mutants() if one.kind == kind)
            found = try_defect(mutant, copy, ())
            assert found is not None
            assert found.found_by in {*suites, "load"}, mutant.what
            assert found.why


@pytest.mark.slow
def test_a_run_goes_on_where_it_was_ended(tmp_path: Path) -> None:
    first = run_mutants(tmp_path, only=("placeholder.01",), workers=1)
    told: list[Tried] = []
    again = run_mutants(tmp_path, only=("placeholder.01",), workers=1, tell=told.append)
    assert again == first
    assert told == []
    assert first[0].found_by


def test_the_table_names_survivors() -> None:
    one = Tried(id="a.01", kind="a", file="x.py", what="gone", found_by="", why="", seconds=1.0)
    two = Tried(id="a.02", kind="a", file="x.py", what="less", found_by="cases:privacy", why="-", seconds=1.0)
    text = table((one, two))
    assert "1 of 2 planted defects survived" in text
    assert "a.01" in text.splitlines()[-1]
