"""`docs/security.md` and `docs/trunks.md` name tests: each must be there, and each promise must name one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_NAMED = re.compile(r"`(tests/[a-z0-9_/]+\.py)(?:::(test_[a-z0-9_]+))?`")


def _named(page: str) -> list[tuple[str, str]]:
    return _NAMED.findall((ROOT / "docs" / page).read_text())


@pytest.mark.parametrize("page", ["security.md", "trunks.md"])
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    assert _named(page)
    for file, name in _named(page):
        path = ROOT / file
        assert path.exists(), f"{page} names {file}"
        if name:
            assert re.search(rf"def {name}\(", path.read_text()), f"{page} names {file}::{name}"


def test_every_promise_names_a_test() -> None:
    promised, _ = (ROOT / "docs" / "security.md").read_text().split("## What is not promised")
    promises = re.split(r"^- ", promised, flags=re.MULTILINE)[1:]
    assert len(promises) > 15
    for promise in promises:
        assert _NAMED.search(promise), promise
