"""The wheel lists its packages one by one; none of ours is forgotten, and no test is in it."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_package_of_the_rooms_is_in_the_wheel() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    rooms = {package.split(".")[0] for package in setuptools["packages"]}
    there = {
        ".".join(init.parent.relative_to(ROOT).parts) for room in rooms for init in (ROOT / room).rglob("__init__.py")
    }
    assert set(setuptools["packages"]) == there
    assert "tests" not in rooms
