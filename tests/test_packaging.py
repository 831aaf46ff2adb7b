"""The package as it is shipped: rooms, directions of import, data files, and the wheel in use."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS: dict[str, Any] = PROJECT["tool"]["setuptools"]
NOT_SHIPPED = {"tests", "notebooks", "docs", "typings", "build", "dist"}
ROOMS = sorted(
    folder.name
    for folder in ROOT.iterdir()
    if (folder / "__init__.py").is_file()
    and folder.name not in NOT_SHIPPED
    and not folder.name.startswith(".")
)
LAYERS = {"safety": 0, "nodes": 1, "graph": 2, "service": 3, "audit": 3, "lab": 3}
"""Imports point from a higher to a lower number."""
TOP = {("service", "lab"), ("lab", "service"), ("service", "audit"), ("audit", "service")}
"""The command line names the rooms that bring commands, and these use what commands share."""
FIVE_PARTS = ["validation", "key_thought", "challenge", "strategy", "encouragement"]


def files_of(room: str) -> Iterator[Path]:
    for path in sorted((ROOT / room).rglob("*")):
        if (
            path.is_file()
            and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
            and path.suffix != ".pyc"
        ):
            yield path


def package_of(folder: Path) -> str:
    return ".".join(("cbtguard", *folder.relative_to(ROOT).parts))


def data_files() -> list[Path]:
    return [path for room in ROOMS for path in files_of(room) if "data" in path.relative_to(ROOT).parts[:-1]]


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and name of all that a module imports, inside functions, for types and by text too."""
    package = package_of(path.parent).split(".")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            whole = ".".join(part for part in (base, node.module) if part)
            yield from ((node.lineno, f"{whole}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Constant) and re.fullmatch(r"cbtguard(\.\w+)+", str(node.value)):
            yield node.lineno, str(node.value)


def room_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "cbtguard" and len(parts) > 1 and parts[1] in ROOMS else None


# --- what pyproject.toml says -------------------------------------------------------------------------------


def test_every_folder_of_modules_is_listed_and_nothing_else() -> None:
    folders = {
        package_of(path.parent) for room in ROOMS for path in files_of(room) if path.name == "__init__.py"
    }
    assert sorted(SETUPTOOLS["packages"]) == sorted(folders)


def test_no_module_lies_outside_a_package() -> None:
    stray = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in files_of(room)
        if path.suffix == ".py" and not (path.parent / "__init__.py").is_file()
    ]
    assert stray == []


def test_every_room_is_mapped() -> None:
    assert SETUPTOOLS["package-dir"] == {f"cbtguard.{room}": room for room in ROOMS}
    assert not (ROOT / "cbtguard").exists()
    assert not (ROOT / "__init__.py").exists()


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_typed_and_seen_by_type_checkers(room: str) -> None:
    assert (ROOT / room / "py.typed").is_file()
    link = ROOT / "typings" / "cbtguard" / room
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == ROOT / room


def test_type_checkers_see_no_room_that_is_gone() -> None:
    assert sorted(path.name for path in (ROOT / "typings" / "cbtguard").iterdir()) == ROOMS


def test_every_data_file_lies_in_a_listed_package() -> None:
    assert SETUPTOOLS["package-data"] == {"*": ["py.typed", "data/**/*"]}
    assert SETUPTOOLS["include-package-data"] is False
    for path in data_files():
        parts = path.relative_to(ROOT).parts
        owner = ".".join(("cbtguard", *parts[: parts.index("data")]))
        assert owner in SETUPTOOLS["packages"], path


def test_the_command_is_declared() -> None:
    assert PROJECT["project"]["scripts"] == {"cbtguard": "cbtguard.service.cli:main"}


# --- which way imports point --------------------------------------------------------------------------------


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    wrong = []
    for path in files_of(room):
        if path.suffix != ".py":
            continue
        for line, name in imports_of(path):
            other = room_of(name)
            if other in {None, room} or (room, other) in TOP:
                continue
            if LAYERS[str(other)] >= LAYERS[room]:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert wrong == []


def test_the_guards_know_no_framework() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in files_of("safety")
        if path.suffix == ".py"
        for line, name in imports_of(path)
        if name.split(".")[0] in {"langgraph", "langchain", "langchain_core", "langchain_community"}
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from cbtguard.graph import build", ["cbtguard.graph.build"]),
        ("import cbtguard.nodes.check as c", ["cbtguard.nodes.check"]),
        ("from ..graph import build", ["cbtguard.graph.build"]),
        ("from . import text", ["cbtguard.safety.text"]),
        ("def f():\n    import cbtguard.service", ["cbtguard.service"]),
        ("x = 'cbtguard.lab.cli'", ["cbtguard.lab.cli"]),
        ("x = 'about cbtguard.lab'", []),
    ],
)
def test_the_reading_of_imports(
    source: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "safety").mkdir()
    module = tmp_path / "safety" / "module.py"
    module.write_text(source, encoding="utf-8")
    assert [name for _, name in imports_of(module)] == names


