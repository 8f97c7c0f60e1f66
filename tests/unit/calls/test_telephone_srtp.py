"""`srtp` of a trunk holds in both directions: what is offered, answered and refused, and keys within a call."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from foundation.endpoints import Address
from ivr.call import Call, CallEnded, EndCause, ToDesk
from ivr.media.messages import Remote, SrtpKeys
from ivr.sip import sdp
from ivr.sip.encryption import Mode, encryption
from ivr.sip.events import Ended, Failed, InviteReceived
from tests.unit.calls.bench import OUR_ADDRESS, Bench, Callback
from tests.unit.calls.network import Phone

PLAIN = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/SAVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)


def _phone(bench: Bench, mode: Mode) -> Phone:
    return Phone(bench.network, "192.0.2.2", encryption=encryption(mode, random.Random(9).getrandbits))


def _agreed(bench: Bench) -> Remote:
    remote = bench.media.legs[-1].remote
    assert remote is not None
    return remote


def _keys(remote: Remote) -> SrtpKeys:
    assert remote.srtp is not None
    return remote.srtp


async def _ending(call: Call) -> Any:
    try:
        await call.answered()
    except CallEnded as ended:
        return ended.ending
    return "answered"


@pytest.mark.parametrize(
    ("ours", "theirs", "encrypted"),
    [
        ("off", "optional", False),
        ("optional", "off", False),
        ("optional", "optional", True),
        ("optional", "required", True),
        ("required", "optional", True),
        ("required", "required", True),
    ],
)
def test_calls_out_are_encrypted_where_both_want_it(ours: Mode, theirs: Mode, encrypted: bool) -> None:
    bench = Bench(srtp=ours)
    trunk = _phone(bench, theirs)
    bench.begin(_ending(bench.dial()))
    bench.network.run(4)
    assert bench.outcomes == ["answered"]
    here, there = _agreed(bench), trunk.agreed[trunk.legs[0]]
    assert (here.srtp is not None) is encrypted
    if encrypted:
        assert (_keys(here).sending, _keys(here).receiving) == (_keys(there).receiving, _keys(there).sending)
    profile = "RTP/SAVP" if ours == "required" else "RTP/AVP"
    invite = bench.network.sent("INVITE")[0].decode()
    assert f"m=audio 20000 {profile} " in invite
    assert invite.count("a=crypto:") == (0 if ours == "off" else 2)


def test_an_answer_in_the_clear_ends_a_call_that_must_be_encrypted() -> None:
    bench = Bench(srtp="required")
    trunk = _phone(bench, "off")

    def answer_plainly(phone: Phone, event: InviteReceived) -> None:
        phone.agent.answer(event.leg, PLAIN, phone._now())
        phone.transport.flush()

    trunk.on_invite = answer_plainly
    bench.begin(_ending(bench.dial()))
    bench.network.run(2)
    assert bench.outcomes[0].cause is EndCause.TRUNK_FAULT
    assert "srtp = required" in bench.outcomes[0].phrase
    assert len(trunk.of(Ended)) == 1, "it is hung up"
    assert bench.media.legs[0].remote is None, "no sound went anywhere"
    assert bench.in_use() == 0


def test_a_peer_that_insists_on_the_secure_profile_gets_it_in_a_second_invite() -> None:
    bench = Bench(srtp="optional")
    trunk = _phone(bench, "required")
    trunk.on_invite = _insists
    call = bench.dial()
    bench.begin(_ending(call))
    bench.network.run(4)
    assert bench.outcomes == ["answered"]
    first, second = trunk.of(InviteReceived)
    assert b"RTP/AVP 8 9 0 " in first.offer
    assert b"RTP/SAVP 8 9 0 " in second.offer
    assert first.call_id == second.call_id
    here, there = _agreed(bench), trunk.agreed[trunk.legs[1]]
    assert (_keys(here).sending, _keys(here).receiving) == (_keys(there).receiving, _keys(there).sending)
    assert bench.telephone.trunks()[0].last_error is None


def test_the_next_call_begins_with_the_profile_that_was_taken() -> None:
    bench = Bench(srtp="optional")
    trunk = _phone(bench, "required")
    trunk.on_invite = _insists
    for _ in range(2):
        bench.begin(_ending(bench.dial()))
        bench.network.run(4)
    assert [b"RTP/SAVP" in event.offer for event in trunk.of(InviteReceived)] == [False, True, True]
    assert _agreed(bench).srtp is not None
    trunk.encryption = encryption("off", random.Random(9).getrandbits)
    trunk.on_invite = _knows_no_srtp
    for _ in range(2):
        bench.begin(_ending(bench.dial()))
        bench.network.run(4)
    assert [b"RTP/SAVP" in event.offer for event in trunk.of(InviteReceived)][3:] == [True, False, False]
    assert bench.outcomes == ["answered"] * 4
    assert _agreed(bench).srtp is None


def test_a_peer_that_took_the_secure_profile_is_offered_it_within_the_call() -> None:
    bench = Bench(srtp="optional")
    trunk = _phone(bench, "required")
    trunk.on_invite = _insists
    bench.begin(_ending(bench.dial()))
    bench.network.run(4)
    trunk.agent.reoffer(trunk.legs[-1], b"", trunk._now())
    trunk.transport.flush()
    bench.network.run(1)
    offered = bench.network.sent("SIP/2.0 200 OK")[-1].decode()
    assert "RTP/SAVP 8" in offered


def test_one_that_refuses_the_secure_profile_too_is_offered_other_codecs_and_then_at_fault() -> None:
    bench = Bench(srtp="optional")
    trunk = _phone(bench, "off")
    trunk.on_invite = lambda phone, event: phone.refuse(event, 488)
    bench.begin(_ending(bench.dial()))
    bench.network.run(2)
    assert [offer.offer.split(b"m=audio 20000 ")[1].split(b" 101")[0] for offer in trunk.of(InviteReceived)] == [
        b"RTP/AVP 8 9 0",
        b"RTP/SAVP 8 9 0",
        b"RTP/AVP 8 0",
    ]
    assert bench.outcomes[0].cause is EndCause.TRUNK_FAULT
    assert bench.telephone.trunks()[0].last_error == "488 Not Acceptable Here"


@pytest.mark.parametrize("srtp", ["off", "required"])
def test_where_encryption_is_decided_nothing_else_is_offered_for_it(srtp: Mode) -> None:
    bench = Bench(srtp=srtp, codecs=["PCMA", "PCMU"])
    trunk = _phone(bench, "off")
    trunk.on_invite = lambda phone, event: phone.refuse(event, 488)
    bench.dial(seconds=2)
    assert len(trunk.of(InviteReceived)) == 1


def _insists(phone: Phone, event: InviteReceived) -> None:
    assert event.offer is not None
    if b"RTP/SAVP" in event.offer:
        phone.ring_and_answer(event)
    else:
        phone.refuse(event, 488)


def _knows_no_srtp(phone: Phone, event: InviteReceived) -> None:
    assert event.offer is not None
    if b"RTP/SAVP" in event.offer:
        phone.refuse(event, 488)
    else:
        phone.ring_and_answer(event)


def test_an_answer_that_can_not_be_used_is_the_trunks_fault() -> None:
    bench = Bench()
    trunk = _phone(bench, "off")
    g729 = PLAIN.replace(b"RTP/SAVP 8", b"RTP/AVP 18").replace(b"8 PCMA", b"18 G729")

    def answer(phone: Phone, event: InviteReceived) -> None:
        phone.agent.answer(event.leg, g729, phone._now())
        phone.transport.flush()

    trunk.on_invite = answer
    bench.begin(_ending(bench.dial()))
    bench.network.run(2)
    ending = bench.outcomes[0]
    assert (ending.cause, ending.q850_cause, ending.by) == (EndCause.TRUNK_FAULT, 88, "us")
    assert bench.telephone.trunks()[0].last_error == "its answer can't be used: no codec in common"
    assert trunk.of(Ended)[0].reasons[0].cause == 88


@pytest.mark.parametrize(
    ("ours", "theirs", "encrypted"),
    [
        ("off", "optional", False),
        ("optional", "off", False),
        ("optional", "optional", True),
        ("optional", "required", True),
        ("required", "optional", True),
        ("required", "required", True),
    ],
)
def test_calls_in_are_encrypted_where_both_want_it(ours: Mode, theirs: Mode, encrypted: bool) -> None:
    bench = Bench(srtp=ours)
    trunk = _phone(bench, theirs)
    bench.telephone.on_incoming(Callback())
    leg = trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(1)
    here, there = _agreed(bench), trunk.agreed[leg]
    assert (here.srtp is not None) is encrypted
    if encrypted:
        assert (_keys(here).sending, _keys(here).receiving) == (_keys(there).receiving, _keys(there).sending)


@pytest.mark.parametrize(("ours", "theirs"), [("off", "required"), ("required", "off")])
def test_calls_in_that_can_not_be_as_they_must_are_refused(ours: Mode, theirs: Mode) -> None:
    bench = Bench(srtp=ours)
    trunk = _phone(bench, theirs)
    callback = Callback()
    bench.telephone.on_incoming(callback)
    trunk.call("sip:08000011@192.0.2.1", OUR_ADDRESS)
    bench.network.run(1)
    assert trunk.of(Failed)[0].status == 488
    assert callback.calls == []
    assert bench.in_use() == 0


def test_keys_are_kept_over_a_hold() -> None:
    bench = Bench(srtp="required")
    trunk = _phone(bench, "required")
    bench.begin(_ending(bench.dial()))
    bench.network.run(4)
    before = _agreed(bench)
    trunk.hold()
    bench.network.run(1)
    after = _agreed(bench)
    assert after.direction == "recvonly"
    assert _keys(after).sending == _keys(before).sending
    assert _keys(after).receiving == trunk.encryption.keys[0].key


def test_an_offer_within_the_call_cannot_take_the_encryption_away() -> None:
    bench = Bench(srtp="required")
    trunk = _phone(bench, "required")
    bench.begin(_ending(bench.dial()))
    bench.network.run(4)
    before = _agreed(bench)
    plain = sdp.offer(sdp.Local(Address("192.0.2.2", 40002), 7, 2), ("PCMA",))
    trunk.agent.reoffer(trunk.legs[-1], plain, trunk._now())
    trunk.transport.flush()
    bench.network.run(1)
    assert _agreed(bench) == before
    assert len(bench.network.sent("SIP/2.0 488")) == 1


def test_desks_are_called_in_the_clear() -> None:
    bench = Bench(srtp="required")
    Phone(bench.network, "192.0.2.3")
    bench.begin(_ending(bench.dial(ToDesk("desk-7", "sip:desk-7@192.0.2.3:5060", 25))))
    bench.network.run(4)
    assert bench.outcomes == ["answered"]
    assert _agreed(bench).srtp is None
    assert b"crypto" not in bench.network.sent("INVITE")[0]


def test_each_call_has_keys_of_its_own() -> None:
    bench = Bench(srtp="required")
    _phone(bench, "required")
    for _ in range(2):
        bench.begin(_ending(bench.dial()))
        bench.network.run(4)
    first, second = (leg.remote for leg in bench.media.legs)
    assert first is not None
    assert second is not None
    assert _keys(first).sending != _keys(second).sending
    assert replace(first, srtp=None, address=second.address) == replace(second, srtp=None)
