"""Session timers (RFC 4028): agreed in both roles, refreshed in time, and a call that nobody refreshes ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foundation.endpoints import Datagram
from ivr.sip.events import Confirmed, Ended, Failed, ReofferAnswered, Reoffered
from ivr.sip.message import Request, Response, parse
from ivr.sip.refreshing import Refresh, as_callee, as_caller, asking, too_brief, wanted_longer
from tests.unit.sip.pair import ANSWER, HERE, THEIRS, Pair, kind


def _call(seconds: int = 120) -> Pair:
    pair = Pair()
    pair.here.invite(HERE, replace(pair.request(), session_seconds=seconds), pair.now)
    pair.run(0.1)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(0.1)
    return pair


def _sent(pair: Pair, what: str) -> list[Request | Response]:
    return [parse(datagram.data) for _, _, datagram in pair.sent if kind(datagram) == what]


def test_our_invite_asks_and_their_answer_makes_us_refresh() -> None:
    pair = _call(120)
    invite, answer = _sent(pair, "INVITE")[0], _sent(pair, "200 INVITE")[0]
    assert invite.first("Session-Expires") == "120"
    assert "timer" in invite.tokens("Supported")
    assert (answer.first("Session-Expires"), answer.first("Require")) == ("120;refresher=uac", "timer")
    pair.run(1000)
    updates = _sent(pair, "UPDATE")
    assert len(updates) == 16
    assert {update.first("Session-Expires") for update in updates} == {"120;refresher=uac"}
    assert pair.count("BYE") == 0
    assert not pair.here_told(ReofferAnswered)
    assert not pair.there_told(Reoffered)


def test_no_timer_is_asked_where_none_is_wanted() -> None:
    pair = _call(0)
    assert _sent(pair, "INVITE")[0].first("Session-Expires") is None
    pair.run(4000)
    assert pair.wire[-1][1] == "ACK"


def test_without_update_a_re_invite_with_the_same_description_refreshes() -> None:
    pair = _call(120)
    session = pair.here._core.sessions[HERE]
    session.allows_update = False
    pair.run(60)
    assert pair.there_told(Reoffered)[0].body == session.description
    pair.there.answer_reoffer(pair.incoming, ANSWER, pair.now)
    pair.run(70)
    assert pair.count("BYE") == 0
    assert len(_sent(pair, "INVITE")) == 3
    assert _sent(pair, "INVITE")[1].body == _sent(pair, "INVITE")[0].body
    assert not pair.here_told(ReofferAnswered)


def test_a_refusal_of_update_is_followed_by_a_re_invite() -> None:
    pair = _call(120)
    answered = [False]

    def fate(datagram: Datagram, from_here: bool) -> list[float]:
        if kind(datagram) == "200 UPDATE" and not answered[0]:
            answered[0] = True
            refused = datagram.data.replace(b"200 OK", b"405 Method Not Allowed", 1)
            pair.here.receive(refused, THEIRS, pair.now)
            return []
        return [0.01]

    pair.fate = fate
    pair.run(62)
    assert pair.count("UPDATE", from_here=True) == 1
    assert pair.count("INVITE", from_here=True) == 2


def test_the_side_that_waits_for_a_refresh_hangs_up_at_last() -> None:
    """RFC 4028 §10: at the interval less a third or 32 s."""
    pair = _call(120)
    pair.fate = lambda datagram, from_here: []
    before = pair.now
    pair.run(200)
    bye = next(moment for moment, from_here, datagram in pair.sent if not from_here and kind(datagram) == "BYE")
    assert 87 <= bye - before <= 88.1
    assert pair.there_told(Ended)[0].by == "nobody"
    assert pair.here_told(Ended)[0].by == "nobody"
    pair.run(100)
    assert pair.quiet


def test_a_call_that_the_other_side_has_forgotten_ends() -> None:
    pair = _call(120)
    forgotten = pair.there._core.sessions[pair.incoming]
    pair.there._core.remove(forgotten)
    pair.there._core.disarm(forgotten, "session")
    pair.run(61)
    assert _sent(pair, "481 UPDATE")
    assert pair.here_told(Ended)[0].by == "nobody"


def test_an_invite_with_too_brief_a_timer_is_told_the_least_and_comes_again() -> None:
    pair = _call(60)
    assert _sent(pair, "422 INVITE")[0].first("Min-SE") == "90"
    assert [invite.first("Session-Expires") for invite in _sent(pair, "INVITE")] == ["60", "90"]
    assert len(pair.there_told(Confirmed)) == 1
    assert not pair.here_told(Failed)


def test_a_hold_begins_the_timer_anew() -> None:
    pair = _call(120)
    pair.run(50)
    pair.there.reoffer(pair.incoming, ANSWER, pair.now)
    pair.run(0.1)
    pair.here.answer_reoffer(HERE, ANSWER, pair.now)
    pair.run(0.1)
    assert _sent(pair, "INVITE")[1].first("Session-Expires") == "120;refresher=uas"
    pair.run(55)
    assert pair.count("UPDATE") == 0
    pair.run(10)
    assert pair.count("UPDATE", from_here=True) == 1


def _request(lines: str) -> Request:
    head = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP b;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n"
    found = parse(f"{head}Call-ID: 1\r\nCSeq: 1 INVITE\r\n{lines}\r\n".encode())
    assert isinstance(found, Request)
    return found


@pytest.mark.parametrize(
    ("lines", "timer", "told"),
    [
        ("", None, {}),
        ("Session-Expires: nonsense\r\n", None, {}),
        ("Session-Expires: 0\r\n", None, {}),
        ("x: 600\r\nk: timer\r\n", Refresh(600, False), {"Session-Expires": "600;refresher=uac", "Require": "timer"}),
        ("x: 600;refresher=uas\r\nk: timer\r\n", Refresh(600, True), {"Session-Expires": "600;refresher=uas"}),
        ("x: 600\r\n", Refresh(600, True), {"Session-Expires": "600;refresher=uas"}),
        ('x: 600;refresher="x\r\nk: timer\r\n', Refresh(600, False), {"Session-Expires": "600;refresher=uac"}),
        ("x: 999999999\r\n", Refresh(86_400, True), {}),
    ],
)
def test_who_refreshes_is_decided_by_the_table(lines: str, timer: Refresh | None, told: dict[str, str]) -> None:
    found, fields = as_callee(_request(lines))
    assert found == timer
    assert told.items() <= dict(fields).items()


def test_an_answer_without_a_timer_has_none_and_a_tiny_one_is_kept_in_bounds() -> None:
    assert as_caller(Response(200, "OK", [])) is None
    assert as_caller(Response(200, "OK", [("Session-Expires", "5")])) == Refresh(90, True)
    assert as_caller(Response(200, "OK", [("Session-Expires", "300;refresher=uas")])) == Refresh(300, False)
    assert asking(0) == ()
    assert not too_brief(_request("x: 20\r\n"))
    assert too_brief(_request("x: 20\r\nk: timer\r\n"))
    assert wanted_longer(Response(422, "", [("Min-SE", "500")]), 1800) is None
    assert wanted_longer(Response(422, "", [("Min-SE", "99999999")]), 1800) is None
    assert wanted_longer(Response(422, "", [("Min-SE", "2000")]), 1800) == 2000
