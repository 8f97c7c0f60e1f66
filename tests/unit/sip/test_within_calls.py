"""Requests within a call and around it: hold, glare, digits, OPTIONS, what is refused, and silence for strangers."""

from __future__ import annotations

import pytest

from foundation.endpoints import Address
from ivr.sip.events import (
    Answered,
    Confirmed,
    DigitByInfo,
    Ended,
    Failed,
    InviteReceived,
    Peer,
    Pinged,
    Progressed,
    ReofferAnswered,
    Reoffered,
)
from tests.unit.sip.pair import ANSWER, HERE, OFFER, OURS, THEIRS, Pair, agent, kind, losing

HOLD = OFFER + b"a=sendonly\r\n"
HELD = ANSWER + b"a=recvonly\r\n"


def _request(method: str, uri: str = "sip:gateway@10.0.0.1", extra: str = "", body: str = "", **changes: str) -> bytes:
    fields = {
        "via": "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKx1;rport",
        "sender": "<sip:them@10.0.0.2>;tag=theirs",
        "to": f"<{uri}>",
        "call": "from-outside",
        "cseq": "1",
        **changes,
    }
    return (
        f"{method} {uri} SIP/2.0\r\nVia: {fields['via']}\r\nFrom: {fields['sender']}\r\nTo: {fields['to']}\r\n"
        f"Call-ID: {fields['call']}\r\nCSeq: {fields['cseq']} {method}\r\n{extra}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _answers(pair: Pair, data: bytes, source: Address = THEIRS) -> list[str]:
    pair.here.receive(data, source, pair.now)
    return [kind(datagram) for datagram in pair.here.outgoing()]


def _in_dialog(pair: Pair, method: str, extra: str = "", body: str = "") -> bytes:
    """A request of the other side in the running call, as its own user agent would have written it."""
    session = next(iter(pair.there._core.sessions.values()))
    assert session.dialog is not None
    request = session.dialog.request(method, pair.there._core.via("udp", OURS))
    head = bytes(request).decode().split("Content-Length")[0]
    return f"{head}{extra}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def test_they_hold_us_and_we_agree() -> None:
    pair = Pair()
    pair.set_up()
    pair.there.reoffer(pair.incoming, HOLD, pair.now)
    pair.run(0.1)
    assert pair.here_told(Reoffered) == [Reoffered(HERE, HOLD)]
    pair.here.answer_reoffer(HERE, HELD, pair.now)
    pair.run(0.1)
    assert pair.there_told(ReofferAnswered) == [ReofferAnswered(pair.incoming, 200, HELD)]
    pair.there.reoffer(pair.incoming, OFFER, pair.now)
    pair.run(0.1)
    pair.here.answer_reoffer(HERE, ANSWER, pair.now)
    pair.run(40)
    assert pair.there_told(ReofferAnswered)[1].body == ANSWER
    pair.here.hang_up(HERE, pair.now)
    pair.run(40)
    assert pair.quiet


def test_a_new_offer_that_we_refuse_leaves_the_call_up() -> None:
    pair = Pair()
    pair.set_up()
    pair.there.reoffer(pair.incoming, HOLD, pair.now)
    pair.run(0.1)
    pair.here.answer_reoffer(HERE, None, pair.now)
    pair.run(40)
    assert pair.there_told(ReofferAnswered)[0].status == 488
    assert pair.here_told(Ended) == []


@pytest.mark.parametrize("lost", ["INVITE", "200 INVITE", "ACK"])
def test_a_reoffer_survives_loss(lost: str) -> None:
    pair = Pair()
    pair.set_up()
    pair.fate = losing(lost, 2)
    pair.here.reoffer(HERE, HOLD, pair.now)
    pair.run(2)
    pair.there.answer_reoffer(pair.incoming, HELD, pair.now)
    pair.run(20)
    assert pair.here_told(ReofferAnswered) == [ReofferAnswered(HERE, 200, HELD)]
    assert pair.there_told(Ended) == []
    pair.here.hang_up(HERE, pair.now)
    pair.run(40)
    assert pair.quiet


def test_glare_is_refused_on_both_sides_and_tried_again_in_turn() -> None:
    """RFC 3261 §14.1: the callee's side comes first, the caller's after 2.1 s at least."""
    pair = Pair()
    pair.set_up()
    pair.here.reoffer(HERE, HOLD, pair.now)
    pair.there.reoffer(pair.incoming, HOLD, pair.now)
    pair.run(0.05)
    assert pair.count("491 INVITE") == 2
    pair.run(2.0)
    assert pair.here_told(Reoffered) == [Reoffered(HERE, HOLD)]
    assert pair.there_told(Reoffered) == []
    pair.here.answer_reoffer(HERE, HELD, pair.now)
    pair.run(2.5)
    assert len(pair.there_told(Reoffered)) == 1
    pair.there.answer_reoffer(pair.incoming, HELD, pair.now)
    pair.run(1)
    assert pair.here_told(ReofferAnswered)[0].status == pair.there_told(ReofferAnswered)[0].status == 200


def test_a_reoffer_to_a_call_that_is_gone_ends_it() -> None:
    pair = Pair()
    pair.set_up()
    lost = Pair(now=pair.now, here=pair.here, there=agent(THEIRS, "gateway", OURS.host))
    lost.here.reoffer(HERE, HOLD, lost.now)
    lost.run(1)
    assert lost.here_told(ReofferAnswered)[0].status == 481
    assert lost.here_told(Ended) == [Ended(HERE, "nobody")]


def test_a_reoffer_that_is_answered_by_100_only_is_given_up() -> None:
    pair = Pair()
    pair.set_up()
    pair.here.reoffer(HERE, HOLD, pair.now)
    pair.run(33)
    assert pair.here_told(ReofferAnswered) == [ReofferAnswered(HERE, None, None)]
    pair.here.hang_up(HERE, pair.now)
    pair.run(40)
    assert pair.quiet


def test_an_update_with_an_offer_is_answered_and_one_without_refreshes() -> None:
    pair = Pair()
    pair.set_up()
    sdp = "Content-Type: application/sdp\r\n"
    assert _answers(pair, _in_dialog(pair, "UPDATE", sdp, HOLD.decode())) == []
    assert pair.here.events() == [Reoffered(HERE, HOLD)]
    pair.here.answer_reoffer(HERE, HELD, pair.now)
    assert [kind(datagram) for datagram in pair.here.outgoing()] == ["200 UPDATE"]
    assert _answers(pair, _in_dialog(pair, "UPDATE")) == ["200 UPDATE"]


@pytest.mark.parametrize(
    ("content", "body", "digit", "milliseconds"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5", 160),
        ("application/dtmf-relay", "Signal= #\r\nDuration= 250", "#", 250),
        ("application/dtmf-relay", "Signal=10\r\n", "*", 100),
        ("application/dtmf-relay;charset=x", "signal=d\n", "D", 100),
        ("application/dtmf", "7", "7", 100),
        ("application/dtmf", "11", "#", 100),
    ],
)
def test_a_digit_by_info(content: str, body: str, digit: str, milliseconds: int) -> None:
    pair = Pair()
    pair.set_up()
    assert _answers(pair, _in_dialog(pair, "INFO", f"Content-Type: {content}\r\n", body)) == ["200 INFO"]
    assert pair.here.events() == [DigitByInfo(HERE, digit, milliseconds)]


def test_an_info_of_another_kind_is_refused_and_an_empty_one_taken() -> None:
    pair = Pair()
    pair.set_up()
    assert _answers(pair, _in_dialog(pair, "INFO", "Content-Type: text/plain\r\n", "5")) == ["415 INFO"]
    assert _answers(pair, _in_dialog(pair, "INFO")) == ["200 INFO"]
    assert pair.here.events() == []


def test_a_request_out_of_order_is_refused() -> None:
    """RFC 3261 §12.2.2."""
    pair = Pair()
    pair.set_up()
    first, second = _in_dialog(pair, "OPTIONS"), _in_dialog(pair, "OPTIONS")
    assert _answers(pair, second) == ["200 OPTIONS"]
    assert _answers(pair, first) == ["500 OPTIONS"]


def test_a_bye_from_another_host_is_no_bye() -> None:
    pair = Pair()
    pair.set_up()
    bye = _in_dialog(pair, "BYE")
    assert _answers(pair, bye, Address("10.0.0.66", 5060)) == []
    assert pair.here.strangers == 1
    assert _answers(pair, bye.replace(b"tag-here", b"guessed")) == ["481 BYE"]
    assert pair.here.events() == []


def test_strangers_hear_nothing_at_all() -> None:
    pair = Pair()
    stranger = Address("192.0.2.66", 5060)
    for data in (_request("OPTIONS"), _request("INVITE"), _request("REGISTER"), b"junk" * 10, b"\r\n\r\n"):
        assert _answers(pair, data, stranger) == []
    assert pair.here.events() == []
    assert pair.here.strangers == 5
    assert pair.here.next_deadline() is None


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (_request("OPTIONS"), ["200 OPTIONS"]),
        (_request("REGISTER"), ["405 REGISTER"]),
        (_request("SUBSCRIBE"), ["405 SUBSCRIBE"]),
        (_request("NEWMETHOD"), ["501 NEWMETHOD"]),
        (_request("BYE"), ["481 BYE"]),
        (_request("BYE", to="<sip:x@10.0.0.1>;tag=nobody"), ["481 BYE"]),
        (_request("INFO"), ["481 INFO"]),
        (_request("CANCEL"), ["481 CANCEL"]),
        (_request("ACK"), []),
        (_request("INVITE", uri="http:gateway"), ["416 INVITE"]),
        (_request("INVITE", extra="Require: nothingness\r\n"), ["420 INVITE"]),
        (_request("INVITE", extra="Content-Type: text/plain\r\n", body="hello"), ["415 INVITE"]),
        (_request("INVITE", via="SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKa, SIP/2.0/UDP 10.0.0.1"), ["482 INVITE"]),
        (_request("OPTIONS", cseq="5000000000"), ["400 OPTIONS"]),
        (_request("OPTIONS", extra="Max-Forwards: many\r\n"), ["400 OPTIONS"]),
    ],
)
def test_what_does_not_fit_gets_the_reply_that_the_rfc_asks_for(data: bytes, answer: list[str]) -> None:
    assert _answers(Pair(), data) == answer


