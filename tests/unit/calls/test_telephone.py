"""The telephone against real user agents over a fake network: order, admission, every way a call can end."""

from __future__ import annotations

import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from foundation.endpoints import Address
from foundation.sound import Sound
from foundation.telephone_numbers import PhoneNumber, read
from ivr.call import Call, CallEnded, Caller, EndCause, Refused, ToDesk, ToTrunk
from ivr.exchange import TelephoneSettings
from ivr.media.inprocess import InProcessMedia
from ivr.settings import SipSettings, TrunkSettings
from ivr.sip.events import Answered, Ended, Failed, InviteReceived
from ivr.telephone import TelephoneService
from tests.unit.calls.network import FakeNetwork, Journal, Phone, clocks

OUR_ADDRESS = Address("192.0.2.1", 5060)
NUMBER = PhoneNumber("+31612345678")
OURS = frozenset({read("0800-0011"), PhoneNumber("+31343529850")})
SECOND = Sound(Path("/said/second"), 1000)


class Bench:
    """A telephone with one trunk at 192.0.2.2 and a desk at 192.0.2.3."""

    def __init__(self, *, network: FakeNetwork | None = None, seed: int = 1, **trunk: Any) -> None:
        self.network = network or FakeNetwork()
        self.media = InProcessMedia(self.network, random.Random(2))
        self.journal = Journal()
        described = {"name": "kpn", "proxy": "sip:192.0.2.2:5060", "caller_id": "0343529850", **trunk}
        settings = TelephoneSettings(
            sip=SipSettings(listen=("udp:5060:interface=192.0.2.1",)),
            trunks=(TrunkSettings(**described),),
            numbers=OURS,
        )
        self.telephone = TelephoneService(
            settings, self.media, self.journal, clocks(self.network), self.network, random.Random(seed)
        )
        self.telephone.startService()
        self.outcomes: list[Any] = []

    def begin(self, work: Coroutine[Deferred[Any], Any, Any]) -> Deferred[Any]:
        """Run it; its result or failure comes into `outcomes`."""
        running = Deferred.fromCoroutine(work)
        running.addCallbacks(self.outcomes.append, lambda failure: self.outcomes.append(failure.value))
        return running

    def dial(self, route: ToTrunk | ToDesk | None = None, *, reserved: bool = False, seconds: float = 0.1) -> Call:
        self.begin(self.telephone.dial(route or ToTrunk("kpn", NUMBER, 25), reserved=reserved))
        self.network.run(seconds)
        call: Call = self.outcomes.pop()
        return call

    def in_use(self) -> int:
        return self.telephone.trunks()[0].channels_in_use


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def trunk(bench: Bench) -> Phone:
    return Phone(bench.network, "192.0.2.2")


async def ending_of(call: Call) -> Any:
    try:
        await call.answered()
    except CallEnded as ended:
        return ended.ending
    return "answered"


