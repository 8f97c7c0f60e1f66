"""What the pool asks an SMSC about messages, and what its binds learn of it, on real sockets."""

from collections.abc import Iterator

import pytest
import pytest_twisted
from smpplib import consts

from lab.smsc import Fate
from sms.events import Accepted, Taken
from tests.loopback.test_text_pool import CLOCKS, PERSON, Net, _bound, _eventually


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.end()


@pytest_twisted.ensureDeferred
async def test_an_smsc_that_writes_ids_in_two_ways_is_asked_by_its_own(net: Net) -> None:
    net.fate = Fate(state=None)
    pool, listening = net.pool(net.settings(message_id="decimal"))
    await _bound(pool, listening)
    net.submit(pool, 1)
    await listening.until(lambda: bool(listening.events))
    (event,) = listening.events
    assert isinstance(event, Accepted)
    assert event.as_written == (net.centre.submitted[0].message_id,)
    assert event.message_ids == (str(int(net.centre.submitted[0].message_id, 16)),)


@pytest_twisted.ensureDeferred
async def test_an_smsc_that_knows_neither_query_nor_cancel_is_asked_once_each(net: Net) -> None:
    """The lab's answers what it does not know with generic_nack."""
    net.fate = Fate(state=None)
    pool, listening = net.pool()
    await _bound(pool, listening)
    net.submit(pool, 1)
    await listening.until(lambda: bool(listening.events))
    (event,) = listening.events
    assert isinstance(event, Accepted)
    taken = Taken("main", event.message_ids[0], PERSON)
    assert pool.spare("main") == 10
    assert pool.taking_back() == {"main"}
    assert await pool.query(taken) is None
    assert await pool.take_back(taken) is False
    assert pool.spare("main") == 0
    assert pool.taking_back() == frozenset()
    net.submit(pool, 2)
    await listening.until(lambda: len(listening.events) == 2)
    assert isinstance(listening.events[1], Accepted)


@pytest_twisted.ensureDeferred
async def test_three_binds_of_one_smsc_learn_its_limit_together(net: Net) -> None:
    net.fate = Fate(state=None)
    pool, listening = net.pool(net.settings(binds=3, window=20, segments_per_second=600))
    await _eventually(lambda: net.centre.bound == 3 and listening.rooms >= 3)
    net.centre.faults.per_second = 100
    wanted = iter(range(1, 501))

    def fill() -> None:
        while pool.capacity(CLOCKS.now())[0] and (reference := next(wanted, None)) is not None:
            net.submit(pool, reference)

    listening.capacity_changed = fill  # type: ignore[method-assign]  # the engine's part, played here
    fill()
    await listening.until(lambda: len(listening.events) == 500, 30)
    refused = sum(message.command_status == consts.SMPP_ESME_RTHROTTLED for message in net.centre.submitted)
    assert refused / len(net.centre.submitted) < 0.15
    assert all(isinstance(event, Accepted) for event in listening.events)
    assert (pool.smscs()[0].segments_per_second or 600) < 200
