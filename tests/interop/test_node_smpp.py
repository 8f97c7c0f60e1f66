"""The pool against node-smpp, an SMPP stack that nobody here wrote, with the faults an SMSC can have."""

import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from foundation.clock import Clocks, saved
from foundation.telephone_numbers import PhoneNumber
from sms.events import Accepted, Refused, Taken, TextRequest, Uncertain
from sms.pool import SmscPool
from sms.settings import SmscSettings
from tests.loopback.listening_texts import Listening

CLOCKS = Clocks(time.monotonic, lambda: datetime.now(UTC))
HERE = Path(__file__).parent / "node_smpp"


@pytest.fixture(scope="session")
def installed() -> Path:
    """node-smpp in a cache outside the checkout, installed by npm the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "burgernet-tests" / "node-smpp-0.5.1"
    if not (cache / "node_modules" / "smpp").is_dir():
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.parent) as fresh:
            shutil.copy(HERE / "package.json", fresh)
            npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run(npm, cwd=fresh, check=True, capture_output=True, timeout=120)
            shutil.copytree(fresh, cache, dirs_exist_ok=True)
    return cache


class Node(ProcessProtocol):
    """The child and what it told."""

    def __init__(self) -> None:
        self.news: list[dict[str, Any]] = []
        self.errors = b""
        self.ended: Deferred[None] = Deferred()
        self.look: Callable[[], None] = lambda: None
        self._rest = b""

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.news.extend(json.loads(line) for line in lines)
        self.look()

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)

    def told(self, key: str) -> list[Any]:
        return [news[key] for news in self.news if key in news]


class Net:
    def __init__(self, installed: Path) -> None:
        self.listening = Listening()
        self.node = Node()
        self.node.look = self.listening._look
        script = shutil.copy(HERE / "smsc.js", installed / f"smsc-{os.getpid()}.js")
        node = shutil.which("node")
        assert node is not None, "node is needed for these tests: install nodejs"
        self.process = reactor.spawnProcess(self.node, node, ["node", str(script)], env=None)
        self.script = Path(script)
        self.pool: SmscPool | None = None

    async def bound(self, **others: Any) -> SmscPool:
        await self.listening.until(lambda: bool(self.node.told("port")))
        values = {
            "name": "node",
            "host": "127.0.0.1",
            "port": self.node.told("port")[0],
            "system_id": "gateway",
            "password": "secret",
            "reply_number": "+31971234567",
            "response_seconds": 1,
        }
        settings = SmscSettings.model_validate(values | others)
        pool = self.pool = SmscPool((settings,), CLOCKS, reactor, random.Random(1))
        pool.listen(self.listening)
        pool.startService()
        await self.listening.until(lambda: pool.smscs()[0].state in ("bound", "refused"))
        return pool

    def submit(self, reference: int, number: str, text: str = "Hallo", **others: Any) -> None:
        assert self.pool is not None
        person = PhoneNumber(number)
        segmented = self.pool.segment(text)
        assert self.pool.reserve(person, len(segmented.segments), frozenset(), CLOCKS.now())
        self.pool.submit(TextRequest(reference, person, segmented, **others))


@pytest.fixture
def net(installed: Path) -> Iterator[Net]:
    made = Net(installed)
    yield made
    if made.pool is not None:
        pytest_twisted.blockon(made.pool.stopService())
    made.process.closeStdin()
    pytest_twisted.blockon(made.node.ended)
    made.script.unlink()
    assert made.node.errors == b""


@pytest_twisted.ensureDeferred
async def test_bind_submit_receipt_and_unbind(net: Net) -> None:
    pool = await net.bound()
    net.submit(70_000, "+31612345600", "Wilt u uitkijken? €5", deadline=saved(datetime.now(UTC) + timedelta(hours=1)))
    await net.listening.until(lambda: bool(net.listening.events and net.listening.receipts))
    (event,) = net.listening.events
    (receipt,) = net.listening.receipts
    assert isinstance(event, Accepted)
    assert event.message_ids == (receipt.message_id,)
    assert receipt.delivered
    (seen,) = [news for news in net.node.news if "submitted" in news]
    assert seen["text"] == "Wilt u uitkijken? €5"
    assert (seen["source"], seen["reference"]) == ("31971234567", 70_000 & 0xFFFF)
    await net.listening.until(lambda: net.node.told("status") == [0])
    await pool.stopService()
    net.pool = None
    await net.listening.until(lambda: net.node.told("unbound") == [True])


@pytest_twisted.ensureDeferred
async def test_a_wrong_password_is_a_refused_bind(net: Net) -> None:
    pool = await net.bound(password="wrong")
    assert pool.smscs()[0].state == "refused"


@pytest_twisted.ensureDeferred
async def test_two_parts_with_their_headers(net: Net) -> None:
    await net.bound()
    net.submit(0x1234, "+31612345600", "a" * 200)
    await net.listening.until(lambda: len(net.listening.receipts) == 2)
    parts = [news for news in net.node.news if "submitted" in news]
    assert [part["udh"] for part in parts] == ["080412340201", "080412340202"]
    assert "".join(part["text"] for part in parts) == "a" * 200


@pytest_twisted.ensureDeferred
async def test_unicode_arrives_as_it_was_written(net: Net) -> None:
    await net.bound()
    net.submit(1, "+31612345600", "Zoë 😀 zoekt")
    await net.listening.until(lambda: bool(net.listening.events))
    (seen,) = [news for news in net.node.news if "submitted" in news]
    assert (seen["text"], seen["coding"]) == ("Zoë 😀 zoekt", 8)


@pytest_twisted.ensureDeferred
async def test_a_reply_comes_and_is_answered(net: Net) -> None:
    await net.bound()
    order = {
        "source_addr": "31612345678",
        "source_addr_ton": 1,
        "source_addr_npi": 1,
        "destination_addr": "31971234567",
        "short_message": "Ik zie hem {nu} à la gare",
    }
    net.process.write(json.dumps(order).encode() + b"\n")
    await net.listening.until(lambda: bool(net.node.told("reply_answered")))
    assert [reply.text for reply in net.listening.replies] == ["Ik zie hem {nu} à la gare"]
    assert net.listening.replies[0].sender == PhoneNumber("+31612345678")
    assert net.node.told("reply_answered") == [0]


@pytest_twisted.ensureDeferred
async def test_a_refusal_of_the_number_is_permanent(net: Net) -> None:
    await net.bound()
    net.submit(1, "+31612345601")
    await net.listening.until(lambda: bool(net.listening.events))
    (event,) = net.listening.events
    assert isinstance(event, Refused)
    assert (event.failure, event.smsc_fault) == ("permanent", False)


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("+31612345602", id="no response"),
        pytest.param("+31612345603", id="RST"),
        pytest.param("+31612345604", id="drop mid-PDU"),
        pytest.param("+31612345605", id="garbage"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_fault_after_the_submit_is_uncertain_and_the_next_message_goes(net: Net, number: str) -> None:
    pool = await net.bound()
    net.submit(1, number)
    await net.listening.until(lambda: bool(net.listening.events))
    assert net.listening.events == [Uncertain(1, "node", ())]
    await net.listening.until(lambda: pool.smscs()[0].state == "bound")
    net.submit(2, "+31612345600")
    await net.listening.until(lambda: len(net.listening.events) == 2)
    assert isinstance(net.listening.events[1], Accepted)


@pytest_twisted.ensureDeferred
async def test_a_receipt_before_its_response_names_the_same_id(net: Net) -> None:
    await net.bound()
    net.submit(1, "+31612345606")
    await net.listening.until(lambda: bool(net.listening.receipts))
    assert net.listening.events == []
    await net.listening.until(lambda: bool(net.listening.events))
    assert net.listening.events[0] == Accepted(1, "node", (net.listening.receipts[0].message_id,))


@pytest_twisted.ensureDeferred
async def test_throttled_messages_go_again_until_they_are_taken(net: Net) -> None:
    await net.bound()
    net.submit(1, "+31612345607")
    await net.listening.until(lambda: bool(net.listening.events))
    assert isinstance(net.listening.events[0], Accepted)
    # What the SMSC prints may come after what it answered.
    await net.listening.until(lambda: len(net.node.told("submitted")) == 3)


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("+31612345610", id="seconds after the bind came back"),
        pytest.param("+31612345611", id="before its response, which comes as late as it may"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_late_receipts_name_the_message_that_they_are_of(net: Net, number: str) -> None:
    pool = await net.bound(response_seconds=4)
    net.submit(1, number)
    await net.listening.until(lambda: bool(net.listening.events and net.listening.receipts))
    (receipt,) = net.listening.receipts
    assert net.listening.events == [Accepted(1, "node", (receipt.message_id,))]
    assert receipt.delivered
    assert receipt.number == PhoneNumber(number)
    await net.listening.until(lambda: net.node.told("status") == [0])
    assert pool.smscs()[0].state == "bound"


async def _taken(net: Net, number: str) -> Taken:
    """A message that the SMSC took and says nothing more of."""
    net.submit(1, number)
    await net.listening.until(lambda: bool(net.listening.events))
    (event,) = net.listening.events
    assert isinstance(event, Accepted)
    return Taken("node", event.message_ids[0], PhoneNumber(number))


@pytest_twisted.ensureDeferred
async def test_query_sm_tells_what_no_receipt_did(net: Net) -> None:
    pool = await net.bound()
    taken = await _taken(net, "+31612345608")
    assert pool.spare("node") == 10
    receipt = await pool.query(taken)
    assert receipt is not None
    assert (receipt.message_id, receipt.status, receipt.final) == (taken.message_id, "DELIVRD", True)
    assert await pool.query(Taken("node", "unheard-of", taken.number)) is None
    assert pool.spare("node") == 10
    # What the SMSC prints may come after what it answered.
    await net.listening.until(lambda: len(net.node.told("queried")) == 2)
    assert {news["source"] for news in net.node.news if "queried" in news} == {"31971234567"}


@pytest_twisted.ensureDeferred
async def test_an_smsc_that_knows_no_query_sm_is_asked_no_more(net: Net) -> None:
    pool = await net.bound()
    taken = await _taken(net, "+31612345608")
    net.process.write(b'{"knows_queries": false}\n')
    asked = 0
    while pool.spare("node"):
        await pool.query(taken)
        asked += 1
    await net.listening.until(lambda: len(net.node.told("queried")) == asked)
    assert await pool.query(taken) is None
    net.listening.events.clear()
    await _taken(net, "+31612345608")
    await net.listening.until(lambda: len(net.node.told("submitted")) == 2)
    assert len(net.node.told("queried")) == asked


@pytest_twisted.ensureDeferred
async def test_cancel_sm_takes_back_what_waits_and_not_what_was_delivered(net: Net) -> None:
    pool = await net.bound()
    waits = await _taken(net, "+31612345609")
    assert await pool.take_back(waits) is True
    receipt = await pool.query(waits)
    assert receipt is not None
    assert receipt.status == "DELETED"
    net.listening.events.clear()
    assert await pool.take_back(await _taken(net, "+31612345608")) is False
    await net.listening.until(lambda: len(net.node.told("waits")) == 2)
    assert net.node.told("waits") == [True, False]
    assert net.node.told("destination") == ["31612345609", "31612345608"]
    assert pool.taking_back() == {"node"}
