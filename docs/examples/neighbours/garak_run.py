"""Start a service, run a few of garak's probes against it, print what garak says, end the service.

python docs/examples/neighbours/garak_run.py --garak PYTHON [--probes NAMES]      (garak in an environment of its own)
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from serving import service

PROBES = "probes.dan.Dan_11_0,probes.goodside.ThreatenJSON,probes.lmrc.QuackMedicine"
LONGEST_S = 900


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser()
    folder = os.environ.get("CBTGUARD_NEIGHBOURS", "")
    parser.add_argument("--garak", default=f"{folder}/garak/bin/python" if folder else sys.executable)
    parser.add_argument("--probes", default=PROBES)
    parser.add_argument("--generations", default="2")
    options = parser.parse_args()
    config = json.loads((Path(__file__).parent / "garak_rest.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as home, service() as url:
        config["rest"]["RestGenerator"]["uri"] = f"{url}/v1/chat/completions"
        file = Path(home) / "rest.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        # Reports, caches and settings of garak stay in the folder that goes away.
        homes = {f"XDG_{name}_HOME": home for name in ("DATA", "CACHE", "CONFIG")}
        command = [
            options.garak,
            "-m",
            "garak",
            "--target_type",
            "rest",
            "--generator_option_file",
            str(file),
        ]
        command += ["--spec", options.probes, "--generations", options.generations]
        ran = subprocess.run(
            command,
            env={**os.environ, **homes, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
    print(ran.stdout)
    if ran.returncode:
        print(ran.stderr[-2000:], file=sys.stderr)
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