def test_no_room_can_be_imported_by_its_bare_name(tmp_path: Path) -> None:
    program = f"""
import importlib
for room in {ROOMS!r}:
    try:
        importlib.import_module(room)
    except ModuleNotFoundError as error:
        print(room, error.name)
import cbtguard.safety
print(cbtguard.__file__ if hasattr(cbtguard, "__file__") else None)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [*(f"{room} {room}" for room in ROOMS), "None"]


# --- the wheel ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, so that nothing left of earlier builds gets in."""
    copy = tmp_path_factory.mktemp("source")
    skip = shutil.ignore_patterns("__pycache__", "*.pyc")
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)],
        cwd=copy,
        capture_output=True,
        check=True,
    )
    [built] = out.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_data_file_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert all(archive.read(f"cbtguard/{p.relative_to(ROOT)}") == p.read_bytes() for p in data_files())
    modules = {path for room in ROOMS for path in files_of(room) if path.suffix == ".py"}
    typed = {ROOT / room / "py.typed" for room in ROOMS}
    assert held == {f"cbtguard/{path.relative_to(ROOT)}" for path in {*modules, *typed, *data_files()}}


_WATCH = """
import os, sys

def _watch(event, args):
    if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        _say(args[0])
    elif event in ("os.mkdir", "os.rename", "os.remove", "sqlite3.connect"):
        _say(args[0])
    elif event in ("socket.connect", "socket.getaddrinfo"):
        _say(event)

def _say(what, log=os.environ.get("WATCH_LOG")):
    if log and what != log and not isinstance(what, int):
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, (os.path.abspath(os.fsdecode(what)) if "/" in str(what) else str(what)).encode() + b"\\n")
        os.close(handle)

if os.environ.get("WATCH_LOG"):
    sys.addaudithook(_watch)
"""


class Clean:
    """A clean environment with the wheel in it; other distributions come from the one that runs the tests."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder / "venv"
        venv.create(self.folder, with_pip=False, system_site_packages=False, symlinks=True)
        self.python = self.folder / "bin" / "python"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "--python",
                str(self.python),
                "install",
                "--no-deps",
                "--no-index",
                "-q",
                str(wheel),
            ],
            capture_output=True,
            check=True,
        )
        [self.site] = (self.folder / "lib").glob("python*/site-packages")
        # Of the folder named here no .pth file is read, so the editable install of the tests stays out.
        (self.site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        (self.site / "watch_writes.py").write_text(_WATCH, encoding="utf-8")
        (self.site / "a_watch.pth").write_text("import watch_writes\n", encoding="utf-8")
        self.neutral, self.user, self.scratch = (folder / name for name in ("neutral", "user", "scratch"))
        for place in (self.neutral, self.user, self.scratch):
            place.mkdir()

    def run(self, command: list[str], home: Path, *, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.neutral,
            input=given,
            capture_output=True,
            encoding="utf-8",
            check=False,
            env={
                "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
                "HOME": str(self.user),
                "TMPDIR": str(self.scratch),
                "CBTGUARD_HOME": str(home),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONIOENCODING": "utf-8",
                "WATCH_LOG": str(home.with_suffix(".log")),
            },
        )


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    return Clean(tmp_path_factory.mktemp("clean"), wheel)


@pytest.mark.slow
def test_the_module_comes_from_the_clean_environment(clean: Clean, tmp_path: Path) -> None:
    program = "import cbtguard.graph as a, cbtguard.lab.cli as b; print(a.__file__); print(b.__file__)"
    done = clean.run([str(clean.python), "-c", program], tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert [Path(line).is_relative_to(clean.site) for line in done.stdout.splitlines()] == [True, True]


@pytest.mark.slow
def test_the_installed_commands_answer_and_write_at_home_only(clean: Clean, tmp_path: Path) -> None:
    home, command = tmp_path / "home", str(clean.folder / "bin" / "cbtguard")
    installed = {path: path.stat().st_mtime_ns for path in clean.site.rglob("*") if path.is_file()}

    asked = clean.run([command, "ask", "最近总睡不着，一躺下就想工作的事", "--json"], home)
    assert asked.returncode == 0, asked.stderr
    assert asked.stderr == ""
    answer = json.loads(asked.stdout)
    assert answer["route"] == "answered"
    assert answer["faults"] == []
    assert list(answer["parts"]) == FIVE_PARTS
    assert all(part["present"] and part["evidence"] in answer["reply"] for part in answer["parts"].values())
    assert (home / "record.sqlite").is_file()

    rows = '{"id": 1, "text": "我今晚就想结束自己的生命"}\n{"id": 2, "text": "明天要考试，有点紧张"}\n'
    screened = clean.run([command, "screen", "-", "-"], home, given=rows)
    assert screened.returncode == 0, screened.stderr
    levels = {row["id"]: row["risk"]["level"] for row in map(json.loads, screened.stdout.splitlines())}
    assert levels[1] in {"crisis", "emergency"}
    assert levels[2] == "none"

    strays = [str(path) for place in (clean.neutral, clean.user, clean.scratch) for path in place.rglob("*")]
    assert strays == []
    assert {path: path.stat().st_mtime_ns for path in clean.site.rglob("*") if path.is_file()} == installed
    watched = home.with_suffix(".log").read_text(encoding="utf-8").splitlines()
    written = {line for line in watched if not line.startswith("/dev/")}
    assert written
    assert {line for line in written if str(home) not in line} == set()
