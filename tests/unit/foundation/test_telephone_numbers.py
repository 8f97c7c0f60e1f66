"""Every spelling is read, what is never dialled is refused in words, and nothing shows a whole number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.telephone_numbers import NumberFault, PhoneNumber, read, recipient, refusal


@pytest.mark.parametrize(
    ("spelled", "e164"),
    [
        ("0612345678", "+31612345678"),
        ("06-12 34 56 78", "+31612345678"),
        ("+31 (0)6 12345678", "+31612345678"),
        ("0031612345678", "+31612345678"),
        ("31612345678", "+31612345678"),
        ("tel:+31-6-1234-5678;phone-context=x", "+31612345678"),
        ("sip:+31612345678@example.net;user=phone", "+31612345678"),
        ("0343 529 850", "+31343529850"),
        ("0800-0011", "+318000011"),
        ("+318000011", "+318000011"),
        ("00318000011", "+318000011"),
        ("318000011", "+318000011"),
        ("tel:318000011", "+318000011"),
        ("0900-8844", "+319008844"),
        ("+4930901820", "+4930901820"),
        ("004930901820", "+4930901820"),
    ],
)
def test_each_spelling_reads_as_one_number(spelled: str, e164: str) -> None:
    assert read(spelled).e164 == e164


@pytest.mark.parametrize(
    "nonsense", ["", "anonymous", "+", "06", "06123456789012", "0612345abc", "sip:alice@example.net"]
)
def test_nonsense_is_refused_with_what_to_write(nonsense: str) -> None:
    with pytest.raises(NumberFault, match="0612345678"):
        read(nonsense)


@pytest.mark.parametrize(
    "number",
    [
        "112", "113", "116000", "116123", "144", "14020", "140343", "0800-0011", "+318000011", "0842345678", "0871234567",
        "319001234567", "31906123456", "31840123456", "31870123456", "31660123456", "014020", "014 0344", "3114020",
        "tel:0900-8844", "tel:+319008844", "31 (0)900 8844", "3197012345678", "318001234567", "0031660123456",
        "0900-8844", "0906-1234", "0909-1234", "1888", "1850", "0661234567", "097012345678", "+3197012345678",
    ],
)  # fmt: skip
def test_never_dialled(number: str) -> None:
    assert refusal(number) is not None
    with pytest.raises(NumberFault):
        recipient(number)


@pytest.mark.parametrize(
    "number", ["0612345678", "0682345678", "0205551234", "0881234567", "0851234567", "+4930901820"]
)
def test_people_are_dialled(number: str) -> None:
    assert refusal(number) is None
    assert recipient(number) == read(number)


def test_a_trunk_gets_the_form_that_it_wants() -> None:
    number = PhoneNumber("+31612345678")
    assert [number.dialled(form) for form in ("e164", "national", "00")] == [
        "+31612345678",
        "0612345678",
        "0031612345678",
    ]
    assert PhoneNumber("+4930901820").national == "004930901820"


def test_a_masked_number_keeps_country_and_two_digits() -> None:
    assert PhoneNumber("+31612345678").masked == "+31*******78"


@pytest.mark.parametrize("wrong", ["0612345678", "+", "+0612345678", "+31 6", "+316123456789012345"])
def test_only_e164_makes_a_number(wrong: str) -> None:
    with pytest.raises(NumberFault):
        PhoneNumber(wrong)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_never_a_crash(text: str) -> None:
    try:
        number = read(text)
    except NumberFault:
        assert refusal(text) is not None
    else:
        assert read(number.e164) == number


@given(st.integers(10_000_000, 59_999_999))
def test_every_dutch_mobile_number_survives_every_spelling(tail: int) -> None:
    e164 = f"+316{tail}"
    for spelled in (e164, f"06{tail}", f"00316{tail}", f"06-{tail}", f"sip:{e164}@host"):
        assert read(spelled).e164 == e164
