"""What a call costs the SIP core alone while few and while many others are up: two user agents in one process, no socket.

    PYTHONPATH=. python benchmarks/calls/bench_agent.py [--few 100] [--many 5000] [--calls 1000]

Each of the measured calls is set up and ended while the others stay. Rounds with few and with many take turns, and the
median counts; the aim is within 15 %. The whole daemon's figure is `bench_running.py`'s.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import time

from ivr.call import LegId
from ivr.sip.events import InviteReceived
from tests.unit.sip.pair import ANSWER, Pair

_ROUNDS = 5
_SPACING_SECONDS = 0.01


def _set_up(pair: Pair, first: int, calls: int) -> list[LegId]:
    """So many calls one after the other, each answered at once."""
    legs = [LegId(f"leg-{number}") for number in range(first, first + calls)]
    for leg in legs:
        pair.invite(leg)
        pair.run(_SPACING_SECONDS * 2)
        _answer(pair)
        pair.run(_SPACING_SECONDS * 3)
        _forget_told(pair)
    return legs


def _answer(pair: Pair) -> None:
    for event in pair.there_told(InviteReceived):
        pair.there.answer(event.leg, ANSWER, pair.now)
    pair.told_there.clear()


def _forget_told(pair: Pair) -> None:
    """What the link remembers for tests would grow with every call."""
    for told in (pair.told_here, pair.told_there, pair.wire, pair.sent):
        told.clear()


class Line:
    """Two agents with so many calls up."""

    def __init__(self, running: int) -> None:
        self.pair = Pair()
        self._next = 0
        self._held = self._more(running)
        self.pair.run(40)  # until no transaction of these is left

    def _more(self, calls: int) -> list[LegId]:
        legs = _set_up(self.pair, self._next, calls)
        self._next += calls
        return legs

    def cost(self, calls: int) -> float:
        """Microseconds of CPU a call, both sides together."""
        gc.collect()
        before = time.process_time()
        for leg in self._more(calls):
            self.pair.here.hang_up(leg, self.pair.now)
            self.pair.run(_SPACING_SECONDS * 2)
            _forget_told(self.pair)
        used = time.process_time() - before
        self.pair.run(40)
        return used / calls * 1e6


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--few", type=int, default=100)
    arguments.add_argument("--many", type=int, default=5000)
    arguments.add_argument("--calls", type=int, default=1000)
    options = arguments.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    lines = [Line(options.few), Line(options.many)]
    rounds = [[line.cost(options.calls) for line in lines] for _ in range(_ROUNDS)]
    few, many = (statistics.median(costs) for costs in zip(*rounds, strict=True))
    print(f"{options.few:>6} running  {few:6.0f} µs of CPU a call, both sides")
    print(f"{options.many:>6} running  {many:6.0f} µs; ratio {many / few:.3f}")


if __name__ == "__main__":
    main()
