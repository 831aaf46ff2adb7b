"""The same turns through NeMo Guardrails, a LangChain agent with middleware, and this flow, with a stub model.

python docs/examples/neighbours/side_by_side.py [--nemo PYTHON] [--file FILE]... [--cases]

Each side is a process of its own. NeMo Guardrails needs an environment of its own: name its interpreter, or let
CBTGUARD_NEIGHBOURS name a folder that holds it as nemo/bin/python. A side that is not installed is left out by name.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DANGER = frozenset({"crisis", "help", "1"})
NONE = frozenset({"no_crisis", "no_alarm", "none", "0"})
LONGEST_S = 3600


def rows(options: argparse.Namespace) -> list[tuple[str, str, bool]]:
    """Return name of the set, text and whether it is danger; labels that say neither are left out."""
    found = []
    for file in options.file:
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            label = str(row["label"]).strip().lower()
            if label in DANGER | NONE:
                found.append((file.name, row["text"], label in DANGER))
    if options.cases:
        from cbtguard.audit.case import Suite  # noqa: PLC0415 - only where it is asked for
        from cbtguard.audit.suites import load  # noqa: PLC0415 - the same

        for case in load([Suite.CRISIS_RECALL, Suite.FALSE_ALARMS]).cases:
            if len(case.turns) == 1:
                name = f"audit cases, {'English' if case.language == 'en' else 'Chinese'}"
                found.append((name, case.text, case.suite is Suite.CRISIS_RECALL))
    return found


def side(python: str, script: str, library: str, turns: int, messages: Path) -> dict[str, Any] | str:
    """Return what a side measured, or why it is left out."""
    probe = [python, "-c", f"import importlib.metadata as m; print(m.version({library!r}))"]
    try:
        version = subprocess.run(probe, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return f"left out: {library} is not installed for {Path(python).name}"
    command = [python, str(HERE / script), "--began", repr(time.time()), "--turns", str(turns)]
    command += ["--messages", str(messages)] if messages.stat().st_size else []
    ran = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:] or ["nothing"]
        return f"left out: it ended with {ran.returncode}: {last[0][:200]}"
    return {**json.loads(ran.stdout.strip().splitlines()[-1]), "version": version}


def main() -> int:
    """Run the sides one after the other and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    folder = os.environ.get("CBTGUARD_NEIGHBOURS", "")
    parser.add_argument("--nemo", default=f"{folder}/nemo/bin/python" if folder else sys.executable)
    parser.add_argument("--langchain", default=sys.executable, help="Its interpreter; this one by default.")
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--file", type=Path, action="append", default=[], help="JSON Lines: text, label.")
    parser.add_argument("--cases", action="store_true", help="The audit's own cases besides.")
    options = parser.parse_args()
    labelled = rows(options)
    sides = {
        "NeMo Guardrails": (options.nemo, "side_nemo.py", "nemoguardrails"),
        "LangChain agent": (options.langchain, "side_langchain.py", "langchain"),
        "cbtguard": (sys.executable, "side_flow.py", "cbtguard"),
    }
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as home:
        messages = Path(home) / "messages.jsonl"
        messages.write_text("".join(json.dumps(text) + "\n" for _, text, _ in labelled), encoding="utf-8")
        for name, (python, script, library) in sides.items():
            told = side(python, script, library, options.turns, messages)
            if isinstance(told, str):
                print(f"{name}: {told}")
            else:
                found[name] = told
    print(f"{'':<16} {'version':>9} {'p50 ms':>8} {'p99 ms':>8} {'cpu ms':>8} {'cold s':>8} {'peak MB':>8}")
    for name, told in found.items():
        ms = sorted(told["ms"])
        p99 = ms[min(len(ms) - 1, int(len(ms) * 0.99))]
        print(
            f"{name:<16} {told['version']:>9} {statistics.median(ms):8.1f} {p99:8.1f} "
            f"{statistics.median(told['cpu_ms']):8.1f} {told['cold_s']:8.1f} {told['peak_mb']:8.0f}"
        )
    for name in dict.fromkeys(name for name, _, _ in labelled):
        danger = [place for place, row in enumerate(labelled) if row[0] == name and row[2]]
        harmless = [place for place, row in enumerate(labelled) if row[0] == name and not row[2]]
        print(f"\n{name}: {len(danger)} in danger, {len(harmless)} not")
        for side_name, told in found.items():
            hits = sum(told["stopped"][place] for place in danger)
            alarms = sum(told["stopped"][place] for place in harmless)
            recall = f"{hits / len(danger):7.1%}" if danger else "      -"
            false = f"{alarms / len(harmless):7.1%}" if harmless else "      -"
            print(f"{side_name:<16} found {recall} ({hits})   false alarms {false} ({alarms})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
