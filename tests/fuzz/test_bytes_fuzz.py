"""Spoilt messages by the million, fast and without shape: parser, transactions, SDP, RTP and RTCP.

Each target raises its own fault or nothing, and what it did read it can write and read again. What hypothesis draws with
more thought and at a hundredth of the pace is in `test_sip_fuzz.py` and `test_media_fuzz.py`.
"""

from __future__ import annotations

import random
import struct
from contextlib import suppress
from pathlib import Path

from foundation.endpoints import Address
from ivr.media import rtcp
from ivr.media.messages import Bridge, Listen, Record
from ivr.media.rtp import packet
from ivr.media.rtp import parse as parse_rtp
from ivr.sip.encryption import encryption
from ivr.sip.message import MessageFault, parse
from ivr.sip.sdp import Local, SdpFault, agreed, answer, offer
from ivr.sip.sdp import parse as parse_description
from tests.fuzz.cases import CASES, FOUND, counts, mutated, spoilt, survives
from tests.unit.media.media_line import FAR, STRANGER, Line, remote
from tests.unit.sip.pair import ANSWER, HERE, OFFER, THEIRS, Pair, what_the_other_side_says

_VECTORS = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "vectors" / "sip").glob("*/*.sip"))]
_SIGNS = [
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\r\n ",
        b"\0",
        b"\xff",
        b"\xc3\xa9",
        b'"',
        b"<",
        b">",
        b";",
        b",",
        b"=",
        b":",
        b"@",
        b"\\",
    ),
    *(
        b"%00",
        b"[",
        b"]",
        b"9" * 40,
        b"-1",
        b"z" * 999,
        b";tag=",
        b";branch=z9hG4bK",
        b"SIP/2.0",
        b";rport;received=::1",
    ),
]
_LOCAL = Local(Address("10.0.0.1", 20000), 1)
_SECURE = Local(_LOCAL.address, 1, encryption=encryption("optional", random.Random(5).getrandbits))
_CRYPTO = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA|2^31\r\n"
_DESCRIPTIONS = [
    *(OFFER, ANSWER, offer(_LOCAL, ("PCMA", "G722", "PCMU"))),
    OFFER + b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:30\r\na=sendonly\r\na=rtcp:20003\r\n",
    OFFER.replace(b"RTP/AVP", b"RTP/SAVP") + _CRYPTO + b"m=video 1 RTP/AVP 31\r\nc=IN IP6 2001:db8::1\r\n",
]
_LINES = [*_SIGNS, *(line + b"\r\n" for description in _DESCRIPTIONS for line in description.split(b"\r\n"))]
_PACKETS = [
    *(packet(bytes(160), payload_type=8, sequence=number, timestamp=160 * number, ssrc=77) for number in range(20)),
    *(
        packet(bytes((5, volume, 3, 32)), payload_type=101, sequence=20 + number, timestamp=3200, ssrc=77)
        for number, volume in enumerate((10, 10, 0x8A))
    ),
    packet(b"\x40", payload_type=13, sequence=24, timestamp=4000, ssrc=77),
    b"\xb1" + packet(b"\xbe\xde\0\1abcd" + bytes(80), payload_type=8, sequence=25, timestamp=4160, ssrc=77)[1:],
]
_NUMBERS = [struct.pack("!I", number) for number in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)]
_BLOCK = rtcp.Block(0xABCD0000, 0.5, 3, 70_000, 8, 77, 65_536)
_REPORTS = [
    rtcp.encode(rtcp.Report(77, rtcp.SenderInfo(1 << 40, 160, 1, 160), (_BLOCK, _BLOCK)), "them"),
    rtcp.encode(rtcp.Report(77, None, (_BLOCK,), goodbye=True), "them"),
    rtcp.encode(rtcp.Report(77, None, ()), ""),
]
_BLOCK_SIZE = 100


def _read_message(data: bytes) -> None:
    try:
        message = parse(data)
    except MessageFault:
        return
    again = parse(bytes(message))
    assert again.essentials == message.essentials
    assert again.body == message.body


def _agree(data: bytes) -> None:
    for local in (_LOCAL, _SECURE):
        with suppress(SdpFault):
            agreed(data, ("PCMA", "PCMU"), encryption=local.encryption)
        try:
            ours, _ = answer(data, local, ("PCMA", "G722", "PCMU"))
        except SdpFault:
            continue
        assert parse_description(ours, local.encryption.mode).address == local.address


