"""What an SMSC delivers, receipts and messages from people: told, and answered only when it was saved."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from foundation.clock import Clocks
from sms import status
from sms.addresses import read_number
from sms.bind import Link
from sms.events import Receipt, Reply, TextListener
from sms.incoming import Reassembly, Whole, read_incoming
from sms.pdu import DataSm, DeliverSm, SmeAddress
from sms.receipt import read_receipt, receipt_id
from sms.saving import saving
from sms.settings import SmscSettings
from sms.wire import Malformed


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a deliver_sm is answered with, on the connection that it came by."""

    link: Link
    sequence: int


class Deliveries:
    """Of one SMSC, over all connections to it. `took`: a receipt that the SMSC's own test waited for, and nobody else."""

    _log = Logger()

    def __init__(
        self,
        settings: SmscSettings,
        clocks: Clocks,
        reactor: IReactorTime,
        listener: Callable[[], TextListener],
        took: Callable[[Receipt], bool],
    ) -> None:
        self._settings = settings
        self._clocks = clocks
        self._reactor = reactor
        self._listener = listener
        self._took = took
        self._parts: Reassembly[Ticket] = Reassembly()
        self._timer: IDelayedCall | None = None

    def stop(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def take(self, ticket: Ticket, pdu: DeliverSm | DataSm) -> None:
        try:
            fields = read_receipt(pdu)
        except Malformed as fault:
            self._log.warn("a receipt says nothing {smsc}", smsc=self._settings.name, words=str(fault))
            self._answer(status.OK, (ticket,))
            return
        if fields is None:
            key = (pdu.source, pdu.destination)
            self._save(self._parts.add(key, read_incoming(pdu, self._settings.alphabet), ticket, self._clocks.now()))
            self._arm()
            return
        receipt = Receipt(
            smsc=self._settings.name,
            message_id=receipt_id(fields.message_id, self._settings.message_id),
            number=read_number(pdu.source),
            status=fields.status,
            delivered=fields.delivered,
            final=fields.final,
            error=fields.error,
            user_message_reference=fields.user_message_reference,
        )
        if self._took(receipt):
            self._answer(status.OK, (ticket,))
            return
        self._answer_when(saving(self._listener().receipt, receipt), (ticket,))

    def _save(self, texts: Iterable[Whole[Ticket]]) -> None:
        for whole in texts:
            sender, destination = _ends(whole.key)
            reply = Reply(
                smsc=self._settings.name,
                sender=read_number(sender),
                sender_text=sender.address.decode("latin-1"),
                destination=destination.address.decode("latin-1"),
                text=whole.text,
                received_at=self._clocks.saved_now(),
            )
            self._answer_when(saving(self._listener().reply, reply), whole.tickets)

    def _arm(self) -> None:
        deadline = self._parts.next_deadline()
        if deadline is not None and (self._timer is None or not self._timer.active()):
            self._timer = self._reactor.callLater(max(deadline - self._clocks.now(), 0.0), self._due)

    def _due(self) -> None:
        self._save(self._parts.handle_deadline(self._clocks.now()))
        self._arm()

    def _answer_when(self, saved: Deferred[None], tickets: tuple[Ticket, ...]) -> None:
        saved.addCallbacks(lambda _: self._answer(status.OK, tickets), self._not_saved, errbackArgs=(tickets,))
        saved.addErrback(lambda failure: self._log.failure("a delivery was not answered", failure))

    def _not_saved(self, failure: Failure, tickets: tuple[Ticket, ...]) -> None:
        """The SMSC keeps it and tries again."""
        self._log.error("a delivery was not saved {reason}", smsc=self._settings.name, reason=failure.getErrorMessage())
        self._answer(status.TRY_AGAIN, tickets)

    def _answer(self, command_status: int, tickets: tuple[Ticket, ...]) -> None:
        now = self._clocks.now()
        for ticket in tickets:
            ticket.link.session.answer(ticket.sequence, command_status, now)
            ticket.link.touch()


def _ends(key: Hashable) -> tuple[SmeAddress, SmeAddress]:
    assert isinstance(key, tuple)
    return key[0], key[1]
