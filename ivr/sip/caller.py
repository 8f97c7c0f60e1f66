"""The caller's side of INVITE: placing, forks, challenges, reliable provisionals, and ending what a crash left. No I/O."""

from __future__ import annotations

from dataclasses import replace

from foundation.clock import Monotonic
from ivr.call import LegId, SavedDialog
from ivr.sip.core import Core, branch_of
from ivr.sip.dialog import Dialog, answered
from ivr.sip.events import Credentials, DialogChanged, InviteRequest, OrphanEnded, Peer
from ivr.sip.inviting import again, calling_dialog, invite_of, route_of
from ivr.sip.legs import Legs, address_of, sdp_of
from ivr.sip.message import Fields, Request, Response
from ivr.sip.session import Effect, Event, Session, State
from ivr.sip.values import ValueFault

ORPHAN_SECONDS = 2.0
# A BYE after a crash must be above whatever was sent in the dialog since it was last saved.
_SEQUENCE_JUMP = 100

_MOST_FORKS = 64


class Caller:
    def __init__(self, core: Core, legs: Legs) -> None:
        self._core = core
        self._legs = legs

    def invite(self, leg: LegId, request: InviteRequest, now: Monotonic) -> None:
        credentials = self._core.preempt(request.peer, "INVITE", request.request_uri)
        destination, transport = route_of(request)
        session = Session(
            leg=leg,
            direction="out",
            peer=request.peer,
            call_id=request.call_id,
            local_tag=request.local_tag,
            destination=destination,
            transport=transport,
            invite=self._build(request, 1, credentials),
            state=State.CALLING,
            request=request,
            saved=calling_dialog(leg, request),
            credentials=tuple(credentials),
            description=request.offer,
        )
        self._core.add(session)
        self._core.arm(session, "silence", request.peer.silence_seconds, now)
        self._start(session, now)

    def _start(self, session: Session, now: Monotonic) -> None:
        assert session.saved is not None
        self._core.told.append(DialogChanged(session.saved))
        self._listen(session, now, already_sent=False)

    def _listen(self, session: Session, now: Monotonic, *, already_sent: bool) -> None:
        invite = session.invite

        def heard(response: Response | None, at: Monotonic) -> None:
            if session.invite is invite:  # a challenged INVITE was replaced by the one with credentials
                self.heard(session, response, at)

        session.transaction = self._core.transactions.start(
            invite, session.destination, session.transport, heard, now, already_sent=already_sent
        )

    def _build(self, request: InviteRequest, sequence: int, credentials: Fields) -> Request:
        destination, transport = route_of(request)
        branch = branch_of(request.call_id, request.local_tag, sequence)
        via = self._core.via(transport, destination, branch)
        return invite_of(request, sequence, via, self._core.contact(transport, destination), credentials)

    # ---- what comes back

    def heard(self, session: Session, response: Response | None, now: Monotonic) -> None:
        """A response to the INVITE, or None where none came by Timer B."""
        if response is None:
            if not self._over_udp_instead(session, now):
                self._legs.step(session, Event.TIMED_OUT, now)
        elif response.status == 100:
            self._legs.step(session, Event.TRYING, now, response)
        elif response.status < 200:
            self._provisional(session, response, now)
        elif response.status < 300:
            self._success(session, response, now)
        elif not self._met(session, response, now):
            self._legs.step(session, Event.REFUSAL, now, response)

    def _over_udp_instead(self, session: Session, now: Monotonic) -> bool:
        """A large INVITE whose TCP connection could not be had goes by UDP after all (RFC 3261 §18.1.1)."""
        request = session.request
        if session.state is not State.CALLING or request is None or request.peer.tcp is None:
            return False
        if session.transport == request.peer.transport:
            return False
        self._send_anew(session, replace(request, peer=replace(request.peer, tcp=None)), session.credentials, now)
        return True

    def _provisional(self, session: Session, response: Response, now: Monotonic) -> None:
        tag = response.essentials.recipient.tag
        if tag is not None and "100rel" in response.tokens("Require"):
            self._prack(session, tag, response, now)
        body = sdp_of(response)
        if body is not None and len(session.early_media) < 16:
            session.early_media[tag or ""] = body
        self._legs.step(session, Event.PROVISIONAL, now, response)

    def _prack(self, session: Session, tag: str, response: Response, now: Monotonic) -> None:
        """Acknowledge a reliable provisional response once, in order (RFC 3262 §4)."""
        number = response.first("RSeq") or ""
        if not (number.isascii() and number.isdigit() and len(number) <= 10):
            return
        seen = session.reliable_seen.get(tag)
        if (seen is not None and int(number) != seen + 1) or len(session.early) > 16:
            return
        session.reliable_seen[tag] = int(number)
        session.allows_update = "update" in response.tokens("Allow")
        if sdp_of(response) is not None:
            session.settled.add(tag)
        dialog = session.early.setdefault(tag, answered(session.invite, response))
        destination, transport = self._core.route(session, dialog)
        acknowledged = ("RAck", f"{number} {response.all('CSeq')[0]}")

        def make(credentials: Fields) -> Request:
            return dialog.request("PRACK", self._core.via(transport, destination), (acknowledged, *credentials))

        self._core.ask(make, session.peer, destination, transport, lambda answer, at: None, now)

    def _success(self, session: Session, response: Response, now: Monotonic) -> None:
        tag = response.essentials.recipient.tag or ""
        again = session.acknowledged.get(tag)
        if again is not None:
            self._core.outbox.append(again)
            return
        taken = not session.acknowledged and self._legs.step(session, Event.ANSWER, now, response)
        if not taken and len(session.acknowledged) < _MOST_FORKS:
            self._drop_fork(session, response, now)

    def _drop_fork(self, session: Session, response: Response, now: Monotonic) -> None:
        """Another phone answered as well: it gets its ACK and a BYE (RFC 3261 §13.2.2.4)."""
        dialog: Dialog = self._legs.acknowledge(session, response)
        self._legs.say_bye(session, dialog, lambda answer, at: None, now)

    def _met(self, session: Session, response: Response, now: Monotonic) -> bool:
        """Whether another INVITE meets a refusal: with credentials at once; with another offer or elsewhere in its turn."""
        if session.request is None or session.state not in (State.CALLING, State.PROCEEDING, State.RINGING):
            return False
        proof = self._core.proof(response, session.invite, session.peer, session.challenges)
        if proof is not None:
            session.challenges += 1
            self._send_anew(session, session.request, (proof,), now)
            return True
        request = again(self._core, session, response)
        if request is None:
            return False
        session.request = request
        self._legs.step(session, Event.MET, now)
        self.in_turn(session, now)
        return True

    def in_turn(self, session: Session, now: Monotonic) -> None:
        """Send the INVITE that meets a refusal as soon as the rate allows; asked again when it may."""
        request = session.request
        if request is None or session.state is not State.WAITING_FOR_TURN:
            return
        wait = 0.0 if request.turn is None else request.turn(now)
        if wait > 0.0:
            self._core.arm(session, "turn", wait, now)
            return
        credentials = self._core.preempt(request.peer, "INVITE", request.request_uri)
        self._send_anew(session, request, credentials, now)

    def _send_anew(self, session: Session, request: InviteRequest, credentials: Fields, now: Monotonic) -> None:
        """The same call by another INVITE: same Call-ID and tag, the next CSeq."""
        sequence = session.invite.essentials.cseq.number + 1
        session.request, session.credentials = request, tuple(credentials)
        session.destination, session.transport = route_of(request)
        session.saved = calling_dialog(session.leg, request, sequence)
        session.invite = self._build(request, sequence, credentials)
        session.description = request.offer
        session.state = State.CALLING
        session.settled.clear()
        session.renewed.clear()
        session.acknowledged.clear()  # a stray 2xx to the INVITE that was refused is no fork of this one
        self._core.disarm(session, "set-up", "ring")
        self._core.arm(session, "silence", session.peer.silence_seconds, now)
        self._start(session, now)

    # ---- after a crash

    def end_orphan(self, saved: SavedDialog, credentials: Credentials | None, now: Monotonic) -> None:
        """CANCEL or BYE what an earlier process left; the answer, or 2 s without, is told as OrphanEnded."""
        try:
            session = self._revive(saved, credentials)
        except (ValueError, ValueFault):
            self._core.told.append(OrphanEnded(saved.call_id, answered=False))
            return
        if session is None or session.leg in self._core.sessions:
            self._core.told.append(OrphanEnded(saved.call_id, answered=False))
            return
        self._core.add(session)
        self._core.arm(session, "orphan", ORPHAN_SECONDS, now)
        session.noted = OrphanEnded(saved.call_id, answered=False)
        if saved.state == "calling":
            self._listen(session, now, already_sent=True)
            self._legs.perform(session, Effect.SEND_CANCEL, now)
        else:
            self._legs.perform(session, Effect.SEND_BYE, now)

    def _revive(self, saved: SavedDialog, credentials: Credentials | None) -> Session | None:
        if saved.state == "over" or (saved.state == "calling" and saved.direction == "in"):
            return None
        destination = address_of(saved.destination)
        transport = saved.transport if saved.transport in ("udp", "tcp", "tls") else "udp"
        local = f"<{saved.local_uri}>;tag={saved.local_tag}"
        remote = f"<{saved.remote_uri}>"
        invite = Request(
            "INVITE",
            saved.remote_target,
            [
                ("Via", self._core.via(transport, destination, saved.branch)),
                ("From", local),
                ("To", remote),
                ("Call-ID", saved.call_id),
                ("CSeq", f"{saved.cseq} INVITE"),
            ],
        )
        tag = saved.remote_tag or ""
        dialog = Dialog(
            call_id=saved.call_id,
            local=local,
            remote=f"{remote};tag={tag}" if tag else remote,
            remote_tag=tag,
            remote_target=saved.remote_target,
            route_set=saved.route_set,
            local_sequence=saved.cseq + _SEQUENCE_JUMP,
        )
        up = saved.state == "up"
        return Session(
            leg=saved.leg,
            direction=saved.direction,
            peer=Peer(saved.peer, destination, credentials=credentials),
            call_id=saved.call_id,
            local_tag=saved.local_tag,
            destination=destination,
            transport=transport,
            invite=invite,
            state=State.ENDING if up else State.CANCELLING,
            dialog=dialog if up else None,
            saved=replace(saved),
            orphan=True,
        )
