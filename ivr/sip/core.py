"""What the parts of the user agent share: identity, randomness, deadlines, what leaves and what is told. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from foundation.clock import Monotonic
from foundation.deadlines import Deadlines
from foundation.endpoints import Address, Datagram
from ivr.sip.dialog import Dialog, literal
from ivr.sip.digest import Challenge, Nonces, answer, challenge_of
from ivr.sip.events import Peer, Reason, SipEvent
from ivr.sip.message import Fields, Request, Response
from ivr.sip.session import Session
from ivr.sip.sources import Sources
from ivr.sip.timers import Times
from ivr.sip.transactions import COOKIE, DeadlineKey, Hears, Transaction, Transactions
from ivr.sip.values import ValueFault, Via, quote, reason

ALLOWED = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE")
MOST_CHALLENGES = 3

PHRASES: Mapping[int, str] = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    603: "Decline",
}


class Random(Protocol):
    """`random.SystemRandom()` in service, `random.Random(seed)` in tests."""

    def getrandbits(self, k: int, /) -> int: ...

    def random(self) -> float: ...


@dataclass(slots=True, eq=False)
class Core:
    """One user agent's shared parts. `contacts` are the addresses that others reach us at, by transport (`udp`, `tcp`,
    `tls`; `udp6` and so on for IPv6 where that is another address). `challenges` are each peer's latest. `strangers`
    counts datagrams that were met with silence, `faults` those of peers that could not be read.
    """

    contacts: Mapping[str, Address]
    sources: Sources
    random: Random
    times: Times
    outbox: list[Datagram] = field(default_factory=list)
    told: list[SipEvent] = field(default_factory=list)
    deadlines: Deadlines[DeadlineKey] = field(default_factory=Deadlines)
    nonces: Nonces = field(default_factory=Nonces)
    challenges: dict[str, Challenge] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    dialogs: dict[tuple[str, str], Session] = field(default_factory=dict)
    calls: dict[str, list[Session]] = field(default_factory=dict)
    strangers: int = 0
    faults: int = 0
    transactions: Transactions = field(init=False)

    def __post_init__(self) -> None:
        self.transactions = Transactions(self.deadlines, self.outbox, self.times)

    # ---- identity

    def token(self) -> str:
        return f"{self.random.getrandbits(80):020x}"

    def own_address(self, transport: str, to: Address) -> Address:
        """How we name ourselves to that address: of its family where we have one (`udp6` beside `udp`)."""
        if ":" in to.host and (six := self.contacts.get(transport + "6")) is not None:
            return six
        return self.contacts.get(transport) or next(iter(self.contacts.values()))

    def via(self, transport: str, to: Address, branch: str | None = None) -> str:
        own = self.own_address(transport, to)
        return f"SIP/2.0/{transport.upper()} {own};branch={branch or COOKIE + self.token()};rport"

    def contact(self, transport: str, to: Address) -> str:
        tail = "" if transport == "udp" else f";transport={transport}"
        return f"<sip:gateway@{self.own_address(transport, to)}{tail}>"

    def is_own(self, via: Via) -> bool:
        return any(
            address.host == via.host and address.port == (via.port or 5060) for address in self.contacts.values()
        )

    # ---- sessions

    def add(self, session: Session) -> None:
        self.sessions[session.leg] = session
        self.dialogs[(session.call_id, session.local_tag)] = session
        self.calls.setdefault(session.call_id, []).append(session)

    def remove(self, session: Session) -> None:
        self.sessions.pop(session.leg, None)
        self.dialogs.pop((session.call_id, session.local_tag), None)
        left = [other for other in self.calls.pop(session.call_id, ()) if other is not session]
        if left:
            self.calls[session.call_id] = left

    def arm(self, session: Session, timer: str, seconds: float, now: Monotonic) -> None:
        session.armed.add(timer)
        self.deadlines.set(("leg", session.leg, timer), Monotonic(now + seconds))

    def disarm(self, session: Session, *timers: str) -> None:
        for timer in session.armed.intersection(timers):
            session.armed.discard(timer)
            self.deadlines.cancel(("leg", session.leg, timer))

    # ---- what leaves

    def send(self, request: Request, destination: Address, transport: str) -> Datagram:
        """Outside any transaction: the ACK of a 2xx."""
        datagram = Datagram(bytes(request), destination, transport)
        self.outbox.append(datagram)
        return datagram

    def route(self, session: Session, dialog: Dialog) -> tuple[Address, str]:
        """Where requests of a dialog go: to the first route or the Contact where that is an address of the peer's own
        network, else to where the call was set up. So a Contact from behind a NAT, or a forged one, leads nowhere."""
        found = literal(dialog.next_hop)
        if found is None or found[1] not in self.contacts:
            return session.destination, session.transport
        owner = self.sources.named(session.peer.name)
        if found[0].host == session.destination.host or (owner and self.sources.of(found[0].host) is owner):
            return found
        return session.destination, session.transport

    def ask(
        self,
        make: Callable[[Fields], Request],
        peer: Peer,
        destination: Address,
        transport: str,
        heard: Hears,
        now: Monotonic,
    ) -> Transaction:
        """Send a request that is no INVITE; `heard` gets its final response, or None. A challenge is answered: `make`
        builds the request anew with the credentials. The transaction returned is the first."""
        return self._ask(make, peer, destination, transport, heard, 0, (), now)

    def _ask(
        self,
        make: Callable[[Fields], Request],
        peer: Peer,
        destination: Address,
        transport: str,
        heard: Hears,
        challenges: int,
        credentials: Fields,
        now: Monotonic,
    ) -> Transaction:
        request = make(credentials)
        if not credentials and (known := self.preempt(peer, request.method, request.uri)):
            request.replace_fields((*request.fields, *known))

        def hears(response: Response | None, at: Monotonic) -> None:
            if response is not None and response.status < 200:
                return
            proof = None if response is None else self.proof(response, request, peer, challenges)
            if proof is None:
                heard(response, at)
            else:
                self._ask(make, peer, destination, transport, heard, challenges + 1, (proof,), at)

        return self.transactions.start(request, destination, transport, hears, now)

    def proof(self, response: Response, request: Request, peer: Peer, challenges: int) -> tuple[str, str] | None:
        """The credentials for a challenge, None where there are none to give or they were refused (RFC 3261 §22.1)."""
        if response.status not in (401, 407) or peer.credentials is None or challenges >= MOST_CHALLENGES:
            return None
        challenge = challenge_of(response)
        if challenge is None or (challenges > 0 and not challenge.stale):
            return None
        self.challenges[peer.name] = challenge
        count = self.nonces.count(peer.name, challenge.nonce)
        return answer(challenge, peer.credentials, request.method, request.uri, self.token(), count)

    def preempt(self, peer: Peer, method: str, request_uri: str) -> Fields:
        """Credentials for a challenge that this peer gave before: most take its nonce again, which saves a round trip a
        call; one that does not challenges anew (RFC 3261 §22.3)."""
        challenge = self.challenges.get(peer.name)
        if challenge is None or peer.credentials is None or not challenge.auth_offered:
            return ()
        count = self.nonces.count(peer.name, challenge.nonce)
        return (answer(challenge, peer.credentials, method, request_uri, self.token(), count),)

    def reply(
        self,
        transaction: Transaction,
        status: int,
        now: Monotonic,
        *,
        tag: str | None = None,
        phrase: str | None = None,
        fields: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        self.transactions.respond(transaction, response_to(transaction.request, status, tag, phrase, fields, body), now)


def branch_of(call_id: str, local_tag: str, sequence: int) -> str:
    """An INVITE's branch, computed: it is known before the INVITE leaves, and nobody else can know it."""
    return COOKIE + hashlib.sha256(f"{call_id}\n{local_tag}\n{sequence}".encode()).hexdigest()[:32]


