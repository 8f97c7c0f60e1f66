"""What the engine does by the clock alone: quiet hours that begin and end, counts for those who watch, forgetting."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from gateway.domain.identifiers import ActionId
from gateway.domain.outcomes import MessageKind, Outcome
from gateway.engine.actions import Actions, Parts
from gateway.store.closing import hold_for_quiet
from gateway.store.counting import Counts, counts_of
from gateway.store.reader import Reader
from gateway.store.retention import forget_people, forget_recipients, horizon

_COUNTS_SECONDS = 0.5
_FORGET_SECONDS = 3600.0


class Housekeeping:
    _log = Logger()

    def __init__(self, parts: Parts, reader: Reader, actions: Actions) -> None:
        self._parts = parts
        self._reader = reader
        self._actions = actions
        self._dirty: set[ActionId] = set()
        self._counting: IDelayedCall | None = None
        self._quiet_timer: IDelayedCall | None = None
        self._forget_timer: IDelayedCall | None = None

    def start(self) -> None:
        self._arm_quiet()
        self._forget_timer = self._parts.reactor.callLater(_FORGET_SECONDS, self._forget)

    def stop(self) -> None:
        for timer in (self._counting, self._quiet_timer, self._forget_timer):
            if timer is not None and timer.active():
                timer.cancel()

    def quiet_now(self) -> bool:
        quiet = self._parts.runner.rules.quiet
        return quiet is not None and quiet.at(self._parts.clocks.saved_now())

    def look_at_quiet(self) -> None:
        """Take the hours of this moment over, at the start and after new settings; recovery labels what waits."""
        quiet = self.quiet_now()
        self._parts.runner.quiet = quiet
        self._parts.scheduler.set_quiet(quiet)

    def _arm_quiet(self) -> None:
        quiet = self._parts.runner.rules.quiet
        if quiet is None:
            return
        change = quiet.next_change(self._parts.clocks.saved_now())
        seconds = max(self._parts.clocks.until(change), 0.0) + 0.001
        self._quiet_timer = self._parts.reactor.callLater(seconds, self._quiet_changes)

    def _quiet_changes(self) -> None:
        self._arm_quiet()
        self.change_quiet()

    def change_quiet(self) -> None:
        """Memory first, so that nobody is disturbed, then the words in the database, then fresh pages are read."""
        quiet = self.quiet_now()
        if quiet is self._parts.runner.quiet:
            return
        self._parts.runner.quiet = quiet
        running = list(self._actions.running)
        saved = self._parts.writer.run(
            lambda connection: hold_for_quiet(connection, running, quiet=quiet), patient=True
        )
        if quiet:
            self._parts.scheduler.set_quiet(True)
        else:
            saved.addCallback(lambda _: self._parts.scheduler.set_quiet(self._parts.runner.quiet))
        saved.addCallback(lambda _: self.counts_changed(running))
        saved.addErrback(lambda failure: self._log.failure("quiet hours not saved", failure))

    def reconfigured(self) -> None:
        if self._quiet_timer is not None and self._quiet_timer.active():
            self._quiet_timer.cancel()
        self._arm_quiet()
        self.change_quiet()

    def counts_changed(self, actions: Iterable[ActionId]) -> None:
        """Tell those who watch, in a moment and all at once."""
        self._dirty.update(actions)
        if self._dirty and (self._counting is None or not self._counting.active()):
            self._counting = self._parts.reactor.callLater(_COUNTS_SECONDS, self._tell_counts)

    def _tell_counts(self) -> None:
        actions = sorted(self._dirty)
        self._dirty.clear()
        told = self._reader.read(lambda connection: counts_of(connection, actions))
        told.addCallback(self._publish_counts)
        told.addErrback(lambda failure: self._log.warn("counts not read {reason}", reason=failure.getErrorMessage()))

    def _publish_counts(self, found: dict[str, Counts]) -> None:
        for action, counts in found.items():
            alert = {name.value: _words(outcomes) for name, outcomes in counts.get(MessageKind.ALERT, {}).items()}
            closing = {name.value: _words(outcomes) for name, outcomes in counts.get(MessageKind.CLOSING, {}).items()}
            self._parts.hub.publish("delivery", {"action": action, "counts": alert, "closing_counts": closing})

    def _forget(self) -> None:
        self._forget_timer = self._parts.reactor.callLater(_FORGET_SECONDS, self._forget)
        done = Deferred.fromCoroutine(self.forget())
        done.addErrback(lambda failure: self._log.failure("retention failed", failure))

    async def forget(self) -> None:
        """Everything whose time is over: rows first, then the sound files of tips."""
        keep = self._parts.runner.rules.retention
        order = horizon(
            self._parts.clocks.saved_now(),
            recipients_days=keep.recipients_days,
            tips_hours=keep.tips_hours,
            caller_hours=keep.caller_hours,
        )
        while await self._parts.writer.run(lambda connection: forget_recipients(connection, order), patient=True):
            pass
        paths = await self._parts.writer.run(lambda connection: forget_people(connection, order), patient=True)
        if paths:
            await self._reader.read(lambda _: _delete(paths))


def _words(outcomes: dict[Outcome, int]) -> dict[str, int]:
    return {outcome.value: count for outcome, count in outcomes.items()}


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
