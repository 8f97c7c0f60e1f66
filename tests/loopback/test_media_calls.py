"""Real workers on real sockets: what legs of unlike form, protected legs, listened-to legs and reports do to the sound."""

import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred, DeferredList

from foundation.clock import Clocks
from foundation.endpoints import Address
from foundation.sound import Codec, Sound
from ivr.media.analysis import KEYS, features
from ivr.media.codecs import Encoder
from ivr.media.dtmf import DigitSender
from ivr.media.messages import Beep, Digit, LegClosed, MediaFlowing, PlayEnded, Remote, SrtpKeys, Talking
from ivr.media.pool import MediaPool
from ivr.media.rtcp import Block, Report, encode, middle, parse
from ivr.media.rtp import packet
from ivr.media.rtp import parse as parse_rtp
from ivr.media.srtp import Protection
from ivr.media.tones import key
from ivr.settings import RtpSettings
from tests.loopback.media_phone import PAYLOAD_TYPES, Phone, level_at, tone
from tests.loopback.test_media_workers import Events

OURS, THEIRS = bytes(range(30)), bytes(range(100, 130))


@pytest.fixture
def pool() -> Iterator[MediaPool]:
    clocks = Clocks(time.monotonic, lambda: pytest.fail("media needs no wall clock"))
    media = MediaPool(RtpSettings(ports="16400-16699", workers=1), reactor, clocks, random.Random(1))
    media.startService()
    yield media
    pytest_twisted.blockon(media.stopService())
    assert media.pids == ()


@pytest.fixture
def phones() -> Iterator[list[Phone]]:
    made = [Phone(reactor) for _ in range(2)]
    yield made
    for phone in made:
        phone.close()


def _encoded(codec: Codec, *parts: numpy.ndarray) -> bytes:
    return Encoder(codec).encode(numpy.concatenate(parts))


def _say(phone: Phone, address: Address, codec: Codec, encoded: bytes, packet_milliseconds: int = 20) -> Deferred[None]:
    """A packet each packet time until all is said."""
    step = 8 * packet_milliseconds
    pieces = iter([encoded[start : start + step] for start in range(0, len(encoded), step)])

    def say() -> None:
        piece = next(pieces, None)
        if piece is None:
            loop.stop()
        else:
            phone._say(address, PAYLOAD_TYPES[codec], piece)

    loop = task.LoopingCall(say)
    return loop.start(packet_milliseconds / 1000).addCallback(lambda _: None)


@pytest.mark.parametrize(
    ("first", "second"), [(("G722", 20), ("PCMA", 20)), (("PCMU", 30), ("G722", 20)), (("PCMA", 20), ("PCMA", 40))]
)
@pytest_twisted.inlineCallbacks
def test_legs_of_unlike_form_hear_each_others_voice(pool, phones, first, second):
    forms = (first, second)
    legs = []
    for phone, (codec, packet_milliseconds) in zip(phones, forms, strict=True):
        leg = yield Deferred.fromCoroutine(pool.open(legs[0] if legs else None))
        legs.append(leg)
        events = Events(leg)
        flowing = events.next(MediaFlowing)
        agreed = Remote(phone.address, codec, PAYLOAD_TYPES[codec], packet_milliseconds=packet_milliseconds)
        leg.connect(agreed)
        phone.talk(leg.address, codec, tone(100, 100))
        yield flowing
    legs[0].bridge(legs[1])
    said = [
        _say(phone, leg.address, codec, _encoded(codec, tone(hertz, 1500)), packet_milliseconds)
        for phone, leg, (codec, packet_milliseconds), hertz in zip(phones, legs, forms, (500, 900), strict=True)
    ]
    yield DeferredList(said, fireOnOneErrback=True)
    for phone, (codec, packet_milliseconds), hertz in zip(phones, forms, (900, 500), strict=True):
        sound = phone.heard(codec)[-8000:]
        assert level_at(sound, hertz) > 0.85
        assert {len(arrived.payload) for arrived in phone.packets[5:]} == {8 * packet_milliseconds}


