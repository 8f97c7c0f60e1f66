"""What a description says of keys (RFC 4568), of comfort noise (RFC 3389) and of where reports go (RFC 3605)."""

from __future__ import annotations

import base64
import random

import pytest

from foundation.endpoints import Address
from foundation.sound import Codec
from ivr.media import sdes
from ivr.sip.encryption import CLEAR, Encryption, Mode, encryption
from ivr.sip.sdp import Local, SdpFault, agreed, answer, offer, speaks

CODECS: tuple[Codec, ...] = ("PCMA",)
THEIR_KEY = bytes(range(30))
INLINE = base64.b64encode(THEIR_KEY).decode()
STRONG, SHORT = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
THEIR_LINE = f"a=crypto:7 {STRONG} inline:{INLINE}\r\n"
UNUSABLE = f"a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:{INLINE}\r\n"


def _ours(mode: Mode, seed: int = 1) -> Local:
    return Local(Address("192.0.2.1", 20000), 7, encryption=encryption(mode, random.Random(seed).getrandbits))


def _theirs(lines: str = "", profile: str = "RTP/AVP", payloads: str = "8") -> bytes:
    head = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    return f"{head}m=audio 4000 {profile} {payloads}\r\n{lines}".encode()


def _cryptos(description: bytes) -> list[sdes.Crypto]:
    values = [line[9:] for line in description.decode().split("\r\n") if line.startswith("a=crypto:")]
    parsed = [sdes.parse(value) for value in values]
    return [crypto for crypto in parsed if crypto is not None]


@pytest.mark.parametrize(
    ("mode", "profile", "suites"),
    [("off", "RTP/AVP", []), ("optional", "RTP/AVP", [STRONG, SHORT]), ("required", "RTP/SAVP", [STRONG, SHORT])],
)
def test_what_is_offered(mode: Mode, profile: str, suites: list[str]) -> None:
    description = offer(_ours(mode), CODECS)
    assert f"m=audio 20000 {profile} 8 ".encode() in description
    cryptos = _cryptos(description)
    assert [crypto.suite for crypto in cryptos] == suites
    assert [crypto.tag for crypto in cryptos] == list(range(1, len(suites) + 1))
    assert len({crypto.key for crypto in cryptos}) == len(suites), "never one key for two lines"


def test_keys_are_of_thirty_random_octets_and_each_call_has_its_own() -> None:
    asked: list[int] = []

    def bits(count: int) -> int:
        asked.append(count)
        return 1

    assert encryption("required", bits).keys[0].key == bytes(29) + b"\x01"
    assert asked == [240, 240]
    first, second = _ours("required", 1).encryption, _ours("required", 2).encryption
    assert not {crypto.key for crypto in first.keys} & {crypto.key for crypto in second.keys}
    assert encryption("off", bits) is CLEAR


def test_a_description_s_side_shows_no_key_in_a_log() -> None:
    ours = _ours("required")
    for crypto in ours.encryption.keys:
        assert base64.b64encode(crypto.key).decode() not in repr(ours)
        assert repr(crypto.key) not in repr(ours)


@pytest.mark.parametrize("caller", ["optional", "required"])
@pytest.mark.parametrize("called", ["optional", "required"])
def test_both_ends_hold_each_other_s_key(caller: Mode, called: Mode) -> None:
    first, second = _ours(caller, 1), _ours(called, 2)
    description, there = answer(offer(first, CODECS), second, CODECS)
    here = agreed(description, CODECS, encryption=first.encryption)
    assert here.srtp is not None
    assert there.srtp is not None
    assert here.srtp.suite == there.srtp.suite == STRONG
    assert (here.srtp.sending, here.srtp.receiving) == (there.srtp.receiving, there.srtp.sending)
    assert len(_cryptos(description)) == 1


def test_their_tag_and_suite_come_back_with_a_key_of_our_own() -> None:
    ours = _ours("optional")
    line = f"{UNUSABLE}a=crypto:9 {SHORT} inline:{INLINE}\r\n"
    description, remote = answer(_theirs(line, "RTP/SAVP"), ours, CODECS)
    assert b"m=audio 20000 RTP/SAVP 8\r\n" in description
    assert _cryptos(description) == [sdes.Crypto(9, "AES_CM_128_HMAC_SHA1_32", ours.encryption.keys[1].key)]
    assert remote.srtp is not None
    assert remote.srtp.receiving == THEIR_KEY


