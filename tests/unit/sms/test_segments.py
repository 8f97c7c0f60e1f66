"""Where a text is cut, in which alphabet, and what is advised."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.telephone_numbers import PhoneNumber
from sms import commands, gsm7
from sms.events import TextRequest
from sms.segments import TooLong, fits_long_reference, segment
from sms.submission import outgoings
from tests.unit.sms.pair import smsc_settings

ALPHABET = "".join(gsm7.CODES)


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 152, 2),
        ("€" * 153, 3),
        ("ë" * 70, 1),
        ("ë" * 71, 2),
        ("ë" * 134, 2),
        ("ë" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),
        ("😀" * 67, 3),
    ],
)
def test_lengths(text: str, segments: int) -> None:
    assert len(segment(text).segments) == segments


@given(st.text(alphabet=ALPHABET, max_size=700))
@settings(max_examples=150, deadline=None)
def test_seven_bits_join_again_and_no_escape_is_cut(text: str) -> None:
    cut = segment(text)
    assert cut.encoding == "gsm7"
    assert "".join(gsm7.decode(part) for part in cut.segments) == text
    most = 160 if len(cut.segments) == 1 else 153
    assert all(len(part) <= most and not part.endswith(b"\x1b") for part in cut.segments)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400))
@settings(max_examples=150, deadline=None)
def test_ucs2_joins_again_and_no_surrogate_pair_is_cut(text: str) -> None:
    cut = segment(text + "ë")
    assert cut.encoding == "ucs2"
    assert "".join(part.decode("utf-16-be") for part in cut.segments) == text + "ë"
    most = 140 if len(cut.segments) == 1 else 134
    assert all(len(part) <= most for part in cut.segments)


def test_a_link_stays_whole() -> None:
    link = "https://www.burgernet.nl/actie/2026-1234"
    cut = segment("a" * 140 + " " + link + " en meer " + "b" * 60)
    assert any(link.encode() in part for part in cut.segments)


def test_the_long_reference_is_taken_where_it_costs_nothing() -> None:
    assert fits_long_reference(segment("a" * 304))
    assert not fits_long_reference(segment("a" * 306))


def test_advice_names_the_character_and_what_it_costs() -> None:
    cut = segment("Zoë en de “patiënten” – " * 5)
    assert cut.encoding == "ucs2"
    assert any('"ë": write "e"' in line for line in cut.advice)
    assert any("1 of 2 segments" in line for line in cut.advice)
    assert segment("Zoë").advice == ()


def test_latin1_sends_what_both_tables_hold_and_the_rest_as_unicode() -> None:
    cut = segment("Café [1]", "latin1")
    assert (cut.encoding, cut.segments) == ("latin1", ("Café [1]".encode("latin-1"),))
    assert segment("€ 5", "latin1").encoding == "ucs2"
    assert len(segment("[" * 81, "latin1").segments) == 2


def test_more_than_255_segments_are_refused_in_words() -> None:
    with pytest.raises(TooLong, match="255 are the most"):
        segment("a" * 153 * 256)


def _request(text: str) -> TextRequest:
    return TextRequest(0x1_0203, PhoneNumber("+31612345678"), segment(text))


@pytest.mark.parametrize(("characters", "header"), [(304, "0608040203020{}"), (306, "050003{ref}020{}")])
def test_udh_parts_carry_their_header(characters: int, header: str) -> None:
    items = outgoings(_request("a" * characters), smsc_settings(), None)
    heads = [item.pdu.short_message[: item.pdu.short_message[0] + 1].hex() for item in items]
    assert heads == [header.replace("{ref}", "03").format(part) for part in (1, 2)]
    assert all(item.pdu.esm_class == commands.UDH_INDICATOR for item in items)
    assert all(len(item.pdu.short_message) <= 160 for item in items)


def test_sar_parts_carry_their_parameters() -> None:
    first, second = outgoings(_request("a" * 200), smsc_settings(long_messages="sar"), None)
    assert first.pdu.tlvs[commands.SAR_REFERENCE] == second.pdu.tlvs[commands.SAR_REFERENCE] == b"\x02\x03"
    assert (first.pdu.tlvs[commands.SAR_SEQUENCE], second.pdu.tlvs[commands.SAR_SEQUENCE]) == (b"\1", b"\2")
    assert second.pdu.tlvs[commands.SAR_TOTAL] == b"\2"


def test_a_payload_is_one_pdu_that_weighs_its_segments() -> None:
    (item,) = outgoings(_request("a" * 400), smsc_settings(long_messages="payload"), None)
    assert item.weight == 3
    assert item.pdu.tlvs[commands.MESSAGE_PAYLOAD] == b"a" * 400
    assert item.pdu.short_message == b""


def test_an_smsc_with_another_alphabet_gets_the_text_cut_again() -> None:
    (item,) = outgoings(_request("één @"), smsc_settings(alphabet="latin1"), None)
    assert (item.pdu.short_message, item.pdu.data_coding) == ("één @".encode("latin-1"), 0)


def test_packed_septets_are_unpacked() -> None:
    assert gsm7.decode(gsm7.unpack(bytes.fromhex("e8329bfd4697d9ec37"))) == "hellohello"
