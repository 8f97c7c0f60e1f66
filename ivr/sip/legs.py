"""Moving a leg along its table and carrying the effects out. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.call import SavedDialog
from ivr.sip.core import Core, reason_fields, reasons_of
from ivr.sip.dialog import Dialog, answered
from ivr.sip.events import Answered, Confirmed, DialogChanged, Ended, Failed, OrphanEnded, Progressed, Reason
from ivr.sip.message import Fields, Message, Request, Response
from ivr.sip.refreshing import Refresh, as_caller
from ivr.sip.session import TABLE, Effect, Event, Session, State, Unacknowledged
from ivr.sip.transactions import cancel_of

TIMERS = (
    "silence",
    "set-up",
    "ring",
    "cancel",
    "resend",
    "no ACK",
    "reliable",
    "no PRACK",
    "reoffer",
    "reoffer silent",
    "refresh",
    "session",
    "unanswered",
    "turn",
)

EXPIRED: Mapping[str, Event] = {
    "silence": Event.SILENCE,
    "set-up": Event.SETUP_EXPIRED,
    "ring": Event.RING_EXPIRED,
    "cancel": Event.CANCEL_EXPIRED,
    "no ACK": Event.NO_ACK,
    "session": Event.LOST,
    "unanswered": Event.UNANSWERED,
}

Message_ = Message | None


class Legs:
    """The machine that all legs share."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._perform: Mapping[Effect, Callable[[Session, Message_, Monotonic], None]] = {
            Effect.STOP_TIMERS: lambda session, message, now: core.disarm(session, *TIMERS),
            Effect.START_SETUP: lambda session, message, now: core.arm(session, "set-up", core.times.give_up, now),
            Effect.START_RING: self._start_ring,
            Effect.PROGRESS: self._progress,
            Effect.ACK: self._acknowledge_answer,
            Effect.REPORT_ANSWER: self._report_answer,
            Effect.NOTE_FAILURE: self._note_failure,
            Effect.NOTE_SILENCE: lambda session, message, now: self._note_failure(session, None, now),
            Effect.NOTE_OURS: partial(self._note_end, "us"),
            Effect.NOTE_THEIRS: partial(self._note_end, "them"),
            Effect.NOTE_NOBODY: partial(self._note_end, "nobody"),
            Effect.REPORT_NOTED: lambda session, message, now: self.report_noted(session),
            Effect.STOP_RESENDING: self._stop_resending,
            Effect.MARK_CANCELLED: partial(self._mark, "cancelled"),
            Effect.MARK_RANG_OUT: partial(self._mark, "rang out"),
            Effect.SEND_CANCEL: self._send_cancel,
            Effect.SEND_BYE: self._send_bye,
            Effect.SEND_RINGING: self._send_ringing,
            Effect.SEND_OK: self.send_ok,
            Effect.SEND_REFUSAL: self._send_refusal,
            Effect.SEND_TERMINATED: self._send_terminated,
            Effect.CONFIRM: self._confirm,
            Effect.SAVE_UP: self._save_up,
        }

    def step(self, session: Session, event: Event, now: Monotonic, message: Message_ = None) -> bool:
        """True where the table knows this event in this state; `message` is what caused it or what is to be sent."""
        transition = TABLE.get((session.state, event))
        if transition is None:
            return False
        session.state = transition.state
        for effect in transition.effects:
            self._perform[effect](session, message, now)
        if session.state is State.OVER:
            self._finish(session, now)
        return True

    def perform(self, session: Session, effect: Effect, now: Monotonic) -> None:
        """An effect outside the table: for a leg that begins in the middle."""
        self._perform[effect](session, None, now)

    def hang_up(self, session: Session, now: Monotonic, reasons: tuple[Reason, ...]) -> None:
        session.hang_up_fields = reason_fields(reasons)
        self.step(session, Event.HANG_UP, now)

    def _finish(self, session: Session, now: Monotonic) -> None:
        self._core.disarm(session, *TIMERS, "orphan")
        self._core.remove(session)
        for waiting in (session.transaction if session.direction == "out" else None, session.reoffer_sent):
            if waiting is not None:
                self._core.transactions.give_up(waiting)
        if session.reoffered is not None:
            self._core.reply(session.reoffered, 487, now)
            session.reoffered = None
        self.report_noted(session)
        if session.saved is not None:
            session.saved = _saved(session.saved, "over", None)
            self._core.told.append(DialogChanged(session.saved))

    # ---- what is told

    def report_noted(self, session: Session) -> None:
        if session.noted is not None:
            self._core.told.append(session.noted)
            session.noted = None

    def _note_failure(self, session: Session, message: Message_, now: Monotonic) -> None:
        if session.orphan:
            return
        response = message if isinstance(message, Response) else None
        session.noted = Failed(
            leg=session.leg,
            status=None if response is None else response.status,
            phrase="" if response is None else response.phrase[:128],
            reasons=() if response is None else reasons_of(response),
            retry_after=None if response is None else retry_after(response),
            rang=session.rang,
            cancelled_by_us=session.ended_because == "cancelled",
            timed_out_ringing=session.ended_because == "rang out",
        )

    def _note_end(
        self, by: Literal["us", "them", "nobody"], session: Session, message: Message_, now: Monotonic
    ) -> None:
        theirs = reasons_of(message) if isinstance(message, Request) else ()
        session.noted = Ended(session.leg, by, theirs)

    def _mark(self, why: Literal["cancelled", "rang out"], session: Session, message: Message_, now: Monotonic) -> None:
        session.ended_because = why

    def _progress(self, session: Session, message: Message_, now: Monotonic) -> None:
        assert isinstance(message, Response)
        session.rang = session.rang or 180 <= message.status < 190
        self._core.told.append(Progressed(session.leg, message.status, sdp_of(message)))

    def _start_ring(self, session: Session, message: Message_, now: Monotonic) -> None:
        assert session.request is not None
        self._core.arm(session, "ring", session.request.ring_seconds, now)

    def _report_answer(self, session: Session, message: Message_, now: Monotonic) -> None:
        assert isinstance(message, Response)
        # Where the answer came reliably with a provisional response the 200 need not repeat it (RFC 3262 §5).
        early = session.early_media.get(message.essentials.recipient.tag or "")
        session.allows_update = "update" in message.tokens("Allow")
        self.keep(session, as_caller(message), now)
        if (message.essentials.recipient.tag or "") in session.renewed:
            self._core.told.append(Answered(session.leg, None, renewed=True))
        else:
            self._core.told.append(Answered(session.leg, sdp_of(message) or early))
        self._offer_on(session, now)

    def _confirm(self, session: Session, message: Message_, now: Monotonic) -> None:
        session.unacknowledged = None
        self.keep(session, session.timer, now)
        self._core.told.append(Confirmed(session.leg, None if message is None else sdp_of(message)))
        self._offer_on(session, now)

    def _offer_on(self, session: Session, now: Monotonic) -> None:
        """An offer of ours that waited to be made again before the answer is made now."""
        if session.reoffering is not None and session.reoffer_sent is None:
            self._core.arm(session, "reoffer", 0.0, now)

    def keep(self, session: Session, timer: Refresh | None, now: Monotonic) -> None:
        """The session timer from now on, begun anew by each refresh; None: there is none."""
        session.timer = timer
        self._core.disarm(session, "refresh", "session", "unanswered")
        if timer is not None:
            self._core.arm(session, "session", timer.over, now)
            if timer.by_us:
                self._core.arm(session, "refresh", timer.due, now)

    def _save_up(self, session: Session, message: Message_, now: Monotonic) -> None:
        if session.dialog is not None and session.saved is not None:
            session.saved = _saved(session.saved, "up", session.dialog)
            self._core.told.append(DialogChanged(session.saved))

    # ---- what is sent for calls that we place

    def _stop_resending(self, session: Session, message: Message_, now: Monotonic) -> None:
        if session.transaction is not None:
            self._core.transactions.stop_resending(session.transaction, now)

    def _acknowledge_answer(self, session: Session, message: Message_, now: Monotonic) -> None:
        assert isinstance(message, Response)
        session.dialog = self.acknowledge(session, message)

    def acknowledge(self, session: Session, response: Response) -> Dialog:
        """ACK a 2xx to our INVITE; the same ACK answers each copy of it (RFC 3261 §13.2.2.4)."""
        dialog = answered(session.invite, response)
        early = session.early.get(dialog.remote_tag)
        if early is not None:
            dialog.local_sequence = max(dialog.local_sequence, early.local_sequence)
            dialog.remote_sequence = early.remote_sequence
        destination, transport = self._core.route(session, dialog)
        sequence = session.invite.essentials.cseq.number
        ack = dialog.request("ACK", self._core.via(transport, destination), session.credentials, sequence=sequence)
        session.acknowledged[dialog.remote_tag] = self._core.send(ack, destination, transport)
        return dialog

    def _send_cancel(self, session: Session, message: Message_, now: Monotonic) -> None:
        cancel = cancel_of(session.invite)
        cancel.fields += session.hang_up_fields

        def heard(response: Response | None, at: Monotonic) -> None:
            if session.orphan and response is not None and response.status >= 200:
                session.noted = OrphanEnded(session.call_id, answered=True) if session.noted else None
                self.report_noted(session)

        self._core.transactions.start(cancel, session.destination, session.transport, heard, now)
        self._core.arm(session, "cancel", self._core.times.give_up, now)

    def _send_bye(self, session: Session, message: Message_, now: Monotonic) -> None:
        assert session.dialog is not None

        def heard(response: Response | None, at: Monotonic) -> None:
            if session.orphan:
                session.noted = OrphanEnded(session.call_id, response is not None) if session.noted else None
            self.step(session, Event.BYE_DONE, at)

        self.say_bye(session, session.dialog, heard, now)

    def say_bye(
        self, session: Session, dialog: Dialog, heard: Callable[[Response | None, Monotonic], None], now: Monotonic
    ) -> None:
        """A BYE in the call's dialog, or in that of a fork that is not wanted."""
        destination, transport = self._core.route(session, dialog)

        def make(credentials: Fields) -> Request:
            return dialog.request(
                "BYE", self._core.via(transport, destination), (*session.hang_up_fields, *credentials)
            )

        self._core.ask(make, session.peer, destination, transport, heard, now)

    # ---- what is sent for calls that come to us

    def _send_ringing(self, session: Session, message: Message_, now: Monotonic) -> None:
        assert session.transaction is not None
        assert isinstance(message, Response)
        self._core.transactions.respond(session.transaction, message, now)
        if session.reliable is not None:
            self._core.arm(session, "reliable", session.reliable.interval, now)
            self._core.arm(session, "no PRACK", self._core.times.give_up, now)

    def send_ok(self, session: Session, message: Message_, now: Monotonic) -> None:
        """A 2xx to an INVITE, again and again until its ACK (RFC 3261 §13.3.1.4), on every transport."""
        assert session.transaction is not None
        assert isinstance(message, Response)
        session.unacknowledged = Unacknowledged(session.transaction, message, self._core.times.t1)
        self._core.transactions.respond(session.transaction, message, now)
        self._core.arm(session, "resend", self._core.times.t1, now)
        self._core.arm(session, "no ACK", self._core.times.give_up, now)

    def resend_ok(self, session: Session, now: Monotonic) -> None:
        waiting = session.unacknowledged
        if waiting is not None:
            self._core.transactions.respond(waiting.transaction, waiting.response, now)
            waiting.interval = min(2 * waiting.interval, self._core.times.t2)
            self._core.arm(session, "resend", waiting.interval, now)

    def _send_refusal(self, session: Session, message: Message_, now: Monotonic) -> None:
        assert session.transaction is not None
        if isinstance(message, Response):
            self._core.transactions.respond(session.transaction, message, now)
        else:
            self._core.reply(session.transaction, 480, now, tag=session.local_tag, fields=session.hang_up_fields)

    def _send_terminated(self, session: Session, message: Message_, now: Monotonic) -> None:
        assert session.transaction is not None
        self._core.reply(session.transaction, 487, now, tag=session.local_tag)


