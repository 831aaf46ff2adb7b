"""Sets everything up in ``.venv`` and runs one thing: needs Python 3.11 or later and nothing else.

python3 go.py ask "最近总睡不着，一躺下就想工作的事"
python3 go.py test
python3 go.py slow
python3 go.py COMMAND [ARGUMENTS]     any other command of cbtguard
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
TESTS = (
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["mypy"],
    ["pytest", "-q", "-m", "not slow", "-n", "2", "--dist", "loadfile"],
)
SLOW = ["pytest", "-q", "-m", "slow", "-n", "2", "--dist", "loadfile"]
PROOF = ["cbtguard.service.cli", "verify"]


def set_up(*, dev: bool) -> None:
    """Make the environment, unless it was made from the same files before."""
    files = (ROOT / "pyproject.toml", ROOT / "constraints.txt")
    key = hashlib.sha256(b"".join(file.read_bytes() for file in files) + sys.version.encode()).hexdigest()
    mark = VENV / f"ready-{'dev' if dev else 'run'}"
    if mark.exists() and mark.read_text() == key:
        return
    print("Setting up .venv; the first time takes a few minutes.", file=sys.stderr, flush=True)
    if not PYTHON.exists():
        venv.create(VENV, with_pip=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Dependency groups need pip 25.1.
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True, cwd=ROOT)
    # First and by itself: the resolver must not reach for a larger build.
    torch = next(line for line in files[1].read_text().splitlines() if line.startswith("torch=="))
    subprocess.run([*pip, torch], check=True, cwd=ROOT)
    group = ["--group", "dev"] if dev else []
    # setuptools warns that an editable install sees its own folders; that is what it is for.
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run(
        [*pip, "--constraint", "constraints.txt", *group, "--editable", "."], check=True, cwd=ROOT, env=quiet
    )
    mark.write_text(key)


def slow() -> int:
    """Run the slow tests and, meanwhile, the full proof; return the first exit code that is not 0."""
    # Many slow tests wait for servers and a browser; the proof waits for nothing.
    with tempfile.TemporaryFile() as told:
        print("+", *PROOF, "(beside the tests; told behind them)", flush=True)
        # The tests go first: some of them watch the clock.
        gently = ["nice", "-n", "15"] if shutil.which("nice") else []
        command = [*gently, str(PYTHON), "-m", *PROOF]
        proof = subprocess.Popen(command, cwd=ROOT, stdout=told, stderr=subprocess.STDOUT)
        try:
            print("+", *SLOW, flush=True)
            tests = subprocess.run([str(PYTHON), "-m", *SLOW], check=False, cwd=ROOT).returncode
            proved = proof.wait()
        finally:
            proof.kill()
            proof.wait()
        told.seek(0)
        print("+", *PROOF)
        print(told.read().decode(errors="replace"), flush=True)
    return tests or proved


def main() -> int:
    """Run what the arguments name; return its exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file may be started by any Python
        print("cbtguard needs Python 3.11 or later.", file=sys.stderr)
        return 2
    arguments = sys.argv[1:] or ["--help"]
    if arguments[0] == "slow":
        set_up(dev=True)
        return slow()
    if arguments[0] == "test":
        set_up(dev=True)
        for command in TESTS:
            print("+", " ".join(command), flush=True)
            code = subprocess.run([str(PYTHON), "-m", *command], check=False, cwd=ROOT).returncode
            if code:
                return code
        return 0
    set_up(dev=False)
    return subprocess.run([str(PYTHON), "-m", "cbtguard.service.cli", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