def test_a_call_is_saved_before_its_invite_leaves(bench: Bench, trunk: Phone) -> None:
    bench.journal.held = Deferred()
    bench.begin(bench.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    bench.network.run(1)
    assert bench.network.sent("INVITE") == []
    bench.journal.held.callback(None)
    bench.network.run(1)
    assert len(bench.network.sent("INVITE")) == 1
    invite = bench.network.sent("INVITE")[0].decode()
    assert bench.journal.saved[0].branch in invite
    assert bench.journal.states() == ["calling"]


def test_the_invite_says_who_calls_and_is_called(bench: Bench, trunk: Phone) -> None:
    bench.dial()
    invite = bench.network.sent("INVITE")[0].decode()
    assert invite.startswith("INVITE sip:+31612345678@192.0.2.2:5060;user=phone SIP/2.0")
    assert "P-Asserted-Identity: <sip:+31343529850@192.0.2.1;user=phone>" in invite
    assert "m=audio 20000 RTP/AVP 8 9 0 101" in invite


def test_it_is_answered_speaks_and_hangs_up(bench: Bench, trunk: Phone) -> None:
    call = bench.dial()

    async def talk() -> str:
        await call.answered()
        await call.media_ready()
        await call.say(SECOND)
        call.hang_up()
        return "said"

    bench.begin(talk())
    bench.network.run(5)
    assert bench.outcomes == ["said"]
    assert call.heard_milliseconds == 1000
    assert trunk.of(Ended)[0].by == "them"
    assert bench.journal.states() == ["calling", "up", "over"]
    assert bench.in_use() == 0
    assert call.record.answered_at is not None
    assert bench.telephone.legs == 0


def test_sound_goes_where_the_answer_says(bench: Bench, trunk: Phone) -> None:
    call = bench.dial()
    bench.begin(ending_of(call))
    bench.network.run(3)
    remote = bench.media.legs[0].remote
    assert remote is not None
    assert (remote.address, remote.codec) == (Address("192.0.2.2", 40000), "PCMA")


def test_a_cancel_while_it_is_saved_sends_nothing(bench: Bench, trunk: Phone) -> None:
    bench.journal.held = held = Deferred()
    dialling = bench.begin(bench.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    bench.network.run(0.1)
    dialling.cancel()
    held.callback(None)
    bench.network.run(1)
    assert isinstance(bench.outcomes[0], CancelledError)
    assert bench.network.sent("INVITE") == []
    assert bench.in_use() == 0
    assert bench.journal.open == []


def test_a_cancel_while_it_waits_for_its_turn_sends_nothing() -> None:
    bench = Bench(calls_per_second=1)
    Phone(bench.network, "192.0.2.2")
    bench.dial()
    waiting = bench.begin(bench.telephone.dial(ToTrunk("kpn", PhoneNumber("+31612345679"), 25)))
    bench.network.run(0.3)
    waiting.cancel()
    bench.network.run(2)
    assert isinstance(bench.outcomes[0], CancelledError)
    assert len(bench.network.sent("INVITE")) == 1
    assert bench.in_use() == 1
    assert len(bench.journal.open) == 1


def test_no_second_holds_more_invites_than_the_rate(bench: Bench) -> None:
    bench = Bench(calls_per_second=5, channels=100)
    Phone(bench.network, "192.0.2.2")
    for last in range(20):
        bench.begin(bench.telephone.dial(ToTrunk("kpn", PhoneNumber(f"+316123456{last:02}"), 25)))
    bench.network.run(6)
    times = [at for at, _, _, data in bench.network.wire if data.startswith(b"INVITE")]
    assert len(times) == 20
    assert all(sum(start <= at < start + 1 for at in times) <= 5 for start in times)


def test_hanging_up_while_it_rings_cancels(bench: Bench, trunk: Phone) -> None:
    trunk.on_invite = lambda phone, event: phone.ring(event)
    call = bench.dial(seconds=1)
    bench.begin(ending_of(call))
    call.hang_up(EndCause.CANCELLED)
    bench.network.run(1)
    assert bench.outcomes[0].cause is EndCause.CANCELLED
    assert len(bench.network.sent("CANCEL")) == 1
    assert bench.in_use() == 0
    assert bench.journal.open == []


def test_an_answer_that_crosses_the_cancel_gets_its_bye(bench: Bench, trunk: Phone) -> None:
    answers: list[InviteReceived] = []
    trunk.on_invite = lambda phone, event: (phone.ring(event), answers.append(event))[0]
    call = bench.dial(seconds=1)
    trunk.answer(answers[0])
    call.hang_up(EndCause.CANCELLED)
    bench.network.run(3)
    assert len(bench.network.sent("BYE")) == 1
    assert trunk.of(Ended)[0].by == "them"
    assert bench.in_use() == 0


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (486, EndCause.BUSY),
        (603, EndCause.DECLINED),
        (404, EndCause.INVALID_NUMBER),
        (503, EndCause.TRUNK_FAULT),
    ],
)
def test_what_the_far_side_says_ends_the_call(bench: Bench, trunk: Phone, status: int, cause: EndCause) -> None:
    trunk.on_invite = lambda phone, event: phone.refuse(event, status)
    call = bench.dial()
    bench.begin(ending_of(call))
    bench.network.run(1)
    assert (bench.outcomes[0].cause, bench.outcomes[0].sip_code) == (cause, status)
    assert bench.in_use() == 0


def test_a_503_with_retry_after_lets_the_trunk_rest(bench: Bench, trunk: Phone) -> None:
    trunk.on_invite = lambda phone, event: phone.refuse(event, 503, retry_after=5)
    call = bench.dial()
    bench.begin(ending_of(call))
    bench.network.run(1)
    assert bench.outcomes[0].retry_after == 5
    assert bench.telephone.trunks()[0].state == "refusing"
    places, again_at = bench.telephone.alert_capacity(bench.network.seconds())
    assert places == 0
    assert again_at == pytest.approx(5, abs=0.2)


def test_nobody_answers_in_ring_seconds(bench: Bench, trunk: Phone) -> None:
    trunk.on_invite = lambda phone, event: phone.ring(event)
    call = bench.dial(ToTrunk("kpn", NUMBER, 10))
    bench.begin(ending_of(call))
    bench.network.run(12)
    assert bench.outcomes[0].cause is EndCause.NO_ANSWER
    assert bench.in_use() == 0


def test_a_silent_trunk_is_at_fault(bench: Bench) -> None:
    call = bench.dial()
    bench.begin(ending_of(call))
    bench.network.run(8)
    assert bench.outcomes[0].cause is EndCause.TRUNK_FAULT
    assert bench.outcomes[0].by == "nobody"


