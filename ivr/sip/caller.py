"""The caller's side of INVITE: placing, forks, challenges, reliable provisionals, and ending what a crash left. No I/O."""

from __future__ import annotations

from dataclasses import replace

from foundation.clock import Monotonic
from ivr.call import LegId, SavedDialog
from ivr.sip.core import ALLOWED, Core, branch_of
from ivr.sip.dialog import Dialog, answered
from ivr.sip.events import Credentials, DialogChanged, InviteRequest, OrphanEnded, Peer
from ivr.sip.legs import Legs, address_of, sdp_of
from ivr.sip.message import Fields, Request, Response
from ivr.sip.session import Effect, Event, Session, State
from ivr.sip.values import ValueFault, quote

ORPHAN_SECONDS = 2.0
# A BYE after a crash must be above whatever was sent in the dialog since it was last saved.
_SEQUENCE_JUMP = 100

_MOST_FORKS = 64


def calling_dialog(leg: LegId, request: InviteRequest, sequence: int = 1) -> SavedDialog:
    """What must be saved before this INVITE leaves: all that its CANCEL needs."""
    return SavedDialog(
        leg=leg,
        direction="out",
        state="calling",
        peer=request.peer.name,
        call_id=request.call_id,
        local_uri=request.from_uri,
        local_tag=request.local_tag,
        remote_uri=request.to_uri,
        remote_tag=None,
        remote_target=request.request_uri,
        route_set=(),
        cseq=sequence,
        branch=branch_of(request.call_id, request.local_tag, sequence),
        transport=request.peer.transport,
        destination=str(request.peer.destination),
    )


class Caller:
    def __init__(self, core: Core, legs: Legs) -> None:
        self._core = core
        self._legs = legs

    def invite(self, leg: LegId, request: InviteRequest, now: Monotonic) -> None:
        saved = calling_dialog(leg, request)
        peer = request.peer
        session = Session(
            leg=leg,
            direction="out",
            peer=peer,
            call_id=request.call_id,
            local_tag=request.local_tag,
            destination=peer.destination,
            transport=peer.transport,
            invite=self._build(request, saved, ()),
            state=State.CALLING,
            request=request,
            saved=saved,
        )
        self._core.add(session)
        self._core.arm(session, "silence", peer.silence_seconds, now)
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

    def _build(self, request: InviteRequest, saved: SavedDialog, credentials: Fields) -> Request:
        peer = request.peer
        display = f"{quote(request.from_display)} " if request.from_display else ""
        fields = [
            ("Via", self._core.via(saved.transport, peer.destination, saved.branch)),
            ("Max-Forwards", "70"),
            ("From", f"{display}<{request.from_uri}>;tag={request.local_tag}"),
            ("To", f"<{request.to_uri}>"),
            ("Call-ID", request.call_id),
            ("CSeq", f"{saved.cseq} INVITE"),
            ("Contact", self._core.contact(saved.transport, peer.destination)),
            ("Allow", ", ".join(ALLOWED)),
            ("Supported", "100rel"),
            *request.extra_headers,
            *credentials,
        ]
        if request.offer:
            fields.append(("Content-Type", "application/sdp"))
        return Request("INVITE", request.request_uri, fields, request.offer)

    # ---- what comes back

    def heard(self, session: Session, response: Response | None, now: Monotonic) -> None:
        """A response to the INVITE, or None where none came by Timer B."""
        if response is None:
            self._legs.step(session, Event.TIMED_OUT, now)
        elif response.status == 100:
            self._legs.step(session, Event.TRYING, now, response)
        elif response.status < 200:
            self._provisional(session, response, now)
        elif response.status < 300:
            self._success(session, response, now)
        elif not self._challenged(session, response, now):
            self._legs.step(session, Event.REFUSAL, now, response)

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

    def _challenged(self, session: Session, response: Response, now: Monotonic) -> bool:
        """Whether the INVITE was sent again with credentials."""
        if session.request is None or session.state not in (State.CALLING, State.PROCEEDING, State.RINGING):
            return False
        proof = self._core.proof(response, session.invite, session.peer, session.challenges)
        if proof is None:
            return False
        sequence = session.invite.essentials.cseq.number + 1
        session.challenges += 1
        session.credentials = (proof,)
        session.saved = calling_dialog(session.leg, session.request, sequence)
        session.invite = self._build(session.request, session.saved, session.credentials)
        session.state = State.CALLING
        self._core.disarm(session, "set-up", "ring")
        self._core.arm(session, "silence", session.peer.silence_seconds, now)
        self._start(session, now)
        return True

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
