"""Being registered: refreshed in time, longer where the registrar wants it, tried again with patience, left on leaving."""

from __future__ import annotations

import pytest

from foundation.endpoints import Datagram
from ivr.sip.events import Registration, RegistrationChanged
from ivr.sip.message import Request, parse
from tests.unit.sip.pair import OURS, THEIRS, Pair


class Registrar:
    """Answers each REGISTER of `pair.here` with the next of `answers`: a status, and header lines."""

    def __init__(self) -> None:
        self.pair = Pair()
        self.asked: list[tuple[float, Request]] = []
        self.told: list[RegistrationChanged] = []
        self.start = self.pair.now

    def register(self, expires: int = 3600) -> None:
        wanted = Registration(self.pair.peer, "sip:trunk.example", "sip:account@trunk.example", expires)
        self.pair.here.register(wanted, self.pair.now)

    def run(self, seconds: float, *answers: tuple[int, str]) -> None:
        """Let so many seconds pass; requests beyond the answers are met with silence."""
        left, end = list(answers), self.pair.now + seconds
        while True:
            sent = self.pair.here.outgoing()
            for datagram in sent:
                self._answer(datagram, left)
            self.told += [event for event in self.pair.here.events() if isinstance(event, RegistrationChanged)]
            if sent:
                continue
            moment = self.pair.here.next_deadline()
            if moment is None or moment > end:
                break
            self.pair.now = moment
            self.pair.here.handle_deadline(moment)
        self.pair.now = type(self.pair.now)(end)

    def _answer(self, datagram: Datagram, left: list[tuple[int, str]]) -> None:
        request = parse(datagram.data)
        assert isinstance(request, Request)
        self.asked.append((self.pair.now - self.start, request))
        if not left:
            return
        status, extra = left.pop(0)
        copied = "".join(
            f"{name}: {value}\r\n" for name, value in request.fields if name in ("Via", "From", "To", "Call-ID", "CSeq")
        )
        self.pair.here.receive(f"SIP/2.0 {status} Word\r\n{copied}{extra}\r\n".encode(), THEIRS, self.pair.now)


def _ok(expires: int) -> tuple[int, str]:
    return 200, f"Contact: <sip:other@10.9.9.9>;expires=9\r\nContact: <sip:gateway@{OURS}>;expires={expires}\r\n"


def test_a_registration_is_refreshed_before_it_ends() -> None:
    bench = Registrar()
    bench.register()
    bench.run(7000, _ok(3600), _ok(3600))
    assert [round(moment) for moment, _ in bench.asked] == [0, 3540]
    first, second = (request for _, request in bench.asked)
    assert first.essentials.call_id == second.essentials.call_id
    assert second.essentials.cseq.number == first.essentials.cseq.number + 1
    assert [(event.expires, event.status) for event in bench.told] == [(3600.0, 200)] * 2


@pytest.mark.parametrize(
    ("lines", "granted"),
    [("Expires: 120\r\n", 120.0), ("", 3600.0), ("Contact: <sip:gateway@10.0.0.1>;expires=60\r\nExpires: 9\r\n", 60.0)],
)
def test_the_seconds_that_were_granted(lines: str, granted: float) -> None:
    bench = Registrar()
    bench.register()
    bench.run(1, (200, lines))
    assert bench.told[0].expires == granted


def test_credentials_are_given_when_asked_for() -> None:
    bench = Registrar()
    bench.register()
    bench.run(1, (401, 'WWW-Authenticate: Digest realm="trunk", nonce="n", qop="auth"\r\n'), _ok(600))
    assert "username" in (bench.asked[1][1].first("Authorization") or "")
    assert bench.told[0].expires == 600


def test_a_registrar_that_wants_longer_gets_longer() -> None:
    bench = Registrar()
    bench.register(expires=60)
    bench.run(1, (423, "Min-Expires: 1800\r\n"), _ok(1800))
    assert bench.asked[1][1].first("Expires") == "1800"
    assert bench.told[0].expires == 1800


def test_a_423_that_asks_for_no_more_is_a_refusal() -> None:
    bench = Registrar()
    bench.register(expires=60)
    bench.run(1, (423, "Min-Expires: 30\r\n"))
    assert (bench.told[0].expires, bench.told[0].status) == (None, 423)


def test_failures_are_tried_again_with_patience() -> None:
    bench = Registrar()
    bench.register()
    bench.run(400, (503, "Retry-After: 100\r\n"), (500, ""), (500, ""), _ok(3600))
    moments = [moment for moment, _ in bench.asked]
    assert moments[1] == 100
    assert 30 <= moments[2] - moments[1] <= 60
    assert 60 <= moments[3] - moments[2] <= 120
    assert [event.status for event in bench.told] == [503, 500, 500, 200]
    assert [event.expires for event in bench.told[:3]] == [None] * 3


def test_silence_is_a_failure_and_an_earlier_registration_still_stands() -> None:
    bench = Registrar()
    bench.register()
    bench.run(160, _ok(200))
    bench.run(32)
    assert bench.told[1].status is None
    assert bench.told[1].expires == pytest.approx(200 - 140 - 32)


def test_leaving_takes_the_registration_back() -> None:
    bench = Registrar()
    bench.register()
    bench.run(10, _ok(3600))
    bench.pair.here.unregister("trunk", bench.pair.now)
    bench.run(10, (200, ""))
    assert bench.asked[1][1].first("Expires") == "0"
    assert bench.told[1].expires is None
    bench.pair.here.unregister("trunk", bench.pair.now)
    bench.run(10_000)
    assert len(bench.asked) == 2
    assert bench.pair.here.next_deadline() is None
