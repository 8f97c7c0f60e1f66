"""Short texts that answer a person's own: the confirmation of STOP, and that an action is over.

Each is remembered by whoever asks for it and goes out at most once: what can't leave for want of room waits a while; what
left is never sent again. They take their place among all others and so keep every rate. I/O only through
`sms.events.TextService`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from foundation.clock import Monotonic
from foundation.telephone_numbers import PhoneNumber
from sms.events import NotSubmitted, Segmented, TextEvent, TextRequest, TextService

_PATIENCE_SECONDS = 600.0
_AGAIN_SECONDS = 5.0
_MOST_WAITING = 1_000


@dataclass(frozen=True, slots=True)
class _Own:
    reference: int
    number: PhoneNumber
    text: Segmented
    until: float


class OwnTexts:
    """References below 0 are its own."""

    _log = Logger()

    def __init__(self, service: TextService, reactor: IReactorTime) -> None:
        self._service = service
        self._reactor = reactor
        self._reference = 0
        self._waiting: deque[_Own] = deque()
        self._sent: dict[int, _Own] = {}
        self._timer: IDelayedCall | None = None

    def stop(self) -> None:
        self._waiting.clear()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def send(self, number: PhoneNumber, text: str, language: str) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self._log.warn("an answer was not sent, too many wait {number}", number=number.masked)
            return
        self._reference -= 1
        until = self._reactor.seconds() + _PATIENCE_SECONDS
        self._waiting.append(_Own(self._reference, number, self._service.segment(text, language), until))
        self.room()

    def room(self) -> None:
        """Send what there is room for."""
        now = Monotonic(self._reactor.seconds())
        for _ in range(len(self._waiting)):
            own = self._waiting.popleft()
            if own.until <= now:
                self._log.warn("an answer was not sent in time {number}", number=own.number.masked)
            elif self._service.reserve(own.number, len(own.text.segments), frozenset(), now):
                self._sent[own.reference] = own
                self._service.submit(TextRequest(own.reference, own.number, own.text))
            else:
                self._waiting.append(own)
        if self._waiting and (self._timer is None or not self._timer.active()):
            self._timer = self._reactor.callLater(_AGAIN_SECONDS, self.room)

    def ended(self, event: TextEvent) -> None:
        """What never left waits again; anything else was its one chance."""
        own = self._sent.pop(event.reference, None)
        if own is None:
            return
        if isinstance(event, NotSubmitted):
            self._waiting.append(own)
            if self._timer is None or not self._timer.active():
                self._timer = self._reactor.callLater(_AGAIN_SECONDS, self.room)
        self._log.info("answer to a text {end}", end=type(event).__name__, number=own.number.masked)
