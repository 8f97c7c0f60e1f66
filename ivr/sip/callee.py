"""The callee's side of INVITE: who may call, what was dialled, ringing, answering, refusing. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.call import LegId, SavedDialog
from ivr.sip.core import ALLOWED, Core, branch_of, response_to
from ivr.sip.dialog import accepted
from ivr.sip.events import InviteReceived, Peer
from ivr.sip.legs import Legs, sdp_of
from ivr.sip.message import Message, Request
from ivr.sip.refreshing import LEAST_SECONDS, as_callee, too_brief
from ivr.sip.session import Event, Reliable, Session, State
from ivr.sip.sources import Source
from ivr.sip.transactions import Transaction
from ivr.sip.values import NameAddress, ValueFault, Via, split

MOST_SESSIONS = 20_000
UNANSWERED_SECONDS = 180.0
"""Until an INVITE that our side neither answers nor refuses is refused for it (RFC 3261 §13.3.1.1)."""

_SHOWN_FIELDS = ("User-Agent", "Subject", "P-Asserted-Identity", "Privacy", "Diversion", "History-Info")
_PRIVATE = frozenset({"id", "user", "full", "header"})
ALLOW = ("Allow", ", ".join(ALLOWED))
_SDP = ("Content-Type", "application/sdp")
_SDP_RANGES = frozenset({"application/sdp", "application/*", "*/*"})
SUPPORTED = ("Supported", "100rel, timer")


class Callee:
    """`is_ours` is asked for each spelling of the called URI; one that is ours is enough."""

    def __init__(self, core: Core, legs: Legs, is_ours: Callable[[str], bool]) -> None:
        self._core = core
        self._legs = legs
        self._is_ours = is_ours

    def receive(
        self, transaction: Transaction, source: Source, came_from: Address, transport: str, now: Monotonic
    ) -> None:
        """A new INVITE without To tag."""
        request = transaction.request
        called = called_uris(request)
        refusal = self._refusal(request, called)
        tag = self._core.token()
        if refusal is not None:
            status, fields = refusal
            self._core.reply(transaction, status, now, tag=tag, fields=fields)
            return
        essentials = request.essentials
        leg = LegId(self._core.token())
        session = Session(
            leg=leg,
            direction="in",
            peer=Peer(source.peer, came_from, credentials=source.credentials),
            call_id=essentials.call_id,
            local_tag=tag,
            destination=came_from,
            transport=transport,
            invite=request,
            state=State.OFFERED,
            transaction=transaction,
            dialog=accepted(request, tag),
        )
        self._core.add(session)
        self._core.arm(session, "unanswered", UNANSWERED_SECONDS, now)
        self._core.reply(transaction, 100, now)
        self._core.told.append(
            InviteReceived(
                leg=leg,
                peer=source.peer,
                source=came_from,
                call_id=essentials.call_id,
                called=called,
                identity=identity_of(request, source.trusted),
                privacy=wants_privacy(request),
                offer=sdp_of(request),
                headers={name.lower(): value for name in _SHOWN_FIELDS if (value := request.first(name)) is not None},
                reliable=_wants_reliable(request),
            )
        )

    def _refusal(self, request: Request, called: tuple[str, ...]) -> tuple[int, list[tuple[str, str]]] | None:
        """Why this INVITE is not even offered (RFC 3261 §8.2)."""
        accepted = request.tokens("Accept")
        if accepted and not any(one.partition(";")[0].strip() in _SDP_RANGES for one in accepted):
            return 406, [("Accept", "application/sdp")]
        if too_brief(request):
            return 422, [("Min-SE", str(LEAST_SECONDS))]
        if request.body and sdp_of(request) is None:
            return 415, [("Accept", "application/sdp")]
        if self._merged(request) or self._looped(request):
            return 482, []
        if not any(self._is_ours(uri) for uri in called):
            return 404, []
        if len(self._core.sessions) >= MOST_SESSIONS:
            return 503, [("Retry-After", "5")]
        return None

    def _merged(self, request: Request) -> bool:
        """The same INVITE by another way (RFC 3261 §8.2.2.2)."""
        essentials = request.essentials
        return any(
            session.direction == "in"
            and session.dialog is not None
            and session.dialog.remote_tag == (essentials.sender.tag or "")
            for session in self._core.calls.get(essentials.call_id, ())
        )

    def _looped(self, request: Request) -> bool:
        try:
            return any(self._core.is_own(Via.parse(value)) for value in request.values("Via"))
        except ValueFault:
            return False

    # ---- what our side wants

    def ring(self, session: Session, sdp: bytes | None, now: Monotonic) -> None:
        """A 180. Where the caller requires it, it is sent until a PRACK comes and carries our description (RFC 3262 §3, §5),
        which answers the caller's offer or, where there is none, is ours: without it such a call is not told to ring, for
        the first reliable response must hold the offer (RFC 3261 §13.2.1). A caller who only supports that gets a plain
        180: the 200, which would have to wait for the PRACK, is what matters, and is sent reliably itself."""
        fields = [("Contact", self._core.contact(session.transport, session.destination)), ALLOW]
        if not _wants_reliable(session.invite):
            response = response_to(session.invite, 180, session.local_tag, None, fields)
            self._legs.step(session, Event.RING, now, response)
            return
        offered = sdp_of(session.invite) is not None
        if session.reliable is not None or session.settled or (sdp is None and not offered):
            return
        session.reliable_sent = (
            session.reliable_sent + 1 if session.reliable_sent else 1 + self._core.random.getrandbits(30)
        )
        session.allows_update = "update" in session.invite.tokens("Allow")
        fields += [("Require", "100rel"), ("RSeq", str(session.reliable_sent))]
        if sdp is not None:
            session.description = sdp
            fields.append(_SDP)
        response = response_to(session.invite, 180, session.local_tag, None, fields, sdp or b"")
        holds: Literal["nothing", "offer", "answer"] = "answer" if offered else "offer"
        session.reliable = Reliable(
            session.reliable_sent, response, self._core.times.t1, "nothing" if sdp is None else holds
        )
        self._legs.step(session, Event.RING, now, response)

    def ring_again(self, session: Session, now: Monotonic) -> None:
        """No PRACK yet: T1, and twice as long each time (RFC 3262 §3)."""
        waiting = session.reliable
        if waiting is not None and session.transaction is not None:
            self._core.transactions.respond(session.transaction, waiting.response, now)
            waiting.interval *= 2
            self._core.arm(session, "reliable", waiting.interval, now)

    def no_prack(self, session: Session, now: Monotonic) -> None:
        """The caller requires what it does not do: the call is refused (RFC 3262 §3)."""
        response = response_to(session.invite, 504, session.local_tag)
        self._legs.step(session, Event.NO_PRACK, now, response)

    def answer(self, session: Session, sdp: bytes, now: Monotonic) -> None:
        """A 200 with our description, unless that went out before; not before the PRACK of one that did (RFC 3262 §3).
        Nothing happens where the call was withdrawn meanwhile."""
        if session.state not in (State.OFFERED, State.ALERTING):
            return
        session.held = sdp
        if session.reliable is not None and session.reliable.holds != "nothing":
            self._legs.step(session, Event.ACCEPT_LATER, now)
        else:
            self._accept(session, now)

    def release(self, session: Session, now: Monotonic) -> None:
        """Answer now where only a PRACK, or our answer to an offer in it, was waited for."""
        if session.state is State.WAITING_FOR_PRACK and session.reliable is None and session.reoffered is None:
            self._accept(session, now)

    def _accept(self, session: Session, now: Monotonic) -> None:
        assert session.dialog is not None
        session.timer, timer_fields = as_callee(session.invite)
        session.allows_update = "update" in session.invite.tokens("Allow")
        contact = ("Contact", self._core.contact(session.transport, session.destination))
        fields = [contact, ALLOW, SUPPORTED, *timer_fields]
        sdp, session.held = session.held, b""
        if session.settled:
            sdp = b""
        else:
            session.description = sdp
            fields.append(_SDP)
        response = response_to(session.invite, 200, session.local_tag, None, fields, sdp)
        dialog, essentials = session.dialog, session.invite.essentials
        session.saved = SavedDialog(
            leg=session.leg,
            direction="in",
            state="up",
            peer=session.peer.name,
            call_id=session.call_id,
            local_uri=essentials.recipient.uri,
            local_tag=session.local_tag,
            remote_uri=essentials.sender.uri,
            remote_tag=dialog.remote_tag,
            remote_target=dialog.remote_target,
            route_set=dialog.route_set,
            cseq=dialog.local_sequence,
            branch=branch_of(session.call_id, session.local_tag, 0),
            transport=session.transport,
            destination=str(session.destination),
        )
        self._core.disarm(session, "unanswered")
        self._legs.step(session, Event.ACCEPT, now, response)

    def reject(
        self, session: Session, status: int, now: Monotonic, reason: str | None, retry_after: int | None
    ) -> None:
        """A final refusal, 300 to 699; `reason` is the phrase."""
        fields = [] if retry_after is None else [("Retry-After", str(retry_after))]
        response = response_to(session.invite, status, session.local_tag, reason, fields)
        self._legs.step(session, Event.REJECT, now, response)


def _wants_reliable(request: Request) -> bool:
    return "100rel" in request.tokens("Require")


def called_uris(request: Request) -> tuple[str, ...]:
    """Every spelling of what was dialled: Request-URI, To, Diversion (RFC 5806), History-Info (RFC 7044)."""
    found = [request.uri, request.essentials.recipient.uri]
    for name in ("Diversion", "History-Info"):
        found += [address.uri for address in addresses(request, name)]
    return tuple(dict.fromkeys(found))


def addresses(message: Message, name: str) -> list[NameAddress]:
    """The addresses of a list field; what can't be read is left out, and nothing else."""
    found: list[NameAddress] = []
    for line in message.all(name):
        try:
            values = split(line, ",")
        except ValueFault:
            continue
        for value in values:
            with suppress(ValueFault):
                found.append(NameAddress.parse(value))
    return found


def identity_of(request: Request, trusted: bool) -> str:
    """Who calls: P-Asserted-Identity where the peer is trusted (the tel: or first one), else From (RFC 3325 §9.1)."""
    asserted = [address.uri for address in addresses(request, "P-Asserted-Identity")] if trusted else []
    numbers = [uri for uri in asserted if uri.lower().startswith("tel:")]
    return (numbers or asserted or [request.essentials.sender.uri])[0]


def wants_privacy(request: Request) -> bool:
    """RFC 3323 §4.2; an anonymous From asks the same."""
    asked = {token.strip().lower() for line in request.all("Privacy") for token in line.replace(",", ";").split(";")}
    return bool(asked & _PRIVATE) or "anonymous" in request.essentials.sender.uri.lower()
