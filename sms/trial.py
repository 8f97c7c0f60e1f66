"""A bind of its own that tries an SMSC out: bind, enquire_link, one message, its receipt. I/O only through `sms.bind`.

It stands beside a running gateway's bind. What the SMSC delivers to it that is not the trial's receipt is refused with
ESME_RX_T_APPN, so that the SMSC gives it to the gateway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TimedOut
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory

from foundation.clock import Clocks
from foundation.rate import Rate
from foundation.telephone_numbers import PhoneNumber
from sms import commands, status
from sms.addresses import source_address
from sms.bind import BindLost, Link, endpoint_for
from sms.events import TextRequest
from sms.pdu import DataSm, DeliverSm
from sms.pdu_operations import QuerySm
from sms.receipt import STATES, read_receipt, receipt_id, response_id
from sms.segments import segment
from sms.session_events import Answered, Delivered, Operation, OperationAnswered, Outgoing, SessionEvent, Unanswered
from sms.settings import SmscSettings
from sms.submission import outgoings
from sms.trace import Watch, WatchedSession
from sms.wire import RESPONSE, Frame, Malformed

TEXT = "Dit is een proefbericht van Burgernet. U hoeft niets te doen."
_ENQUIRE_AFTER_SECONDS = 0.2
_QUERY_EVERY_SECONDS = 5.0
_STATUS_WORDS = {
    "DELIVRD": "it was delivered",
    "EXPIRED": "it expired before the telephone could be reached",
    "DELETED": "it was deleted at the SMSC",
    "UNDELIV": "it could not be delivered",
    "REJECTD": "the network refused it",
}
Result = TypeVar("Result")


class TrialFailed(Exception):
    """One sentence for the engineer."""


@dataclass(frozen=True, slots=True)
class Manner:
    """`number` None: no message. `seconds` to wait for its receipt. `tell` gets each step in words."""

    number: PhoneNumber | None
    seconds: float
    tell: Callable[[str], None]
    watch: Watch = lambda leaves, frame: None


class _Once(Generic[Result]):
    """Something that will come once, and what is waited for it at most."""

    def __init__(self) -> None:
        self._deferred: Deferred[Result] = Deferred()

    def came(self, value: Result) -> None:
        if not self._deferred.called:
            self._deferred.callback(value)

    async def within(self, seconds: float, reactor: IReactorTime) -> Result | None:
        """None where it did not come in time; it may be waited for again."""
        waiting: Deferred[Result] = Deferred(lambda _: None)
        self._deferred.addCallback(_both(waiting))
        waiting.addTimeout(seconds, reactor)
        try:
            return await waiting
        except (TimedOut, CancelledError):
            return None


def _both(waiting: Deferred[Result]) -> Callable[[Result], Result]:
    def came(value: Result) -> Result:
        if not waiting.called:
            waiting.callback(value)
        return value

    return came


class Trial:
    def __init__(
        self,
        settings: SmscSettings,
        manner: Manner,
        clocks: Clocks,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint | None = None,
    ) -> None:
        self._settings = settings
        self._manner = manner
        self._clocks = clocks
        self._reactor = reactor
        self._endpoint = endpoint or endpoint_for(settings, reactor)
        self._enquired: _Once[bool] = _Once()
        self._answers: dict[Outgoing, _Once[Answered | None]] = {}
        self._receipt: _Once[str] = _Once()
        self._queried: _Once[OperationAnswered] = _Once()
        self._names: set[str] = set()
        self._links: list[Link] = []

    async def run(self) -> None:
        """Raises TrialFailed at the first step that is not as it should be."""
        link = await self._bind()
        try:
            await self._enquire()
            if self._manner.number is None:
                self._manner.tell("no message was sent: name a number with --to, or set test_number")
            else:
                await self._message(link, self._manner.number)
        finally:
            link.stop()
            await link.gone
        self._manner.tell("unbound")

    async def _bind(self) -> Link:
        where = f"{self._settings.host}:{self._settings.port}{' with TLS' if self._settings.tls else ''}"
        began = self._clocks.now()
        try:
            await self._endpoint.connect(Factory.forProtocol(self._link))
        except Exception as error:
            raise TrialFailed(f"no connection to {where}: {error or type(error).__name__}") from error
        self._manner.tell(f"connected to {where}")
        (link,) = self._links
        try:
            await link.ready
        except BindLost as lost:
            raise TrialFailed(str(lost)) from lost
        milliseconds = (self._clocks.now() - began) * 1000
        self._manner.tell(f"bound as {self._settings.bind} in {milliseconds:.0f} ms")
        return link

    def _link(self) -> Link:
        # A short time, so that enquire_link leaves as soon as the bind is quiet.
        settings = self._settings.model_copy(update={"enquire_seconds": _ENQUIRE_AFTER_SECONDS})
        session = WatchedSession(settings, Rate(settings.segments_per_second), self._see)
        self._links.append(Link(session, self._clocks, self._reactor, self._hear))
        return self._links[0]

    async def _enquire(self) -> None:
        if await self._enquired.within(self._settings.response_seconds + 1, self._reactor):
            self._manner.tell("enquire_link is answered")
        else:
            raise TrialFailed("no response to enquire_link")

    async def _message(self, link: Link, number: PhoneNumber) -> None:
        if self._settings.bind == "receiver":
            raise TrialFailed("this bind only receives: no message can be sent by it")
        request = TextRequest(0, number, segment(TEXT, self._settings.alphabet))
        (outgoing,) = outgoings(request, self._settings, None)
        answer = self._answers[outgoing] = _Once()
        began = self._clocks.now()
        link.session.submit(outgoing, began)
        link.touch()
        answered = await answer.within(self._settings.response_seconds + 1, self._reactor)
        if answered is None:
            raise TrialFailed("no response to submit_sm: nobody knows whether it is sent")
        if answered.command_status != status.OK:
            raise TrialFailed(f"the SMSC refused the message: {status.words(answered.command_status)}")
        milliseconds = (self._clocks.now() - began) * 1000
        self._manner.tell(f"the message to {number.masked} was accepted in {milliseconds:.0f} ms")
        self._names.add(response_id(answered.message_id, self._settings.message_id))
        await self._wait_for_receipt(link, answered.message_id)

    async def _wait_for_receipt(self, link: Link, message_id: bytes) -> None:
        """By its receipt, else by query_sm: the SMSC may give the receipt to the gateway's own bind."""
        until = self._clocks.now() + self._manner.seconds
        while (left := until - self._clocks.now()) > 0:
            state = await self._receipt.within(min(_QUERY_EVERY_SECONDS, left), self._reactor)
            if state is not None:
                self._said("its receipt says", state)
                return
            self._queried = _Once()
            link.session.ask(Operation(QuerySm(message_id, source_address(self._settings))), self._clocks.now())
            link.touch()
            asked = await self._queried.within(self._settings.response_seconds, self._reactor)
            if asked is not None and asked.response is not None:
                state = STATES.get(asked.response.message_state, "UNKNOWN")
                if state in _STATUS_WORDS:
                    self._said("no receipt came by this bind; query_sm says", state)
                    return
        raise TrialFailed(
            f"no receipt in {self._manner.seconds:g} s by this bind, and query_sm does not tell. A gateway that runs may "
            'have got it by its own: then its log has a line "receipt of an unknown message" with the status. If it has '
            "none, stop the gateway and test again; if none comes then either, ask the provider whether receipts are "
            "switched on for this account"
        )

    def _said(self, begin: str, state: str) -> None:
        words = f"{begin} {state}: {_STATUS_WORDS.get(state, 'a state that says nothing of the end')}"
        if state != "DELIVRD":
            raise TrialFailed(words)
        self._manner.tell(words)

    # ---- what comes

    def _see(self, leaves: bool, frame: Frame) -> None:
        self._manner.watch(leaves, frame)
        if not leaves and frame.command_id == commands.ENQUIRE_LINK | RESPONSE:
            self._enquired.came(True)

    def _hear(self, link: Link, event: SessionEvent) -> None:
        match event:
            case Answered(outgoing):
                self._answers[outgoing].came(event)
            case Unanswered(outgoing):
                self._answers[outgoing].came(None)
            case OperationAnswered():
                self._queried.came(event)
            case Delivered(sequence, pdu):
                mine = self._take(pdu)
                link.session.answer(sequence, status.OK if mine else status.TRY_AGAIN, self._clocks.now())
                link.touch()

    def _take(self, pdu: DeliverSm | DataSm) -> bool:
        try:
            fields = read_receipt(pdu)
        except Malformed:
            return False
        if fields is None or receipt_id(fields.message_id, self._settings.message_id) not in self._names:
            return False
        if fields.final:
            self._receipt.came(fields.status)
        return True
