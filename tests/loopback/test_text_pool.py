"""The pool on real sockets, against an SMSC whose PDUs smpplib codes."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_twisted
from smpplib import consts
from twisted.internet import reactor
from twisted.internet.task import deferLater

from foundation.clock import Clocks, saved
from foundation.telephone_numbers import PhoneNumber
from lab.delays import Delays
from lab.smsc import Fate, MessageCentre
from sms.events import Accepted, NotSubmitted, Refused, TextRequest, Uncertain
from sms.pool import SmscPool
from sms.settings import SmscSettings
from tests.loopback.listening_texts import Listening

CLOCKS = Clocks(time.monotonic, lambda: datetime.now(UTC))
PERSON = PhoneNumber("+31612345678")


class Net:
    """A message centre, a pool bound to it, and what the pool's listener heard."""

    def __init__(self) -> None:
        self.fate = Fate(receipt_seconds=0.0)
        self.delays = Delays()
        self.centre = MessageCentre(lambda number: self.fate, self.delays, system_id="gateway", password="secret")
        self.pools: list[SmscPool] = []

    def settings(self, **others: object) -> SmscSettings:
        values: dict[str, object] = {
            "name": "main",
            "host": "127.0.0.1",
            "port": self.centre.port,
            "system_id": "gateway",
            "password": "secret",
            "reply_number": "+31971234567",
            "response_seconds": 2,
        }
        return SmscSettings.model_validate(values | others)

    def pool(self, *settings: SmscSettings) -> tuple[SmscPool, Listening]:
        pool = SmscPool(settings or (self.settings(),), CLOCKS, reactor, random.Random(1))
        listening = Listening()
        pool.listen(listening)
        pool.startService()
        self.pools.append(pool)
        return pool, listening

    def end(self) -> None:
        for pool in self.pools:
            pytest_twisted.blockon(pool.stopService())
        self.centre.stop()
        self.delays.stop()

    def submit(self, pool: SmscPool, reference: int, text: str = "Hallo", **others: object) -> None:
        segmented = pool.segment(text)
        assert pool.reserve(PERSON, len(segmented.segments), frozenset(), CLOCKS.now())
        pool.submit(TextRequest(reference, PERSON, segmented, **others))  # type: ignore[arg-type]  # its own fields


class Lateness(threading.Thread):
    """How late a thread of this process was woken at most, as the message centre's is."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._over = threading.Event()
        self._most = 0.0
        self.start()

    def run(self) -> None:
        before = time.monotonic()
        while not self._over.wait(0.005):
            now = time.monotonic()
            self._most = max(self._most, now - before - 0.005)
            before = now

    def stop(self) -> float:
        self._over.set()
        self.join(5)
        return self._most


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.end()


async def _eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """For what the message centre's threads know and no event tells."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await deferLater(reactor, 0.05, lambda: None)


async def _bound(pool: SmscPool, listening: Listening) -> None:
    await listening.until(lambda: all(smsc.state == "bound" for smsc in pool.smscs()))


@pytest_twisted.ensureDeferred
async def test_a_text_is_accepted_and_its_receipt_names_the_same_message(net: Net) -> None:
    pool, listening = net.pool()
    await _bound(pool, listening)
    net.submit(pool, 70_001)
    await listening.until(lambda: bool(listening.events and listening.receipts))
    (event,) = listening.events
    assert isinstance(event, Accepted)
    assert listening.left == [(70_001, "main")]
    (receipt,) = listening.receipts
    assert (receipt.message_id,) == event.message_ids
    assert receipt.final
    assert receipt.delivered
    assert receipt.number == PERSON
    assert net.centre.submitted[0].reference == 70_001 & 0xFFFF


@pytest_twisted.ensureDeferred
async def test_a_long_text_goes_in_parts_that_belong_together(net: Net) -> None:
    pool, listening = net.pool()
    await _bound(pool, listening)
    text = "Wilt u uitkijken naar een jongen van acht jaar. " * 8
    net.submit(pool, 9, text)
    await listening.until(lambda: bool(listening.events))
    (event,) = listening.events
    assert isinstance(event, Accepted)
    parts = [message.part for message in net.centre.submitted]
    assert len(parts) == len(event.message_ids) == 3
    assert "".join(part.text for part in parts) == text


@pytest_twisted.ensureDeferred
async def test_a_refusal_says_whose_fault_it_is_in_words(net: Net) -> None:
    net.fate = Fate(command_status=consts.SMPP_ESME_RINVDSTADR)
    pool, listening = net.pool()
    await _bound(pool, listening)
    net.submit(pool, 5)
    await listening.until(lambda: bool(listening.events))
    (event,) = listening.events
    assert isinstance(event, Refused)
    assert (event.failure, event.smsc_fault) == ("permanent", False)
    assert event.words.startswith("Invalid Destination Address")


