"""SRTP keys in SDP, and protection as the worker's sockets do it."""

import base64

import pytest

from foundation.endpoints import Address
from ivr.media import sdes
from ivr.media.framing import Reader, encode
from ivr.media.messages import Connect, MediaLegId, SrtpKeys
from ivr.media.orders import ListenToDigits, Protect
from ivr.media.rtp import packet
from ivr.media.srtp import Protection
from tests.unit.media.media_line import Line, remote

KEY, OTHER = bytes(range(30)), bytes(range(100, 130))
INLINE = base64.b64encode(KEY).decode()
VOICE = bytes(range(160))


@pytest.mark.parametrize(
    "value",
    [
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|2^48",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|1048576",
        f"1  AES_CM_128_HMAC_SHA1_80 INLINE:{INLINE} WSH=64",
    ],
)
def test_a_usable_line(value):
    assert sdes.parse(value) == sdes.Crypto(1, "AES_CM_128_HMAC_SHA1_80", KEY)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "1 AES_CM_128_HMAC_SHA1_80",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",
        f"1 AES_256_CM_HMAC_SHA1_80 inline:{INLINE}",
        f"1 F8_128_HMAC_SHA1_80 inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE[:-8]}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}AAAA",
        "1 AES_CM_128_HMAC_SHA1_80 inline:not base64 at all",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|2^20|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE};inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 other:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} UNENCRYPTED_SRTCP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} UNAUTHENTICATED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} KDR=1",
        "1 AES_CM_128_HMAC_SHA1_80 inline:\u00e9\u00e9",
    ],
)
def test_a_line_that_we_do_not_do_is_no_error(value):
    assert sdes.parse(value) is None


def test_a_line_round_trips_and_shows_no_key_in_a_log():
    line = sdes.Crypto(7, "AES_CM_128_HMAC_SHA1_32", KEY)
    assert sdes.parse(str(line)) == line
    assert INLINE not in repr(line)
    keys = SrtpKeys("AES_CM_128_HMAC_SHA1_32", KEY, OTHER)
    assert repr(remote(srtp=keys)).count("AES_CM") == 1
    assert "\\x" not in repr(keys)


def test_offer_and_answer_give_both_sides_the_same_keys_crosswise():
    ours = sdes.offer((KEY, OTHER))
    assert [(crypto.tag, crypto.suite) for crypto in ours] == [
        (1, "AES_CM_128_HMAC_SHA1_80"),
        (2, "AES_CM_128_HMAC_SHA1_32"),
    ]
    offered = sdes.first_usable(["9 AES_256_CM_HMAC_SHA1_80 inline:x", *map(str, ours)])
    assert offered is not None
    theirs = sdes.answer(offered, bytes(30))
    here, there = sdes.keys(ours[0], theirs), sdes.keys(theirs, offered)
    assert here is not None
    assert there is not None
    assert (here.sending, here.receiving) == (there.receiving, there.sending)
    assert sdes.keys(ours[1], theirs) is None


def test_keys_of_another_length_are_refused():
    with pytest.raises(ValueError, match="30 bytes"):
        SrtpKeys("AES_CM_128_HMAC_SHA1_80", KEY, KEY[:16])


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"])
def test_only_the_keys_owner_is_heard_and_once(suite):
    here, there = Protection(SrtpKeys(suite, KEY, OTHER)), Protection(SrtpKeys(suite, OTHER, KEY))
    clear = packet(VOICE, payload_type=8, sequence=5, timestamp=0, ssrc=3)
    wire = here.protect(memoryview(clear))
    assert wire is not None
    assert VOICE not in wire
    assert len(wire) == len(clear) + (10 if suite.endswith("80") else 4)
    assert there.unprotect(wire) == clear
    assert there.unprotect(wire) is None
    assert there.unprotect(clear) is None
    assert there.unprotect(wire[:20]) is None
    assert there.unprotect(bytes(2000)) is None
    assert there.unprotect(b"") is None
    stranger = Protection(SrtpKeys(suite, bytes(30), bytes(30)))
    again = stranger.protect(clear)
    assert again is not None
    assert there.unprotect(again) is None


def test_reports_are_protected_too():
    here, there = (Protection(SrtpKeys("AES_CM_128_HMAC_SHA1_80", *keys)) for keys in ((KEY, OTHER), (OTHER, KEY)))
    report = bytes([0x80, 201, 0, 1]) + bytes(4)
    wire = here.protect_report(report)
    assert wire is not None
    assert there.unprotect_report(wire) == report
    assert there.unprotect_report(report) is None
    assert there.unprotect_report(b"x") is None


def test_keys_pass_to_the_worker_whole():
    agreed = remote(srtp=SrtpKeys("AES_CM_128_HMAC_SHA1_32", KEY, OTHER), comfort_noise=13, rtcp_port=5005)
    message = Connect(MediaLegId(1), 2, agreed)
    assert list(Reader().feed(encode(message))) == [message]


def test_a_protected_leg_is_listened_to_whole_and_keys_change_by_agreement_only():
    line = Line()
    keys = SrtpKeys("AES_CM_128_HMAC_SHA1_80", KEY, OTHER)
    leg = line.open(0, remote(srtp=keys))
    line.speak(leg, VOICE, 1)
    assert line.ordered(ListenToDigits) == []
    line.tell(Connect(leg, 1, remote(srtp=keys)))
    assert line.ordered(Protect) == [Protect(leg, keys)]
    line.tell(Connect(leg, 1, remote(address=Address("198.51.100.7", 4002))))
    assert line.ordered(Protect) == [Protect(leg, keys), Protect(leg, None)]


def _packet(sequence: int) -> bytes:
    return packet(VOICE, payload_type=8, sequence=sequence % 65536, timestamp=sequence * 160, ssrc=7)


def test_a_direction_whose_key_stays_goes_on_counting_when_the_other_changes():
    """After 65536 packets the count is part of what encrypts: a sender that began anew would not be understood."""
    ours = Protection(SrtpKeys("AES_CM_128_HMAC_SHA1_80", KEY, OTHER))
    theirs = Protection(SrtpKeys("AES_CM_128_HMAC_SHA1_80", OTHER, KEY))
    for sequence in (65_000, 65_535, 65_536, 66_000):
        assert theirs.unprotect(ours.protect(_packet(sequence))) == _packet(sequence)
    renewed = SrtpKeys("AES_CM_128_HMAC_SHA1_80", KEY, bytes(range(200, 230)))
    assert theirs.unprotect(Protection(renewed).protect(_packet(66_001))) is None, "begun anew it is not understood"
    assert theirs.unprotect(Protection(renewed, before=ours).protect(_packet(66_001))) == _packet(66_001)