def _read_report(data: bytes) -> None:
    report = rtcp.parse(data)
    if report is not None:
        assert len(report.blocks) <= 31
        assert all(0 <= block.lost_share <= 1 for block in report.blocks)
        rtcp.encode(report, "us")


def _read_header(data: bytes) -> None:
    header = parse_rtp(data)
    assert header is None or 12 <= header.start <= header.end <= len(data)


def test_the_parser() -> None:
    survives("parser", spoilt(_VECTORS + _CALLS, random.Random(1), _SIGNS + _HEADERS), _read_message)


def test_descriptions() -> None:
    survives("sdp", spoilt(_DESCRIPTIONS, random.Random(2), _LINES), _agree)


def test_reports() -> None:
    survives("rtcp", spoilt(_REPORTS, random.Random(3), _NUMBERS), _read_report)


def test_headers_of_sound() -> None:
    survives("rtp", spoilt(_PACKETS, random.Random(4), _NUMBERS), _read_header)


def test_found_cases_stay_mended() -> None:
    for kind, survive in {
        "parser": _read_message,
        "sdp": _agree,
        "rtcp": _read_report,
        "rtp": _read_header,
    }.items():
        for path in sorted((FOUND / kind).glob("*.bin")):
            survive(path.read_bytes())


_CALLS = what_the_other_side_says()
_HEADERS = sorted(
    {line + b"\r\n" for data in _VECTORS + _CALLS for line in data.split(b"\r\n")[:12] if len(line) < 200}
)


def test_transactions() -> None:
    """A call is up and its peer says whatever comes to mind, now and then rightly; afterwards everything is forgotten."""
    for block in range(CASES // _BLOCK_SIZE):
        chance = random.Random(block)
        try:
            _talk(chance)
        except BaseException as error:
            error.add_note(f"block {block}")
            raise
        counts["transactions"] += _BLOCK_SIZE


def _talk(chance: random.Random) -> None:
    pair = Pair()
    pair.set_up()
    for _ in range(_BLOCK_SIZE):
        data = mutated(chance.choice(_CALLS if chance.random() < 0.7 else _VECTORS), chance, _HEADERS)
        pair.here.receive(data, THEIRS, pair.now)
        match int(chance.random() * 40):
            case 0:
                pair.here.answer_reoffer(HERE, ANSWER, pair.now)
            case 1:
                pair.here.reoffer(HERE, OFFER, pair.now)
            case 2 | 3 | 4 | 5:
                pair.run(chance.random() * 3)
    for session in list(pair.here._core.sessions.values()):
        pair.here.hang_up(session.leg, pair.now)
    pair.run(200)
    assert not pair.here._core.sessions
    assert not len(pair.here._core.transactions)
    assert pair.here.next_deadline() is None


def test_lines() -> None:
    """RTP and RTCP into a bridge with a recording, one leg listened to: nothing raises, nothing grows."""
    for block in range(CASES // _BLOCK_SIZE):
        chance = random.Random(block)
        try:
            _hear(chance)
        except BaseException as error:
            error.add_note(f"block {block}")
            raise
        counts["rtp and rtcp at a line"] += _BLOCK_SIZE


def _hear(chance: random.Random) -> None:
    line = Line()
    line.open(0, remote(chance.choice(("PCMA", "PCMU", "G722")), comfort_noise=13))
    line.open(1, remote())
    line.tell(Listen(0, 1, talking=True, beep=True))
    line.tell(Bridge(0, 1, 1, 1))
    line.tell(Record(0, 1, "tip.wav", 2000))
    for number in range(_BLOCK_SIZE):
        if chance.random() < 0.2:
            line.core.receive_report(0, mutated(chance.choice(_REPORTS), chance, _NUMBERS), line.now)
        else:
            data = mutated(_PACKETS[number % len(_PACKETS)], chance, _NUMBERS)
            line.arrive(0, data, FAR if chance.random() < 0.9 else STRANGER)
        if number % 5 == 4:
            line.run(0.02)
    line.run(0.2)
    assert len(line.events) <= _BLOCK_SIZE + 10
    assert len(line.sent[1]) <= _BLOCK_SIZE + 40
    written = sum(len(order.samples) for order in line.orders if hasattr(order, "samples"))
    assert written <= 2 * 8 * 2000