def test_a_number_that_is_not_ours_is_not_found() -> None:
    pair = Pair(here=agent(OURS, "trunk", THEIRS.host, ours=lambda uri: "08000011" in uri))
    assert _answers(pair, _request("INVITE", uri="sip:0800999@10.0.0.1")) == ["404 INVITE"]
    diverted = "Diversion: <sip:08000011@net.example>;reason=unconditional\r\n"
    call = _request("INVITE", uri="sip:0343529850@10.0.0.1", extra=diverted, via="SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKd")
    assert _answers(pair, call) == ["100 INVITE"]
    received = pair.here.events()[0]
    assert isinstance(received, InviteReceived)
    assert received.called == ("sip:0343529850@10.0.0.1", "sip:08000011@net.example")


@pytest.mark.parametrize("name", ["Diversion", "History-Info"])
@pytest.mark.parametrize(
    "lines",
    [
        ["<sip:08000011@net.example>;reason=unknown, garbage<<"],
        ["garbage, <sip:08000011@net.example>"],
        ['"open <sip:1@net.example>', "<sip:08000011@net.example>"],
        ["<sip:1@net.example, <tel:2", "<sip:08000011@net.example>"],
    ],
)
def test_one_unreadable_entry_leaves_the_others(name: str, lines: list[str]) -> None:
    pair = Pair(here=agent(OURS, "trunk", THEIRS.host, ours=lambda uri: "08000011" in uri))
    extra = "".join(f"{name}: {line}\r\n" for line in lines)
    assert _answers(pair, _request("INVITE", uri="sip:0343529850@10.0.0.1", extra=extra)) == ["100 INVITE"]


