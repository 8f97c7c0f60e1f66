"""National tables: only where they are allowed and cost less, with their header, and read back as they were written."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.faults import ConfigurationFaults
from config.loader import load
from foundation.telephone_numbers import PhoneNumber
from sms import commands, gsm7, national
from sms.events import Segmented, TextRequest
from sms.incoming import read_incoming
from sms.national import Shift
from sms.pdu import DeliverSm
from sms.segments import fits_long_reference, segment
from sms.submission import outgoings
from tests.unit.config.test_loader import SHIPPED
from tests.unit.sms.pair import PERSON, smsc_settings

ALL = ("tr", "es", "pt")
TURKISH = "Lütfen kırmızı bisikletli çocuğa dikkat edin, şu anda İstasyon caddesinde görüldü."
SPANISH = "Por favor, esté atento a un niño con bicicleta roja. Última vez: estación, a las tres aquí."


def _cut(text: str, tables: tuple[str, ...] = ALL, language: str = "nl") -> Segmented:
    return segment(text, "gsm7", tables, language)


@pytest.mark.parametrize(
    ("shift", "code", "character"),
    [
        (Shift(locking=1), 0x07, "ı"),
        (Shift(locking=1), 0x40, "İ"),
        (Shift(locking=1), 0x04, "€"),
        (Shift(locking=1), 0x60, "ç"),
        (Shift(locking=3), 0x12, "ª"),
        (Shift(locking=3), 0x7B, "ã"),
        (Shift(locking=3), 0x60, "~"),
        (Shift(locking=2), 0x40, "¡"),
    ],
)
def test_locking_tables(shift: Shift, code: int, character: str) -> None:
    assert national.decode(bytes((code,)), shift) == character


@pytest.mark.parametrize(
    ("single", "code", "character"),
    [(1, 0x69, "ı"), (1, 0x67, "ğ"), (2, 0x61, "á"), (2, 0x55, "Ú"), (3, 0x7B, "ã"), (3, 0x18, "Σ"), (1, 0x65, "€")],
)
def test_single_tables(single: int, code: int, character: str) -> None:
    assert national.decode(bytes((gsm7.ESCAPE, code)), Shift(single=single)) == character


def test_a_telephone_without_the_single_table_shows_the_plain_letters() -> None:
    octets = b"".join(national.codes(Shift(single=1))[each] for each in "çocuğa şımarık")
    assert gsm7.decode(octets) == "cocuga simarik"


def test_they_are_used_only_where_the_smsc_takes_them_and_ucs2_costs_more() -> None:
    assert _cut(TURKISH, ()).encoding == "ucs2"
    assert len(_cut(TURKISH, ()).segments) == 2
    turkish = _cut(TURKISH)
    assert (turkish.encoding, turkish.shift, len(turkish.segments)) == ("gsm7", Shift(single=1), 1)
    assert _cut("çocuğa şu").encoding == "ucs2"
    assert _cut(TURKISH, ("es",)).encoding == "ucs2"
    assert segment(TURKISH, "latin1", ALL).encoding == "ucs2"
    assert _cut("Wilt u uitkijken? " * 20).shift is None


def test_the_locking_table_is_taken_where_the_single_one_costs_a_segment_more() -> None:
    assert _cut("ışığı " * 25, ("tr",)).shift == Shift(locking=1)
    assert _cut("ışığı " * 13, ("tr",)).shift == Shift(single=1)
    assert _cut("ã" * 100 + "Â" * 20 + "Φ" * 10, ("pt",)).shift == Shift(3, 3)


def test_the_texts_own_language_comes_before_others_that_cost_the_same() -> None:
    text = "ç" + "a" * 100
    assert _cut(text, ALL, "pt-BR").shift == Shift(single=3)
    assert _cut(text, ALL, "nl").shift == Shift(single=1)
    assert _cut(SPANISH).shift == Shift(single=2)


@pytest.mark.parametrize(
    ("letters", "tables", "segments", "longest"),
    [(155, ("es",), 1, 155), (156, ("es",), 2, 149), (298, ("es",), 2, 149), (299, ("es",), 3, 149)],
)
def test_room_beside_the_header(letters: int, tables: tuple[str, ...], segments: int, longest: int) -> None:
    """One table: 155 septets alone, 149 a part with the short reference, 148 with the long one."""
    cut = _cut("á" + "a" * (letters - 2), tables)
    assert len(cut.segments) == segments
    assert max(map(len, cut.segments)) <= longest


@given(st.text(alphabet=sorted(national.widest(("tr",))[0]), min_size=71, max_size=500))
@settings(max_examples=150, deadline=None)
def test_parts_join_again_and_no_escape_is_cut(text: str) -> None:
    cut = _cut("ğ" + text, ("tr",))
    if cut.shift is None:
        assert cut.encoding == "ucs2"
        return
    assert "".join(national.decode(part, cut.shift) for part in cut.segments) == "ğ" + text
    assert not any(part.endswith(b"\x1b") for part in cut.segments if len(cut.segments) > 1)
    elements = len(cut.shift.elements)
    for item in _outgoings(cut):
        header = item.short_message[0] + 1
        septets = -(-header * 8 // 7) + len(item.short_message) - header
        assert septets <= 160
        assert header >= elements + 1


def _outgoings(cut: Segmented, tables: tuple[str, ...] = ("tr",)) -> list[DeliverSm]:
    request = TextRequest(0x1234, PhoneNumber("+31612345678"), cut)
    items = outgoings(request, smsc_settings(national_tables=tables), None)
    assert all(item.pdu.esm_class == commands.UDH_INDICATOR and item.pdu.data_coding == 0 for item in items)
    return [
        DeliverSm(PERSON, PERSON, item.pdu.short_message, data_coding=0, esm_class=item.pdu.esm_class) for item in items
    ]


def test_each_segment_says_in_its_header_which_tables_it_uses() -> None:
    (alone,) = _outgoings(_cut(TURKISH, ("tr",)))
    assert alone.short_message[:4].hex() == "03240101"
    first, second = _outgoings(_cut("ışığı " * 30, ("tr",)))
    assert (first.short_message[:10].hex(), second.short_message[:10].hex()) == (
        "09080412340201250101",
        "09080412340202250101",
    )
    assert fits_long_reference(_cut("ışığı " * 30, ("tr",)))


def test_what_leaves_is_read_as_it_was_written() -> None:
    for text in (TURKISH, "ışığı " * 30, "Ünlü bir ağaç. " * 30):
        read = [read_incoming(pdu, "gsm7") for pdu in _outgoings(_cut(text, ("tr",)))]
        assert "".join(part.text for part in read) == text


def test_an_smsc_with_other_tables_gets_the_text_cut_again() -> None:
    request = TextRequest(1, PhoneNumber("+31612345678"), _cut(TURKISH, ("tr",), "tr"))
    items = outgoings(request, smsc_settings(), None)
    assert [item.pdu.data_coding for item in items] == [commands.CODING_UCS2] * 2
    (item,) = outgoings(
        TextRequest(1, PhoneNumber("+31612345678"), segment(TURKISH)), smsc_settings(national_tables=ALL), None
    )
    assert item.pdu.short_message[:4].hex() == "03240101"


def test_advice_leaves_the_languages_own_letters_where_they_cost_nothing_more() -> None:
    text = TURKISH + " “Zoë”"
    advice = _cut(text, ("tr",)).advice
    assert any(line.startswith('"ë"') for line in advice)
    assert not any(line.startswith('"ğ"') for line in advice)
    assert "this makes 1 of 2 segments" in advice
    assert any(line.startswith('"ğ"') for line in segment(text).advice)


def test_advice_tells_where_plain_letters_save_a_segment_beside_the_table() -> None:
    cut = _cut("ç" + "a" * 158, ("tr",))
    assert len(cut.segments) == 2
    assert cut.advice == ('"ç": write "c"', "this makes 1 of 2 segments")


@pytest.mark.parametrize("other", ['alphabet = "latin1"', 'long_messages = "payload"', 'long_messages = "sar"'])
def test_tables_without_a_header_to_name_them_are_a_fault_of_the_configuration(tmp_path: Path, other: str) -> None:
    file = tmp_path / "gateway.toml"
    shipped = SHIPPED.read_text()
    file.write_text(shipped.replace("# bind = ", f'national_tables = ["tr"]\n{other}\n# bind = ', 1))
    with pytest.raises(ConfigurationFaults) as caught:
        load(file)
    (fault,) = caught.value.faults
    assert "national_tables" in str(fault)
    file.write_text(shipped.replace("# bind = ", 'national_tables = ["tr"]\n# bind = ', 1))
    assert load(file).smscs[0].national_tables == ("tr",)
