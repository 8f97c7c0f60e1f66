"""The transactions that run: matching (RFC 3261 §17.1.3, §17.2.3), sending again, timers. No I/O.

Each is driven by its table in `ivr.sip.transaction`. A client transaction tells its user through the function that it was
given; a new server transaction is returned to whoever handed in the request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from foundation.clock import Monotonic
from foundation.deadlines import Deadlines
from foundation.endpoints import Address, Datagram
from ivr.sip.message import Request, Response
from ivr.sip.timers import Timer, Times
from ivr.sip.transaction import (
    FIRST,
    TABLES,
    Again,
    Asked,
    Effect,
    Event,
    Kind,
    Longest,
    Received,
    Start,
    State,
    Stop,
)
from ivr.sip.values import Via

COOKIE = "z9hG4bK"
MOST_SERVER_TRANSACTIONS = 20_000

DeadlineKey = tuple[str, str | int, str]
"""Scope (`transaction`, `leg`, `peer`), who, which timer: one heap for the whole user agent."""

Hears = Callable[[Response | None, Monotonic], None]
"""Told of each response, and of None where none will come."""


@dataclass(slots=True, eq=False)
class Transaction:
    """One request and its responses. `sent` is what is sent again; `destination` where it goes."""

    number: int
    kind: Kind
    key: tuple[str, ...]
    request: Request
    destination: Address
    transport: str
    reliable: bool
    state: State
    hears: Hears | None = None
    sent: bytes = b""
    intervals: dict[Timer, float] = field(default_factory=dict)


class Full(Exception):
    """More requests at once than this user agent serves."""


class Transactions:
    """All client and server transactions of a user agent."""

    def __init__(
        self,
        deadlines: Deadlines[DeadlineKey],
        outbox: list[Datagram],
        times: Times,
        most_served: int = MOST_SERVER_TRANSACTIONS,
    ) -> None:
        self._most_served = most_served
        self._deadlines = deadlines
        self._outbox = outbox
        self._times = times
        self._numbers = count()
        self._clients: dict[tuple[str, ...], Transaction] = {}
        self._servers: dict[tuple[str, ...], Transaction] = {}
        self._by_number: dict[int, Transaction] = {}

    def __len__(self) -> int:
        return len(self._by_number)

    # ---- client side

    def start(
        self,
        request: Request,
        destination: Address,
        transport: str,
        hears: Hears,
        now: Monotonic,
        *,
        already_sent: bool = False,
    ) -> Transaction:
        """Send a request. `already_sent` takes up an INVITE of an earlier process: it is not sent, only its answers
        are awaited."""
        kind = Kind.INVITE_CLIENT if request.method == "INVITE" else Kind.CLIENT
        key = (Via.parse(request.values("Via")[0]).branch, request.method)
        transaction = self._add(kind, key, request, destination, transport)
        transaction.hears = hears
        transaction.sent = bytes(request)
        self._clients[key] = transaction
        if already_sent:
            transaction.state = State.PROCEEDING
        else:
            self._step(transaction, Asked.START, None, now)
        return transaction

    def receive_response(
        self, response: Response, now: Monotonic, allowed: Callable[[Address], bool] = lambda there: True
    ) -> bool:
        """True where a transaction waited for it; `allowed` says whether its sender may answer for who was asked."""
        essentials = response.essentials
        transaction = self._clients.get((essentials.via.branch, essentials.cseq.method))
        if transaction is None:
            return False
        if allowed(transaction.destination):
            self._step(transaction, _received(response.status), response, now)
        return True

    def stop_resending(self, transaction: Transaction, now: Monotonic) -> None:
        """Go on waiting for an answer, without asking again."""
        self._step(transaction, Asked.STOP_RESENDING, None, now)

    def drop(self, transaction: Transaction) -> None:
        """Forget a transaction whose answer matters to nobody."""
        if transaction.number in self._by_number:
            self._remove(transaction)

    def give_up(self, transaction: Transaction) -> None:
        """Forget a client transaction that has no final answer yet: its owner does not wait any longer. One that has is
        kept, for copies of the answer."""
        if transaction.state in (State.CALLING, State.TRYING, State.PROCEEDING):
            self.drop(transaction)

    # ---- server side

    def receive_request(self, request: Request, source: Address, transport: str, now: Monotonic) -> Transaction | None:
        """The new transaction, or None for a request that came before (it was answered again where due).
        Raises Full."""
        key = server_key(request, source)
        known = self._servers.get(key)
        if known is not None:
            self._step(known, Received.REQUEST, None, now)
            return None
        if len(self._servers) >= self._most_served:
            raise Full
        kind = Kind.INVITE_SERVER if request.method == "INVITE" else Kind.SERVER
        transaction = self._add(kind, key, request, answer_address(request, source, transport), transport)
        self._servers[key] = transaction
        self._step(transaction, Asked.START, None, now)
        return transaction

    def receive_ack(self, request: Request, source: Address, now: Monotonic) -> bool:
        """True where it acknowledged a failure; one for a 200 belongs to the dialog."""
        transaction = self._servers.get(server_key(request, source, "INVITE"))
        if transaction is None:
            return False
        acknowledged_failure = transaction.state in (State.COMPLETED, State.CONFIRMED)
        self._step(transaction, Received.ACK, None, now)
        return acknowledged_failure

    def invite_of(self, cancel: Request, source: Address) -> Transaction | None:
        """The INVITE that a CANCEL means (RFC 3261 §9.2)."""
        return self._servers.get(server_key(cancel, source, "INVITE"))

    def respond(self, transaction: Transaction, response: Response, now: Monotonic) -> None:
        """Send a response; one that the state does not allow any more is dropped."""
        asked = {1: Asked.PROVISIONAL, 2: Asked.SUCCESS}.get(response.status // 100, Asked.FAILURE)
        if (transaction.state, asked) in TABLES[transaction.kind]:
            transaction.sent = bytes(response)
            self._step(transaction, asked, None, now)

    def shed(self, transaction: Transaction) -> None:
        """Once a request other than INVITE is answered, only the answer is kept for its copies: 20,000 of them would hold
        a hundred megabytes for half a minute."""
        if transaction.kind is Kind.SERVER and transaction.state is State.COMPLETED:
            transaction.request = Request(transaction.request.method, transaction.request.uri, ())

    # ---- time and transport

    def deadline(self, number: int, timer: Timer, now: Monotonic) -> None:
        transaction = self._by_number.get(number)
        if transaction is not None:
            self._step(transaction, timer, None, now)

    def broken(self, destination: Address, transport: str, now: Monotonic) -> None:
        """Nothing can be sent there (a connection was refused or lost)."""
        for transaction in list(self._by_number.values()):
            if transaction.destination == destination and transaction.transport == transport:
                self._step(transaction, Received.TRANSPORT_ERROR, None, now)

    # ---- the machine

    def _add(
        self, kind: Kind, key: tuple[str, ...], request: Request, destination: Address, transport: str
    ) -> Transaction:
        number = next(self._numbers)
        reliable = transport != "udp"
        transaction = Transaction(number, kind, key, request, destination, transport, reliable, FIRST[kind])
        self._by_number[number] = transaction
        return transaction

    def _step(self, transaction: Transaction, event: Event, response: Response | None, now: Monotonic) -> None:
        transition = TABLES[transaction.kind].get((transaction.state, event))
        if transition is None:
            return
        transaction.state = transition.state
        delivered = False
        for effect in transition.effects:  # no `match`: on classes it costs twice as much
            if isinstance(effect, Start):
                self._arm(transaction, effect.timer, self._times.first(effect.timer, transaction.reliable), now)
            elif isinstance(effect, Stop):
                if transaction.intervals.pop(effect.timer, None) is not None:
                    self._deadlines.cancel(("transaction", transaction.number, effect.timer))
            elif isinstance(effect, Again):
                interval = self._times.next(effect.timer, transaction.intervals[effect.timer])
                self._arm(transaction, effect.timer, interval, now)
            elif isinstance(effect, Longest):
                self._arm(transaction, effect.timer, self._times.t2, now)
            elif effect is Effect.SEND:
                if transaction.sent:
                    self._send(transaction, transaction.sent)
            elif effect is Effect.ACK:
                assert response is not None
                self._send(transaction, bytes(acknowledge_failure(transaction.request, response)))
            else:
                delivered = True
        if transition.state is State.TERMINATED:
            self._remove(transaction)
        if delivered and transaction.hears is not None:
            transaction.hears(response, now)

    def _arm(self, transaction: Transaction, timer: Timer, interval: float | None, now: Monotonic) -> None:
        if interval is not None:
            transaction.intervals[timer] = interval
            self._deadlines.set(("transaction", transaction.number, timer), Monotonic(now + interval))

    def _send(self, transaction: Transaction, data: bytes) -> None:
        self._outbox.append(Datagram(data, transaction.destination, transaction.transport))

    def _remove(self, transaction: Transaction) -> None:
        transaction.state = State.TERMINATED
        for timer in transaction.intervals:
            self._deadlines.cancel(("transaction", transaction.number, timer))
        del self._by_number[transaction.number]
        side = self._clients if transaction.kind in (Kind.INVITE_CLIENT, Kind.CLIENT) else self._servers
        if side.get(transaction.key) is transaction:
            del side[transaction.key]


def _received(status: int) -> Received:
    if status < 200:
        return Received.PROVISIONAL
    return Received.SUCCESS if status < 300 else Received.FAILURE


def server_key(request: Request, source: Address, method: str | None = None) -> tuple[str, ...]:
    """RFC 3261 §17.2.3, with the host that it came from: nobody else can reach into a peer's transaction."""
    essentials = request.essentials
    via = essentials.via
    asked = method or request.method
    if via.branch.startswith(COOKIE):
        return (source.host, via.branch, via.sent_by.lower(), asked)
    tag = essentials.sender.tag or ""
    return (source.host, essentials.call_id, tag, str(essentials.cseq.number), via.sent_by.lower(), via.branch, asked)


