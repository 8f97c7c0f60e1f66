"""The daily test message of an SMSC to a known number, and the alarm when its receipt is late. Timers only; no socket."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from foundation.clock import Clocks, seconds_until
from foundation.telephone_numbers import PhoneNumber, read
from sms.events import Accepted, Receipt, TextEvent, TextRequest
from sms.segments import segment
from sms.settings import SmscSettings

TEXT = "Dit is het dagelijkse proefbericht van Burgernet."
LATE_SECONDS = 300.0
_REFERENCE = -(1 << 50)


class DailyTest:
    """`send` is asked for a message and answers through `ended`; False: it can't be sent now. `alarm` gets the words of
    what is wrong, None when a test went well again. Times are this machine's zone."""

    _log = Logger()

    def __init__(
        self,
        settings: SmscSettings,
        clocks: Clocks,
        reactor: IReactorTime,
        send: Callable[[TextRequest], bool],
        alarm: Callable[[str | None], None],
    ) -> None:
        self._settings = settings
        self._number: PhoneNumber | None = None if settings.test_number is None else read(settings.test_number)
        self._clocks = clocks
        self._reactor = reactor
        self._send = send
        self._alarm = alarm
        self._reference = _REFERENCE
        self._ids: frozenset[str] = frozenset()
        self._next: IDelayedCall | None = None
        self._late: IDelayedCall | None = None

    def start(self) -> None:
        if self._number is not None:
            now = self._clocks.saved_now().astimezone()
            self._next = self._reactor.callLater(seconds_until(self._settings.test_at, now), self._due, self._number)

    def stop(self) -> None:
        for timer in (self._next, self._late):
            if timer is not None and timer.active():
                timer.cancel()

    def is_ours(self, request: TextRequest) -> bool:
        return request.reference <= _REFERENCE

    def ended(self, event: TextEvent) -> None:
        """What became of submitting it."""
        if event.reference != self._reference:
            return
        if isinstance(event, Accepted):
            self._ids = frozenset(event.message_ids)
        else:
            self._over(f"the daily test message was not accepted: {getattr(event, 'words', type(event).__name__)}")

    def took(self, receipt: Receipt) -> bool:
        """Whether this is the test message's receipt, or one to its number that its response has yet to name."""
        if not self._waits or (receipt.message_id not in self._ids and (self._ids or receipt.number != self._number)):
            return False
        if receipt.final:
            words = None if receipt.delivered else f"the daily test message ended as {receipt.status}"
            self._over(words)
        return True

    @property
    def _waits(self) -> bool:
        return self._late is not None and self._late.active()

    def _due(self, number: PhoneNumber) -> None:
        self.start()
        self._reference -= 1
        self._ids = frozenset()
        if self._late is not None and self._late.active():
            self._late.cancel()
        self._late = self._reactor.callLater(LATE_SECONDS, self._over, "the daily test message has no receipt yet")
        if not self._send(TextRequest(self._reference, number, segment(TEXT, self._settings.alphabet))):
            self._over("the daily test message could not be sent: no bind is up")

    def _over(self, fault: str | None) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()
        if fault is None:
            self._log.info("daily test message delivered {smsc}", smsc=self._settings.name)
        else:
            self._log.critical("alarm {smsc}: {fault}", smsc=self._settings.name, fault=fault)
        self._alarm(fault)
