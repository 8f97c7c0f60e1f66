"""Asks the SMSCs about texts whose receipt never came: after a drop, a crash, or where it was lost on the way.

Only while an SMSC has nothing else to do, a few a second. What it says of the end counts as the receipt would. I/O only
through `sms.events.TextService` and the store's reader.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from foundation.clock import Clocks, Saved
from gateway.domain.identifiers import AttemptId
from gateway.store.reader import Reader
from gateway.store.silent import Silence, SilentText, silent_texts
from sms.events import Receipt, Taken, TextService

_FIRST = timedelta(minutes=5)
_LONGER = 3
"""Each wait is so many times the one before."""
_AFTER_END = timedelta(minutes=1)
_LOOK_BACK = timedelta(hours=48)
_LOOK_SECONDS = 60.0
_ASK_SECONDS = 1.0
_PAGE = 1_000
_MOST_REMEMBERED = 50_000
_BEGINNING = ("", 0)


@dataclass(slots=True)
class _Asked:
    times: int
    at: Saved


def due_at(text: SilentText, times: int, asked_at: Saved | None) -> Saved:
    """Five minutes after it was taken, then after three times as long each; and once more when its validity is over."""
    since = text.accepted_at if asked_at is None else asked_at
    due = since + _FIRST * _LONGER**times
    if text.closed_at is not None and since < text.closed_at:
        due = min(due, text.closed_at + _AFTER_END)
    return Saved(due)


class ReceiptAsking(Service):
    """`told` takes what an SMSC answered, as it takes receipts."""

    _log = Logger()

    def __init__(
        self,
        service: TextService,
        told: Callable[[Receipt], Awaitable[None]],
        reader: Reader,
        clocks: Clocks,
        reactor: IReactorTime,
    ) -> None:
        self._texts = service
        self._told = told
        self._reader = reader
        self._clocks = clocks
        self._reactor = reactor
        self._timer: IDelayedCall | None = None
        self._place = _BEGINNING
        self._queue: deque[SilentText] = deque()
        self._asked: OrderedDict[AttemptId, _Asked] = OrderedDict()

    def startService(self) -> None:
        super().startService()
        self._later(_LOOK_SECONDS)

    def stopService(self) -> None:
        super().stopService()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _later(self, seconds: float) -> None:
        if self.running:
            self._timer = self._reactor.callLater(seconds, self._turn)

    def _turn(self) -> None:
        turn = Deferred.fromCoroutine(self._take_turn())
        turn.addErrback(lambda failure: self._log.failure("texts without a receipt not asked about", failure))
        turn.addCallback(lambda _: self._later(_ASK_SECONDS if self._queue else _LOOK_SECONDS))

    async def _take_turn(self) -> None:
        if not self._queue:
            await self._look()
        self._ask()

    async def _look(self) -> None:
        """One page a turn; from the beginning again behind the last one."""
        smscs = frozenset(each.name for each in self._texts.smscs() if self._texts.spare(each.name))
        if not smscs:
            return
        now = self._clocks.saved_now()
        wanted = Silence(smscs, Saved(now - _LOOK_BACK), Saved(now - _FIRST), self._place, _PAGE)
        found = await self._reader.read(lambda connection: silent_texts(connection, wanted))
        self._place = found[-1].place if len(found) == _PAGE else _BEGINNING
        self._queue.extend(text for text in found if self._is_due(text, now))

    def _is_due(self, text: SilentText, now: Saved) -> bool:
        asked = self._asked.get(text.attempt)
        return due_at(text, asked.times if asked else 0, asked.at if asked else None) <= now

    def _ask(self) -> None:
        """As many as there is room for; a message is asked about whole, part by part. Where there is no room at all they
        are forgotten, and found again by a later look."""
        asked = False
        for _ in range(len(self._queue)):
            text = self._queue.popleft()
            if not self._texts.spare(text.smsc):
                self._queue.append(text)
                continue
            asked = True
            self._remember(text)
            for name in text.names:
                answer = Deferred.fromCoroutine(self._ask_one(Taken(text.smsc, name, text.number)))
                answer.addErrback(lambda failure: self._log.failure("an answer to query_sm was not saved", failure))
        if not asked:
            self._queue.clear()

    async def _ask_one(self, taken: Taken) -> None:
        receipt = await self._texts.query(taken)
        if receipt is not None:
            await self._told(receipt)

    def _remember(self, text: SilentText) -> None:
        asked = self._asked.pop(text.attempt, None)
        self._asked[text.attempt] = _Asked(1 if asked is None else asked.times + 1, self._clocks.saved_now())
        while len(self._asked) > _MOST_REMEMBERED:
            self._asked.popitem(last=False)
