from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from cbtguard.graph import Guard, Limits, Settings, load_settings
from cbtguard.safety.errors import SettingsError


def refused(code: str, **explicit: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(**explicit)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert caught.value.hint
    return caught.value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text('region = "HK"\nlanguage = "zh-Hant"\nworkers = 2\n', encoding="utf-8")
    return path


def test_explicit_beats_environment_beats_file_beats_default(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBTGUARD_REGION", "TW")
    monkeypatch.setenv("CBTGUARD_LANGUAGE", "en")
    settings = load_settings(file, region="SG")
    assert (settings.region, settings.language, settings.workers) == ("SG", "en", 2)
    assert settings.concurrency == Settings.model_fields["concurrency"].default
    assert load_settings(file).region == "TW"
    monkeypatch.delenv("CBTGUARD_REGION")
    assert load_settings(file).region == "HK"
    assert load_settings().region == "CN"


def test_one_load_leaves_nothing_for_the_next(file: Path) -> None:
    load_settings(file, region="SG")
    assert load_settings().region == "CN"


def test_settings_may_stand_in_a_section(tmp_path: Path) -> None:
    path = tmp_path / "all.toml"
    path.write_text(
        '[other]\na = 1\n[cbtguard]\nregion = "US"\n[cbtguard.limits]\nturn_s = 9\n', encoding="utf-8"
    )
    settings = load_settings(path)
    assert settings.region == "US"
    assert settings.bounds() == Limits(turn_s=9)


@pytest.mark.parametrize(
    "text",
    ["region = ", "[cbtguard", "\x00", "region = 'CN'\nregion = 'HK'"],
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    assert str(path) in refused("settings.file_unreadable", file=path).message


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    refused("settings.file_unreadable", file=tmp_path / "none.toml")
    refused("settings.file_unreadable", file=tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"region = '\xe9'")
    refused("settings.file_unreadable", file=tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('regoin = "CN"', "regoin"),
        ("workers = 0", "workers"),
        ('workers = "many"', "workers"),
        ("max_characters = -1", "max_characters"),
        ('limits = "short"', "limits"),
        ("cbtguard = 3", "cbtguard"),
        ('cbtguard = "CN"', "cbtguard"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    assert field in refused("settings.invalid", file=path).message


def test_an_unknown_field_is_refused_explicitly_too() -> None:
    assert "regoin" in refused("settings.invalid", regoin="CN").message


def test_a_value_of_the_environment_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CBTGUARD_WORKERS", "0")
    assert "workers" in refused("settings.invalid").message


@pytest.mark.parametrize(
    "limits",
    [
        {"turn": 3.0},
        {"turn_s": 0.0},
        {"turn_s": -1.0},
        {"turn_s": float("nan")},
        {"generations": 0.0},
        {"generations": 2.5},
        {"generations": float("inf")},
        {"care_turns": float("nan")},
        {"history_turns": -1.0},
    ],
)
def test_a_bad_limit_is_refused_before_anything_is_made(limits: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        Guard(Settings(limits=limits, home=tmp_path))
    assert caught.value.code == "settings.invalid"
    assert next(iter(limits)) in caught.value.message


def test_good_limits_are_taken_over() -> None:
    limits = Settings(limits={"generations": 2, "turn_s": 7.5, "care_turns": 1}).bounds()
    assert (limits.generations, limits.turn_s, limits.care_turns) == (2, 7.5, 1)
    assert isinstance(limits.generations, int)


@pytest.mark.parametrize("writer", ["nobody", "transformers:", "transformers", ""])
def test_a_writer_nobody_knows_is_refused(writer: str, tmp_path: Path) -> None:
    with Guard(Settings(writer=writer, home=tmp_path, record="memory")) as guard:
        guard._parts |= dict.fromkeys(("redactor", "detector", "library", "retriever"), object())
        with pytest.raises(SettingsError) as caught:
            guard.warm()
    assert caught.value.code == "settings.invalid"


def test_a_part_nobody_knows_is_refused(tmp_path: Path) -> None:
    with (
        Guard(Settings(home=tmp_path), scribe=object()) as guard,
        pytest.raises(SettingsError, match="scribe"),
    ):
        guard.warm()


def test_paths_may_start_with_a_tilde() -> None:
    assert Settings(home=Path("~/x")).path("record.sqlite") == Path.home() / "x" / "record.sqlite"


def test_loaded_settings_reach_another_process(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[cbtguard]\nregion = "HK"\n', encoding="utf-8")
    loaded = load_settings(file, workers=3, record_key="secret")
    again = pickle.loads(pickle.dumps(loaded))  # noqa: S301 - our own bytes
    assert again == loaded
    assert (again.region, again.workers) == ("HK", 3)
    assert again.record_key is not None
    assert again.record_key.get_secret_value() == "secret"
    assert again.model_fields_set == {"region", "workers", "record_key"}