def answer_address(request: Request, source: Address, transport: str) -> Address:
    """Where responses go: to the source's host always; over the connection that the request came by, or to its port
    where `rport` asks so (RFC 3581 §4), else to the port in the Via (RFC 3261 §18.2.2)."""
    via = request.essentials.via
    if transport != "udp" or "rport" in via.parameters:
        return source
    return Address(source.host, via.port or (5061 if via.transport == "TLS" else 5060))


def mark_received(request: Request, source: Address) -> None:
    """Write into the topmost Via where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4)."""
    via = request.essentials.via
    if "rport" not in via.parameters and via.host == source.host:
        return
    marked = dict(via.parameters)
    marked["received"] = source.host
    if "rport" in marked:
        marked["rport"] = str(source.port)
    here = Via(via.transport, via.host, via.port, marked)
    hops = [str(here), *request.values("Via")[1:]]
    rest = [(name, value) for name, value in request.fields if name.lower() != "via"]
    request.replace_fields([*(("Via", hop) for hop in hops), *rest], replace(request.essentials, via=here))


def acknowledge_failure(invite: Request, response: Response) -> Request:
    """The ACK for a final response of 300 or more: same branch, To as answered (RFC 3261 §17.1.1.3)."""
    fields = [("Via", invite.values("Via")[0]), ("Max-Forwards", "70")]
    fields += [("Route", route) for route in invite.all("Route")]
    fields += [("From", invite.all("From")[0]), ("To", response.all("To")[0])]
    fields += [("Call-ID", invite.all("Call-ID")[0]), ("CSeq", f"{invite.essentials.cseq.number} ACK")]
    fields += [(name, value) for name, value in invite.fields if name in ("Authorization", "Proxy-Authorization")]
    return Request("ACK", invite.uri, fields)


def cancel_of(invite: Request) -> Request:
    """The CANCEL of an INVITE (RFC 3261 §9.1): its branch, its To without tag, its CSeq number."""
    fields = [("Via", invite.values("Via")[0]), ("Max-Forwards", "70")]
    fields += [("Route", route) for route in invite.all("Route")]
    fields += [(name, invite.all(name)[0]) for name in ("From", "To", "Call-ID")]
    fields += [("CSeq", f"{invite.essentials.cseq.number} CANCEL")]
    return Request("CANCEL", invite.uri, fields)
