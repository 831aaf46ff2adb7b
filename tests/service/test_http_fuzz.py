"""The OpenAPI document held against the service: requests of every kind, made by schemathesis."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTES = {
    "/v1/models",
    "/v1/models/{model}",
    "/v1/chat/completions",
    "/v1/ask",
    "/v1/ask/stream",
    "/v1/screen",
    "/v1/redact",
    "/v1/check",
    "/v1/records",
    "/v1/records/verify",
    "/v1/records/export",
    "/v1/records/{record_id}",
    "/v1/reviews",
    "/v1/reviews/{review_id}",
    "/v1/deliveries",
    "/healthz",
    "/readyz",
    "/metrics",
}
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def fuzz(url: str, most: int, seed: int, phases: str) -> tuple[int, str]:
    """Return how many requests were made, and what schemathesis said."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "calls.ndjson"
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                f"{url}/openapi.json",
                "--checks",
                CHECKS,
                "--phases",
                phases,
                "--max-examples",
                str(most),
                "--seed",
                str(seed),
                "--suppress-health-check",
                "all",
                "--report",
                "ndjson",
                "--report-ndjson-path",
                str(report),
                "--no-color",
            ],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            cwd=folder,
        )
        calls = 0
        for line in report.read_text(encoding="utf-8").splitlines():
            calls += line.count('"status_code"')
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return calls, done.stdout


def test_the_document(serving: Callable[..., Any]) -> None:
    running, _ = serving()
    with running.client() as client:
        document = client.get("/openapi.json").json()
    assert set(document["paths"]) == ROUTES
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["tags"], path
            if method == "post":
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                assert document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]["examples"]
            if path.startswith("/v1"):
                assert list(operation["responses"]["422"]["content"]) == ["application/problem+json"]
                assert operation["security"]


@pytest.mark.slow
def test_the_service_does_as_its_document_says(serving: Callable[..., Any]) -> None:
    running, _ = serving()
    calls, _ = fuzz(running.url, 6, 1, "examples,fuzzing")
    assert calls > 50


@pytest.mark.slow
def test_two_thousand_requests(tmp_path: Path) -> None:
    """A process of its own, with the default writer, as an operator starts it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path / "log"
    with (
        log.open("w") as err,
        subprocess.Popen(
            [sys.executable, "-m", "cbtguard.service.cli", "serve", "--port", str(port)],
            env={**os.environ, "CBTGUARD_HOME": str(tmp_path)},
            stderr=err,
        ) as served,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                try:
                    if httpx.get(f"{url}/readyz", timeout=5, trust_env=False).status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
            calls = sum(fuzz(url, 50, seed, "examples,coverage,fuzzing")[0] for seed in (1, 2))
        finally:
            served.terminate()
        assert served.wait(60) == 0
    assert calls > 2000
    errors = [
        json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")
    ]
    assert not [row for row in errors if row["level"] == "error"]
