"""What the documentation of the service says, run as it stands; and the examples that lie beside it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cbtguard.graph import Settings
from cbtguard.service.http import ServeSettings, create_app, serve_settings
from cbtguard.service.http.problems import _STATUS, _TITLES
from cbtguard.service.http.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
SERVICE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


PYTHON = [*blocks(SERVICE, "python"), *(block for block in blocks(README, "python") if "127.0.0.1" in block)]


@pytest.fixture(scope="module")
def running(serving: Callable[..., Any]) -> Any:
    return serving()[0]


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_every_example_runs(
    running: Any,
    number: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path))
    code = PYTHON[number].replace("http://127.0.0.1:8000", running.url)
    exec(compile(code, f"service.md block {number}", "exec"), {})  # noqa: S102 - our own documentation
    assert capsys.readouterr().out.strip()


def test_every_path_code_and_setting_is_told(running: Any) -> None:
    for path in create_app(running.guard).openapi()["paths"]:
        assert (
            path.replace("{record_id}", "ID").replace("{review_id}", "ID").replace("/{model}", "") in SERVICE
        ), path
    codes = set(re.findall(r"`((?:input|access|busy|review|service)\.[a-z_]+)`", SERVICE))
    assert set(_STATUS) <= codes
    assert set(_STATUS.values()) <= set(_TITLES)
    settings = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for field in ServeSettings.model_fields:
        assert f"| `{field}` |" in settings, field
    for block in blocks(SERVICE, "toml"):
        serve_settings(Settings(**tomllib.loads(block)))


def test_the_dashboard_shows_metrics_that_there_are() -> None:
    board = json.loads((ROOT / "docs" / "examples" / "grafana.json").read_text(encoding="utf-8"))
    known = {
        name
        for metric in Watch().registry.collect()
        for name in (metric.name, f"{metric.name}_total", f"{metric.name}_bucket")
    }
    shown = re.findall(r"cbtguard_\w+", json.dumps([panel["targets"] for panel in board["panels"]]))
    assert shown
    assert set(shown) <= known
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_container_serves_by_commands_that_there_are() -> None:
    compose = yaml.safe_load((ROOT / "docs" / "examples" / "compose.yaml").read_text(encoding="utf-8"))
    environment = compose["services"]["cbtguard"]["environment"]
    serve_settings(Settings(serve=json.loads(environment["CBTGUARD_SERVE"])))
    assert environment["CBTGUARD_RECORD"].startswith("postgresql://")
    docker = (ROOT / "docs" / "examples" / "Dockerfile").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', docker)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