def test_identity_and_privacy_are_read() -> None:
    pair = Pair()
    extra = (
        'P-Asserted-Identity: "A" <sip:+31611111111@net.example>, <tel:+31611111111>\r\nPrivacy: id;critical\r\n'
        "History-Info: <sip:+318000011@net.example>;index=1\r\n"
    )
    _answers(pair, _request("INVITE", extra=extra))
    received = pair.here.events()[0]
    assert isinstance(received, InviteReceived)
    assert received.identity == "tel:+31611111111"
    assert received.privacy
    assert "sip:+318000011@net.example" in received.called


def test_the_same_invite_by_another_way_is_refused() -> None:
    """RFC 3261 §8.2.2.2."""
    pair = Pair()
    assert _answers(pair, _request("INVITE")) == ["100 INVITE"]
    other = _request("INVITE", via="SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKx2;rport")
    assert _answers(pair, other) == ["482 INVITE"]


def test_responses_go_where_the_request_came_from() -> None:
    """RFC 3581 §4 with rport, RFC 3261 §18.2.2 without; never to a host that the Via merely names."""
    pair = Pair()
    behind_nat = Address(THEIRS.host, 33000)
    pair.here.receive(
        _request("OPTIONS", via="SIP/2.0/UDP 192.168.1.9:5062;branch=z9hG4bKa;rport"), behind_nat, pair.now
    )
    answer = pair.here.outgoing()[0]
    assert answer.destination == behind_nat
    assert b"received=10.0.0.2" in answer.data
    assert b"rport=33000" in answer.data
    pair.here.receive(_request("OPTIONS", via="SIP/2.0/UDP 192.168.1.9:5062;branch=z9hG4bKb"), behind_nat, pair.now)
    assert pair.here.outgoing()[0].destination == Address(THEIRS.host, 5062)


def test_ping_tells_the_round_trip_or_that_nobody_answered() -> None:
    pair = Pair()
    pair.here.ping(pair.peer, pair.now)
    pair.run(1)
    assert pair.here_told(Pinged)[0].status == 200
    assert pair.here_told(Pinged)[0].seconds == pytest.approx(0.02)
    pair.fate = lambda datagram, from_here: []
    pair.here.ping(Peer("trunk", THEIRS, silence_seconds=3), pair.now)
    pair.run(4)
    assert pair.here_told(Pinged)[1].status is None
    pair.run(40)
    assert pair.quiet


