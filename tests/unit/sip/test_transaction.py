"""The tables of RFC 3261 §17 and RFC 6026, and each timer at its moment."""

from __future__ import annotations

import pytest

from foundation.clock import Monotonic
from foundation.deadlines import Deadlines
from foundation.endpoints import Address, Datagram
from ivr.sip.message import Request, Response, parse
from ivr.sip.timers import Timer, Times
from ivr.sip.transaction import FIRST, TABLES, Kind, State
from ivr.sip.transactions import DeadlineKey, Full, Transaction, Transactions, acknowledge_failure, server_key

PEER = Address("10.0.0.2", 5060)


class Bench:
    """One transaction layer on a fake clock; `sent` are (seconds since the start, first line)."""

    def __init__(self) -> None:
        self.deadlines: Deadlines[DeadlineKey] = Deadlines()
        self.outbox: list[Datagram] = []
        self.layer = Transactions(self.deadlines, self.outbox, Times())
        self.now = 0.0
        self.heard: list[int | None] = []
        self.sent: list[tuple[float, str]] = []

    def run(self, until: float) -> None:
        self._note()
        while (moment := self.deadlines.next()) is not None and moment <= until:
            self.now = moment
            for _, number, timer in self.deadlines.due(moment):
                assert isinstance(number, int)
                self.layer.deadline(number, Timer(timer), moment)
            self._note()
        self.now = until

    def _note(self) -> None:
        self.sent += [(self.now, datagram.data.split(b"\r\n")[0].decode()) for datagram in self.outbox]
        self.outbox.clear()

    def start(self, method: str, transport: str = "udp") -> Transaction:
        def hears(response: Response | None, now: Monotonic) -> None:
            self.heard.append(None if response is None else response.status)

        return self.layer.start(request(method), PEER, transport, hears, Monotonic(self.now))

    def answer(self, transaction: Transaction, status: int) -> None:
        self.layer.receive_response(response(transaction.request, status), Monotonic(self.now))
        self._note()

    def times(self, start: str) -> list[float]:
        return [moment for moment, line in self.sent if line.startswith(start)]


def request(method: str, branch: str = "z9hG4bKone") -> Request:
    fields = [
        ("Via", f"SIP/2.0/UDP 10.0.0.1;branch={branch}"),
        ("From", "<sip:a@10.0.0.1>;tag=1"),
        ("To", "<sip:b@10.0.0.2>"),
        ("Call-ID", "call"),
        ("CSeq", f"1 {method}"),
    ]
    return Request(method, "sip:b@10.0.0.2", fields)


def response(asked: Request, status: int) -> Response:
    fields = [(name, f"{value};tag=x" if name == "To" else value) for name, value in asked.fields]
    return Response(status, "Any", fields)


def test_every_table_begins_in_its_first_state_and_reaches_the_end() -> None:
    for kind, table in TABLES.items():
        reached = {FIRST[kind]}
        while True:
            more = {step.state for (state, _), step in table.items() if state in reached} | reached
            if more == reached:
                break
            reached = more
        assert State.TERMINATED in reached
        assert {state for state, _ in table} <= reached, kind


def test_an_invite_is_sent_again_at_growing_intervals_for_32_seconds() -> None:
    """Timers A and B."""
    bench = Bench()
    bench.start("INVITE")
    bench.run(40)
    assert bench.times("INVITE") == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.heard == [None]
    assert len(bench.layer) == 0


def test_a_request_is_sent_again_at_most_every_4_seconds() -> None:
    """Timers E and F."""
    bench = Bench()
    bench.start("BYE")
    bench.run(40)
    assert bench.times("BYE") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.heard == [None]


def test_after_a_provisional_response_a_request_is_sent_every_4_seconds() -> None:
    bench = Bench()
    transaction = bench.start("BYE")
    bench.run(0.4)
    bench.answer(transaction, 100)
    bench.run(10)
    assert bench.times("BYE") == [0, 0.5, 4.5, 8.5]


