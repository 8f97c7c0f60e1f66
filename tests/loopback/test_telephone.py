"""The telephone with real sockets and a real media worker: what the other end hears, presses and says."""

from __future__ import annotations

import os
import random
import signal
import time
import wave
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import pytest
import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred

from foundation.clock import Clocks
from foundation.sound import Sound
from foundation.telephone_numbers import PhoneNumber, read
from ivr.call import Call, Caller, EndCause, ToDesk, ToTrunk
from ivr.exchange import TelephoneSettings
from ivr.flows.alert import AlertManner, AlertSounds, Meaning, Wish, alert
from ivr.media.codecs import Encoder
from ivr.media.pool import MediaPool
from ivr.settings import RtpSettings, SipSettings, TrunkSettings
from ivr.sip.events import Ended
from ivr.telephone import TelephoneService
from tests.loopback.media_phone import Phone as SoundPhone
from tests.loopback.media_phone import level_at, tone
from tests.unit.calls.network import Journal, Phone

NUMBER = PhoneNumber("+31612345678")
SYSTEM_CLOCKS = Clocks(reactor.seconds, lambda: datetime.now(UTC))


class Bench:
    def __init__(self) -> None:
        self.pool = MediaPool(
            RtpSettings(ports="15600-15799"), reactor, Clocks(time.monotonic, SYSTEM_CLOCKS.utc), random.Random(1)
        )
        self.pool.startService()
        self.trunk_sound, self.desk_sound = SoundPhone(reactor), SoundPhone(reactor)
        self.trunk = Phone(reactor, "127.0.0.1", 0, "127.0.0.0/8", self.trunk_sound.address)
        self.desk = Phone(reactor, "127.0.0.1", 0, "127.0.0.0/8", self.desk_sound.address)
        for phone in (self.trunk, self.desk):
            phone.on_invite = lambda phone, event: phone.ring_and_answer(event, 0.2)
        self.journal = Journal()
        settings = TelephoneSettings(
            sip=SipSettings(listen=("udp:0:interface=127.0.0.1",)),
            trunks=(TrunkSettings(name="kpn", proxy=f"sip:{self.trunk.address}", caller_id="0343529850"),),
            numbers=frozenset({read("0800-0011")}),
        )
        self.telephone = TelephoneService(
            settings, self.pool, self.journal, SYSTEM_CLOCKS, reactor, random.SystemRandom()
        )
        self.telephone.startService()

    async def stop(self) -> None:
        await self.telephone.drain(0)
        await self.telephone.stopService()
        for phone in (self.trunk, self.desk):
            await phone.transport.stopService()
        self.trunk_sound.close()
        self.desk_sound.close()
        await self.pool.stopService()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    pytest_twisted.blockon(Deferred.fromCoroutine(made.stop()))


class Told:
    def __init__(self) -> None:
        self.news: list[str] = []

    def heard(self) -> None:
        self.news.append("heard")

    def pressed(self, meaning: Meaning) -> None:
        self.news.append(meaning)

    async def stop(self) -> None:
        self.news.append("stop")


def _sound(folder: Path, hertz: float, milliseconds: int) -> Sound:
    sound = Sound(folder / f"tone-{hertz:.0f}-{milliseconds}", milliseconds)
    sound.path("PCMA").write_bytes(Encoder("PCMA").encode(tone(hertz, milliseconds)))
    return sound


def _sounds(folder: Path) -> AlertSounds:
    short = _sound(folder, 500, 200)
    return AlertSounds(_sound(folder, 1000, 1500), short, short, short, short, short, short)


async def _until(ready: Callable[[], Any], seconds: float = 5.0) -> None:
    until = reactor.seconds() + seconds
    while not ready():
        assert reactor.seconds() < until, "it did not happen in time"
        await task.deferLater(reactor, 0.02)


async def _dial(bench: Bench) -> Call:
    call = await bench.telephone.dial(ToTrunk("kpn", NUMBER, 10))
    await call.answered()
    return call


