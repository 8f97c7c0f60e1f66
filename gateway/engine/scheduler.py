"""The one scheduler: asks each channel how much it takes, and gives it the next deliveries just in time.

Urgent alerts come first, then actions share in turn, within an action the nearest come first; nothing before its retry
time, nothing that the quiet hours hold, nothing of an action that is over. There is no queue behind it, so that a close
takes effect at once. Reads pages of waiting deliveries through the store's reader; otherwise no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from foundation.clock import Clocks, Monotonic
from gateway.domain.delivery import Delivery
from gateway.domain.outcomes import ChannelName, MessageKind
from gateway.engine.channel import Capacity, Channel
from gateway.engine.lines import PAGE, Line
from gateway.engine.runner import Runner
from gateway.engine.running import RunningAction
from gateway.store.deliveries import QueueName, fresh_page
from gateway.store.reader import Reader

_MOST_REFUSALS = 1_000
_LEAST_SHARE = 50
_ASIDE_SECONDS = 0.25
_PAGE_RETRY_SECONDS = 1.0


class Scheduler:
    """`runner` begins what is picked; `epoch` is the node's lease, and nothing under another one is read."""

    _log = Logger()

    def __init__(
        self,
        reader: Reader,
        clocks: Clocks,
        reactor: IReactorTime,
        channels: Mapping[ChannelName, Channel[Any]],
        runner: Runner,
    ) -> None:
        self._reader = reader
        self._clocks = clocks
        self._reactor = reactor
        self._channels = channels
        self._runner = runner
        self._lines: dict[ChannelName, dict[QueueName, Line]] = {name: {} for name in ChannelName}
        self._timers: dict[ChannelName, IDelayedCall] = {}
        self._quiet = False
        self._draining = True
        self.epoch = 0

    @property
    def draining(self) -> bool:
        return self._draining

    def open(self) -> None:
        """Begin to give work; before this nothing is picked."""
        self._draining = False
        for channel in self._channels:
            self.poke(channel)

    def drain(self) -> None:
        """Pick nothing any more."""
        self._draining = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def add_line(self, running: RunningAction, message: MessageKind, channel: ChannelName) -> None:
        """Waiting deliveries of this message are in the database. A newcomer has as much of a turn as the others."""
        name = QueueName(running.id, message, channel)
        line = Line(name, running)
        line.served = min((other.served for other in self._lines[channel].values() if not other.drained), default=0)
        self._lines[channel][name] = line
        self.poke(channel)

    def drop_lines(self, running: RunningAction, message: MessageKind) -> None:
        for channel, lines in self._lines.items():
            lines.pop(QueueName(running.id, message, channel), None)

    def waits(self, delivery: Delivery, running: RunningAction) -> None:
        """One that was tried waits again. Where its line is gone the action is over and it was made final there."""
        key = delivery.key
        line = self._lines[key.channel].get(QueueName(key.action, key.message, key.channel))
        if line is None:
            return
        line.add(delivery, None if delivery.not_before is None else self._clocks.at(delivery.not_before))
        self.poke(key.channel)

    def more_came(self, running: RunningAction, message: MessageKind, channel: ChannelName) -> None:
        line = self._lines[channel].get(QueueName(running.id, message, channel))
        if line is None:
            self.add_line(running, message, channel)
        else:
            line.more_came()
            self.poke(channel)

    def remove(self, deliveries: Iterable[Delivery]) -> None:
        rows = frozenset(delivery.id for delivery in deliveries)
        for lines in self._lines.values():
            for line in lines.values():
                line.remove(rows)

    def set_quiet(self, quiet: bool) -> None:
        if quiet == self._quiet:
            return
        self._quiet = quiet
        for channel, lines in self._lines.items():
            for line in lines.values():
                line.set_quiet(quiet)
            self.poke(channel)

    def poke(self, channel: ChannelName, seconds: float = 0.0) -> None:
        """Look at this channel, in so many seconds or earlier."""
        if self._draining:
            return
        timer = self._timers.get(channel)
        if timer is not None:
            if timer.getTime() <= self._reactor.seconds() + seconds:
                return
            timer.cancel()
        self._timers[channel] = self._reactor.callLater(seconds, self._pump, channel)

    def _pump(self, name: ChannelName) -> None:
        self._timers.pop(name, None)
        channel = self._channels.get(name)
        if channel is None or self._draining:
            return
        now = self._clocks.now()
        capacity = channel.capacity(now)
        lines = self._ready(name, now)
        given = self._give(channel, capacity, lines, now) if capacity.free > 0 else 0
        self._load_pages(lines)
        if given >= capacity.free:
            if capacity.free > 0:
                self.poke(name)
            elif capacity.again_at is not None:
                self.poke(name, max(capacity.again_at - now, 0.0))
        self._plan(name, lines, now)

    def _ready(self, name: ChannelName, now: Monotonic) -> list[Line]:
        lines = []
        for line in self._lines[name].values():
            if (name, line.name.message) in line.running.prepared:
                line.wake(now)
                lines.append(line)
        return lines

    def _plan(self, name: ChannelName, lines: list[Line], now: Monotonic) -> None:
        """Come back when the next retry is due, or soon where somebody stands aside."""
        due = [at for line in lines if (at := line.next_due()) is not None]
        if due:
            self.poke(name, max(min(due) - now, 0.0))
        if any(line.aside for line in lines):
            self.poke(name, _ASIDE_SECONDS)

    def _give(self, channel: Channel[Any], capacity: Capacity, lines: list[Line], now: Monotonic) -> int:
        """Pick up to what there is room for; how many were begun. Those aside are each offered once at most, then fresh
        ones. Each line may have so many of either refused, so that none starves another, nor those aside the fresh."""
        given = 0
        share = max(_MOST_REFUSALS // max(len(lines), 1), _LEAST_SHARE)
        offers = {line: _Offers(line.aside, share, share) for line in lines}
        while given < capacity.free:
            found = self._next(lines, offers)
            if found is None:
                break
            line, delivery, fresh = found
            if self._take(channel, line, delivery, capacity, now):
                line.served += 1
                given += 1
            else:
                offers[line].refused(fresh=fresh)
        return given

    def _next(self, lines: list[Line], offers: dict[Line, _Offers]) -> tuple[Line, Delivery, bool] | None:
        for line in sorted(lines, key=_turn) if len(lines) > 1 else lines:
            stopped = line.running.stopped(line.name.message, self._clocks.saved_now())
            if stopped is not None:
                continue
            left = offers[line]
            if left.aside > 0 and left.aside_refusals > 0:
                left.aside -= 1
                delivery = line.take(quiet=self._quiet, fresh=False)
                if delivery is not None:
                    return line, delivery, False
                left.aside = 0
            delivery = line.take(quiet=self._quiet, fresh=True) if left.fresh_refusals > 0 else None
            if delivery is not None:
                return line, delivery, True
        return None

    def _take(self, channel: Channel[Any], line: Line, delivery: Delivery, capacity: Capacity, now: Monotonic) -> bool:
        number = delivery.key.recipient
        if (channel.name, number.e164) in self._runner.in_progress:
            line.set_aside(delivery)
            return False
        if channel.reserve(number, delivery.avoid, now):
            self._runner.begin(delivery, line.running)
            return True
        if delivery.avoid and self._nobody_left(channel, delivery, capacity, now):
            self._runner.exhausted(delivery, line.running)
        else:
            line.set_aside(delivery)
        return False

    def _nobody_left(self, channel: Channel[Any], delivery: Delivery, capacity: Capacity, now: Monotonic) -> bool:
        """Whether every peer is one to avoid. Where the channel does not name its peers: whether it would take the
        number if nobody were avoided."""
        if capacity.peers:
            return capacity.peers <= delivery.avoid
        if not channel.reserve(delivery.key.recipient, frozenset(), now):
            return False
        channel.release(delivery.key.recipient)
        return True

    def _load_pages(self, lines: list[Line]) -> None:
        for line in lines:
            if line.wants_page:
                line.loading = True
                page = self._reader.read(_page(line.name, self.epoch, line.cursor))
                page.addCallbacks(self._loaded, self._not_loaded, (line, line.generation), {}, (line, line.generation))
                page.addErrback(lambda failure: self._log.failure("page not taken", failure))

    def _loaded(self, page: list[Delivery], line: Line, generation: int) -> None:
        line.take_page(page, generation, [each for each in page if not self._runner.holds(each.id)])
        self.poke(line.name.channel)

    def _not_loaded(self, failure: Failure, line: Line, generation: int) -> None:
        self._log.error("page not read {reason}", reason=failure.getErrorMessage())
        if generation == line.generation:
            line.loading = False
        self.poke(line.name.channel, _PAGE_RETRY_SECONDS)


@dataclass(slots=True)
class _Offers:
    """What a line may still be asked for in one round: those aside, and how many of either may yet be refused."""

    aside: int
    aside_refusals: int
    fresh_refusals: int

    def refused(self, *, fresh: bool) -> None:
        if fresh:
            self.fresh_refusals -= 1
        else:
            self.aside_refusals -= 1


def _turn(line: Line) -> tuple[int, int]:
    return line.priority, line.served


def _page(name: QueueName, epoch: int, after: int) -> Callable[[Any], list[Delivery]]:
    return lambda connection: fresh_page(connection, name, epoch, after, PAGE)
