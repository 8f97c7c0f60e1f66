"""Real workers, real sockets: what arrives, when, and what happens when one dies."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.defer import CancelledError, Deferred, DeferredList

from foundation.clock import Clocks
from foundation.sound import Sound
from ivr.media.codecs import Encoder
from ivr.media.messages import Digit, LegClosed, MediaFlowing, Played, PlayEnded, Recorded, Remote
from ivr.media.pool import MediaPool
from ivr.media.port import MediaEvent, MediaLeg, MediaLost
from ivr.settings import RtpSettings
from tests.loopback.media_phone import Phone, level_at, tone

PORTS = "16000-16399"


class Events:
    """What one leg told, and a way to wait for the next of a kind."""

    def __init__(self, leg: MediaLeg) -> None:
        self.all: list[MediaEvent] = []
        self.lost: Deferred[None] = Deferred()
        self._waiting: list[tuple[type, Deferred[MediaEvent]]] = []
        leg.listen(self._hear, lambda: self.lost.callback(None))

    def _hear(self, event: MediaEvent) -> None:
        self.all.append(event)
        for waiting in list(self._waiting):
            if isinstance(event, waiting[0]):
                self._waiting.remove(waiting)
                waiting[1].callback(event)

    def next(self, kind: type) -> Deferred[MediaEvent]:
        waiting: Deferred[MediaEvent] = Deferred()
        self._waiting.append((kind, waiting))
        return waiting.addTimeout(10, reactor)


@pytest.fixture
def pool() -> Iterator[MediaPool]:
    media = _pool(workers=1)
    media.startService()
    yield media
    pytest_twisted.blockon(media.stopService())
    assert media.pids == ()


def _pool(workers: int) -> MediaPool:
    clocks = Clocks(time.monotonic, lambda: pytest.fail("media needs no wall clock"))
    return MediaPool(RtpSettings(ports=PORTS, workers=workers), reactor, clocks, random.Random(1))


@pytest.fixture
def phones() -> Iterator[list[Phone]]:
    made: list[Phone] = []
    yield made
    for phone in made:
        phone.close()


def _phone(phones: list[Phone]) -> Phone:
    phone = Phone(reactor)
    phones.append(phone)
    return phone


def _sound(folder: Path, hertz: float, milliseconds: int) -> Sound:
    sound = Sound(folder / f"tone-{hertz:.0f}", milliseconds)
    sound.path("PCMA").write_bytes(Encoder("PCMA").encode(tone(hertz, milliseconds)))
    return sound


@pytest_twisted.inlineCallbacks
def test_a_tone_arrives_whole_and_paced(pool, phones, tmp_path):
    leg = yield Deferred.fromCoroutine(pool.open())
    events = Events(leg)
    phone = _phone(phones)
    over = events.next(PlayEnded)
    leg.connect(Remote(phone.address, "PCMA", 8))
    leg.play(_sound(tmp_path, 600, 2000), report_at=1600)
    ended = yield over
    assert (ended.milliseconds, ended.complete) == (2000, True)
    assert [event.milliseconds for event in events.all if isinstance(event, Played)] == [1600]
    yield task.deferLater(reactor, 0.05)
    sound = phone.heard("PCMA")
    assert level_at(sound[:16000], 600) > 0.9
    numbers = [packet.sequence for packet in phone.packets]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    gaps = numpy.diff([packet.at for packet in phone.packets][:100])
    assert abs(float(gaps.mean()) - 0.020) < 0.0005
    assert float(numpy.quantile(abs(gaps - 0.020), 0.9)) < 0.010


@pytest_twisted.inlineCallbacks
def test_digits_stop_what_plays(pool, phones, tmp_path):
    leg = yield Deferred.fromCoroutine(pool.open())
    events = Events(leg)
    phone = _phone(phones)
    flowing = events.next(MediaFlowing)
    leg.connect(Remote(phone.address, "PCMA", 8, telephone_event=96))
    leg.play(_sound(tmp_path, 600, 5000), stop_on_digits="1")
    phone.talk(leg.address, "PCMA", tone(300, 100))
    yield flowing
    over = events.next(PlayEnded)
    phone.press(leg.address, "1", 96)
    ended = yield over
    assert ended.digit == "1"
    assert not ended.complete
    closed = events.next(LegClosed)
    leg.close()
    counts = yield closed
    assert counts.packets_received >= 5
    assert [event.digit for event in events.all if isinstance(event, Digit)] == ["1"]


@pytest_twisted.inlineCallbacks
def test_only_digits_pass_the_kernel_once_nobody_listens_to_sound(pool, phones):
    leg = yield Deferred.fromCoroutine(pool.open())
    events = Events(leg)
    phone = _phone(phones)
    flowing = events.next(MediaFlowing)
    leg.connect(Remote(phone.address, "PCMA", 8))
    phone.talk(leg.address, "PCMA", tone(300, 100))
    yield flowing
    for _ in range(5):
        phone.speak_to(leg.address, "PCMA", tone(300, 200))
        yield task.deferLater(reactor, 0.01)
    pressed = events.next(Digit)
    phone.press(leg.address, "7", 101)
    digit = yield pressed
    assert digit.digit == "7"
    closed = events.next(LegClosed)
    leg.close()
    counts = yield closed
    assert counts.packets_received >= 52
    assert counts.packets_lost == 0


@pytest_twisted.inlineCallbacks
def test_a_bridge_carries_both_voices(pool, phones):
    first = yield Deferred.fromCoroutine(pool.open())
    second = yield Deferred.fromCoroutine(pool.open(near=first))
    caller, desk = _phone(phones), _phone(phones)
    hears_caller, hears_desk = Events(first), Events(second)
    flows = [hears_caller.next(MediaFlowing), hears_desk.next(MediaFlowing)]
    first.connect(Remote(caller.address, "PCMA", 8))
    second.connect(Remote(desk.address, "PCMA", 8, telephone_event=97))
    first.bridge(second)
    caller.talk(first.address, "PCMA", tone(500, 2000))
    desk.talk(second.address, "PCMA", tone(900, 2000))
    yield DeferredList(flows)
    yield task.deferLater(reactor, 1.0)
    pressed = hears_caller.next(Digit)
    caller.press(first.address, "4", 101)
    yield pressed
    yield task.deferLater(reactor, 1.2)
    at_desk, at_caller = desk.heard("PCMA"), caller.heard("PCMA")
    assert len(at_desk) > 12000
    assert level_at(at_desk, 500) > 0.9
    assert level_at(at_desk, 900) < 0.02
    assert level_at(at_caller, 900) > 0.9
    assert level_at(at_caller, 500) < 0.02
    assert desk.digits(97) == ["4"]


@pytest_twisted.inlineCallbacks
def test_a_bridge_between_two_codecs_carries_both_voices(pool, phones):
    first = yield Deferred.fromCoroutine(pool.open())
    second = yield Deferred.fromCoroutine(pool.open(near=first))
    caller, desk = _phone(phones), _phone(phones)
    first.connect(Remote(caller.address, "PCMA", 8))
    second.connect(Remote(desk.address, "G722", 9))
    first.bridge(second)
    caller.talk(first.address, "PCMA", tone(500, 1500))
    desk.talk(second.address, "G722", tone(900, 1500))
    yield task.deferLater(reactor, 1.8)
    assert level_at(desk.heard("G722")[1600:], 500) > 0.9
    assert level_at(caller.heard("PCMA")[1600:], 900) > 0.9


@pytest_twisted.inlineCallbacks
def test_a_killed_worker_loses_its_legs_and_is_replaced(phones):
    media = _pool(workers=2)
    media.startService()
    try:
        legs = []
        for _ in range(4):
            leg = yield Deferred.fromCoroutine(media.open())
            legs.append((leg, Events(leg)))
        assert sorted({leg.address.port < 16200 for leg, _ in legs}) == [False, True]
        victim, survivor = media.pids
        os.kill(victim, signal.SIGKILL)
        lost = [events for leg, events in legs if leg.address.port < 16200]
        for events in lost:
            yield events.lost
        assert len(lost) == 2
        assert not any(events.lost.called for _, events in legs if events not in lost)
        while len(media.pids) < 2:
            yield task.deferLater(reactor, 0.05)
        assert survivor in media.pids
        leg = yield Deferred.fromCoroutine(media.open())
        assert leg.address.port < 16200
    finally:
        yield media.stopService()


@pytest_twisted.inlineCallbacks
def test_a_worker_ends_with_its_daemon(pool):
    leg = yield Deferred.fromCoroutine(pool.open())
    (pid,) = pool.pids
    worker = leg.worker
    worker._control.transport.loseConnection()
    yield worker.gone
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", leg.address.port))


@pytest_twisted.inlineCallbacks
def test_a_closed_far_port_harms_no_other_call(pool, phones, tmp_path):
    gone = _phone(phones)
    gone.close()
    phone = _phone(phones)
    sound = _sound(tmp_path, 600, 1000)
    overs = []
    for address in (gone.address, phone.address):
        leg = yield Deferred.fromCoroutine(pool.open())
        overs.append(Events(leg).next(PlayEnded))
        leg.connect(Remote(address, "PCMA", 8))
        leg.play(sound)
    for over in overs:
        ended = yield over
        assert ended.complete
    assert len(phone.packets) >= 49


@pytest_twisted.inlineCallbacks
def test_a_recording_is_a_wav_with_what_was_said(pool, phones, tmp_path):
    leg = yield Deferred.fromCoroutine(pool.open())
    events = Events(leg)
    phone = _phone(phones)
    path = tmp_path / "tip.wav"
    leg.connect(Remote(phone.address, "PCMA", 8))
    leg.record(path, 60_000)
    phone.talk(leg.address, "PCMA", tone(700, 1500))
    yield task.deferLater(reactor, 1.7)
    assert not path.exists()
    done = events.next(Recorded)
    leg.close()
    recorded = yield done
    assert 1400 <= recorded.milliseconds <= 1600
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        samples = numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    assert level_at(samples[800:], 700) > 0.9
    assert not path.with_name("tip.wav.part").exists()


@pytest_twisted.inlineCallbacks
def test_a_leg_that_nobody_waits_for_any_more_is_closed(pool):
    asked = Deferred.fromCoroutine(pool.open())
    asked.addErrback(lambda failure: failure.trap(CancelledError))
    asked.cancel()
    yield asked
    second = yield Deferred.fromCoroutine(pool.open())
    yield task.deferLater(reactor, 0.1)
    third = yield Deferred.fromCoroutine(pool.open())
    assert second.number != third.number
    assert (third.number, third.generation) == (0, 2)
    assert pool.legs == 2


@pytest_twisted.inlineCallbacks
def test_a_range_that_is_taken_is_said_so():
    clocks = Clocks(time.monotonic, lambda: pytest.fail("media needs no wall clock"))
    media = MediaPool(RtpSettings(ports="16998-16999"), reactor, clocks, random.Random(1))
    media.startService()
    try:
        yield Deferred.fromCoroutine(media.open())
        with pytest.raises(MediaLost, match="widen"):
            yield Deferred.fromCoroutine(media.open())
    finally:
        yield media.stopService()


_DAEMON = """
import random, sys, time
from twisted.internet import reactor
from foundation.clock import Clocks
from ivr.media.pool import MediaPool
from ivr.settings import RtpSettings
media = MediaPool(RtpSettings(ports="16400-16499", workers=2), reactor, Clocks(time.monotonic, None), random.Random(1))
reactor.callWhenRunning(media.startService)
reactor.callLater(0.1, lambda: print(*media.pids, flush=True))
reactor.run()
"""


@pytest_twisted.inlineCallbacks
def test_a_killed_daemon_leaves_no_worker_talking():
    root = Path(__file__).parents[2]
    daemon = subprocess.Popen([sys.executable, "-c", _DAEMON], cwd=root, stdout=subprocess.PIPE, text=True)
    with daemon:
        assert daemon.stdout is not None
        pids = [int(pid) for pid in daemon.stdout.readline().split()]
        daemon.kill()
    assert len(pids) == 2
    for _ in range(100):
        if not any(Path(f"/proc/{pid}/cmdline").exists() and _runs(pid) for pid in pids):
            return
        yield task.deferLater(reactor, 0.05)
    pytest.fail("a worker outlived its daemon")


def _runs(pid: int) -> bool:
    """Whether it is more than a dead process that nobody has waited for."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