def test_a_stream_is_trusted_and_nothing_is_sent_again() -> None:
    bench = Bench()
    bench.start("INVITE", "tcp")
    bench.run(40)
    assert bench.times("INVITE") == [0]
    assert bench.heard == [None]


def test_a_provisional_response_stops_the_resending_of_an_invite() -> None:
    bench = Bench()
    transaction = bench.start("INVITE")
    bench.answer(transaction, 180)
    bench.run(100)
    assert bench.times("INVITE") == [0]
    assert bench.heard == [180]


def test_each_copy_of_a_failure_is_acknowledged_for_32_seconds() -> None:
    """Timer D; the failure is told once."""
    bench = Bench()
    transaction = bench.start("INVITE")
    for moment in (0.0, 1.0, 31.0):
        bench.run(moment)
        bench.answer(transaction, 486)
    assert bench.times("ACK") == [0, 1, 31]
    assert bench.heard == [486]
    bench.run(33)
    assert len(bench.layer) == 0


def test_copies_of_a_200_reach_the_user_for_32_seconds() -> None:
    """RFC 6026: state Accepted, Timer M; the ACK is the user's."""
    bench = Bench()
    transaction = bench.start("INVITE")
    bench.answer(transaction, 200)
    bench.run(31)
    bench.answer(transaction, 200)
    bench.run(33)
    bench.answer(transaction, 200)
    assert bench.heard == [200, 200]
    assert bench.times("ACK") == []


def test_timer_k_waits_for_copies() -> None:
    bench = Bench()
    transaction = bench.start("OPTIONS")
    bench.answer(transaction, 200)
    bench.answer(transaction, 200)
    assert bench.heard == [200]
    bench.run(4.9)
    assert len(bench.layer) == 1
    bench.run(5.1)
    assert len(bench.layer) == 0


def test_a_broken_transport_ends_what_goes_there() -> None:
    bench = Bench()
    bench.start("INVITE", "tcp")
    bench.layer.broken(Address("10.0.0.9", 5060), "tcp", Monotonic(0))
    assert bench.heard == []
    bench.layer.broken(PEER, "tcp", Monotonic(0))
    assert bench.heard == [None]


def test_a_refused_invite_is_answered_again_until_its_ack() -> None:
    """Timers G and H, then I."""
    bench = Bench()
    transaction = bench.layer.receive_request(request("INVITE"), PEER, "udp", Monotonic(0))
    assert transaction is not None
    bench.layer.respond(transaction, response(transaction.request, 486), Monotonic(0))
    bench.run(4)
    assert bench.times("SIP/2.0 486") == [0, 0.5, 1.5, 3.5]
    assert bench.layer.receive_ack(request("ACK"), PEER, Monotonic(4))
    bench.run(8.9)
    assert len(bench.layer) == 1
    bench.run(9.1)
    assert len(bench.layer) == 0
    assert bench.times("SIP/2.0 486") == [0, 0.5, 1.5, 3.5]


def test_a_refusal_without_ack_is_given_up_after_32_seconds() -> None:
    bench = Bench()
    transaction = bench.layer.receive_request(request("INVITE"), PEER, "udp", Monotonic(0))
    assert transaction is not None
    bench.layer.respond(transaction, response(transaction.request, 486), Monotonic(0))
    bench.run(40)
    assert bench.times("SIP/2.0 486") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert len(bench.layer) == 0


def test_a_doubled_invite_gets_the_last_provisional_and_after_a_200_nothing() -> None:
    """RFC 6026 §7.1: the 200 is the user's to repeat."""
    bench = Bench()
    asked = request("INVITE")
    transaction = bench.layer.receive_request(asked, PEER, "udp", Monotonic(0))
    assert transaction is not None
    bench.layer.respond(transaction, response(asked, 180), Monotonic(0))
    assert bench.layer.receive_request(asked, PEER, "udp", Monotonic(0)) is None
    bench.layer.respond(transaction, response(asked, 200), Monotonic(0))
    assert bench.layer.receive_request(asked, PEER, "udp", Monotonic(0)) is None
    bench.run(31.9)
    assert len(bench.times("SIP/2.0 180")) == 2
    assert len(bench.times("SIP/2.0 200")) == 1
    assert len(bench.layer) == 1
    bench.run(32.1)
    assert len(bench.layer) == 0