def test_off_ignores_keys_and_takes_no_secure_profile() -> None:
    description, remote = answer(_theirs(THEIR_LINE), _ours("off"), CODECS)
    assert remote.srtp is None
    assert b"crypto" not in description
    assert agreed(_theirs(THEIR_LINE), CODECS).srtp is None
    with pytest.raises(SdpFault, match="plain RTP"):
        answer(_theirs(THEIR_LINE, "RTP/SAVP"), _ours("off"), CODECS)


@pytest.mark.parametrize("lines", ["", UNUSABLE])
def test_optional_is_plain_where_nothing_usable_is_offered(lines: str) -> None:
    description, remote = answer(_theirs(lines), _ours("optional"), CODECS)
    assert remote.srtp is None
    assert b"crypto" not in description
    with pytest.raises(SdpFault):
        answer(_theirs(lines, "RTP/SAVP"), _ours("optional"), CODECS)


@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/SAVP", "RTP/SAVPF"])
@pytest.mark.parametrize("lines", ["", UNUSABLE])
def test_required_refuses_what_has_no_usable_key(profile: str, lines: str) -> None:
    theirs = _theirs(lines, profile)
    ours = _ours("required")
    with pytest.raises(SdpFault, match="required"):
        answer(theirs, ours, CODECS)
    with pytest.raises(SdpFault, match="required"):
        agreed(theirs, CODECS, encryption=ours.encryption)
    assert not speaks(theirs, CODECS, "required")
    assert speaks(_theirs(THEIR_LINE, profile), CODECS, "required")


def test_an_answer_may_be_plain_only_where_that_is_allowed_and_must_name_a_line_of_ours() -> None:
    optional = _ours("optional").encryption
    assert agreed(_theirs(), CODECS, encryption=optional).srtp is None
    for lines in (THEIR_LINE, UNUSABLE, f"a=crypto:2 {STRONG} inline:{INLINE}\r\n"):
        with pytest.raises(SdpFault, match="did not offer"):
            agreed(_theirs(lines), CODECS, encryption=optional)
    taken = agreed(_theirs(f"a=crypto:2 {SHORT} inline:{INLINE}\r\n"), CODECS, encryption=optional)
    assert taken.srtp is not None
    assert (taken.srtp.suite, taken.srtp.sending) == (SHORT, optional.keys[1].key)


def test_of_a_plain_and_a_secure_stream_each_mode_takes_its_own() -> None:
    both = _theirs() + f"m=audio 4002 RTP/SAVP 8\r\n{THEIR_LINE}".encode()
    description, remote = answer(both, _ours("required"), CODECS)
    assert remote.address.port == 4002
    assert b"m=audio 0 RTP/AVP 8\r\nm=audio 20000 RTP/SAVP 8\r\n" in description
    _, plain = answer(both, _ours("off"), CODECS)
    assert (plain.address.port, plain.srtp) == (4000, None)


def test_a_later_offer_and_a_later_answer_show_the_same_keys() -> None:
    ours = _ours("required")
    first, _ = answer(_theirs(THEIR_LINE, "RTP/SAVP"), ours, CODECS)
    again, _ = answer(_theirs(THEIR_LINE, "RTP/SAVP"), ours, CODECS)
    assert _cryptos(first) == _cryptos(again)
    assert _cryptos(offer(ours, CODECS))[0].key == _cryptos(first)[0].key


def test_nothing_is_agreed_without_keys_of_our_own() -> None:
    assert Encryption("optional").answering(sdes.parse(THEIR_LINE[9:].strip())) == ([], None)


@pytest.mark.parametrize(("payloads", "noise"), [("8 13", 13), ("8", None)])
def test_comfort_noise_where_both_list_it(payloads: str, noise: int | None) -> None:
    description, remote = answer(_theirs(payloads=payloads), _ours("off"), CODECS)
    assert remote.comfort_noise == noise
    assert (b" 13\r\n" in description) is (noise is not None)
    assert agreed(_theirs(payloads=payloads), CODECS).comfort_noise == noise
    assert b" 101 13\r\n" in offer(_ours("off"), CODECS)


def test_a_thirteen_that_is_something_else_is_no_noise() -> None:
    theirs = _theirs("a=rtpmap:13 CN/16000\r\n", payloads="8 13")
    assert agreed(theirs, CODECS).comfort_noise is None


@pytest.mark.parametrize(
    ("said", "port"),
    [
        ("5005", 5005),
        ("5005 IN IP4 198.51.100.7", 5005),
        ("5005 IN IP4 198.51.100.8", None),
        ("0", None),
        ("70000", None),
        ("x", None),
    ],
)
def test_where_reports_go(said: str, port: int | None) -> None:
    assert agreed(_theirs(f"a=rtcp:{said}\r\n"), CODECS).rtcp_port == port