@pytest_twisted.ensureDeferred
async def test_a_reply_is_answered_when_it_is_saved_and_comes_again_when_it_was_not(net: Net) -> None:
    pool, listening = net.pool()
    await _bound(pool, listening)
    refused: list[object] = []

    def first_fails(what: object) -> bool:
        refused.append(what)
        return len(refused) > 1

    listening.saves = first_fails
    net.centre.send_text("+31612345678", "+31971234567", "Ik zag hem op de brug €")
    await listening.until(lambda: len(refused) == 1 or bool(listening.replies))
    net.centre.drop_connections()
    await listening.until(lambda: bool(listening.replies))
    assert len(refused) == 2
    assert listening.replies[0].text == "Ik zag hem op de brug €"
    assert listening.replies[0].sender == PERSON


@pytest_twisted.ensureDeferred
async def test_a_lost_connection_leaves_what_left_uncertain_and_the_bind_comes_back(net: Net) -> None:
    pool, listening = net.pool()
    await _bound(pool, listening)
    net.centre.faults.silent = True
    net.submit(pool, 3)
    await listening.until(lambda: bool(listening.left))
    reactor.callLater(0.2, net.centre.drop_connections)
    await listening.until(lambda: bool(listening.events))
    assert listening.events == [Uncertain(3, "main", ())]
    net.centre.faults.silent = False
    await _bound(pool, listening)
    net.submit(pool, 4)
    await listening.until(lambda: len(listening.events) == 2)
    assert isinstance(listening.events[1], Accepted)


@pytest_twisted.ensureDeferred
async def test_a_refused_bind_is_seen_in_words_and_tried_again(net: Net) -> None:
    net.centre.faults.bind_status = consts.SMPP_ESME_RINVPASWD
    pool, listening = net.pool()
    await listening.until(lambda: pool.smscs()[0].state == "refused")
    assert "Invalid Password" in (pool.smscs()[0].last_error or "")
    assert not pool.reserve(PERSON, 1, frozenset(), CLOCKS.now())
    net.centre.faults.bind_status = consts.SMPP_ESME_ROK
    await _bound(pool, listening)


@pytest_twisted.ensureDeferred
async def test_nothing_leaves_that_may_not_leave_or_is_past_its_deadline(net: Net) -> None:
    pool, listening = net.pool()
    await _bound(pool, listening)
    listening.may_leave = lambda reference: reference != 1
    net.submit(pool, 1)
    net.submit(pool, 2, deadline=saved(datetime.now(UTC) - timedelta(seconds=1)))
    await listening.until(lambda: len(listening.events) == 2)
    assert all(isinstance(event, NotSubmitted) for event in listening.events)
    assert net.centre.submitted == []


@pytest_twisted.ensureDeferred
async def test_another_smsc_takes_over_where_the_first_is_down(net: Net) -> None:
    down = net.settings(name="down", port=17_999)
    pool, listening = net.pool(down, net.settings(name="other", priority=2))
    await listening.until(lambda: pool.smscs()[1].state == "bound")
    net.submit(pool, 8)
    await listening.until(lambda: bool(listening.events))
    assert listening.left == [(8, "other")]
    assert pool.smscs()[0].state == "down"


@pytest_twisted.ensureDeferred
async def test_no_second_holds_more_segments_than_configured(net: Net) -> None:
    net.fate = Fate(state=None)
    pool, listening = net.pool(net.settings(segments_per_second=100))
    await _bound(pool, listening)
    wanted = iter(range(1, 181))

    def fill() -> None:
        while pool.capacity(CLOCKS.now())[0] and (reference := next(wanted, None)) is not None:
            net.submit(pool, reference)

    lateness = Lateness()
    listening.capacity_changed = fill  # type: ignore[method-assign]  # the engine's part, played here
    fill()
    await listening.until(lambda: len(listening.events) == 180)
    moments = [message.moment for message in net.centre.submitted]
    # What was read late looks closer to what follows it than it was on the wire.
    span = 1.0 - min(lateness.stop(), 0.9)
    assert max(sum(1 for other in moments if at <= other < at + span) for at in moments) <= 100


@pytest_twisted.ensureDeferred
async def test_a_cancelled_message_that_waits_never_leaves_and_the_window_holds(net: Net) -> None:
    net.centre.faults.silent = True
    pool, listening = net.pool(net.settings(window=2, segments_per_second=1000))
    await _bound(pool, listening)
    for reference in range(1, 5):
        net.submit(pool, reference)
    await listening.until(lambda: len(listening.left) == 4)
    assert pool.smscs()[0].in_flight <= 2
    for reference in (3, 4):
        pool.cancel(reference)
    await listening.until(lambda: len(listening.events) == 2)
    assert {event.reference for event in listening.events} == {3, 4}
    assert all(isinstance(event, NotSubmitted) for event in listening.events)
    assert pool.smscs()[0].in_flight == 2