def response_to(
    request: Request,
    status: int,
    tag: str | None = None,
    phrase: str | None = None,
    fields: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """A response with what it must copy (RFC 3261 §8.2.6.2); `tag` is put on To where it has none."""
    to = request.all("To")[0]
    if tag is not None and request.essentials.recipient.tag is None:
        to = f"{to};tag={tag}"
    copied = [("Via", via) for via in request.all("Via")]
    if 100 < status < 300 and request.method == "INVITE":
        copied += [("Record-Route", route) for route in request.all("Record-Route")]
    copied += [("From", request.all("From")[0]), ("To", to)]
    copied += [("Call-ID", request.all("Call-ID")[0]), ("CSeq", request.all("CSeq")[0])]
    return Response(status, phrase or PHRASES.get(status, "Refused"), [*copied, *fields], body)


def reasons_of(message: Request | Response) -> tuple[Reason, ...]:
    """The Reason values that can be read, Q.850 and SIP."""
    try:
        spelled = message.values("Reason")
    except ValueFault:
        spelled = message.all("Reason")
    return tuple(one for value in spelled if (one := reason(value)) is not None)


def reason_fields(reasons: Sequence[Reason]) -> tuple[tuple[str, str], ...]:
    return tuple(
        ("Reason", f"{one.protocol};cause={one.cause}" + (f";text={quote(one.text)}" if one.text else ""))
        for one in reasons
    )
