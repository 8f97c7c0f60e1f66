"""CPU and wall time a delivery through scheduler, runner and the threaded store, with a channel that answers at once.

    python -m benchmarks.engine.run [--deliveries 10000] [--database URL] [--profile]

Each delivery is a text: picked, about to leave, accepted, receipted, so four decisions saved. Also: how long from the
start of an action to the first one that leaves.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import resource
import secrets
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred

from foundation.clock import Clocks, Monotonic
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import ActionDraft, Circle, Desk, Kind
from gateway.domain.attempt import Accepted, Attempt, NotSent, Receipted, Sent, Wire
from gateway.domain.identifiers import AttemptId, DeskId, NodeName
from gateway.domain.outcomes import ChannelName, Outcome
from gateway.engine.channel import Capacity, ChannelListener, Message
from gateway.engine.rules import EngineRules
from gateway.engine.service import EngineService, Foundation
from gateway.store.database import open_database
from gateway.store.participants import ParticipantRow, next_run, save_rows
from gateway.store.reader import ThreadedReader
from gateway.store.writer import ThreadedWriter

SQUARE = (52.09, 5.12)


@dataclass
class InstantTexts:
    """Takes `window` at a time; response and receipt come at once."""

    window: int
    expected: int
    done: Deferred[None]
    listener: ChannelListener | None = None
    name: ChannelName = ChannelName.SMS
    in_use: int = 0
    receipts: int = 0
    first_at: float | None = None
    wires: Wire = field(default_factory=lambda: Wire(peer="main"))

    def capacity(self, now: Monotonic) -> Capacity:
        return Capacity(self.window - self.in_use)

    def reserve(self, number: PhoneNumber, avoid: frozenset[str], now: Monotonic) -> bool:
        if self.in_use >= self.window:
            return False
        self.in_use += 1
        return True

    def release(self, number: PhoneNumber) -> None:
        self.in_use -= 1

    async def prepare(self, message: Message) -> str:
        return message.texts["nl"]

    def send(self, attempt: Attempt, prepared: object) -> None:
        assert self.listener is not None
        leaving = self.listener.attempt_event(attempt.id, Sent(self.wires))
        leaving.addCallbacks(self._accept, self._refuse, callbackArgs=(attempt.id,), errbackArgs=(attempt.id,))

    def _accept(self, _: object, attempt: AttemptId) -> None:
        assert self.listener is not None
        if self.first_at is None:
            self.first_at = time.perf_counter()
        self.in_use -= 1
        self.listener.attempt_event(attempt, Accepted(Wire(peer="main", reference=f"id{attempt}", segments=1)))
        receipt = Receipted(Outcome.DELIVERED, Wire(peer="main", receipt_status="DELIVRD"))
        self.listener.attempt_event(attempt, receipt).addCallback(self._count)
        self.listener.capacity_changed(self.name)

    def _refuse(self, failure: Any, attempt: AttemptId) -> None:
        assert self.listener is not None
        self.in_use -= 1
        self.listener.attempt_event(attempt, NotSent(failure.getErrorMessage()))

    def _count(self, _: object) -> None:
        self.receipts += 1
        if self.receipts == self.expected:
            self.done.callback(None)

    def cancel(self, attempt: AttemptId) -> None:
        return


async def measure(size: int, window: int, url: str, directory: Path, reactor: Any, profile: bool) -> None:
    database = open_database(url, "bench")
    people = [
        ParticipantRow(
            PhoneNumber(f"+316{10_000_000 + each}"), frozenset({ChannelName.SMS}), "nl", False, None,
            "3511AB", None, None, SQUARE[0] + each * 1e-7, SQUARE[1],
        )
        for each in range(size)
    ]  # fmt: skip
    with database.writing.begin() as connection:
        run = next_run(connection)
        for begin in range(0, size, 1000):
            save_rows(connection, people[begin : begin + 1000], run)
    clocks = Clocks(reactor.seconds, lambda: datetime.now(UTC))
    writer = ThreadedWriter(database.writing, reactor.callFromThread)
    reader = ThreadedReader(database.reading, reactor)
    writer.start()
    reader.start()
    channel = InstantTexts(window, size, Deferred())
    foundation = Foundation(
        writer, reader, clocks, reactor, NodeName("bench"), _NoMedia(), directory, secrets.token_urlsafe
    )
    engine = EngineService(foundation, EngineRules())
    await engine.prepare([Desk(DeskId("d"), "d", "sip:d@127.0.0.1", "r")])
    channel.listener = engine
    engine.attach(channel)
    engine.begin()
    await engine.recover(_nothing)
    draft = ActionDraft(
        Kind.BURGLARY, "b", "bericht", Circle(*SQUARE, 5000.0), frozenset({ChannelName.SMS}), DeskId("d")
    )
    view = await engine.create(draft, "bench")
    profiler = cProfile.Profile()
    # As the daemon does it once everything is wired.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    asked = time.perf_counter()
    await engine.start(view.action.id, "bench")
    started = time.perf_counter()
    cpu, own = _cpu(), time.thread_time()
    if profile:
        profiler.enable()
    await channel.done
    profiler.disable()
    wall, used, own = time.perf_counter() - started, _cpu() - cpu, time.thread_time() - own
    print(f"{size} deliveries, window {window}")
    print(f"  freezing and start     {1e3 * (started - asked):8.1f} ms")
    assert channel.first_at is not None
    print(f"  start to first sent    {1e3 * (channel.first_at - started):8.1f} ms")
    print(f"  wall a delivery        {1e6 * wall / size:8.1f} µs ({size / wall:.0f} a second)")
    print(f"  CPU a delivery         {1e6 * used / size:8.1f} µs ({1e6 * own / size:.1f} of it on the reactor)")
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(28)
    engine.end()
    reader.stop()
    writer.stop()
    database.close()


class _NoMedia:
    def segments(self, text: str) -> tuple[int, tuple[str, ...]]:
        return 1, ()

    async def wav(self, message: Message, language: str = "nl") -> Path:
        return Path("none.wav")

    async def check_recording(self, wav: Path) -> None:
        return


async def _nothing(dialogs: object) -> None:
    return


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--deliveries", type=int, default=10_000)
    parser.add_argument("--window", type=int, default=500)
    parser.add_argument("--database", help="an empty one; without it a SQLite file")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    reactor: Any = global_reactor
    reactor.seconds = time.monotonic
    with tempfile.TemporaryDirectory() as directory:
        url = options.database or f"sqlite:///{directory}/bench.db"
        done = Deferred.fromCoroutine(
            measure(options.deliveries, options.window, url, Path(directory), reactor, options.profile)
        )
        done.addErrback(lambda failure: print(failure.getTraceback()))
        done.addBoth(lambda _: reactor.stop())
        reactor.run()


if __name__ == "__main__":
    main()