@pytest_twisted.ensureDeferred
async def test_weights_share_among_equals_and_avoid_and_prefixes_are_kept(net: Net) -> None:
    net.fate = Fate(state=None)
    pool, listening = net.pool(
        net.settings(name="a", weight=3),
        net.settings(name="b"),
        net.settings(name="belgian", prefixes=("+32",)),
    )
    await _bound(pool, listening)
    for reference in range(1, 41):
        segmented = pool.segment("Hallo")
        if reference > 30:
            pool.submit(TextRequest(reference, PERSON, segmented, avoid=frozenset({"a"})))
        else:
            pool.submit(TextRequest(reference, PERSON, segmented))
    await listening.until(lambda: len(listening.events) == 40)
    first = [smsc for reference, smsc in listening.left if reference <= 30]
    assert first.count("a") > first.count("b") > 0
    assert {smsc for reference, smsc in listening.left if reference > 30} == {"b"}
    assert "belgian" not in first


@pytest_twisted.ensureDeferred
async def test_a_released_reservation_is_room_again(net: Net) -> None:
    pool, listening = net.pool(net.settings(segments_per_second=10))
    await _bound(pool, listening)
    full = pool.capacity(CLOCKS.now())[0]
    while pool.reserve(PERSON, 1, frozenset(), CLOCKS.now()):
        full -= 1
    assert full == 0
    heard = listening.rooms
    while pool.capacity(CLOCKS.now())[0] < 4:
        pool.release(PERSON, 1)
    assert listening.rooms > heard
    assert not pool.reserve(PERSON, 1, frozenset({"main"}), CLOCKS.now())


@pytest_twisted.ensureDeferred
async def test_stopping_unbinds_and_leaves_no_timer_behind(net: Net) -> None:
    before = set(reactor.getDelayedCalls())
    pool, listening = net.pool(net.settings(), net.settings(name="down", port=17_998))
    await listening.until(lambda: pool.smscs()[0].state == "bound")
    net.submit(pool, 1)
    await listening.until(lambda: bool(listening.receipts))
    net.pools.clear()
    await pool.stopService()
    await _eventually(lambda: net.centre.bound == 0)
    ours = [call for call in reactor.getDelayedCalls() if call not in before]
    assert [call for call in ours if call.active()] == []


@pytest_twisted.ensureDeferred
async def test_two_binds_share_the_messages_and_a_receipt_may_come_by_either(net: Net) -> None:
    pool, listening = net.pool(net.settings(binds=2, window=1))
    await _eventually(lambda: net.centre.bound == 2 and listening.rooms == 2)
    assert pool.smscs()[0].window == 2
    net.centre.faults.silent = True
    net.submit(pool, 1)
    net.submit(pool, 2)
    await listening.until(lambda: len(listening.left) == 2)
    await deferLater(reactor, 0.2, lambda: None)
    # A window of one each: two on the wire at once are two binds.
    assert pool.smscs()[0].in_flight == 2
    assert len(net.centre.submitted) == 2
    net.centre.faults.silent = False
    net.centre.drop_connections()
    await listening.until(lambda: len(listening.events) == 2)
    assert {type(event) for event in listening.events} == {Uncertain}
    await _eventually(lambda: net.centre.bound == 2 and pool.smscs()[0].state == "bound")
    net.submit(pool, 3)
    await listening.until(lambda: len(listening.events) == 3)
    assert isinstance(listening.events[2], Accepted)


@pytest_twisted.ensureDeferred
async def test_the_daily_test_message_leaves_by_the_bind_and_its_receipt_is_nobody_elses(net: Net) -> None:
    net.fate = Fate(state="UNDELIV", receipt_seconds=0.0)
    begin = CLOCKS.now()
    half_past = datetime.now().astimezone().replace(hour=7, minute=30, second=0, microsecond=0)
    # The wall clock of this pool shows half past seven a second after it begins.
    clocks = Clocks(time.monotonic, lambda: half_past + timedelta(seconds=time.monotonic() - begin - 1.0))
    pool = SmscPool((net.settings(test_number=PERSON.e164, test_at="07:30"),), clocks, reactor, random.Random(1))
    listening = Listening()
    pool.listen(listening)
    pool.startService()
    net.pools.append(pool)
    await _bound(pool, listening)
    await deferLater(reactor, 1.5, lambda: None)
    assert [message.number for message in net.centre.submitted] == [PERSON.e164[1:]]
    assert net.centre.receipts_acknowledged == 1
    assert pool.smscs()[0].last_error == "the daily test message ended as UNDELIV"
    assert (listening.left, listening.events, listening.receipts) == ([], [], [])