def test_a_doubled_request_is_answered_again_for_32_seconds() -> None:
    """Timer J."""
    bench = Bench()
    asked = request("BYE")
    transaction = bench.layer.receive_request(asked, PEER, "udp", Monotonic(0))
    assert transaction is not None
    assert bench.layer.receive_request(asked, PEER, "udp", Monotonic(0)) is None
    assert bench.outbox == []
    bench.layer.respond(transaction, response(asked, 200), Monotonic(0))
    assert bench.layer.receive_request(asked, PEER, "udp", Monotonic(1)) is None
    bench.run(33)
    assert len(bench.times("SIP/2.0 200")) == 2
    assert len(bench.layer) == 0


def test_an_answered_request_is_shed_and_its_copies_are_answered_still() -> None:
    bench = Bench()
    asked = request("OPTIONS")
    transaction = bench.layer.receive_request(asked, PEER, "udp", Monotonic(0))
    assert transaction is not None
    bench.layer.shed(transaction)
    assert transaction.request is asked, "it is still to be answered"
    bench.layer.respond(transaction, response(asked, 200), Monotonic(0))
    bench.layer.shed(transaction)
    assert transaction.request.fields == ()
    assert bench.layer.receive_request(asked, PEER, "udp", Monotonic(1)) is None
    bench.run(2)
    assert len(bench.times("SIP/2.0 200")) == 2


def test_nobody_else_reaches_into_a_transaction() -> None:
    cancel = request("CANCEL")
    assert server_key(cancel, PEER, "INVITE") == server_key(request("INVITE"), PEER)
    assert server_key(cancel, Address("10.0.0.3", 5060), "INVITE") != server_key(request("INVITE"), PEER)


def test_an_old_branch_is_told_apart_by_the_other_fields() -> None:
    """RFC 2543 elements put no cookie in front: RFC 3261 §17.2.3."""
    one, other = request("INVITE", "1"), request("INVITE", "1")
    other.replace_fields([(name, "other" if name == "Call-ID" else value) for name, value in other.fields])
    assert server_key(one, PEER) != server_key(other, PEER)
    assert server_key(one, PEER) == server_key(request("ACK", "1"), PEER, "INVITE")


def test_the_ack_of_a_failure_has_the_branch_of_the_invite_and_the_to_of_the_answer() -> None:
    """RFC 3261 §17.1.1.3."""
    asked = request("INVITE")
    asked.replace_fields([*asked.fields, ("Route", "<sip:10.0.0.7;lr>")])
    ack = parse(bytes(acknowledge_failure(asked, response(asked, 486))))
    assert isinstance(ack, Request)
    assert ack.essentials.via.branch == "z9hG4bKone"
    assert ack.essentials.recipient.tag == "x"
    assert str(ack.essentials.cseq) == "1 ACK"
    assert ack.first("Route") == "<sip:10.0.0.7;lr>"


def test_too_many_requests_at_once_are_refused() -> None:
    layer = Transactions(Deadlines(), [], Times(), most_served=2)
    for number in range(2):
        layer.receive_request(request("BYE", f"z9hG4bK{number}"), PEER, "udp", Monotonic(0))
    with pytest.raises(Full):
        layer.receive_request(request("BYE", "z9hG4bKthird"), PEER, "udp", Monotonic(0))


@pytest.mark.parametrize("kind", list(Kind))
def test_whatever_is_absent_from_a_table_is_ignored(kind: Kind) -> None:
    assert all(state is not State.TERMINATED for state, _ in TABLES[kind])
