"""The telephone against real user agents over a fake network: order, admission, every way a call can end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from foundation.endpoints import Address
from foundation.sound import Sound
from foundation.telephone_numbers import PhoneNumber
from ivr.call import Call, CallEnded, EndCause, Refused, ToTrunk
from ivr.exchange import TelephoneSettings
from ivr.settings import SipSettings, TrunkSettings
from ivr.sip.events import Ended, Failed, InviteReceived
from tests.unit.calls.bench import NUMBER, OUR_ADDRESS, OURS, SECOND, Bench, Callback
from tests.unit.calls.network import Phone


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
    given_back = bench.media.legs[1].number
    bench.dial(seconds=2)
    assert bench.media.legs[2].number == given_back


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


def test_what_is_never_dialled_does_not_leave_whoever_asks(bench: Bench, trunk: Phone) -> None:
    bench.begin(bench.telephone.dial(ToTrunk("kpn", PhoneNumber("+319001234567"), 25)))
    bench.network.run(0.1)
    assert isinstance(bench.outcomes[0], Refused)
    assert bench.network.sent("INVITE") == []
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
    bench.network.run(9, step=0.05)
    assert bench.telephone.trunks()[0].state == "up"
    bench.network.run(2, step=0.05)
    assert bench.telephone.trunks()[0].state == "down"
    Phone(bench.network, "192.0.2.2")
    bench.network.run(30, step=0.05)
    assert bench.telephone.trunks()[0].state == "up"
    assert len(woken) == 1


def _register_sent(bench: Bench) -> list[str]:
    return [data.decode() for data in bench.network.sent("REGISTER")]


def test_a_trunk_that_wants_it_is_registered_at_and_left() -> None:
    bench = Bench(register=True, username="account", password="geheim", registrar="sip:192.0.2.2")
    assert bench.telephone.alert_capacity(0.0)[0] == 0
    assert bench.telephone.trunks()[0].state == "unregistered"
    first = _register_sent(bench)[0]
    assert first.startswith("REGISTER sip:192.0.2.2 SIP/2.0")
    assert "To: <sip:account@192.0.2.2>" in first
    via, call_id, cseq, sender, to = (
        next(line for line in first.split("\r\n") if line.startswith(name))
        for name in ("Via", "Call-ID", "CSeq", "From", "To")
    )
    answer = ["SIP/2.0 200 OK", via, sender, f"{to};tag=r", call_id, cseq, "Expires: 600", "Content-Length: 0", "", ""]
    bench.network.send("\r\n".join(answer).encode(), ("192.0.2.2", 5060), ("192.0.2.1", 5060))
    bench.network.run(0.1)
    status = bench.telephone.trunks()[0]
    assert status.state == "up"
    assert status.registered_until is not None
    assert bench.telephone.alert_capacity(bench.network.seconds())[0] > 0
    bench.telephone.stopService()
    assert "Expires: 0" in _register_sent(bench)[-1] or "expires=0" in _register_sent(bench)[-1]


def _settings(*trunks: dict[str, Any], numbers: frozenset[PhoneNumber] = OURS) -> TelephoneSettings:
    return TelephoneSettings(
        sip=SipSettings(listen=("udp:5060:interface=192.0.2.1",)),
        trunks=tuple(TrunkSettings(**{"caller_id": "0343529850", **trunk}) for trunk in trunks),
        numbers=numbers,
    )


def test_a_reload_changes_trunks_without_dropping_calls(bench: Bench, trunk: Phone) -> None:
    call = bench.dial(seconds=3)
    other = Phone(bench.network, "192.0.2.9")
    bench.telephone.reconfigure(
        _settings({"name": "kpn", "proxy": "sip:192.0.2.2", "channels": 7}, {"name": "next", "proxy": "sip:192.0.2.9"})
    )
    kpn, following = bench.telephone.trunks()
    assert (kpn.channels, kpn.channels_in_use, following.name) == (7, 1, "next")
    bench.dial(ToTrunk("next", NUMBER, 25), seconds=3)
    assert len(other.of(InviteReceived)) == 1
    assert call.record.ended_at is None


def test_a_trunk_that_was_taken_out_takes_no_new_calls_and_its_old_ones_end_well(bench: Bench, trunk: Phone) -> None:
    call = bench.dial(seconds=3)
    bench.telephone.reconfigure(_settings({"name": "next", "proxy": "sip:192.0.2.9"}))
    bench.begin(bench.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    bench.network.run(0.1)
    assert isinstance(bench.outcomes[0], Refused)
    assert call.record.ended_at is None
    bench.telephone.on_incoming(Callback())
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(0.5)
    assert [failed.status for failed in trunk.of(Failed)] == [403]
    call.hang_up()
    bench.network.run(1)
    assert bench.telephone.legs == 0
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(0.5)
    assert bench.telephone.strangers > 0


def test_the_invite_with_other_codecs_takes_a_turn_of_the_rate(trunk: Phone, bench: Bench) -> None:
    bench.telephone.reconfigure(_settings({"name": "kpn", "proxy": "sip:192.0.2.2", "calls_per_second": 1}))
    trunk.on_invite = lambda phone, event: phone.refuse(event, 488)
    bench.dial(seconds=5)
    sent = [at for at, _, _, data in bench.network.wire if data.startswith(b"INVITE")]
    assert len(sent) == 2
    assert sent[1] - sent[0] > 1.0


def test_a_trunk_that_is_put_back_still_counts_the_calls_that_are_up(bench: Bench, trunk: Phone) -> None:
    call = bench.dial(seconds=3)
    kpn = {"name": "kpn", "proxy": "sip:192.0.2.2", "channels": 1, "reserved_for_callbacks": 0}
    bench.telephone.reconfigure(_settings({"name": "next", "proxy": "sip:192.0.2.9"}))
    bench.telephone.reconfigure(_settings(kpn))
    assert bench.in_use() == 1
    bench.begin(bench.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    bench.network.run(0.1)
    assert isinstance(bench.outcomes[0], Refused)
    call.hang_up()
    bench.network.run(1)
    assert bench.in_use() == 0
