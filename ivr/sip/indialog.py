"""Requests within a call, both ways: BYE, re-INVITE, UPDATE, INFO, OPTIONS. No I/O."""

from __future__ import annotations

import re

from foundation.clock import Monotonic
from ivr.sip.callee import ALLOW, SUPPORTED
from ivr.sip.core import Core, response_to
from ivr.sip.dialog import Dialog
from ivr.sip.early import Early
from ivr.sip.events import Confirmed, DigitByInfo, ReofferAnswered, Reoffered
from ivr.sip.legs import Legs, sdp_of
from ivr.sip.message import Fields, Request, Response
from ivr.sip.refreshing import LEAST_SECONDS, Refresh, as_callee, as_caller, too_brief, wanted_longer
from ivr.sip.session import EARLY, Event, Session, State
from ivr.sip.transactions import Transaction

_RELAY_SIGNAL = re.compile(rb"signal\s*=\s*([0-9*#A-Da-d]|1[0-6])\s*(?:\r|\n|$)", re.IGNORECASE)
_RELAY_DURATION = re.compile(rb"duration\s*=\s*([0-9]{1,5})", re.IGNORECASE)
_BY_NUMBER = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
_SDP = ("Content-Type", "application/sdp")
_GONE = (404, 408, 410, 481)
_REFRESH_AGAIN_SECONDS = 5.0


