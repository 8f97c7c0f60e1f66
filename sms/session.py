"""One bind over one connection: the ESME's side of SMPP 3.4 as a `foundation.endpoints.StreamEndpoint`. No I/O.

Never more than `window` requests without a response, never more segments a second than configured, and slower where the
SMSC says so: then the whole bind waits, and what was refused goes first. What left and got no response is told as such.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from foundation.clock import Monotonic
from foundation.deadlines import Deadlines
from foundation.rate import Rate
from sms import commands, status
from sms import session_events as tell
from sms.bind_state import CAN_RECEIVE, TABLE, BindEvent, BindState
from sms.binding import bind_request
from sms.enquiry import Enquiry
from sms.in_flight import InFlight
from sms.pdu import BindResponse, MessageResponse, Plain
from sms.pdu_operations import QueryResponse
from sms.protocol import Pdu, decode, encode
from sms.send_queue import SendQueue
from sms.session_events import Operation, Outgoing, SessionEvent
from sms.settings import SmscSettings
from sms.throttle import Throttle
from sms.times import relative_time
from sms.wire import RESPONSE, Frame, Framer, Malformed, Unencodable, integer

_LAST_SEQUENCE = 0x7FFF_FFFF
_MOST_UNANSWERED = 5_000
_CONGESTED = 90

_BIND, _SEND, _ENQUIRE, _ENQUIRE_ANSWER, _STOP = "bind", "send", "enquire", "enquire_answer", "stop"


class Session:
    """`rate` and `throttle` are the SMSC's, shared by all its binds and by one that follows this; one without others
    learns by itself."""

    def __init__(self, settings: SmscSettings, rate: Rate, throttle: Throttle | None = None) -> None:
        self.paused = False
        self.state = BindState.UNOPENED
        self.throttle = throttle or Throttle(settings.segments_per_second)
        self.strays = 0
        self._settings = settings
        self._request = bind_request(settings)
        self._rate = rate
        self._framer = Framer()
        self._sequence = 0
        self._waiting = SendQueue()
        self._in_flight = InFlight(settings.response_seconds)
        self._deadlines: Deadlines[str] = Deadlines()
        self._enquiry = Enquiry(settings.enquire_seconds)
        self._unbind: int | None = None
        self._unanswered: dict[int, int] = {}
        self._out: list[bytes] = []
        self._events: list[SessionEvent] = []
        self._handlers = {
            commands.SUBMIT_SM | RESPONSE: self._submit_response,
            commands.DELIVER_SM: self._delivery,
            commands.DATA_SM: self._delivery,
            commands.ENQUIRE_LINK: self._enquired,
            commands.ENQUIRE_LINK | RESPONSE: self._enquiry_answered,
            commands.UNBIND: self._unbound_by_peer,
            commands.UNBIND | RESPONSE: self._unbind_answered,
            commands.GENERIC_NACK: self._nacked,
            commands.QUERY_SM | RESPONSE: self._operation_response,
            commands.CANCEL_SM | RESPONSE: self._operation_response,
            commands.ALERT_NOTIFICATION: self._passed_over,
            commands.OUTBIND: self._passed_over,
            self._request.command_id | RESPONSE: self._bind_response,
        }

    # ---- the endpoint

    def opened(self, now: Monotonic) -> None:
        """The connection is up: the bind request leaves."""
        if not self._move(BindEvent.OPENED):
            return
        self._deadlines.set(_BIND, Monotonic(now + self._settings.response_seconds))
        try:
            self._write(self._request)
        except Unencodable as fault:
            self._end(BindEvent.STOPPED, str(fault))

    def received(self, data: bytes, now: Monotonic) -> None:
        self._enquiry.heard_at = now
        try:
            for frame in self._framer.feed(data):
                if self.over:
                    return
                self._frame(frame, now)
        except Malformed as fault:
            self._write(Plain(commands.GENERIC_NACK), 0, fault.command_status)
            self._end(BindEvent.BROKEN, str(fault))
            return
        self._go_on(now)

    def lost(self, reason: str, now: Monotonic) -> None:
        self._end(BindEvent.LOST, reason)

    def next_deadline(self) -> Monotonic | None:
        first, other = self._in_flight.next_deadline(), self._deadlines.next()
        return other if first is None or (other is not None and other < first) else first

    def handle_deadline(self, now: Monotonic) -> None:
        self._time_out_responses(now)
        for key in self._deadlines.due(now):
            if key == _BIND:
                self._end(BindEvent.TIMED_OUT, "no response to the bind")
            elif key == _ENQUIRE_ANSWER:
                self._end(BindEvent.TIMED_OUT, "no response to enquire_link")
            elif key == _STOP:
                self._end(BindEvent.TIMED_OUT, "stopped without its last responses")
            elif key == _ENQUIRE:
                self._enquire(now)
        self._go_on(now)

    def outgoing(self) -> bytes:
        octets = b"".join(self._out)
        self._out.clear()
        return octets

    def events(self) -> Iterable[SessionEvent]:
        events, self._events = self._events, []
        return events

    @property
    def over(self) -> bool:
        return self.state is BindState.OVER

    # ---- orders

    @property
    def round_trip_seconds(self) -> float | None:
        return self._in_flight.round_trip_seconds

    @property
    def in_flight(self) -> int:
        """Requests on the wire without a response; never above the window."""
        return len(self._in_flight)

    def submit(self, outgoing: Outgoing, now: Monotonic) -> None:
        """Send it as soon as window, rate and SMSC allow. `Answered`, `Unanswered` or `NotLeft` follows."""
        if self.state is not BindState.BOUND:
            self._events.append(tell.NotLeft(outgoing, "no bind is up"))
            return
        self._waiting.add(outgoing)
        self._pump(now)

    def withdraw(self, outgoing: Outgoing) -> None:
        """Not to leave any more: told at once where it waits. What is on the wire gets its answer as it would."""
        if outgoing.waiting:
            self._waiting.withdraw(outgoing)
            self._events.append(tell.never_left(outgoing, "cancelled"))

    def ask(self, operation: Operation, now: Monotonic) -> None:
        """query_sm or cancel_sm, in turn with the submit_sm that wait. `OperationAnswered` follows."""
        if self.state is not BindState.BOUND:
            self._events.append(tell.OperationAnswered(operation, None))
            return
        self._waiting.ask(operation)
        self._pump(now)

    def answer(self, sequence: int, command_status: int, now: Monotonic) -> None:
        """Send the response that a `Delivered` waits for; too late is no error."""
        command_id = self._unanswered.pop(sequence, None)
        if command_id is None or self.state not in CAN_RECEIVE:
            return
        self._write(MessageResponse(command_id | RESPONSE), sequence, command_status)
        self._go_on(now)

    def stop(self, now: Monotonic) -> None:
        """Unbind after the responses to what left have come; what did not leave is told at once."""
        if self.state is BindState.BOUND:
            self._move(BindEvent.STOPPED)
            self._deadlines.set(_STOP, Monotonic(now + self._settings.response_seconds))
            self._drop_waiting("the gateway stops")
            self._go_on(now)
        else:
            self._end(BindEvent.STOPPED, "stopped")

    def resume(self, now: Monotonic) -> None:
        """The transport's buffer has room again."""
        self.paused = False
        self._go_on(now)

    # ---- sending

    def _go_on(self, now: Monotonic) -> None:
        if self.state is BindState.BOUND:
            self._pump(now)
        elif self.state is BindState.DRAINING and not self._in_flight and not self._unanswered:
            self._move(BindEvent.DRAINED)
            self._unbind = self._write(Plain(commands.UNBIND))
            self._deadlines.set(_STOP, Monotonic(now + self._settings.response_seconds))

    def _pump(self, now: Monotonic) -> None:
        while not self.paused and len(self._in_flight) < self._settings.window:
            item = self._waiting.first()
            if item is None:
                break
            if item.deadline is not None and now >= item.deadline:
                self._waiting.take()
                self._events.append(tell.never_left(item, "its deadline is over"))
                continue
            wait = max(self._rate.wait(now, item.weight), self.throttle.wait(now, item.weight))
            if wait > 0:
                self._deadlines.set(_SEND, Monotonic(now + wait))
                break
            self._waiting.take()
            self._leave(item, now)

    def _leave(self, item: Outgoing | Operation, now: Monotonic) -> None:
        pdu: Pdu = item.pdu
        if isinstance(item, Outgoing) and item.deadline is not None:
            pdu = replace(item.pdu, validity_period=relative_time(item.deadline - now))
        try:
            sequence = self._write(pdu)
        except Unencodable as fault:
            self._events.append(tell.never_left(item, str(fault)))
            return
        self._rate.take(now, item.weight)
        self.throttle.take(now, item.weight)
        item.tries += 1
        self._in_flight.add(sequence, item, now)
        if item.tries == 1 and isinstance(item, Outgoing):
            item.first_left_at = now
            self._events.append(tell.Left(item))

    def _write(self, pdu: Pdu, sequence: int | None = None, command_status: int = status.OK) -> int:
        if sequence is None:
            sequence = self._sequence = self._sequence % _LAST_SEQUENCE + 1
        self._out.append(encode(pdu, sequence, command_status))
        return sequence

    # ---- receiving

    def _frame(self, frame: Frame, now: Monotonic) -> None:
        handler = self._handlers.get(frame.command_id)
        if handler is not None:
            try:
                handler(frame, now)
            except Malformed as fault:
                self._mistake(frame, str(fault), fault.command_status)
        elif not frame.is_response:
            self._mistake(frame, f"{commands.name(frame.command_id)} from an SMSC", status.INVALID_COMMAND)
        else:
            self.strays += 1

    def _mistake(self, frame: Frame, words: str, command_status: int) -> None:
        """A request gets its own response where it has one, an unknown one generic_nack (§4.3); a response gets none."""
        self._events.append(tell.PeerMistake(words))
        if frame.is_response:
            return
        if frame.command_id in (commands.DELIVER_SM, commands.DATA_SM):
            self._write(MessageResponse(frame.command_id | RESPONSE), frame.sequence, command_status)
        else:
            self._write(Plain(commands.GENERIC_NACK), frame.sequence, command_status)

    def _bind_response(self, frame: Frame, now: Monotonic) -> None:
        if self.state is not BindState.BINDING:
            self.strays += 1
            return
        self._deadlines.cancel(_BIND)
        if frame.command_status != status.OK:
            self._events.append(tell.BindRefused(frame.command_status))
            self._end(BindEvent.REFUSED, f"bind refused: {status.words(frame.command_status)}")
            return
        try:
            answer = BindResponse.decode(frame.command_id, frame.body)
        except Malformed as fault:
            self._events.append(tell.PeerMistake(str(fault)))
            answer = BindResponse(frame.command_id)
        self._move(BindEvent.ACCEPTED)
        self._deadlines.set(_ENQUIRE, Monotonic(now + self._settings.enquire_seconds))
        self._events.append(tell.Bound(answer.system_id.decode("latin-1")))

    def _submit_response(self, frame: Frame, now: Monotonic) -> None:
        item = self._in_flight.take_submit(frame.sequence, now)
        if item is None:
            self.strays += 1
            return
        command_status = frame.command_status
        if command_status in status.SLOW_DOWN:
            self.throttle.refused(item.left_at, now)
            if self.state is BindState.BOUND and not item.worn_out(now):
                self._waiting.add_again(item)
                self._events.append(tell.Throttled(item, command_status))
                return
        message_id = b""
        try:
            response = MessageResponse.decode(frame.command_id, frame.body)
            if command_status == status.OK:
                message_id = response.message_id
            if (integer(response.tlvs, commands.CONGESTION_STATE, 1) or 0) >= _CONGESTED:
                self.throttle.refused(item.left_at, now)
        except Malformed as fault:
            self._events.append(tell.PeerMistake(str(fault)))
        self._events.append(tell.Answered(item, command_status, message_id))

    def _delivery(self, frame: Frame, now: Monotonic) -> None:
        if self.state not in CAN_RECEIVE:
            self._mistake(frame, "a message before the bind", status.WRONG_STATE)
            return
        if frame.sequence in self._unanswered:
            self._events.append(tell.PeerMistake("a sequence number that still waits for its response"))
            return
        if len(self._unanswered) >= _MOST_UNANSWERED:
            self._write(MessageResponse(frame.command_id | RESPONSE), frame.sequence, status.TRY_AGAIN)
            return
        pdu = decode(frame)
        self._unanswered[frame.sequence] = frame.command_id
        self._events.append(tell.Delivered(frame.sequence, pdu))  # type: ignore[arg-type]  # the handler is only for these two

    def _enquired(self, frame: Frame, now: Monotonic) -> None:
        self._write(Plain(commands.ENQUIRE_LINK | RESPONSE), frame.sequence)

    def _enquiry_answered(self, frame: Frame, now: Monotonic) -> None:
        if self._enquiry.answered(frame.sequence):
            self._deadlines.cancel(_ENQUIRE_ANSWER)

    def _unbound_by_peer(self, frame: Frame, now: Monotonic) -> None:
        self._write(Plain(commands.UNBIND | RESPONSE), frame.sequence)
        self._end(BindEvent.UNBOUND_BY_PEER, "the SMSC ended the bind")

    def _unbind_answered(self, frame: Frame, now: Monotonic) -> None:
        if frame.sequence == self._unbind:
            self._end(BindEvent.UNBIND_ANSWERED, "unbound")

    def _nacked(self, frame: Frame, now: Monotonic) -> None:
        """§4.3: it stands in for a response. A status of 0 says nothing: the request was not carried out."""
        refusal = frame.command_status or status.INVALID_COMMAND
        if self.state is BindState.BINDING:
            self._events.append(tell.BindRefused(refusal))
            self._end(BindEvent.REFUSED, f"bind refused: {status.words(refusal)}")
        item = self._in_flight.take(frame.sequence)
        if isinstance(item, Outgoing):
            self._events.append(tell.Answered(item, refusal, b""))
        elif isinstance(item, Operation):
            self._events.append(tell.OperationAnswered(item, refusal))
        else:
            self._enquiry_answered(frame, now)

    def _operation_response(self, frame: Frame, now: Monotonic) -> None:
        response = None
        if frame.command_id == commands.QUERY_SM | RESPONSE and frame.command_status == status.OK:
            response = QueryResponse.decode(frame.body)
        item = self._in_flight.take_operation(frame.sequence)
        if item is None:
            self.strays += 1
            return
        if frame.command_status in status.SLOW_DOWN:
            self.throttle.refused(item.left_at, now)
            if self.state is BindState.BOUND and not item.worn_out:
                self._waiting.ask(item)
                return
        self._events.append(tell.OperationAnswered(item, frame.command_status, response))

    def _passed_over(self, frame: Frame, now: Monotonic) -> None:
        """A PDU without a response that asks nothing of us."""

    # ---- time and ends

    def _time_out_responses(self, now: Monotonic) -> None:
        overdue = self._in_flight.overdue(now)
        self._events.extend(tell.never_answered(item, "no response in time") for item in overdue)
        if overdue and self.state is BindState.BOUND:
            self._enquiry.doubt(now)
            self._enquire(now)

    def _enquire(self, now: Monotonic) -> None:
        if self._enquiry.wanted(now):
            self._enquiry.asked(self._write(Plain(commands.ENQUIRE_LINK)))
            self._deadlines.set(_ENQUIRE_ANSWER, Monotonic(now + self._settings.response_seconds))
        self._deadlines.set(_ENQUIRE, self._enquiry.next_look(now))

    def _drop_waiting(self, reason: str) -> None:
        self._events.extend(tell.never_left(item, reason) for item in self._waiting.drain())

    def _move(self, event: BindEvent) -> bool:
        after = TABLE.get((self.state, event))
        if after is None:
            return False
        self.state = after
        return True

    def _end(self, event: BindEvent, reason: str) -> None:
        if not self._move(event):
            return
        self._drop_waiting(reason)
        self._events.extend(tell.never_answered(item, reason) for item in self._in_flight.drain())
        self._unanswered.clear()
        self._deadlines = Deadlines()
        self._events.append(tell.Over(reason))
