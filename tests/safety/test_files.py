"""Data files: every way a file can be unreadable ends in one typed error that names it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import cbtguard.safety.files as module
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text, read_yaml, version_of

MALFORMED = {
    "unclosed": "a: [1, 2",
    "tab": "a:\n\t- 1",
    "no such date": "reviewed: 2025-02-30",
    "list as key": "? [a, b]\n: 1",
    "undefined alias": "a: *b",
    "control character": "a: \x00",
    "python object": "!!python/object/apply:os.system ['true']",
    "two documents": "a: 1\n---\nb: 2",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_yaml_names_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(MALFORMED[name], encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_yaml(path)
    assert caught.value.code == "data.malformed"
    assert "rules.yaml" in caught.value.message


def test_malformed_yaml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("a: 1\nb: 2\nc: [\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 4"):
        read_yaml(path)


def test_unreadable_files(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: \xff\xfe")
    for path in (tmp_path / "missing.yaml", tmp_path, latin):
        with pytest.raises(DataError) as caught:
            read_yaml(path)
        assert caught.value.code == "data.unreadable"
        assert path.name in caught.value.message


def test_text_and_yaml_are_read_as_utf8(tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    path.write_text("词: [焦虑, 'İ']\n", encoding="utf-8")
    assert read_text(path) == "词: [焦虑, 'İ']\n"
    assert read_yaml(path) == {"词": ["焦虑", "İ"]}


def test_version_follows_names_and_content_not_place_or_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("1")
    second.write_text("2")
    version = version_of([first, second])
    assert len(version) == 12
    assert int(version, 16) >= 0
    assert version_of([second, first]) == version
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    assert version_of([Path(shutil.copy(p, moved)) for p in (first, second)]) == version
    second.write_text("22")
    changed = version_of([first, second])
    assert changed != version
    assert version_of([first, second.rename(tmp_path / "c.yaml")]) not in {version, changed}


def test_version_sees_a_change_that_keeps_the_size(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("1")
    os.utime(path, ns=(1, 1))
    version = version_of([path])
    path.write_text("2")
    os.utime(path, ns=(2, 2))
    assert version_of([path]) != version


@pytest.mark.parametrize(
    "path", sorted(Path(module.__file__).parent.parent.glob("*/**/data/**/*.yaml")), ids=str
)
def test_every_shipped_data_file_is_readable(path: Path) -> None:
    assert read_yaml(path)
