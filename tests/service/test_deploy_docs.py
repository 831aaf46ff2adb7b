"""The examples of deployment: settings that there are, probes that there are, and time enough to end."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cbtguard.graph import Guard, Settings
from cbtguard.graph.talks import check_keeping
from cbtguard.service.http import create_app, serve_settings

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
DSN = "postgresql://cbtguard:secret@postgres/cbtguard"
SECRET = {"database": DSN, "threads-key": base64.b64encode(bytes(32)).decode()}


def kinds() -> dict[str, Any]:
    documents = yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text(encoding="utf-8"))
    return {document["kind"]: document for document in documents}


def container() -> Any:
    (found,) = kinds()["Deployment"]["spec"]["template"]["spec"]["containers"]
    return found


def settings_of(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


def check_shared(settings: Settings) -> None:
    assert settings.record == settings.threads
    assert settings.record.startswith("postgresql://")
    assert settings.vaults == "store"
    check_keeping(settings)


def test_the_pods_have_settings_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        one["name"]: one["value"] if "value" in one else SECRET[one["valueFrom"]["secretKeyRef"]["key"]]
        for one in container()["env"]
    }
    settings = settings_of(environment, monkeypatch)
    check_shared(settings)
    serve = serve_settings(settings)
    pod = kinds()["Deployment"]["spec"]["template"]["spec"]
    waits = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= waits + serve.drain_s + 10
    mounts = {one["mountPath"]: one for one in container()["volumeMounts"]}
    for name in ("thread.key", "keys.json"):
        assert mounts[str(settings.path(name))]["subPath"] == name
    (shared,) = [volume for volume in pod["volumes"] if "secret" in volume]
    assert {item["key"] for item in shared["secret"]["items"]} == {"thread.key", "keys.json"}
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    for key in ("thread.key", "keys.json", *SECRET):
        assert f"-file={key}" in page or f"-literal={key}=" in page


def test_the_probes_ask_for_what_there_is(tmp_path: Path) -> None:
    with Guard(Settings(home=tmp_path, record="memory")) as guard:
        paths = create_app(guard).openapi()["paths"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container()[probe]["httpGet"]["path"] in paths
    port = container()["args"][container()["args"].index("--port") + 1]
    assert container()["ports"][0] == {"name": "http", "containerPort": int(port)}
    labels = kinds()["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert kinds()["Service"]["spec"]["selector"] == labels
    for kind, place in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        assert kinds()[kind]["spec"][place]["matchLabels"] == labels


def test_the_scaled_composition_shares_what_must_be_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    services = yaml.safe_load((EXAMPLES / "compose.scaled.yaml").read_text(encoding="utf-8"))["services"]
    environment = {
        name: DSN if "postgresql" in value else SECRET["threads-key"] if "THREADS_KEY" in value else value
        for name, value in services["cbtguard"]["environment"].items()
    }
    settings = settings_of(environment, monkeypatch)
    check_shared(settings)
    assert int(services["cbtguard"]["stop_grace_period"].rstrip("s")) >= serve_settings(settings).drain_s + 10
    assert "ports" not in services["cbtguard"]
    assert services["proxy"]["command"][-1] == "cbtguard:8000"
    assert json.loads(environment["CBTGUARD_SERVE"])
