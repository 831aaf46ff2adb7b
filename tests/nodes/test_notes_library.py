"""Technique notes: the schema names file and field; the library's version follows its content."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cbtguard.nodes.retrieval.note import NOTES, NoteLibrary, read_note, vocabulary
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    from pathlib import Path

NAME = "good-enough"
DELETE = object()
WRONG: dict[str, tuple[str, Any]] = {
    "unknown field": ("extra", "text"),
    "id of another file": ("id", "other-note"),
    "id with capitals": ("id", "Good-Enough"),
    "technique with spaces": ("technique", "good enough"),
    "title in one language": ("title", {"zh": "够好"}),
    "empty title": ("title", {"zh": " ", "en": "Good enough"}),
    "title is text": ("title", "Good enough"),
    "unknown distortion": ("distortions", ["no_such_habit"]),
    "too many distortions": ("distortions", ["labeling"] * 5),
    "unknown problem": ("problems", ["no_such_problem"]),
    "no problem": ("problems", []),
    "no cues": ("cues", {"zh": [], "en": ["a cue"]}),
    "cues are text": ("cues", {"zh": "一句", "en": "a cue"}),
    "one question": ("questions", {"zh": ["什么？"], "en": ["What?"]}),
    "more steps in one language": ("steps", {"zh": ["一。", "二。"], "en": ["One."]}),
    "no source": ("sources", []),
    "unknown kind of source": ("sources", [{"name": "A manual of note", "year": 1995, "kind": "blog"}]),
    "source from the future": ("sources", [{"name": "A manual of note", "year": 3000, "kind": "manual"}]),
    "unknown evidence": ("evidence", "certain"),
    "cautious is a word": ("cautious", "perhaps"),
    "reviewed is a word": ("reviewed", "yesterday"),
    "no idea": ("idea", DELETE),
    "no encouragement": ("encouragement", DELETE),
    "no not_for": ("not_for", DELETE),
}


def write(path: Path, data: Any) -> Path:
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return path


@pytest.mark.parametrize("wrong", WRONG)
def test_a_malformed_note_names_file_and_field(tmp_path: Path, wrong: str) -> None:
    field, value = WRONG[wrong]
    data = {**read_yaml(NOTES / f"{NAME}.yaml"), field: value}
    if value is DELETE:
        del data[field]
    path = write(tmp_path / f"{NAME}.yaml", data)
    for use in (lambda: read_note(path), lambda: NoteLibrary(tmp_path)):
        with pytest.raises(DataError) as caught:
            use()
        assert caught.value.code == "data.malformed"
        assert path.name in caught.value.message
        assert field in caught.value.message


@pytest.mark.parametrize("data", [["a"], "text", None, {1: "a"}])
def test_a_file_that_is_no_note_is_refused(tmp_path: Path, data: Any) -> None:
    with pytest.raises(DataError, match=r"odd\.yaml"):
        read_note(write(tmp_path / "odd.yaml", data))


def test_a_day_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.yaml"
    path.write_text("reviewed: 2025-02-30\n", encoding="utf-8")
    with pytest.raises(DataError, match=path.name):
        read_note(path)


def test_a_folder_without_notes_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError) as caught:
            NoteLibrary(folder)
        assert caught.value.code == "data.empty"


def test_the_shipped_library_is_whole() -> None:
    library = NoteLibrary()
    assert len(library) >= 60
    assert len({note.technique for note in library}) > 10
    served = {problem for note in library for problem in note.problems}
    assert set(vocabulary().problems) - {"general"} <= served


def test_the_version_follows_content(few_notes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(few_notes, folder)
    before = NoteLibrary(folder).version
    assert before == NoteLibrary(few_notes).version
    data = read_yaml(folder / f"{NAME}.yaml")
    data["cues"]["en"].append("I polish everything until midnight.")
    write(folder / f"{NAME}.yaml", data)
    changed = NoteLibrary(folder).version
    assert changed != before
    (folder / f"{NAME}.yaml").unlink()
    assert NoteLibrary(folder).version not in {before, changed}


def test_picking(library: NoteLibrary) -> None:
    assert [note.id for note in library.pick(["panic-cycle", NAME])] == ["panic-cycle", NAME]
    assert NAME in library
    assert library[NAME].title.of("zh-Hant") == library[NAME].title.zh
    assert library[NAME].steps.of("en") == library[NAME].steps.en
    with pytest.raises(DataError) as caught:
        library.pick(["no-such-note"])
    assert caught.value.code == "data.note_unknown"
