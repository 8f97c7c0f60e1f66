"""The user agent: everything that this gateway says and hears in SIP, as one datagram endpoint. No I/O.

Strangers get silence. What a peer does wrong gets the reply that RFC 3261 asks for; nothing that arrives can raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from foundation.clock import Monotonic
from foundation.endpoints import Address, Datagram
from ivr.call import LegId, SavedDialog
from ivr.sip.callee import ALLOW, SUPPORTED, Callee
from ivr.sip.caller import Caller
from ivr.sip.core import ALLOWED, Core, Random, response_to
from ivr.sip.events import InviteRequest, Peer, Reason, Registration, SipEvent
from ivr.sip.forking import Forks, branches
from ivr.sip.indialog import InDialog
from ivr.sip.inviting import calling_dialog
from ivr.sip.legs import EXPIRED, Legs
from ivr.sip.message import MessageFault, Request, Response, parse
from ivr.sip.pinging import Pings
from ivr.sip.proving import Proving
from ivr.sip.registrar import Answer, Binding, Registrar
from ivr.sip.registration import Registrations
from ivr.sip.session import Event, Session
from ivr.sip.sources import Source, Sources
from ivr.sip.timers import Timer, Times
from ivr.sip.transactions import Full, Transaction, answer_address, mark_received

SPOKEN_EXTENSIONS = frozenset({"100rel", "timer"})
# Methods that exist and that we do not serve get 405, all else 501 (RFC 3261 §8.2.1, §21.5.2).
_KNOWN = frozenset({"REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"})


class UserAgent:
    """A `DatagramEndpoint[SipEvent]`.

    `contacts`: the address that others reach us at, by transport (`udp`, `tcp`, `tls`). `sources`: who may speak.
    `is_ours(uri)`: whether a called URI is one of our numbers. `desks`: passwords of those whose phones register with us,
    from sources that are `challenged`. Commands on a leg that is over do nothing.
    """

    def __init__(
        self,
        contacts: Mapping[str, Address],
        sources: Sources,
        is_ours: Callable[[str], bool],
        random: Random,
        times: Times | None = None,
        desks: Mapping[str, str] | None = None,
    ) -> None:
        self._core = Core(contacts, sources, random, times or Times())
        secret = random.getrandbits(256).to_bytes(32, "big")
        self._registrar = Registrar(Proving(secret, self._core.token), desks or {})
        self._legs = Legs(self._core)
        self._caller = Caller(self._core, self._legs)
        self._callee = Callee(self._core, self._legs, is_ours)
        self._in_dialog = InDialog(self._core, self._legs)
        self._registrations = Registrations(self._core)
        self._forks = Forks()
        self._pings = Pings(self._core)
        self._told: list[SipEvent] = []

    # ---- the endpoint contract

    def receive(self, data: bytes, source: Address, now: Monotonic, transport: str = "udp") -> None:
        self._receive(data, source, now, transport)
        self._settle(now)

    def _receive(self, data: bytes, source: Address, now: Monotonic, transport: str) -> None:
        peer = self._core.sources.of(source.host)
        if peer is None or (peer.challenged and self._registrar.guesses(source.host, now)):
            self._core.strangers += 1
            return
        if len(data) < 8:  # keep-alive (RFC 5626 §4.4.1, RFC 5626 §3.5.1)
            return
        try:
            message = parse(data)
        except MessageFault as fault:
            self._core.faults += 1
            if fault.reply is not None and fault.request is not None:
                self._reply_stateless(fault.request, fault.reply, source, transport)
            return
        if isinstance(message, Response):
            self._response(message, peer, source, now)
        else:
            mark_received(message, source)
            self._request(message, peer, source, transport, now)

    def next_deadline(self) -> Monotonic | None:
        return self._core.deadlines.next()

    def handle_deadline(self, now: Monotonic) -> None:
        for scope, who, timer in self._core.deadlines.due(now):
            if scope == "transaction":
                assert isinstance(who, int)
                self._core.transactions.deadline(who, Timer(timer), now)
            elif scope == "leg":
                session = self._core.sessions.get(str(who))
                if session is not None:
                    self._leg_deadline(session, timer, now)
            elif timer == "register":
                self._registrations.due(str(who), now)
            else:
                self._pings.silent(str(who))
        self._settle(now)

    def outgoing(self) -> list[Datagram]:
        sent = self._core.outbox[:]
        self._core.outbox.clear()
        return sent

    def events(self) -> list[SipEvent]:
        self._filter()
        told, self._told = self._told, []
        return told

    def _filter(self) -> None:
        told = self._core.told
        if not told:
            return
        if self._forks:
            self._told += [seen for event in told if (seen := self._forks.filtered(event)) is not None]
        else:
            self._told += told
        told.clear()

    def _settle(self, now: Monotonic) -> None:
        """Silence the other phones of a call that one of them has answered."""
        self._filter()
        while self._forks.unwanted:
            session = self._core.sessions.get(self._forks.unwanted.pop())
            if session is not None:
                self._legs.hang_up(session, now, (Reason("SIP", 200, "Call completed elsewhere"),))

    def broken(self, destination: Address, transport: str, now: Monotonic) -> None:
        """The shell could not send there: transactions towards it end at once (RFC 3261 §18.4)."""
        self._core.transactions.broken(destination, transport, now)

    def knows(self, host: str) -> bool:
        """Whether this host may speak at all: a stream from elsewhere is not even accepted."""
        if self._core.sources.of(host) is not None:
            return True
        self._core.strangers += 1
        return False

    @property
    def sources(self) -> Sources:
        """Who may speak, as it is now."""
        return self._core.sources

    @property
    def strangers(self) -> int:
        """Datagrams from elsewhere, met with silence."""
        return self._core.strangers

    @property
    def faults(self) -> int:
        """Datagrams of our peers that were no SIP."""
        return self._core.faults

    # ---- calls that we place

    @staticmethod
    def calling_dialog(leg: LegId, request: InviteRequest) -> SavedDialog:
        """What is to be saved before `invite` with the same arguments: branch and all."""
        return calling_dialog(leg, request)

    @staticmethod
    def calling_dialogs(leg: LegId, request: InviteRequest) -> list[SavedDialog]:
        """As `calling_dialog`, of each phone that will ring."""
        return [calling_dialog(inner, one) for inner, one in branches(leg, request)]

    def invite(self, leg: LegId, request: InviteRequest, now: Monotonic) -> None:
        wanted = branches(leg, request)
        if len(wanted) > 1:
            self._forks.start(leg, [inner for inner, _ in wanted])
        for inner, one in wanted:
            self._caller.invite(inner, one, now)

    def hang_up(self, leg: LegId, now: Monotonic, reasons: tuple[Reason, ...] = ()) -> None:
        """CANCEL, BYE or a refusal, whichever is right now or as soon as it is."""
        for inner in self._forks.meant(leg):
            session = self._core.sessions.get(inner)
            if session is not None:
                self._legs.hang_up(session, now, reasons)

    def end_orphan(self, dialog: SavedDialog, now: Monotonic) -> None:
        """End what an earlier process left behind; told as `OrphanEnded` within 2 s."""
        known = self._core.sources.named(dialog.peer)
        self._caller.end_orphan(dialog, None if known is None else known.credentials, now)

    # ---- calls that come to us

    def ring(self, leg: LegId, now: Monotonic, sdp: bytes | None = None) -> None:
        """180; `sdp` goes with it where the caller requires reliable provisional responses."""
        session = self._core.sessions.get(leg)
        if session is not None:
            self._callee.ring(session, sdp, now)

    def answer(self, leg: LegId, sdp: bytes, now: Monotonic) -> None:
        session = self._core.sessions.get(leg)
        if session is not None:
            self._callee.answer(session, sdp, now)

    def reject(
        self, leg: LegId, status: int, now: Monotonic, reason: str | None = None, retry_after: int | None = None
    ) -> None:
        session = self._core.sessions.get(leg)
        if session is not None:
            self._callee.reject(session, status, now, reason, retry_after)

    # ---- calls that are up

    def answer_reoffer(self, leg: LegId, sdp: bytes | None, now: Monotonic) -> None:
        meant = (self._core.sessions.get(inner) for inner in self._forks.meant(leg))
        session = next((one for one in meant if one is not None and one.reoffered is not None), None)
        if session is not None:
            self._in_dialog.answer_reoffer(session, sdp, now)
            self._callee.release(session, now)

    def reoffer(self, leg: LegId, sdp: bytes, now: Monotonic) -> None:
        session = self._core.sessions.get(self._forks.meant(leg)[0])
        if session is not None:
            self._in_dialog.reoffer(session, sdp, now)

    # ---- trunks

    def ping(self, peer: Peer, now: Monotonic) -> None:
        """OPTIONS to a peer; told as `Pinged`, with status None after its `silence_seconds`."""
        self._pings.ping(peer, now)

    def register(self, registration: Registration, now: Monotonic) -> None:
        """Register and keep registered until `unregister`; told as `RegistrationChanged` at each change and refresh."""
        self._registrations.register(registration, now)

    def unregister(self, peer: str, now: Monotonic) -> None:
        self._registrations.unregister(peer, now)

    # ---- desks that register with us

    def set_desks(self, passwords: Mapping[str, str]) -> None:
        """Other desks or passwords from now on; who is gone is registered no more."""
        self._registrar.reconfigure(passwords)

    def phones(self, desk: str, now: Monotonic) -> list[Binding]:
        """Where a desk's phones are, the preferred one first."""
        return self._registrar.phones(desk, now)

    # ---- what arrives

    def _response(self, response: Response, peer: Source, source: Address, now: Monotonic) -> None:
        if self._core.transactions.receive_response(response, now, lambda there: self._same(there, peer, source)):
            return
        essentials = response.essentials
        if essentials.cseq.method != "INVITE" or not 200 <= response.status < 300:
            return
        # A 2xx after Timer M (RFC 3261 §13.2.2.4): the leg itself knows what to do.
        session = self._core.dialogs.get((essentials.call_id, essentials.sender.tag or ""))
        late = session is not None and session.invite.essentials.cseq.number == essentials.cseq.number
        if session is not None and late and self._same(session.destination, peer, source):
            self._caller.heard(session, response, now)

    def _same(self, there: Address, peer: Source, source: Address) -> bool:
        """Whether who speaks from `source` is who was spoken to `there`: nobody answers for another peer."""
        return there.host == source.host or self._core.sources.of(there.host) is peer

    def _request(self, request: Request, peer: Source, source: Address, transport: str, now: Monotonic) -> None:
        if request.method == "ACK":
            self._ack(request, peer, source, now)
            return
        try:
            transaction = self._core.transactions.receive_request(request, source, transport, now)
        except Full:
            self._reply_stateless(request, 503, source, transport)
            return
        if transaction is not None:
            self._serve(transaction, request, peer, source, transport, now)
            self._core.transactions.shed(transaction)

    def _serve(
        self, transaction: Transaction, request: Request, peer: Source, source: Address, transport: str, now: Monotonic
    ) -> None:
        unknown = request.tokens("Require") - SPOKEN_EXTENSIONS if request.method != "CANCEL" else ()
        if request.method == "CANCEL":
            self._cancel(transaction, source, now)
        elif unknown:
            fields = [("Unsupported", ", ".join(sorted(unknown)))]
            self._core.reply(transaction, 420, now, tag=self._core.token(), fields=fields)
        elif request.essentials.recipient.tag is not None:
            self._within(transaction, peer, source, now)
        elif request.method == "REGISTER" and peer.challenged:
            answer = self._registrar.register(request, source, transport, now)
            self._core.reply(transaction, answer.status, now, tag=self._core.token(), fields=answer.fields)
        elif not _serves(request.uri):
            self._core.reply(transaction, 416, now, tag=self._core.token())
        elif request.method == "INVITE":
            self._invited(transaction, peer, source, transport, now)
        else:
            self._outside(transaction, now)

    def _invited(self, transaction: Transaction, peer: Source, source: Address, transport: str, now: Monotonic) -> None:
        """A call from a trunk, or from a desk that proves which one it is."""
        if peer.challenged:
            desk = self._registrar.who(transaction.request, source, now)
            if isinstance(desk, Answer):
                self._core.reply(transaction, desk.status, now, tag=self._core.token(), fields=desk.fields)
                return
            peer = replace(peer, peer=desk)
        self._callee.receive(transaction, peer, source, transport, now)

    def _session_of(self, request: Request, peer: Source, source: Address) -> Session | None:
        """The leg that a request belongs to, where it comes from the peer that the leg is with."""
        essentials = request.essentials
        session = self._core.dialogs.get((essentials.call_id, essentials.recipient.tag or ""))
        if session is None or session.dialog_with(essentials.sender.tag or "") is None:
            return None
        if session.dialog is None and request.method != "UPDATE":  # all that may come before an answer
            return None
        same = source.host == session.destination.host or peer is self._core.sources.named(session.peer.name)
        return session if same else None

    def _ack(self, request: Request, peer: Source, source: Address, now: Monotonic) -> None:
        if self._core.transactions.receive_ack(request, source, now):
            return
        session = self._session_of(request, peer, source)
        if session is not None:
            self._in_dialog.acknowledged(session, request, now)

    def _cancel(self, transaction: Transaction, source: Address, now: Monotonic) -> None:
        invite = self._core.transactions.invite_of(transaction.request, source)
        if invite is None:
            self._core.reply(transaction, 481, now, tag=self._core.token())
            return
        essentials = invite.request.essentials
        owners = self._core.calls.get(essentials.call_id, ())
        session = next((one for one in owners if one.transaction is invite or one.reoffered is invite), None)
        self._core.reply(transaction, 200, now, tag=session.local_tag if session else self._core.token())
        if session is None:
            return
        if session.reoffered is invite:
            session.reoffered = None
            self._core.reply(invite, 487, now)
        else:
            self._legs.step(session, Event.CANCEL, now, transaction.request)

    def _within(self, transaction: Transaction, peer: Source, source: Address, now: Monotonic) -> None:
        session = self._session_of(transaction.request, peer, source)
        method = transaction.request.method
        if session is None:
            self._core.reply(transaction, 481, now)
        elif method not in ALLOWED:
            self._refuse_method(transaction, now)
        else:
            self._in_dialog.receive(session, transaction, now)
            self._callee.release(session, now)

    def _outside(self, transaction: Transaction, now: Monotonic) -> None:
        request, tag = transaction.request, self._core.token()
        if request.method == "OPTIONS":
            fields = [ALLOW, ("Accept", "application/sdp"), SUPPORTED]
            self._core.reply(transaction, 200, now, tag=tag, fields=fields)
        elif request.method in ("BYE", "INFO", "UPDATE", "PRACK"):
            self._core.reply(transaction, 481, now, tag=tag)
        else:
            self._refuse_method(transaction, now)

    def _refuse_method(self, transaction: Transaction, now: Monotonic) -> None:
        status = 405 if transaction.request.method in _KNOWN else 501
        self._core.reply(transaction, status, now, tag=self._core.token(), fields=[ALLOW])

    def _reply_stateless(self, request: Request, status: int, source: Address, transport: str) -> None:
        mark_received(request, source)
        response = response_to(request, status, self._core.token())
        self._core.outbox.append(Datagram(bytes(response), answer_address(request, source, transport), transport))

    def _leg_deadline(self, session: Session, timer: str, now: Monotonic) -> None:
        if timer in EXPIRED:
            self._legs.step(session, EXPIRED[timer], now)
        elif timer == "resend":
            self._legs.resend_ok(session, now)
        elif timer == "reliable":
            self._callee.ring_again(session, now)
        elif timer == "no PRACK":
            self._callee.no_prack(session, now)
        elif timer == "reoffer":
            self._in_dialog.retry_reoffer(session, now)
        elif timer == "reoffer silent":
            self._in_dialog.reoffer_silent(session, now)
        elif timer == "refresh":
            self._in_dialog.refresh(session, now)
        elif timer == "turn":
            self._caller.in_turn(session, now)
        elif timer == "orphan":
            self._legs.report_noted(session)


def _serves(request_uri: str) -> bool:
    return request_uri.lower().startswith(("sip:", "sips:", "tel:"))