@pytest_twisted.inlineCallbacks
def test_keys_as_tones_go_both_ways_where_no_events_were_agreed(pool, phones):
    phone = phones[0]
    leg = yield Deferred.fromCoroutine(pool.open())
    events = Events(leg)
    leg.connect(Remote(phone.address, "PCMA", 8, telephone_event=None))
    sound = b"".join(key(digit, 100, "PCMA").tobytes() for digit in "159#")
    yield _say(phone, leg.address, "PCMA", sound)
    yield task.deferLater(reactor, 0.2)
    assert [event.digit for event in events.all if isinstance(event, Digit)] == ["1", "5", "9", "#"]
    phone.packets.clear()
    leg.send_digit("0")
    leg.send_digit("8")
    yield task.deferLater(reactor, 0.5)
    heard = b"".join(arrived.payload for arrived in phone.packets)
    found = features(heard[: len(heard) // 160 * 160]).key
    assert "".join(dict.fromkeys(KEYS[number] for number in found if number >= 0)) == "08"


@pytest_twisted.inlineCallbacks
def test_a_machine_that_talks_and_beeps_is_told(pool, phones):
    phone = phones[0]
    leg = yield Deferred.fromCoroutine(pool.open())
    events = Events(leg)
    leg.connect(Remote(phone.address, "PCMU", 0))
    leg.listen_for(talking=True, beep=True)
    draw = numpy.random.default_rng(3)
    still = draw.normal(0, 10, 2400).astype(numpy.int16)
    voice = (draw.normal(0, 3000, 8000)).astype(numpy.int16)
    beeped = events.next(Beep)
    yield _say(phone, leg.address, "PCMU", _encoded("PCMU", still, voice, still[:1600], tone(1000, 400), still))
    beep = yield beeped
    assert abs(beep.hertz - 1000) < 20
    yield task.deferLater(reactor, 1.2)
    assert [event.began for event in events.all if isinstance(event, Talking)] == [True, False]


class SafePhone:
    """A telephone with SRTP on a socket of its own."""

    def __init__(self, keys: SrtpKeys) -> None:
        self.protection = Protection(keys)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.address = Address("127.0.0.1", self.socket.getsockname()[1])
        self.foreign = 0
        self._sequence = 0

    def send(self, address: Address, data: bytes) -> None:
        self.socket.sendto(data, (address.host, address.port))

    def say(self, address: Address, payload: bytes) -> None:
        self._sequence += 1
        data = packet(payload, payload_type=8, sequence=self._sequence, timestamp=160 * self._sequence, ssrc=6)
        self.send(address, self.protection.protect(data) or b"")

    def press(self, address: Address, digit: str) -> None:
        sender = DigitSender(digit, 100, 101, 160 * self._sequence, 6)
        while not sender.over:
            self._sequence += 1
            self.send(address, self.protection.protect(sender.next_packet(self._sequence)) or b"")

    def heard(self) -> bytes:
        sound = b""
        while True:
            try:
                data = self.socket.recv(2048)
            except BlockingIOError:
                return sound
            clear = self.protection.unprotect(data)
            if clear is None:
                self.foreign += 1
                continue
            header = parse_rtp(clear)
            assert header is not None
            sound += clear[header.start : header.end] if header.payload_type == 8 else b""


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"])
@pytest_twisted.inlineCallbacks
def test_a_protected_call_is_heard_by_the_keys_owner_only(pool, tmp_path, suite):
    phone = SafePhone(SrtpKeys(suite, THEIRS, OURS))
    sound = Sound(tmp_path / "prompt", 3000)
    Path(sound.path("PCMA")).write_bytes(_encoded("PCMA", tone(600, 3000)))
    leg = yield Deferred.fromCoroutine(pool.open())
    events = Events(leg)
    try:
        leg.connect(Remote(phone.address, "PCMA", 8, srtp=SrtpKeys(suite, OURS, THEIRS)))
        leg.play(sound, stop_on_digits="1")
        # A stranger on the phone's own host, without the keys: neither latched nor heard.
        phone.send(leg.address, packet(b"\xd5" * 160, payload_type=8, sequence=1, timestamp=0, ssrc=1))
        yield task.deferLater(reactor, 0.1)
        assert not any(isinstance(event, MediaFlowing) for event in events.all)
        flowing = events.next(MediaFlowing)
        phone.say(leg.address, b"\xd5" * 160)
        yield flowing
        yield task.deferLater(reactor, 0.6)
        over = events.next(PlayEnded)
        phone.press(leg.address, "1")
        ended = yield over
        assert ended.digit == "1"
        heard = numpy.frombuffer(phone.heard(), dtype=numpy.uint8)
        assert abs(float(numpy.median(features(heard[: len(heard) // 160 * 160].tobytes()).hertz)) - 600) < 5
        assert phone.foreign == 0
    finally:
        phone.socket.close()


@pytest_twisted.inlineCallbacks
def test_a_bridge_of_a_protected_and_an_open_leg(pool, phones):
    safe, open_phone = SafePhone(SrtpKeys("AES_CM_128_HMAC_SHA1_80", THEIRS, OURS)), phones[0]
    first = yield Deferred.fromCoroutine(pool.open())
    second = yield Deferred.fromCoroutine(pool.open(first))
    try:
        first.connect(Remote(safe.address, "PCMA", 8, srtp=SrtpKeys("AES_CM_128_HMAC_SHA1_80", OURS, THEIRS)))
        second.connect(Remote(open_phone.address, "PCMA", 8))
        first.bridge(second)
        safe.say(first.address, b"\xd5" * 160)
        yield task.deferLater(reactor, 0.1)
        talk = _say(open_phone, second.address, "PCMA", _encoded("PCMA", tone(700, 1000)))
        encoded = _encoded("PCMA", tone(400, 1000))
        pieces = iter(range(0, len(encoded), 160))
        loop = task.LoopingCall(lambda: safe.say(first.address, encoded[(at := next(pieces, 0)) : at + 160]))
        loop.start(0.02)
        yield talk
        loop.stop()
        yield task.deferLater(reactor, 0.1)
        assert level_at(open_phone.heard("PCMA")[-6400:], 400) > 0.85
        heard = numpy.frombuffer(safe.heard(), dtype=numpy.uint8)
        found = features(heard[: len(heard) // 160 * 160].tobytes())
        assert abs(float(numpy.median(found.hertz[found.level > -20])) - 700) < 5
    finally:
        safe.socket.close()


@pytest_twisted.inlineCallbacks
def test_reports_go_both_ways_and_the_record_tells_of_them(pool):
    rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with rtp, rtcp:
        for sock in (rtp, rtcp):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        leg = yield Deferred.fromCoroutine(pool.open())
        events = Events(leg)
        flowing = events.next(MediaFlowing)
        there = Address("127.0.0.1", rtp.getsockname()[1])
        leg.connect(Remote(there, "PCMA", 8, rtcp_port=rtcp.getsockname()[1]))
        yield task.deferLater(reactor, 0.1)
        rtp.sendto(
            packet(b"\xd5" * 160, payload_type=8, sequence=1, timestamp=0, ssrc=6), (leg.address.host, leg.address.port)
        )
        yield flowing
        report = None
        for _ in range(80):
            yield task.deferLater(reactor, 0.1)
            try:
                report, arrived = parse(rtcp.recv(2048)), time.monotonic()
                break
            except BlockingIOError:
                continue
        assert report is not None
        assert report.sender is not None
        assert 100 < report.sender.packets < 400
        yield task.deferLater(reactor, 0.2)
        delay = round((time.monotonic() - arrived) * 65536)
        block = Block(report.ssrc, 0.02, 5, 300, 40, middle(report.sender.ntp), delay)
        rtcp.sendto(encode(Report(6, None, (block,)), "phone"), ("127.0.0.1", leg.address.port + 1))
        yield task.deferLater(reactor, 0.1)
        closed = events.next(LegClosed)
        leg.close()
        record = yield closed
        assert (record.remote_lost, record.remote_jitter) == (5, 5.0)
        assert 0 <= record.round_trip_milliseconds < 300
        assert 1 < record.mean_opinion_score < 4.5
        yield task.deferLater(reactor, 0.05)
        goodbye = parse(rtcp.recv(2048))
        assert goodbye is not None
        assert goodbye.goodbye


@pytest_twisted.inlineCallbacks
def test_packets_that_waited_when_the_line_was_fixed_are_no_way_in(pool, phones, tmp_path):
    phone, stranger = phones
    leg = yield Deferred.fromCoroutine(pool.open())
    events = Events(leg)
    leg.connect(Remote(phone.address, "PCMA", 8))
    leg.record(tmp_path / "tip.wav", 1000)
    yield task.deferLater(reactor, 0.2)
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    try:
        phone.speak_to(leg.address, "PCMA", tone(100, 20))
        yield task.deferLater(reactor, 0.05)
        stranger.press(leg.address, "9", 101)
        phone.press(leg.address, "4", 101)
        yield task.deferLater(reactor, 0.05)
    finally:
        os.kill(pid, signal.SIGCONT)
    yield task.deferLater(reactor, 0.4)
    assert any(isinstance(event, MediaFlowing) for event in events.all)
    assert [event.digit for event in events.all if isinstance(event, Digit)] == ["4"]
