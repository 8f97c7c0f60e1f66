"""Rows of a participants' CSV: taken, or refused with line, field and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.domain.outcomes import ChannelName
from gateway.engine.interface import Invalid
from gateway.engine.participants import COLUMNS, ParticipantFile, RowFault, read_row

GOOD = {"phone": "06-12345678", "postcode": "3511 ab"}


def test_only_a_phone_and_a_place_are_needed() -> None:
    row = read_row(GOOD)
    assert (row.number.e164, row.postcode, row.language, row.night) == ("+31612345678", "3511AB", "nl", False)
    assert row.channels == {ChannelName.VOICE, ChannelName.SMS}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phone": ""}, "phone"),
        ({"phone": "0900-8844"}, "phone"),
        ({"phone": "097012345678"}, "phone"),
        ({"channel": "fax"}, "channel"),
        ({"postcode": "0123"}, "postcode"),
        ({"postcode": ""}, "postcode"),
        ({"lat": "52.1"}, "lon"),
        ({"lon": "5.1"}, "lat"),
        ({"lat": "north", "lon": "5"}, "lat"),
        ({"lat": "152", "lon": "5"}, "lat"),
        ({"lat": "nan", "lon": "5"}, "lat"),
        ({"night": "maybe"}, "night"),
        ({"language": "dutch"}, "language"),
        ({"email": "x" * 300}, "email"),
        ({"house_number": "x" * 17}, "house_number"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, str], field: str) -> None:
    with pytest.raises(RowFault) as caught:
        read_row({**GOOD, **changes})
    assert caught.value.field == field
    assert caught.value.reason


def _file(path: Path, content: bytes) -> ParticipantFile:
    (path / "people.csv").write_bytes(content)
    return ParticipantFile(path / "people.csv")


def test_a_bad_line_is_refused_alone(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfPhone ,postcode\r\n0612345678,3511AB\r\n06123,3511AB\r\n"
    content += b"0687654321,3511\xffAB\r\n0687654321,3511\r\n"
    file = _file(tmp_path, content)
    rows = file.part()
    assert [row.number.e164 for row in rows] == ["+31612345678", "+31687654321"]
    assert [(refused.line, refused.field) for refused in file.tally.refused] == [(3, "phone"), (4, "postcode")]
    assert file.part() == []
    assert (file.tally.rows, file.tally.imported, file.tally.refused_total) == (4, 2, 2)


@pytest.mark.parametrize("content", [b"", b"name,postcode\n", b"\x00\x01\x02", b"PK\x03\x04 a workbook"])
def test_a_file_without_a_phone_column_is_refused_whole(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Invalid):
        _file(tmp_path, content)


def test_refusals_told_are_bounded_and_all_are_counted(tmp_path: Path) -> None:
    file = _file(tmp_path, b"phone,postcode\n" + b"1,1\n" * 3_000)
    assert file.part() == []
    assert (len(file.tally.refused), file.tally.refused_total) == (1_000, 3_000)


@given(some.dictionaries(some.sampled_from(COLUMNS), some.text(max_size=40)))
@settings(max_examples=300)
def test_any_text_is_taken_or_refused(row: dict[str, str]) -> None:
    fields = []
    try:
        read_row(row)
    except RowFault as fault:
        fields.append(fault.field)
    assert set(fields) <= set(COLUMNS)
