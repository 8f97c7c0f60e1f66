"""Calls that come to us: which number, who may, who gives up, what is bridged; draining and what a crash left."""

from __future__ import annotations

import random
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from foundation.telephone_numbers import PhoneNumber
from ivr.call import Call, Caller, Refused, ToDesk, ToTrunk
from ivr.media.inprocess import InProcessLeg, InProcessMedia
from ivr.media.port import MediaLeg
from ivr.sip.events import Answered, Ended, Failed, InviteReceived
from tests.unit.calls.bench import NUMBER, OUR_ADDRESS, OURS, Bench, Callback
from tests.unit.calls.network import FakeNetwork, Phone


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def trunk(bench: Bench) -> Phone:
    return Phone(bench.network, "192.0.2.2")


@pytest.fixture
def callback(bench: Bench) -> Callback:
    handler = Callback()
    bench.telephone.on_incoming(handler)
    return handler


@pytest.mark.parametrize(
    "spelling", ["sip:08000011", "sip:+318000011", "sip:00318000011", "sip:0343529850", "sip:+31343529850;user=phone"]
)
def test_our_number_in_every_spelling(bench: Bench, trunk: Phone, callback: Callback, spelling: str) -> None:
    user, _, parameters = spelling.partition(";")
    trunk.call(f"{user}@192.0.2.1{';' + parameters if parameters else ''}", OUR_ADDRESS)
    bench.network.run(0.5)
    call, caller = callback.calls[0]
    assert caller == Caller(NUMBER, False, "kpn")
    assert call.record.our_number in OURS
    assert len(trunk.of(Answered)) == 1
    assert bench.in_use() == 1


def test_other_numbers_are_not_found(bench: Bench, trunk: Phone, callback: Callback) -> None:
    trunk.call("sip:+31201234567@192.0.2.1", OUR_ADDRESS)
    bench.network.run(0.5)
    assert trunk.of(Failed)[0].status == 404
    assert callback.calls == []


def test_strangers_get_silence(bench: Bench, callback: Callback) -> None:
    stranger = Phone(bench.network, "198.51.100.1")
    stranger.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(1)
    assert [
        data for _, source, _, data in bench.network.wire if source[0] == "192.0.2.1" and b"SIP/2.0 " in data[:8]
    ] == []
    assert bench.telephone.strangers > 0


def test_a_private_caller_is_marked(bench: Bench, trunk: Phone, callback: Callback) -> None:
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS, privacy=True)
    bench.network.run(0.5)
    call, caller = callback.calls[0]
    assert caller.private
    assert caller.number == NUMBER
    assert call.record.private


def test_a_desk_that_calls_is_known_as_one(bench: Bench, callback: Callback) -> None:
    bench.telephone.know_desks([("desk-7", "sip:desk-7@192.0.2.3:5060")])
    desk = Phone(bench.network, "192.0.2.3")
    desk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(0.5)
    assert callback.calls[0][1] == Caller(None, False, None, "desk-7")


def test_a_caller_hears_it_ring_while_a_dead_media_worker_is_replaced(
    bench: Bench, trunk: Phone, callback: Callback
) -> None:
    bench.telephone.on_incoming(callback)
    bench.media.lose()
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(1.5)
    assert (trunk.of(Failed), callback.calls) == ([], [])
    bench.media.recover()
    bench.network.run(0.5)
    assert len(callback.calls) == 1


def test_a_caller_for_whom_there_is_no_sound_is_told_so_after_five_seconds(
    bench: Bench, trunk: Phone, callback: Callback
) -> None:
    bench.telephone.on_incoming(callback)
    bench.media.lose()
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(6)
    assert [failed.status for failed in trunk.of(Failed)] == [503]
    assert (callback.calls, bench.in_use()) == ([], 0)


def test_a_caller_who_gives_up_before_there_is_sound_leaves_nothing(
    bench: Bench, trunk: Phone, callback: Callback
) -> None:
    bench.telephone.on_incoming(callback)
    bench.media.lose()
    leg = trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(1)
    trunk.hang_up(leg)
    bench.network.run(0.5)
    bench.media.recover()
    bench.network.run(2)
    assert (callback.calls, bench.in_use(), bench.media.legs) == ([], 0, [])


def test_a_full_trunk_refuses_callers(callback: Callback) -> None:
    bench = Bench(channels=1)
    trunk = Phone(bench.network, "192.0.2.2")
    bench.telephone.on_incoming(callback)
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(0.5)
    bench.telephone.on_incoming(Callback())
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(0.5)
    assert [failed.status for failed in trunk.of(Failed)] == [503]
    assert bench.in_use() == 1


def test_the_end_of_the_handler_hangs_up(bench: Bench, trunk: Phone, callback: Callback) -> None:
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(0.5)
    callback.keep.callback(None)
    bench.network.run(0.5)
    assert trunk.of(Ended)[0].by == "them"
    assert bench.in_use() == 0


