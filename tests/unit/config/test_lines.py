"""Every key of a TOML source gets the line that it stands on."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lines import Path, line_of, lines_of

SOURCE = '''# a comment = "not a key"
top = 1
[gateway]
node = "has # no comment"   # a comment
text = """
[not.a.table]
key = 1
"""
"quoted key" = 'single # quoted'
dotted.inner.key = true
empty = ""

[[trunk]]
name = "a"
codecs = [
    "PCMA",  # first
    "PCMU",
]
[trunk.deep]
x = 1
[[trunk]]
name = "b"
limits = { "+3120" = 50, other = { y = [1, 2] } }
when = 2026-11-24 21:00:00
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("gateway",), 3),
        (("gateway", "node"), 4),
        (("gateway", "text"), 5),
        (("gateway", "quoted key"), 9),
        (("gateway", "dotted", "inner", "key"), 10),
        (("gateway", "empty"), 11),
        (("trunk", 0), 13),
        (("trunk", 0, "codecs"), 15),
        (("trunk", 0, "codecs", 1), 17),
        (("trunk", 0, "deep", "x"), 20),
        (("trunk", 1), 21),
        (("trunk", 1, "limits", "+3120"), 23),
        (("trunk", 1, "limits", "other", "y", 1), 23),
        (("trunk", 1, "when"), 24),
    ],
)
def test_the_line_of(path: Path, line: int) -> None:
    assert lines_of(SOURCE)[path] == line


def test_windows_line_ends_count_once() -> None:
    assert lines_of("a = 1\r\nb = 2\r\n")[("b",)] == 2


def test_a_missing_key_is_told_at_its_table() -> None:
    assert line_of(("trunk", 1, "proxy"), lines_of(SOURCE)) == 21
    assert line_of(("nowhere",), lines_of(SOURCE)) is None


def paths_in(value: Any, path: Path = ()) -> set[Path]:
    found = {path} if path else set()
    if isinstance(value, dict):
        return found.union(*(paths_in(inner, (*path, key)) for key, inner in value.items()))
    if isinstance(value, list):
        return found.union(*(paths_in(inner, (*path, at)) for at, inner in enumerate(value)))
    return found


def test_it_finds_what_tomllib_finds() -> None:
    assert set(lines_of(SOURCE)) == paths_in(tomllib.loads(SOURCE))


values = st.recursive(
    st.one_of(st.integers(-9, 99).map(str), st.sampled_from(['"#]}"', "'\"'", "true", '"""a\n"b"""', '"\\""'])),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
    max_leaves=6,
)
pairs = st.dictionaries(st.sampled_from(["a", "b-c", '"d e"', "'f.g'", '"\\u0041"']), values, max_size=4)


@given(st.lists(st.tuples(pairs, st.booleans()), min_size=1, max_size=4))
def test_any_valid_source_is_walked_whole(tables: list[tuple[dict[str, str], bool]]) -> None:
    source = "".join(
        (f"[[arrays]] # {number}\n" if array else f"[table{number}]\n")
        + "".join(f"{key} = {value}\n" for key, value in table.items())
        for number, (table, array) in enumerate(tables)
    )
    assert set(lines_of(source)) == paths_in(tomllib.loads(source))