def test_reliable_provisional_responses_are_acknowledged_once() -> None:
    """RFC 3262 §4: PRACK for each new RSeq, none for a copy; the BYE's CSeq stands above the PRACK's."""
    pair = Pair()
    pair.invite()
    invite = pair.here.outgoing()[0]
    via = invite.data.split(b"\r\n")[1].decode()
    ringing = (
        f"SIP/2.0 183 Session Progress\r\n{via}\r\nFrom: <sip:a@b>;tag=tag-here\r\nTo: <sip:c@d>;tag=far\r\n"
        "Call-ID: call-here\r\nCSeq: 1 INVITE\r\nContact: <sip:far@10.0.0.2:5060>\r\nRequire: 100rel\r\nRSeq: 41\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    assert _answers(pair, ringing.encode()) == ["PRACK"]
    assert _answers(pair, ringing.encode()) == []
    assert _answers(pair, ringing.replace("RSeq: 41", "RSeq: 43").encode()) == []
    pair.here.receive(ringing.replace("RSeq: 41", "RSeq: 42").encode(), THEIRS, pair.now)
    prack = pair.here.outgoing()[0].data
    assert b"RAck: 42 1 INVITE" in prack
    assert b"CSeq: 3 PRACK" in prack
    answer = ringing.replace("183 Session Progress", "200 OK").replace("Require: 100rel\r\nRSeq: 41\r\n", "")
    pair.here.receive(answer.encode(), THEIRS, pair.now)
    assert b"CSeq: 1 ACK" in pair.here.outgoing()[0].data
    pair.here.hang_up(HERE, pair.now)
    assert b"CSeq: 4 BYE" in pair.here.outgoing()[0].data
    assert [type(event) for event in pair.here.events() if isinstance(event, Progressed | Answered)][-1] is Answered


def test_a_delayed_offer_is_answered_in_the_ack() -> None:
    pair = Pair()
    assert _answers(pair, _request("INVITE")) == ["100 INVITE"]
    received = pair.here.events()[0]
    assert isinstance(received, InviteReceived)
    assert received.offer is None
    pair.here.answer(received.leg, OFFER, pair.now)
    answer = pair.here.outgoing()[0].data.decode()
    tag = answer.split("To: ")[1].split("\r\n")[0]
    sdp = ANSWER.decode()
    ack = _request(
        "ACK", to=tag, via="SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKack", extra="Content-Type: application/sdp\r\n", body=sdp
    )
    assert _answers(pair, ack) == []
    assert Confirmed(received.leg, ANSWER) in pair.here.events()


def test_commands_on_a_leg_that_is_over_do_nothing() -> None:
    pair = Pair()
    pair.invite()
    pair.run(0.1)
    leg = pair.incoming
    pair.there.reject(leg, 486, pair.now)
    pair.run(40)
    assert pair.here_told(Failed)[0].status == 486
    for command in (pair.there.ring, pair.there.hang_up):
        command(leg, pair.now)
    pair.there.answer(leg, ANSWER, pair.now)
    pair.there.reoffer(leg, OFFER, pair.now)
    pair.there.answer_reoffer(leg, None, pair.now)
    assert pair.there.outgoing() == []
    assert pair.there.events() == []


def test_an_answer_that_came_early_is_the_answer() -> None:
    """RFC 3262 §5: the 200 need not repeat what a reliable 183 said."""
    pair = Pair()
    pair.invite()
    via = pair.here.outgoing()[0].data.split(b"\r\n")[1].decode()
    same = f"{via}\r\nFrom: <sip:a@b>;tag=tag-here\r\nTo: <sip:c@d>;tag=far\r\nCall-ID: call-here\r\nCSeq: 1 INVITE\r\n"
    early = f"SIP/2.0 183 Early\r\n{same}Content-Type: application/sdp\r\n\r\n{ANSWER.decode()}"
    pair.here.receive(early.encode(), THEIRS, pair.now)
    pair.here.receive(f"SIP/2.0 200 OK\r\n{same}\r\n".encode(), THEIRS, pair.now)
    assert Answered(HERE, ANSWER) in pair.here.events()


def test_a_reason_with_a_comma_in_its_text_keeps_its_cause() -> None:
    pair = Pair()
    pair.set_up()
    extra = 'Reason: SIP;cause=200;text="gone, done", Q.850;cause=31\r\n'
    assert _answers(pair, _in_dialog(pair, "BYE", extra)) == ["200 BYE"]
    ended = pair.here.events()[0]
    assert isinstance(ended, Ended)
    assert [reason.cause for reason in ended.reasons] == [200, 31]
