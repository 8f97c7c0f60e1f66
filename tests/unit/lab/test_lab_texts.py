"""Text messages as a handset of the lab reads them."""

import pytest

from lab.texts import Part, decode, encode, read_part


@pytest.mark.parametrize("text", ["Let op: rode fiets", "kost € 5 {ja}", "@£$ éèùìòÇ ÄÖÑÜ§ à", "coëfficiënt", "日本"])
def test_what_is_written_is_read(text: str) -> None:
    assert decode(*encode(text)) == text


def test_a_whole_message_is_its_own_only_part() -> None:
    assert read_part(0, 0, b"Hallo") == Part("Hallo", 0, 1, 1)


@pytest.mark.parametrize(
    ("header", "reference"), [(b"\x05\x00\x03\x2a\x02\x01", 0x2A), (b"\x06\x08\x04\x12\x34\x02\x01", 0x1234)]
)
def test_a_part_says_its_place(header: bytes, reference: int) -> None:
    assert read_part(0x40, 0, header + b"Hal") == Part("Hal", reference, 2, 1)


def test_a_header_without_concatenation_is_left_out() -> None:
    assert read_part(0x40, 8, b"\x03\x24\x01\x01" + "ja".encode("utf-16-be")) == Part("ja")


def test_latin_1_is_read_where_the_bind_says_so() -> None:
    assert read_part(0, 3, "coëfficiënt".encode("latin-1")).text == "coëfficiënt"


def test_what_is_no_character_is_shown_as_such() -> None:
    assert decode(0, b"a\xffb") == "a\ufffdb"