def test_a_caller_who_gives_up_before_the_answer(bench: Bench, trunk: Phone) -> None:
    waiting: Deferred[None] = Deferred()
    ends: list[Any] = []

    async def slow(call: Call, caller: Caller) -> None:
        call.on_end(ends.append)
        await waiting

    bench.telephone.on_incoming(slow)
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(0.5)
    trunk.hang_up()
    bench.network.run(0.5)
    assert ends[0].by == "them"
    assert bench.in_use() == 0
    waiting.callback(None)
    bench.network.run(0.5)
    assert bench.telephone.legs == 0


class SlowMedia(InProcessMedia):
    """Opens a leg only when the test says so."""

    def __init__(self, network: FakeNetwork) -> None:
        super().__init__(network, random.Random(3))
        self.ready: Deferred[None] = Deferred()

    async def open(self, near: MediaLeg | None = None) -> InProcessLeg:
        await self.ready
        return await super().open(near)


def test_a_caller_who_gives_up_before_there_is_sound() -> None:
    network = FakeNetwork()
    media = SlowMedia(network)
    bench, trunk, handler = Bench(network=network, media=media), Phone(network, "192.0.2.2"), Callback()
    bench.telephone.on_incoming(handler)
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    network.run(0.5)
    assert bench.in_use() == 1
    trunk.hang_up()
    network.run(0.5)
    assert bench.in_use() == 0
    media.ready.callback(None)
    network.run(0.5)
    assert handler.calls == []
    assert bench.telephone.legs == 0


def test_a_call_that_is_cancelled_before_there_is_sound_leaves_no_port_open() -> None:
    network = FakeNetwork()
    media = SlowMedia(network)
    bench = Bench(network=network, media=media)
    dialling = bench.begin(bench.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    dialling.cancel()
    media.ready.callback(None)
    network.run(0.5)
    assert isinstance(bench.outcomes[0], CancelledError)
    given_back = media.legs[0].number
    bench.dial(seconds=1)
    assert media.legs[1].number == given_back
    assert bench.in_use() == 1


def test_two_legs_are_bridged_and_keys_pass(bench: Bench, trunk: Phone, callback: Callback) -> None:
    desk = Phone(bench.network, "192.0.2.3")
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(0.5)
    caller = callback.calls[0][0]
    call = bench.dial(ToDesk("desk-7", "sip:desk-7@192.0.2.3:5060", 20, caller=NUMBER, near=caller), seconds=3)
    assert desk.of(InviteReceived)[0].identity.startswith("sip:+31612345678@")
    caller.bridge(call)
    sent_before = len(bench.media.legs[1].sent)
    bench.media.legs[0].press("5")
    bench.network.run(0.3)
    assert len(bench.media.legs[1].sent) > sent_before


def test_what_a_crash_left_is_ended_by_the_next_process(bench: Bench, trunk: Phone) -> None:
    up, ringing = bench.dial(), bench.dial(ToTrunk("kpn", PhoneNumber("+31612345679"), 25), seconds=0.5)
    assert up is not ringing
    trunk.on_invite = lambda phone, event: phone.ring(event)
    bench.network.run(3)
    bench.dial(ToTrunk("kpn", PhoneNumber("+31612345670"), 25), seconds=0.5)
    left = bench.journal.open
    assert [dialog.state for dialog in left] == ["up", "up", "calling"]
    bench.network.sockets.pop(("192.0.2.1", 5060))
    after = Bench(network=bench.network, seed=9)
    ended = after.begin(after.telephone.end_orphans(left))
    after.network.run(2.1)
    assert after.outcomes == [None]
    assert ended.called
    assert sorted(event.by for event in trunk.of(Ended)) == ["them", "them", "them"]


def test_orphans_that_do_not_answer_are_given_up_after_two_seconds(bench: Bench, trunk: Phone) -> None:
    bench.dial(seconds=3)
    left = bench.journal.open
    bench.network.sockets.clear()
    after = Bench(network=bench.network, seed=9)
    after.begin(after.telephone.end_orphans(left))
    after.network.run(1.5)
    assert after.outcomes == []
    after.network.run(0.7)
    assert after.outcomes == [None]


def test_draining_takes_no_calls_and_ends_those_that_stay(bench: Bench, trunk: Phone, callback: Callback) -> None:
    call = bench.dial(seconds=3)
    bench.begin(bench.telephone.drain(5))
    bench.network.run(1)
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(1)
    assert trunk.of(Failed)[0].status == 503
    assert bench.telephone.alert_capacity(bench.network.seconds()) == (0, None)
    assert call.record.ended_at is None
    bench.network.run(5)
    assert call.record.ended_at is not None
    assert bench.outcomes == [None]
    bench.begin(bench.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    bench.network.run(0.1)
    assert isinstance(bench.outcomes[1], Refused)


def test_stopping_leaves_no_socket_and_no_timer(bench: Bench) -> None:
    bench.network.run(1)
    bench.telephone.stopService()
    bench.network.run(40, step=0.5)
    assert bench.network.sockets == {}
    assert bench.network.getDelayedCalls() == []