def _saved(saved: SavedDialog, state: Literal["up", "over"], dialog: Dialog | None) -> SavedDialog:
    """The record brought up to date. Spelled out: `dataclasses.replace` takes ten times as long, twice a call."""
    return SavedDialog(
        leg=saved.leg,
        direction=saved.direction,
        state=state,
        peer=saved.peer,
        call_id=saved.call_id,
        local_uri=saved.local_uri,
        local_tag=saved.local_tag,
        remote_uri=saved.remote_uri,
        remote_tag=saved.remote_tag if dialog is None else dialog.remote_tag,
        remote_target=saved.remote_target if dialog is None else dialog.remote_target,
        route_set=saved.route_set if dialog is None else dialog.route_set,
        cseq=saved.cseq if dialog is None else dialog.local_sequence,
        branch=saved.branch,
        transport=saved.transport,
        destination=saved.destination,
    )


def sdp_of(message: Message) -> bytes | None:
    """The session description: the body, or the part of a multipart body that is one (RFC 5621)."""
    if not message.body:
        return None
    kind = (message.first("Content-Type") or "").lower()
    if kind.startswith("application/sdp"):
        return message.body
    if not kind.startswith("multipart/"):
        return None
    _, _, boundary = (message.first("Content-Type") or "").partition("boundary=")
    delimiter = b"--" + boundary.split(";")[0].strip().strip('"').encode("utf-8", "surrogateescape")
    for part in message.body.split(delimiter)[1:] if len(delimiter) > 2 else []:
        head, separator, body = part.partition(b"\r\n\r\n")
        if separator and b"application/sdp" in head.lower():
            return body.removesuffix(b"\r\n")
    return None


def retry_after(response: Response) -> float | None:
    """Seconds of a Retry-After (RFC 3261 §20.33); None where there is none that can be read."""
    digits = (response.first("Retry-After") or "").split(";")[0].split("(")[0].strip()
    return float(digits) if digits.isascii() and digits.isdigit() and len(digits) < 8 else None


def address_of(text: str) -> Address:
    """`host:port` or `[host]:port`, as `str(Address)` writes it. Raises ValueError."""
    host, _, port = text.rpartition(":")
    return Address(host.strip("[]"), int(port))
