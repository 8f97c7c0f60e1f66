"""All SMSCs as one: `sms.events.TextService` over real binds. I/O only through `sms.bind`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from foundation.clock import Clocks, Monotonic
from foundation.telephone_numbers import PhoneNumber
from sms.events import NotSubmitted, Receipt, Segmented, SmscStatus, Taken, TextEvent, TextListener, TextRequest
from sms.segments import segment
from sms.settings import SmscSettings
from sms.smsc import Smsc, Surroundings
from sms.submission import Submission


class Chance(Protocol):
    """`random.Random` is one."""

    def random(self) -> float: ...


class SmscPool(Service):
    """Takes the SMSC with the lowest `priority` that has room, by `weight` among equals; the next ones when it has none,
    is down or is to be avoided. `endpoint` is for another way to connect than TCP or TLS by the settings."""

    _log = Logger()

    def __init__(
        self,
        settings: Sequence[SmscSettings],
        clocks: Clocks,
        reactor: IReactorTime,
        random: Chance,
        endpoint: Callable[[SmscSettings], IStreamClientEndpoint] | None = None,
    ) -> None:
        self._clocks = clocks
        self._reactor = reactor
        self._random = random
        self._listener: TextListener | None = None
        surroundings = Surroundings(clocks, reactor, random.random, endpoint)
        self._smscs = {each.name: Smsc(each, surroundings, self) for each in settings}
        self._order = sorted(self._smscs.values(), key=lambda smsc: smsc.settings.priority)
        self._reservations: dict[PhoneNumber, list[tuple[Smsc, int]]] = {}
        self._running: dict[int, Submission] = {}

    # ---- Service

    def startService(self) -> None:
        super().startService()
        for smsc in self._smscs.values():
            smsc.startService()

    def stopService(self) -> Deferred[None]:
        """Every bind drained and unbound."""
        super().stopService()
        stopping = DeferredList([smsc.stopService() for smsc in self._smscs.values()], consumeErrors=True)
        return stopping.addCallback(lambda _: None)

    # ---- TextService

    def listen(self, listener: TextListener) -> None:
        self._listener = listener

    def capacity(self, now: Monotonic) -> tuple[int, Monotonic | None]:
        """Never names a time: `capacity_changed` comes as the rates let segments go."""
        return sum(smsc.free for smsc in self._order), None

    def reserve(self, number: PhoneNumber, segments: int, avoid: frozenset[str], now: Monotonic) -> bool:
        smsc = self._choose(number, segments, avoid)
        if smsc is None:
            return False
        smsc.reserve(segments)
        self._reservations.setdefault(number, []).append((smsc, segments))
        return True

    def release(self, number: PhoneNumber, segments: int) -> None:
        reserved = self._take_reservation(number, frozenset())
        if reserved is not None:
            reserved[0].release(reserved[1])

    def segment(self, text: str, language: str = "nl") -> Segmented:
        """As the SMSC of the highest priority takes it; one with another alphabet or other tables gets it cut again."""
        if not self._order:
            return segment(text, language=language)
        settings = self._order[0].settings
        return segment(text, settings.alphabet, settings.national_tables, language)

    def submit(self, request: TextRequest) -> None:
        reserved = self._take_reservation(request.number, request.avoid)
        smsc = reserved[0] if reserved is not None else self._choose(request.number, 1, request.avoid)
        if reserved is not None:
            reserved[0].release(reserved[1])
        if smsc is None or not smsc.bound:
            self._tell_later(NotSubmitted(request.reference, "no bind is up"))
        elif request.reference in self._running:
            self._tell_later(NotSubmitted(request.reference, "this message is on its way already"))
        elif request.deadline is not None and request.deadline <= self._clocks.saved_now():
            self._tell_later(NotSubmitted(request.reference, "its deadline is over"))
        else:
            self._running[request.reference] = smsc.submission(request)
            smsc.begin(self._running[request.reference])

    def cancel(self, reference: int) -> None:
        submission = self._running.get(reference)
        if submission is not None:
            self._smscs[submission.settings.name].cancel(submission)

    def spare(self, smsc: str) -> int:
        known = self._smscs.get(smsc)
        return 0 if known is None else known.spare

    def query(self, taken: Taken) -> Deferred[Receipt | None]:
        known = self._smscs.get(taken.smsc)
        return succeed(None) if known is None else known.questions.query(taken)

    def taking_back(self) -> frozenset[str]:
        return frozenset(name for name, smsc in self._smscs.items() if smsc.questions.knows_cancel)

    def take_back(self, taken: Taken) -> Deferred[bool | None]:
        """One that the configuration does not name any more can't."""
        known = self._smscs.get(taken.smsc)
        return succeed(False) if known is None else known.questions.cancel(taken)

    def smscs(self) -> list[SmscStatus]:
        return [smsc.status for smsc in self._smscs.values()]

    # ---- SmscOwner

    @property
    def listener(self) -> TextListener:
        assert self._listener is not None, "listen comes before startService"
        return self._listener

    def ended(self, submission: Submission, event: TextEvent) -> None:
        self._running.pop(submission.request.reference, None)
        self.listener.text_event(event)

    def room(self) -> None:
        self.listener.capacity_changed()

    # ---- choosing

    def _choose(self, number: PhoneNumber, segments: int, avoid: frozenset[str]) -> Smsc | None:
        candidates = [smsc for smsc in self._order if smsc.settings.name not in avoid and smsc.takes(number, segments)]
        if not candidates:
            return None
        best = [smsc for smsc in candidates if smsc.settings.priority == candidates[0].settings.priority]
        if len(best) == 1:
            return best[0]
        place = self._random.random() * sum(smsc.settings.weight for smsc in best)
        for smsc in best:
            place -= smsc.settings.weight
            if place < 0:
                return smsc
        return best[-1]

    def _take_reservation(self, number: PhoneNumber, avoid: frozenset[str]) -> tuple[Smsc, int] | None:
        """One that was made for this number; two messages may be on their way to it at once."""
        made = self._reservations.get(number, [])
        found = next((entry for entry in made if entry[0].settings.name not in avoid), None)
        if found is not None:
            made.remove(found)
            if not made:
                del self._reservations[number]
        return found

    def _tell_later(self, event: TextEvent) -> None:
        """Never within `submit`: who calls it is not ready for the answer yet."""
        self._reactor.callLater(0, self.listener.text_event, event)
