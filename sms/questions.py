"""What one SMSC is asked about messages that it took: query_sm for a fate that no receipt told, cancel_sm to take one back.

Not every SMSC knows these. One that says so, or never answers, is not asked again by this process. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from sms import status
from sms.addresses import phone_address, source_address
from sms.events import Receipt, Taken
from sms.pdu_operations import CancelSm, QuerySm
from sms.receipt import STATES, ReceiptFields, response_id
from sms.session_events import Operation, OperationAnswered
from sms.settings import SmscSettings

_MOST_UNANSWERED = 3
_MOST_AT_ONCE = 10
_SHARE = 0.1
_NO_QUERIES = frozenset({status.INVALID_COMMAND, status.QUERY_FAILED})

Ask = Callable[[Operation], bool]
"""Gives it to a bind; False where none is up."""


class Questions:
    _log = Logger()

    def __init__(self, settings: SmscSettings, ask: Ask) -> None:
        self.knows_query = True
        self.knows_cancel = True
        self._settings = settings
        self._ask = ask
        self._waiting: dict[Operation, Deferred[OperationAnswered]] = {}
        self._unanswered = 0

    @property
    def allowed(self) -> int:
        """How many queries may be put at once where nothing else is to do: a tenth of a second's segments, ten at most."""
        if not self.knows_query:
            return 0
        most = min(ceil(self._settings.segments_per_second * _SHARE), _MOST_AT_ONCE)
        return max(most - len(self._waiting), 0)

    def query(self, taken: Taken) -> Deferred[Receipt | None]:
        """What the SMSC says of the message, as its receipt would; None where it says nothing of it."""
        if not self.knows_query:
            return succeed(None)
        order = QuerySm(taken.message_id.encode("latin-1", "replace"), source_address(self._settings))
        return self._put(order).addCallback(self._queried, taken)

    def cancel(self, taken: Taken) -> Deferred[bool | None]:
        """Whether the SMSC took it back; None where nobody can say, since no bind was up or no answer came."""
        if not self.knows_cancel:
            return succeed(False)
        message_id = taken.message_id.encode("latin-1", "replace")
        order = CancelSm(message_id, source_address(self._settings), phone_address(taken.number))
        return self._put(order).addCallback(self._cancelled)

    def answered(self, event: OperationAnswered) -> None:
        waiting = self._waiting.pop(event.operation, None)
        if waiting is not None:
            waiting.callback(event)

    def _put(self, order: QuerySm | CancelSm) -> Deferred[OperationAnswered]:
        operation = Operation(order)
        answer = self._waiting[operation] = Deferred()
        if not self._ask(operation):
            self.answered(OperationAnswered(operation, None))
        return answer

    def _queried(self, event: OperationAnswered, taken: Taken) -> Receipt | None:
        self._unanswered = 0 if event.command_status is not None or not event.operation.tries else self._unanswered + 1
        if event.command_status in _NO_QUERIES or self._unanswered >= _MOST_UNANSWERED:
            self._log.info("SMSC answers no query_sm {smsc}", smsc=self._settings.name)
            self.knows_query = False
        state = None if event.response is None else STATES.get(event.response.message_state)
        if event.response is None or state is None:
            return None
        said = ReceiptFields("", state, str(event.response.error_code), b"", None)
        return Receipt(
            smsc=self._settings.name,
            message_id=response_id(taken.message_id.encode("latin-1", "replace"), self._settings.message_id),
            number=taken.number,
            status=state,
            delivered=said.delivered,
            final=said.final,
            error=said.error,
            user_message_reference=None,
        )

    def _cancelled(self, event: OperationAnswered) -> bool | None:
        if event.command_status is None:
            return None
        if event.command_status == status.INVALID_COMMAND:
            self._log.info("SMSC knows no cancel_sm {smsc}", smsc=self._settings.name)
            self.knows_cancel = False
        return event.command_status == status.OK
