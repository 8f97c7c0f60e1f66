"""The daily test call of each trunk to a known number, and the alarm when something is wrong with it.

I/O only through `Telephone` and `PromptLibrary`. A test call takes a channel as an alert does, and never the reserve.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from twisted.internet import defer
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from foundation.clock import Clocks, seconds_until
from foundation.sound import Sound
from foundation.telephone_numbers import PhoneNumber, read
from gateway.call_views import call_view
from gateway.domain.calls import CallView
from ivr.call import Call, Refused, Telephone, ToTrunk
from ivr.flows.daily import daily, fault
from ivr.settings import TrunkSettings
from prompts.speech import PromptLibrary, SpeechFailed

TEXT = "Dit is de dagelijkse proefoproep van Burgernet. U hoeft niets te doen."
LATE_SECONDS = 300.0
"""So long a trunk may be down, or a call take, before that is an alarm."""
BUSY_SECONDS = 3600.0
"""So long the test waits behind alerts for a channel of a trunk that is up: their calls show that it works."""
RING_SECONDS = 30.0

_LOOK_SECONDS = 1.0
_LAST_WORDS_SECONDS = 1.0

SaveCall = Callable[[CallView], Awaitable[None]]


class DailyCalls:
    """`follow` begins it, again after a reload; `stop` ends it and whatever is under way. Times are this machine's zone."""

    _log = Logger()

    def __init__(
        self, telephone: Telephone, library: PromptLibrary, save_call: SaveCall, clocks: Clocks, reactor: IReactorTime
    ) -> None:
        self._telephone = telephone
        self._library = library
        self._save_call = save_call
        self._clocks = clocks
        self._reactor = reactor
        self._next: dict[str, IDelayedCall] = {}
        self._testing: dict[str, Deferred[str | None]] = {}

    def follow(self, trunks: Sequence[TrunkSettings]) -> None:
        """Test these from now on, at their times; a test under way goes on."""
        self._rest()
        for trunk in trunks:
            if trunk.test_number is not None:
                self._wait(trunk.name, read(trunk.test_number), trunk.test_at)

    def stop(self) -> None:
        self._rest()
        for testing in list(self._testing.values()):
            testing.cancel()

    def _rest(self) -> None:
        for timer in self._next.values():
            timer.cancel()
        self._next.clear()

    def _wait(self, trunk: str, number: PhoneNumber, at: str) -> None:
        seconds = seconds_until(at, self._clocks.saved_now().astimezone())
        self._next[trunk] = self._reactor.callLater(seconds, self._due, trunk, number, at)

    def _due(self, trunk: str, number: PhoneNumber, at: str) -> None:
        self._wait(trunk, number, at)
        if trunk in self._testing:
            return
        testing = self._testing[trunk] = Deferred.fromCoroutine(self._test(trunk, number))
        testing.addBoth(partial(self._over, trunk))

    def _over(self, trunk: str, result: str | Failure | None) -> None:
        del self._testing[trunk]
        if isinstance(result, Failure):
            if result.check(CancelledError):
                return
            self._log.failure("a daily test call failed by our own fault", result, trunk=trunk)
            result = "the daily test call failed by our own fault"
        if result is None:
            self._log.info("daily test call went well {trunk}", trunk=trunk)
        else:
            self._log.critical("alarm {trunk}: {fault}", trunk=trunk, fault=result)
        self._telephone.note_test(trunk, result)

    # ---- one test

    async def _test(self, trunk: str, number: PhoneNumber) -> str | None:
        """What is wrong, in words."""
        message = await self._message()
        why = await self._reserve(trunk, number)
        if why is not None:
            return f"the daily test call could not be placed: {why}"
        route = ToTrunk(trunk, number, RING_SECONDS)
        calling = Deferred.fromCoroutine(self._call(route, message))
        calling.addTimeout(LATE_SECONDS, self._reactor)
        try:
            return await calling
        except defer.TimeoutError:
            return f"the daily test call was not over after {LATE_SECONDS / 60:.0f} minutes"

    async def _message(self) -> Sound | None:
        try:
            return await self._library.speech(TEXT)
        except SpeechFailed as failed:
            self._log.error("no voice for the daily test call: {reason}", reason=str(failed))
            return None

    async def _reserve(self, trunk: str, number: PhoneNumber) -> str | None:
        """Wait for a channel of this very trunk; why there is none, where none comes."""
        began = self._reactor.seconds()
        while True:
            states = {status.name: status.state for status in self._telephone.trunks()}
            others = frozenset(states) - {trunk}
            if trunk not in states:
                return "the trunk is no more in the configuration"
            if self._telephone.reserve_alert(number, others, self._clocks.now()) is not None:
                return None
            waited = self._reactor.seconds() - began
            if states[trunk] != "up" and waited >= LATE_SECONDS:
                return f"the trunk is {states[trunk]}"
            if waited >= BUSY_SECONDS:
                return f"no channel came free in {BUSY_SECONDS / 60:.0f} minutes"
            await deferLater(self._reactor, _LOOK_SECONDS, lambda: None)

    async def _call(self, route: ToTrunk, message: Sound | None) -> str | None:
        try:
            call = await self._telephone.dial(route, reserved=True)
        except Refused as refused:
            return f"the daily test call could not be placed: {refused}"
        self._keep(call)
        call.on_end(lambda _: self._keep(call))
        ending = await daily(call, message)
        # What passed is told by the media worker after the end.
        await deferLater(self._reactor, _LAST_WORDS_SECONDS, lambda: None)
        return fault(call.record, ending)

    def _keep(self, call: Call) -> None:
        async def keep() -> None:
            await self._save_call(call_view(call.record, None))

        Deferred.fromCoroutine(keep()).addErrback(
            lambda failure: self._log.failure("call record was not saved", failure)
        )
