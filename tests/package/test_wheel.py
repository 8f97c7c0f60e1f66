"""The wheel in a clean environment: it holds all that it needs, nothing of the tests, and gives `burgernet`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent.parent
SECONDS = 300
OURS = ("config", "foundation", "gateway", "ivr", "lab", "prompts", "sms")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves a `build` behind, from which later wheels take files that are gone."""
    out, copy = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("copy")
    for name in (*OURS, "pyproject.toml", "setup.py", "README.md", "LICENSE"):
        source = HOME / name
        copied = shutil.copytree if source.is_dir() else shutil.copy
        copied(source, copy / name)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, copy)
    [built] = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of programs of a new environment with the wheel, at the versions of the lock."""
    home = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", home)
    run(home / "bin" / "pip", "install", "--quiet", "--constraint", HOME / "requirements.lock", wheel)
    return home / "bin"


def run(*command: object, succeeds: bool = True) -> str:
    """What it printed; from an empty place, so that nothing of the checkout is found by accident."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, cwd="/", check=False)
    assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_wheel_holds_our_packages_and_their_files_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names if not name.split("/")[0].endswith(".dist-info")} == set(OURS)
    kinds = ("*.py", "*.toml", "*.csv", "*.html", "*.js", "*.css", "*.svg")
    here = {str(path.relative_to(HOME)) for room in OURS for kind in kinds for path in (HOME / room).rglob(kind)}
    assert here - names == set(), "files that the wheel leaves out"
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_burgernet_is_there_and_checks_the_configuration(environment: Path) -> None:
    assert "participants" in run(environment / "burgernet", "--help")
    assert "participants" in run(environment / "python", "-m", "gateway", "--help")
    told = run(environment / "burgernet", "check-config", "-c", HOME / "config" / "gateway.toml")
    assert "is right" in told


def test_it_speaks(environment: Path, tmp_path: Path) -> None:
    run(environment / "burgernet", "say", "Let op: een rode fiets.", "-o", tmp_path / "said.wav")
    assert (tmp_path / "said.wav").stat().st_size > 8000


def test_without_the_lab_the_demo_says_what_to_install(environment: Path) -> None:
    assert "burgernet-gateway[lab]" in run(environment / "burgernet", "demo", "--headless", "--once", succeeds=False)
