"""SIP on a stream: cut wherever the network cuts it, and closed where it can't be followed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.framing import Framer, StreamFault

ONE = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 4\r\n\r\nbody"
TWO = b"BYE sip:a SIP/2.0\r\nl : 0\r\nCall-ID: 2\r\n\r\n"


@given(st.lists(st.integers(1, 40), max_size=60))
def test_messages_are_whole_however_they_arrive(sizes: list[int]) -> None:
    data, framer, found, at = ONE + b"\r\n\r\n" + TWO + b"\r\n" + ONE + TWO, Framer(), [], 0
    for size in [*sizes, len(data)]:
        found += framer.received(data[at : at + size])
        at += size
    assert found == [ONE, TWO, ONE, TWO]
    assert framer.pongs == 1


def test_a_keep_alive_in_two_pieces_is_one() -> None:
    framer = Framer()
    assert framer.received(b"\r\n") == framer.received(b"\r") == framer.received(b"\n") == []
    assert framer.pongs == 1


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 999999\r\n\r\n",
        b"x" * 17_000,
    ],
)
def test_what_can_not_be_followed_ends_the_stream(data: bytes) -> None:
    with pytest.raises(StreamFault):
        Framer().received(data)