class InDialog:
    def __init__(self, core: Core, legs: Legs) -> None:
        self._core = core
        self._legs = legs
        self._early = Early(core, legs)

    # ---- what the other side asks

    def receive(self, session: Session, transaction: Transaction, now: Monotonic) -> None:
        """A request that belongs to this leg, not an ACK or CANCEL."""
        request = transaction.request
        dialog = session.dialog_with(request.essentials.sender.tag or "")
        assert dialog is not None
        if not dialog.accepts(request.essentials.cseq.number):
            self._core.reply(transaction, 500, now, phrase="Out of Order", fields=[("Retry-After", "1")])
            return
        if request.method == "BYE":
            self._bye(session, transaction, now)
        elif request.method == "INFO":
            self._info(session, transaction, now)
        elif request.method == "PRACK":
            self._early.prack(session, dialog, transaction, now)
        elif request.method == "UPDATE" and session.state in EARLY:
            self._early.updated(session, dialog, transaction, now)
        elif request.method in ("INVITE", "UPDATE"):
            self._reoffer_received(session, transaction, now)
        else:
            self._core.reply(transaction, 200, now, fields=[ALLOW, ("Accept", "application/sdp")])

    def _bye(self, session: Session, transaction: Transaction, now: Monotonic) -> None:
        self._core.reply(transaction, 200, now)
        self._legs.step(session, Event.BYE, now, transaction.request)

    def _info(self, session: Session, transaction: Transaction, now: Monotonic) -> None:
        request = transaction.request
        kind = (request.first("Content-Type") or "").split(";")[0].strip().lower()
        digit = _digit(kind, request.body)
        if digit is not None:
            self._core.reply(transaction, 200, now)
            if session.state is State.UP:
                self._core.told.append(DigitByInfo(session.leg, *digit))
        elif not request.body:
            self._core.reply(transaction, 200, now)
        else:
            accepted = ("Accept", "application/dtmf-relay, application/dtmf")
            self._core.reply(transaction, 415, now, fields=[accepted])

    def _reoffer_received(self, session: Session, transaction: Transaction, now: Monotonic) -> None:
        request = transaction.request
        offer = sdp_of(request)
        if session.reoffer_sent is not None:
            self._core.reply(transaction, 491, now)
        elif session.reoffered is not None or session.state is not State.UP or session.unacknowledged is not None:
            self._core.reply(transaction, 500, now, fields=[self._early.soon()])
        elif request.body and offer is None:
            self._core.reply(transaction, 415, now, fields=[("Accept", "application/sdp")])
        elif too_brief(request):
            self._core.reply(transaction, 422, now, fields=[("Min-SE", str(LEAST_SECONDS))])
        else:
            if session.dialog is not None:
                session.dialog.refresh(request)
            if request.method == "UPDATE" and offer is None:
                timer_fields = self._kept(session, request, now)
                self._core.reply(transaction, 200, now, fields=[*self._answer_fields(session), *timer_fields])
                return
            session.reoffered = transaction
            if request.method == "INVITE":
                self._core.reply(transaction, 100, now)
            self._core.told.append(Reoffered(session.leg, offer))

    def _kept(self, session: Session, request: Request, now: Monotonic) -> list[tuple[str, str]]:
        """Begin the session timer anew, or end it, as this refresh of theirs says; the fields of our 2xx."""
        timer, fields = as_callee(request)
        self._legs.keep(session, timer, now)
        return fields

    def _answer_fields(self, session: Session) -> list[tuple[str, str]]:
        return [("Contact", self._core.contact(session.transport, session.destination)), ALLOW]

    def answer_reoffer(self, session: Session, sdp: bytes | None, now: Monotonic) -> None:
        """Our answer (or offer, where they asked for one) to `Reoffered`; None refuses with 488."""
        transaction, session.reoffered = session.reoffered, None
        if transaction is None:
            return
        if sdp is None:
            self._core.reply(transaction, 488, now)
            return
        session.description = sdp
        if session.state in EARLY:
            session.renewed.add(transaction.request.essentials.sender.tag or "")
        timer_fields = self._kept(session, transaction.request, now) if session.state is State.UP else []
        fields = [*self._answer_fields(session), SUPPORTED, *timer_fields, _SDP]
        response = response_to(transaction.request, 200, session.local_tag, None, fields, sdp)
        if transaction.request.method != "INVITE":
            self._core.transactions.respond(transaction, response, now)
            return
        session.transaction = transaction
        self._legs.send_ok(session, response, now)

    def acknowledged(self, session: Session, request: Request, now: Monotonic) -> None:
        """The ACK of a 2xx of ours."""
        waiting = session.unacknowledged
        if waiting is None:
            return
        if waiting.transaction.request.essentials.cseq.number != request.essentials.cseq.number:
            return
        session.unacknowledged = None
        if not self._legs.step(session, Event.ACK, now, request):
            self._core.disarm(session, "resend", "no ACK")
            body = sdp_of(request)
            if body is not None:
                self._core.told.append(Confirmed(session.leg, body))

    # ---- what our side asks

    def reoffer(self, session: Session, sdp: bytes, now: Monotonic) -> None:
        """A re-INVITE with our new offer, an UPDATE before the answer; its end is told as `ReofferAnswered`."""
        if session.state in EARLY:
            self._early.offer(session, sdp, now)
            return
        if session.state is not State.UP or session.reoffering is not None or session.dialog is None:
            self._core.told.append(ReofferAnswered(session.leg, 491, None))
            return
        session.reoffering = sdp
        if session.reoffered is not None or session.unacknowledged is not None:
            self._early.later(session, now)
        else:
            self._send_reoffer(session, sdp, (), 0, now)

    def retry_reoffer(self, session: Session, now: Monotonic) -> None:
        if session.state in EARLY:
            self._early.offer_again(session, now)
            return
        if session.state is not State.UP or session.reoffering is None:
            return
        if session.reoffered is not None or session.unacknowledged is not None:
            self._early.later(session, now)
        else:
            self._send_reoffer(session, session.reoffering, (), 0, now)

    def _send_reoffer(self, session: Session, sdp: bytes, credentials: Fields, challenges: int, now: Monotonic) -> None:
        assert session.dialog is not None
        destination, transport = self._core.route(session, session.dialog)
        timer_fields = () if session.timer is None else session.timer.fields()
        fields = [*self._answer_fields(session), SUPPORTED, *timer_fields, *credentials, _SDP]
        invite = session.dialog.request("INVITE", self._core.via(transport, destination), fields, sdp)
        acknowledgement: list[bytes] = []

        def heard(response: Response | None, at: Monotonic) -> None:
            if response is None or response.status >= 200:
                self._reoffer_heard(session, invite, response, acknowledgement, credentials, challenges, at)

        session.reoffer_sent = self._core.transactions.start(invite, destination, transport, heard, now)
        self._core.arm(session, "reoffer silent", self._core.times.give_up, now)

    def reoffer_silent(self, session: Session, now: Monotonic) -> None:
        """A provisional response came to our re-INVITE, and nothing after it."""
        if session.reoffer_sent is not None and session.reoffering is not None:
            self._core.transactions.give_up(session.reoffer_sent)
            session.reoffering = session.reoffer_sent = None
            self._answered(session, None, None)

    def _answered(self, session: Session, status: int | None, body: bytes | None) -> None:
        """Tell how our re-INVITE ended, unless it was only a refresh."""
        told, session.refreshing = not session.refreshing, False
        if told:
            self._core.told.append(ReofferAnswered(session.leg, status, body))

    def _reoffer_heard(
        self,
        session: Session,
        invite: Request,
        response: Response | None,
        acknowledgement: list[bytes],
        credentials: Fields,
        challenges: int,
        now: Monotonic,
    ) -> None:
        if response is not None and response.status < 300:
            self._acknowledge(session, invite, response, credentials)
            if acknowledgement:
                return
            acknowledgement.append(b"sent")
        self._core.disarm(session, "reoffer silent")
        session.reoffer_sent = None
        if session.state is not State.UP or session.reoffering is None:
            return
        if response is not None and response.status == 491:
            self._early.later(session, now)
            return
        proof = None if response is None else self._core.proof(response, invite, session.peer, challenges)
        if proof is not None:
            self._send_reoffer(session, session.reoffering, (proof,), challenges + 1, now)
            return
        if response is not None and response.status == 422 and self._longer(session, response):
            self._send_reoffer(session, session.reoffering, credentials, challenges, now)
            return
        offered, session.reoffering = session.reoffering, None
        status = None if response is None else response.status
        body = None
        if response is not None and response.status < 300:
            body, session.description = sdp_of(response), offered
            self._legs.keep(session, as_caller(response), now)
        elif session.refreshing and session.timer is not None:
            self._core.arm(session, "refresh", _REFRESH_AGAIN_SECONDS, now)
        self._answered(session, status, body)
        if response is None or response.status in _GONE:
            self._legs.step(session, Event.LOST, now)

    # ---- session timers (RFC 4028)

    def refresh(self, session: Session, now: Monotonic) -> None:
        """Our turn to say that the call is still up: by UPDATE where they take it, else by a re-INVITE."""
        if session.state is not State.UP or session.timer is None or session.dialog is None:
            return
        if session.reoffered is not None or session.unacknowledged is not None or session.reoffering is not None:
            self._core.arm(session, "refresh", _REFRESH_AGAIN_SECONDS, now)
        elif session.allows_update:
            self._update(session, session.dialog, now)
        else:
            session.refreshing, session.reoffering = True, session.description
            self._send_reoffer(session, session.description, (), 0, now)

    def _update(self, session: Session, dialog: Dialog, now: Monotonic) -> None:
        destination, transport = self._core.route(session, dialog)

        def make(credentials: Fields) -> Request:
            timer_fields = () if session.timer is None else session.timer.fields()
            fields = (*self._answer_fields(session), SUPPORTED, *timer_fields, *credentials)
            return dialog.request("UPDATE", self._core.via(transport, destination), fields)

        def heard(response: Response | None, at: Monotonic) -> None:
            if session.state is not State.UP or session.timer is None:
                return
            if response is None or response.status in _GONE:
                self._legs.step(session, Event.LOST, at)
            elif response.status < 300:
                dialog.refresh(response)
                self._legs.keep(session, as_caller(response), at)
            else:
                session.allows_update = response.status not in (405, 501)
                soon = not session.allows_update or self._longer(session, response)
                self._core.arm(session, "refresh", 0.0 if soon else _REFRESH_AGAIN_SECONDS, at)

        self._core.ask(make, session.peer, destination, transport, heard, now)

    def _longer(self, session: Session, response: Response) -> bool:
        """Whether a 422 wants a longer interval than ours; it is ours from now on."""
        timer = session.timer
        longer = wanted_longer(response, timer.seconds) if timer is not None and response.status == 422 else None
        if timer is None or longer is None:
            return False
        session.timer = Refresh(longer, timer.by_us)
        return True

    def _acknowledge(self, session: Session, invite: Request, response: Response, credentials: Fields) -> None:
        assert session.dialog is not None
        session.dialog.refresh(response)
        destination, transport = self._core.route(session, session.dialog)
        sequence = invite.essentials.cseq.number
        ack = session.dialog.request("ACK", self._core.via(transport, destination), credentials, sequence=sequence)
        self._core.send(ack, destination, transport)


def _digit(kind: str, body: bytes) -> tuple[str, int] | None:
    """The key and its milliseconds in an INFO, None where it carries none."""
    if kind == "application/dtmf-relay":
        signal, duration = _RELAY_SIGNAL.search(body), _RELAY_DURATION.search(body)
        if signal is None:
            return None
        key = signal[1].decode("ascii").upper()
        return _BY_NUMBER.get(key, key)[:1], min(int(duration[1]) if duration else 100, 10_000)
    if kind == "application/dtmf":
        key = body.strip().decode("ascii", "replace").upper()
        key = _BY_NUMBER.get(key, key)
        return (key, 100) if re.fullmatch(r"[0-9*#A-D]", key) else None
    return None
