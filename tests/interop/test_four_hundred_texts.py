"""Four hundred people are sent an SMS through node-smpp: each has the outcome that the network gave, and rate and window
hold as the SMSC saw them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, eventually
from tests.interop.sms_peers import Crowd
from tests.interop.windows import busiest

WINDOW, SEGMENTS_PER_SECOND = 30, 60
NEAR = [f"+3161234{tail:04}" for tail in range(1000, 1340)]
FAR = [f"+3161234{tail:04}" for tail in range(2000, 2060)]
OUTCOME_OF_DIGIT = {"4": "sent", "5": "undeliverable", "6": "rejected"}
LONG = ("Wilt u uitkijken naar een rode fiets met een blauw zadel. " * 5).strip()
UTRECHT, ZWOLLE = (52.09, 5.12), (52.51, 6.09)


@pytest.fixture
def crowd(tmp_path: Path, node_modules: Path) -> Iterator[Crowd]:
    made = Crowd(tmp_path, node_modules, response=40, slow_response=900)
    yield made
    made.stop()


@pytest.fixture
def daemon(tmp_path: Path, crowd: Crowd) -> Iterator[Daemon]:
    running = Daemon(
        tmp_path,
        trunks="",
        smscs=f"""
[[smsc]]
name = "node"
host = "127.0.0.1"
port = {crowd.port}
system_id = "gateway"
password = "secret"
window = {WINDOW}
segments_per_second = {SEGMENTS_PER_SECOND}
""",
    )
    running.start()
    yield running
    running.stop()


def test_every_outcome_is_right_and_rate_and_window_hold(daemon: Daemon, crowd: Crowd) -> None:
    daemon.import_participants(
        [f"{number},sms,3511AB,{UTRECHT[0]},{UTRECHT[1]}" for number in NEAR]
        + [f"{number},sms,8011AB,{ZWOLLE[0]},{ZWOLLE[1]}" for number in FAR]
    )
    eventually(lambda: daemon.call("GET", "/smscs")["items"][0]["state"] == "bound", 20, "the bind is up")

    _sent(daemon, NEAR, "Let op een rode fiets.", UTRECHT)
    told = crowd.submitted
    assert Counter(seen["number"] for seen in told) == Counter(number[1:] for number in NEAR)

    _sent(daemon, FAR, LONG, ZWOLLE)
    parts = crowd.submitted[len(told) :]
    assert Counter((seen["number"], seen["part"]) for seen in parts) == Counter(
        (number[1:], part) for number in FAR for part in (1, 2)
    )
    texts = {(seen["number"], seen["part"]): seen["text"] for seen in parts}
    assert {texts[number[1:], 1] + texts[number[1:], 2] for number in FAR} == {LONG}
    assert max(seen["in_flight"] for seen in parts) <= WINDOW
    assert max(seen["in_flight"] for seen in told) <= WINDOW

    seen = [each["moment"] for each in crowd.submitted]
    # What was read late looks closer to what follows it than it was on the wire.
    assert busiest(seen, 1.0 - min(crowd.lateness(), 0.9)) <= SEGMENTS_PER_SECOND


def _sent(daemon: Daemon, people: list[str], message: str, place: tuple[float, float]) -> None:
    """An action in that place; asserts what became of each person."""
    circle = {"circle": {"lat": place[0], "lon": place[1], "radius_m": 1000}}
    action = daemon.start_action(["sms"], message=message, area=circle)
    expected = {number: OUTCOME_OF_DIGIT.get(number[-1], "delivered") for number in people}
    eventually(
        lambda: daemon.counts(action, "sms") == dict(Counter(expected.values())),
        60,
        f"the outcomes of {len(people)} texts",
    )
    found = {delivery["phone"]: delivery for delivery in daemon.deliveries(action)}
    assert {number: delivery["outcome"] for number, delivery in found.items()} == expected
    assert {delivery["attempts"] for delivery in found.values()} == {1}
