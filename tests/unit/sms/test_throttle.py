"""Against an SMSC with a limit that nobody told us: few refusals, most of the limit used, and a way back up."""

import pytest

from sms import commands, status
from tests.unit.sms.pair import Pair, text


class Limit:
    """At most `per_second` accepted in any second that begins with one (an SMSC's sliding window)."""

    def __init__(self, pair: Pair, per_second: int) -> None:
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
