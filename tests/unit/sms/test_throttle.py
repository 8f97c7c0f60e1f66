"""Against an SMSC with a limit that nobody told us: few refusals, most of the limit used, and a way back up."""

from __future__ import annotations

import pytest

from foundation.clock import Monotonic
from foundation.rate import Rate
from sms import commands, status
from sms.session import Session
from sms.throttle import Throttle
from tests.unit.sms.pair import Pair, smsc_settings, text


class Limit:
    """At most `per_second` accepted in any second that begins with one (an SMSC's sliding window)."""

    def __init__(self, pair: Pair | Binds, per_second: int) -> None:
        self.pair = pair
        self.per_second = per_second
        self.accepted: list[float] = []
        self.refused = 0

    def __call__(self, number: int) -> int:
        now = self.pair.now
        recent = sum(1 for moment in self.accepted[-self.per_second :] if moment > now - 1.0)
        if recent >= self.per_second:
            self.refused += 1
            return status.THROTTLED
        self.accepted.append(now)
        return status.OK


@pytest.mark.parametrize("configured", [250, 500, 2_000])
def test_under_15_percent_are_refused_and_most_of_the_limit_is_used(configured: int) -> None:
    pair = Pair(segments_per_second=configured, window=50).bound()
    limit = Limit(pair, 200)
    pair.centre.refuses = limit
    pair.submit(*(text() for _ in range(6_000)))
    pair.wait(60.0)
    assert limit.refused / (len(limit.accepted) + limit.refused) < 0.15
    assert len(limit.accepted) / min(60.0, limit.accepted[-1]) > 0.6 * 200


def test_when_the_limit_is_lifted_the_configured_rate_comes_back() -> None:
    pair = Pair(segments_per_second=100, window=50).bound()
    limit = Limit(pair, 20)
    pair.centre.refuses = limit
    pair.submit(*(text() for _ in range(20_000)))
    pair.wait(20.0)
    pair.centre.refuses = lambda number: status.OK
    pair.wait(60.0)
    before = pair.centre.submitted
    pair.wait(10.0)
    assert (pair.centre.submitted - before) / 10 > 95
    assert len(pair.centre.requests(commands.SUBMIT_SM)) == pair.centre.submitted


class Binds:
    """Several binds of one SMSC, which hold its rate and what it taught in common, unless `apart`."""

    def __init__(self, count: int, *, apart: bool = False, **settings: object) -> None:
        self.now = 0.0
        self.pairs = [Pair(**settings) for _ in range(count)]
        made = smsc_settings(**settings)
        rate, throttle = Rate(made.segments_per_second), Throttle(made.segments_per_second)
        for pair in self.pairs:
            if not apart:
                pair.session = Session(made, rate, throttle)
            pair.bound()

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while True:
            due = [deadline for pair in self.pairs if (deadline := pair.session.next_deadline()) is not None]
            self.now = max(self.now, min([*due, until]))
            for pair in self.pairs:
                pair.now = self.now
                deadline = pair.session.next_deadline()
                if deadline is not None and deadline <= self.now:
                    pair.session.handle_deadline(Monotonic(self.now))
                    pair.run()
            if self.now >= until:
                return


def test_three_binds_of_one_smsc_learn_its_limit_together() -> None:
    binds = Binds(3, segments_per_second=600, window=20)
    limit = Limit(binds, 200)
    for pair in binds.pairs:
        pair.centre.refuses = limit
        pair.submit(*(text() for _ in range(2_000)))
    binds.wait(20.0)
    learned = {pair.session.throttle.per_second for pair in binds.pairs}
    binds.wait(20.0)
    assert limit.refused / (len(limit.accepted) + limit.refused) < 0.15
    assert len(limit.accepted) / min(40.0, limit.accepted[-1]) > 0.6 * 200
    assert len(learned) == 1
    assert None not in learned


def test_a_bind_that_comes_again_knows_what_the_one_before_it_learned() -> None:
    made = smsc_settings(segments_per_second=500)
    throttle = Throttle(made.segments_per_second)
    throttle.take(Monotonic(1.0), 100)
    throttle.refused(Monotonic(1.0), Monotonic(1.1))
    session = Session(made, Rate(500), throttle)
    assert session.throttle.throttling(Monotonic(1.2))