@pytest_twisted.ensureDeferred
async def test_an_alert_is_heard_and_a_key_is_understood(bench: Bench, tmp_path: Path) -> None:
    told = Told()
    call = await _dial(bench)
    talk = Deferred.fromCoroutine(alert(call, _sounds(tmp_path), AlertManner(1, 2.0), told))
    await _until(lambda: "heard" in told.news)
    bench.trunk_sound.press(bench.trunk.theirs[bench.trunk.legs[0]], "2", 101)
    heard = await talk
    assert heard.enough
    assert heard.pressed == (Meaning.SEEN,)
    assert heard.wish is Wish.NOTHING
    await _until(lambda: bench.trunk.of(Ended))
    assert level_at(bench.trunk_sound.heard("PCMA")[4000:10000], 1000) > 0.9
    assert bench.journal.states() == ["calling", "up", "over"]
    assert bench.telephone.legs == 0


@pytest_twisted.ensureDeferred
async def test_caller_and_desk_hear_each_other_and_keys_pass(bench: Bench) -> None:
    over: Deferred[None] = Deferred()

    async def callback(call: Call, caller: Caller) -> None:
        await call.answer()
        desk = await bench.telephone.dial(
            ToDesk("desk-7", f"sip:desk-7@{bench.desk.address}", 10, caller=caller.number, near=call)
        )
        await desk.answered()
        call.bridge(desk)
        call.on_end(lambda ending: desk.hang_up())
        await over

    bench.telephone.on_incoming(callback)
    leg = bench.trunk.call(f"sip:08000011@{bench.telephone.addresses[0]}", bench.telephone.addresses[0])
    await _until(lambda: leg in bench.trunk.theirs and bench.desk.theirs)
    to_caller_leg, to_desk_leg = bench.trunk.theirs[leg], bench.desk.theirs[bench.desk.legs[0]]
    bench.trunk_sound.talk(to_caller_leg, "PCMA", tone(1000, 1500))
    bench.desk_sound.talk(to_desk_leg, "PCMA", tone(1500, 1500))
    await task.deferLater(reactor, 1.7)
    assert level_at(bench.desk_sound.heard("PCMA")[2000:8000], 1000) > 0.9
    assert level_at(bench.trunk_sound.heard("PCMA")[2000:8000], 1500) > 0.9
    bench.trunk_sound.press(to_caller_leg, "5", 101)
    await _until(lambda: bench.desk_sound.digits(101) == ["5"])
    bench.trunk.hang_up(leg)
    await _until(lambda: bench.desk.of(Ended))
    over.callback(None)
    await _until(lambda: bench.telephone.legs == 0)


@pytest_twisted.ensureDeferred
async def test_a_tip_is_recorded_until_the_caller_hangs_up(bench: Bench, tmp_path: Path) -> None:
    call = await _dial(bench)
    theirs = bench.trunk.theirs[bench.trunk.legs[0]]
    recording = Deferred.fromCoroutine(
        call.record_message(tmp_path / "tip.wav", maximum_seconds=20, end_keys=frozenset("#"))
    )
    bench.trunk_sound.talk(theirs, "PCMA", tone(700, 1200))
    await task.deferLater(reactor, 1.4)
    bench.trunk.hang_up()
    kept = await recording
    assert 1000 < kept.milliseconds < 2000
    with wave.open(str(kept.path)) as opened:
        samples = numpy.frombuffer(opened.readframes(opened.getnframes()), dtype=numpy.int16)
    assert level_at(samples[1000:8000], 700) > 0.9
    assert bench.pool.legs == 0 or await _legs_are_gone(bench)


async def _legs_are_gone(bench: Bench) -> bool:
    await _until(lambda: bench.pool.legs == 0)
    return True


@pytest_twisted.ensureDeferred
async def test_a_killed_worker_ends_its_calls(bench: Bench) -> None:
    call = await _dial(bench)
    endings: list[EndCause] = []
    call.on_end(lambda ending: endings.append(ending.cause))
    os.kill(bench.pool.pids[0], signal.SIGKILL)
    await _until(lambda: endings)
    assert endings == [EndCause.MEDIA_LOST]
    await _until(lambda: bench.trunk.of(Ended))
    await _until(lambda: bench.telephone.legs == 0)
