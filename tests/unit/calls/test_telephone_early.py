"""Sound that is agreed before the answer: callers who require reliable responses, trunks that change it while it rings.

The far side is written by hand here, message by message: our own user agent does not do all that others do.
"""

from __future__ import annotations

import pytest
from twisted.internet.protocol import DatagramProtocol

from foundation.endpoints import Address
from ivr.call import EndCause, ToTrunk
from ivr.sip.message import Request, Response, parse
from tests.unit.calls.bench import NUMBER, OUR_ADDRESS, Bench, Callback

_FAR = "192.0.2.2"
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)


class Far(DatagramProtocol):
    """Answers OPTIONS, keeps everything else in `heard`."""

    def __init__(self, bench: Bench) -> None:
        self.heard: list[Request | Response] = []
        self._bench = bench
        self._branches = 0
        bench.network.listenUDP(5060, self, _FAR)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        message = parse(datagram)
        if isinstance(message, Request) and message.method == "OPTIONS":
            self.reply(message, "200 OK")
        else:
            self.heard.append(message)

    def last(self, what: str) -> Request | Response:
        """The last `INVITE`, or `180 INVITE`."""
        for message in reversed(self.heard):
            method = message.essentials.cseq.method
            if what == (method if isinstance(message, Request) else f"{message.status} {method}"):
                return message
        raise AssertionError([type(message) for message in self.heard])

    def count(self, what: str) -> int:
        return sum(
            what == (m.method if isinstance(m, Request) else f"{m.status} {m.essentials.cseq.method}")
            for m in self.heard
        )

    def reply(self, request: Request, status: str, fields: str = "", port: int | None = None) -> None:
        to = request.all("To")[0]
        tagged = to if ";tag=" in to else f"{to};tag=far"
        self._send(
            f"SIP/2.0 {status}\r\nVia: {request.all('Via')[0]}\r\nFrom: {request.all('From')[0]}\r\nTo: {tagged}\r\n"
            f"Call-ID: {request.all('Call-ID')[0]}\r\nCSeq: {request.all('CSeq')[0]}\r\nContact: <sip:far@{_FAR}>\r\n"
            f"{fields}",
            port,
        )

    def ask(self, method: str, sequence: int, sender: str, to: str, fields: str = "", port: int | None = None) -> None:
        self._branches += 1
        self._send(
            f"{method} sip:08000011@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {_FAR}:5060;branch=z9hG4bKfar{self._branches}\r\n"
            f"From: {sender}\r\nTo: {to}\r\nCall-ID: {self._call_id()}\r\nCSeq: {sequence} {method}\r\n"
            f"Contact: <sip:far@{_FAR}>\r\n{fields}",
            port,
        )

    def _call_id(self) -> str:
        invites = [m for m in self.heard if isinstance(m, Request) and m.method == "INVITE"]
        return invites[-1].all("Call-ID")[0] if invites else "from-far"

    def _send(self, head: str, port: int | None) -> None:
        body = "" if port is None else _SDP.format(port=port)
        kind = "Content-Type: application/sdp\r\n" if body else ""
        whole = f"{head}{kind}Content-Length: {len(body)}\r\n\r\n{body}".encode()
        assert self.transport is not None
        self.transport.write(whole, (OUR_ADDRESS.host, OUR_ADDRESS.port))
        self._bench.network.run(0.1)

    # ---- a call from there

    def call(self, port: int | None) -> None:
        self.ask("INVITE", 1, "<sip:+31612345678@far>;tag=f", "<sip:08000011@192.0.2.1>", "Require: 100rel\r\n", port)

    def acknowledge(self, port: int | None) -> None:
        ringing = self.last("180 INVITE")
        acknowledged = f"RAck: {ringing.first('RSeq')} 1 INVITE\r\n"
        self.ask("PRACK", 2, ringing.all("From")[0], ringing.all("To")[0], acknowledged, port)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def far(bench: Bench) -> Far:
    return Far(bench)


@pytest.fixture
def callback(bench: Bench) -> Callback:
    callback = Callback()
    bench.telephone.on_incoming(callback)
    return callback


def test_a_caller_who_requires_it_hears_of_our_sound_with_the_180(bench: Bench, far: Far, callback: Callback) -> None:
    far.call(41000)
    assert b"m=audio 20000 RTP/AVP 8" in far.last("180 INVITE").body
    assert far.count("200 INVITE") == 0
    far.acknowledge(None)
    ok = far.last("200 INVITE")
    assert ok.body == b""
    far.ask("ACK", 1, ok.all("From")[0], ok.all("To")[0])
    remote = bench.media.legs[0].remote
    assert remote is not None
    assert remote.address == Address(_FAR, 41000)
    assert callback.calls[0][0].record.answered_at is not None


def test_a_caller_without_an_offer_answers_ours_with_the_prack(bench: Bench, far: Far, callback: Callback) -> None:
    far.call(None)
    assert b"m=audio 20000 RTP/AVP 8" in far.last("180 INVITE").body
    far.acknowledge(41000)
    ok = far.last("200 INVITE")
    assert ok.body == b""
    far.ask("ACK", 1, ok.all("From")[0], ok.all("To")[0])
    remote = bench.media.legs[0].remote
    assert remote is not None
    assert remote.address == Address(_FAR, 41000)
    assert callback.calls[0][0].record.answered_at is not None


def test_a_prack_that_leaves_our_offer_without_answer_ends_the_call(bench: Bench, far: Far, callback: Callback) -> None:
    far.call(None)
    endings: list[EndCause] = []
    callback.calls[0][0].on_end(lambda ending: endings.append(ending.cause))
    far.acknowledge(None)
    ok = far.last("200 INVITE")
    far.ask("ACK", 1, ok.all("From")[0], ok.all("To")[0])
    assert far.count("BYE") == 1
    assert endings == [EndCause.TRUNK_FAULT]


def test_what_a_trunk_changes_while_it_rings_holds_when_it_answers(bench: Bench, far: Far) -> None:
    call = bench.dial(ToTrunk("kpn", NUMBER, 25))
    invite = far.last("INVITE")
    assert isinstance(invite, Request)
    far.reply(invite, "183 Early", "Require: 100rel\r\nRSeq: 5\r\nAllow: UPDATE\r\n", 41000)
    prack = far.last("PRACK")
    assert isinstance(prack, Request)
    far.reply(prack, "200 OK")
    far.ask("UPDATE", 1, f"{invite.all('To')[0]};tag=far", invite.all("From")[0], port=42000)
    assert b"m=audio 20000" in far.last("200 UPDATE").body
    assert bench.media.legs[0].remote is None
    far.reply(invite, "200 OK")
    remote = bench.media.legs[0].remote
    assert remote is not None
    assert remote.address == Address(_FAR, 42000)
    assert call.record.answered_at is not None
