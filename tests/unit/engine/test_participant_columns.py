"""Header rows and files of participants as spreadsheets save them, and as they should not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.engine.interface import Invalid
from gateway.engine.participants import ParticipantFile, RowFault, read_row


def opened(folder: Path, content: bytes) -> ParticipantFile:
    (folder / "people.csv").write_bytes(content)
    return ParticipantFile(folder / "people.csv")


def test_a_column_that_nobody_reads_is_told(tmp_path: Path) -> None:
    file = opened(tmp_path, b"phone,chanel,postcode,colour\n0612345678,sms,3511AB,red\n")
    assert len(file.part()) == 1
    told = {column.field: column.reason for column in file.ignored_columns}
    assert set(told) == {"chanel", "colour"}
    assert "did you mean channel?" in told["chanel"]
    assert {column.line for column in file.ignored_columns} == {1}


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    file = opened(tmp_path, b"phone;lat;lon;municipality\r\n0612345678;52,09;5,12;Zeist, west\r\n")
    (row,) = file.part()
    assert (row.latitude, row.longitude, row.municipality) == (52.09, 5.12, "Zeist, west")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_is_told_in_words(tmp_path: Path, encoding: str) -> None:
    text = ("" if encoding == "utf-16" else "\ufeff") + "phone,postcode\n"
    with pytest.raises(Invalid, match="UTF-16"):
        opened(tmp_path, text.encode(encoding))


def test_a_name_that_stands_twice(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="names phone twice"):
        opened(tmp_path, b"phone,postcode,Phone\n0612345678,3511AB,0687654321\n")


def test_cells_beyond_the_header(tmp_path: Path) -> None:
    file = opened(tmp_path, b"phone,postcode\n0612345678,3511AB,Utrecht\n0687654321,3511AB,, \n")
    assert [row.number.e164 for row in file.part()] == ["+31687654321"]
    assert [(row.line, row.field) for row in file.tally.refused] == [(2, "row")]


@pytest.mark.parametrize(
    ("column", "text"), [("email", "anna"), ("email", "@x.nl"), ("email", "a b@x.nl"), ("language", "xx")]
)
def test_what_no_participant_has(column: str, text: str) -> None:
    with pytest.raises(RowFault) as caught:
        read_row({"phone": "0612345678", "postcode": "3511AB", column: text})
    assert caught.value.field == column


def test_a_right_address_and_language() -> None:
    row = read_row({"phone": "0612345678", "postcode": "3511AB", "email": "anna@example.nl", "language": "PL"})
    assert (row.email, row.language) == ("anna@example.nl", "pl")