def test_a_hang_up_of_the_other_side_ends_what_waits(bench: Bench, trunk: Phone) -> None:
    call = bench.dial()

    async def talk() -> str | None:
        await call.answered()
        return await call.say(Sound(Path("/said/long"), 60_000))

    bench.begin(talk())
    bench.network.run(5)
    trunk.hang_up()
    bench.network.run(0.1)
    assert isinstance(bench.outcomes[0], CallEnded)
    assert bench.outcomes[0].ending.cause is EndCause.HUNG_UP
    assert bench.outcomes[0].ending.by == "them"
    assert 2500 < call.heard_milliseconds < 3100
    assert bench.journal.open == []


def test_a_hold_stops_the_sound_and_is_not_heard(bench: Bench, trunk: Phone) -> None:
    call = bench.dial()

    async def talk() -> str | None:
        await call.answered()
        return await call.say(Sound(Path("/said/long"), 60_000))

    bench.begin(talk())
    bench.network.run(4)
    trunk.hold()
    bench.network.run(5)
    assert bench.media.legs[0].remote is not None
    assert bench.media.legs[0].remote.direction == "recvonly"
    trunk.hang_up()
    bench.network.run(0.1)
    assert 1500 < call.heard_milliseconds < 2300


def test_keys_come_from_the_sound(bench: Bench, trunk: Phone) -> None:
    call = bench.dial()

    async def talk() -> str | None:
        await call.answered()
        return await call.say(Sound(Path("/said/long"), 60_000), barge_in=frozenset("1"))

    bench.begin(talk())
    bench.network.run(4)
    bench.media.legs[0].press("1")
    bench.network.run(0.5)
    assert bench.outcomes == ["1"]

    bench.begin(call.key(1))
    bench.network.run(2)
    assert bench.outcomes == ["1", None]


def test_the_media_worker_dies(bench: Bench, trunk: Phone) -> None:
    call = bench.dial()

    async def talk() -> str | None:
        await call.answered()
        return await call.say(Sound(Path("/said/long"), 60_000))

    bench.begin(talk())
    bench.network.run(4)
    bench.media.lose()
    bench.network.run(1)
    assert bench.outcomes[0].ending.cause is EndCause.MEDIA_LOST
    assert len(bench.network.sent("BYE")) == 1
    bench.begin(bench.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    bench.network.run(0.1)
    assert isinstance(bench.outcomes[1], Refused)
    assert bench.telephone.alert_capacity(bench.network.seconds())[0] == 0
    assert bench.in_use() == 0


def test_only_listed_caller_ids_are_shown(bench: Bench, trunk: Phone) -> None:
    bench.begin(bench.telephone.dial(ToTrunk("kpn", NUMBER, 25, caller_id=PhoneNumber("+31201234567"))))
    bench.network.run(0.1)
    assert isinstance(bench.outcomes[0], Refused)
    assert bench.network.sent("INVITE") == []
    assert bench.in_use() == 0


def test_reservations_are_never_lost(bench: Bench, trunk: Phone) -> None:
    now = bench.network.seconds()
    before = bench.telephone.alert_capacity(now)[0]
    assert bench.telephone.reserve_alert(NUMBER, frozenset(), now) == "kpn"
    assert bench.telephone.reserve_alert(NUMBER, frozenset({"kpn"}), now) is None
    call = bench.dial(reserved=True)
    assert bench.in_use() == 1
    call.hang_up()
    bench.network.run(1)
    assert bench.in_use() == 0
    assert bench.telephone.alert_capacity(bench.network.seconds())[0] == before


def test_a_missing_trunk_is_down_after_three_pings_and_comes_back(bench: Bench) -> None:
    woken: list[float] = []
    bench.telephone.on_capacity(lambda: woken.append(bench.network.seconds()))
    bench.network.run(50, step=0.05)
    assert bench.telephone.trunks()[0].state == "up"
    bench.network.run(30, step=0.05)
    assert bench.telephone.trunks()[0].state == "down"
    Phone(bench.network, "192.0.2.2")
    bench.network.run(30, step=0.05)
    assert bench.telephone.trunks()[0].state == "up"
    assert len(woken) == 1


class Callback:
    """Answers each call and notes who called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Call, Caller]] = []
        self.keep: Deferred[None] = Deferred()

    async def __call__(self, call: Call, caller: Caller) -> None:
        self.calls.append((call, caller))
        await call.answer()
        await self.keep


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


def test_a_full_trunk_refuses_callers(callback: Callback) -> None:
    bench = Bench(channels=1)
    trunk = Phone(bench.network, "192.0.2.2")
    bench.telephone.on_incoming(callback)
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(0.5)
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
