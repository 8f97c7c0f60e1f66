"""The lexicon: what ships is sound, an operator's file wins, and a fault in it names its line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from prompts.lexicon import BadLexicon, Entry, Lexicon, LexiconFile, parse, read, shipped, write

HEADER = "written,spoken,kind\n"


def test_longer_entries_come_first_and_capitals_at_a_beginning_do_no_harm() -> None:
    lexicon = Lexicon((Entry("bike", "baaik"), Entry("e-bike", "ie-baaik"), Entry("Smart", "smaart")))
    assert lexicon.sounded("E-bike of bike") == "ie-baaik of baaik"
    assert lexicon.sounded("een Smart is smart") == "een smaart is smart"
    assert lexicon.sounded("bikes") == "bikes"


def test_a_later_entry_wins() -> None:
    assert shipped().with_entries([Entry("Peugeot", "pezjo")]).sounded("Peugeot") == "pezjo"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1"),
        ("written,spoken\n", "line 1"),
        (HEADER + "a,b\n", "line 2"),
        (HEADER + "a,b,sound\n,b,sound\n", "line 3"),
        (HEADER + "a,b,noise\n", "'noise'"),
    ],
)
def test_a_fault_names_its_line(text: str, words: str) -> None:
    with pytest.raises(BadLexicon, match=words):
        parse(text)


def test_a_written_file_is_read_back(tmp_path: Path) -> None:
    entries = (Entry("A, B", 'zeg "a"', "word"), Entry("ë", "e"))
    write(tmp_path / "lexicon.csv", entries)
    assert read(tmp_path / "lexicon.csv") == entries
    assert read(tmp_path / "none.csv") == ()
    (tmp_path / "latin.csv").write_bytes(HEADER.encode() + "é,e,sound\n".encode("latin-1"))
    with pytest.raises(BadLexicon, match="UTF-8"):
        read(tmp_path / "latin.csv")


def test_an_edited_file_counts_at_once_and_a_faulty_one_leaves_the_last_good_one(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.csv"
    lexicon = LexiconFile(path)
    assert lexicon.current().sounded("Zonnedauw") == "Zonnedauw"
    write(path, [Entry("Zonnedauw", "zonne dauw")])
    assert lexicon.current().sounded("Zonnedauw") == "zonne dauw"
    path.write_text("rubbish")
    assert lexicon.current().sounded("Zonnedauw") == "zonne dauw"


def test_the_tables_that_ship_have_no_doubles() -> None:
    folder = Path(__file__).parents[3] / "prompts"
    for name in ("lexicon.csv", "abbreviations.csv", "acronyms.csv", "places.csv"):
        rows = list(csv.reader((folder / name).read_text("utf-8").splitlines()))
        first = [row[0] for row in rows]
        assert len(first) == len(set(first)), name
        assert {len(row) for row in rows} == {len(rows[0])}, name


def test_all_municipalities_are_there() -> None:
    folder = Path(__file__).parents[3] / "prompts"
    rows = csv.reader((folder / "places.csv").read_text("utf-8").splitlines())
    assert sum(row[1] == "municipality" for row in rows) >= 340
