"""Four hundred people are called through a trunk of 60 channels: each has the outcome that the network gave, and the
trunk's limits hold on the wire, as SIPp saw it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, eventually
from tests.interop.sipp_people import SippPeople, lateness, most_at_once, new_calls
from tests.interop.windows import busiest

CHANNELS, RESERVE, CALLS_PER_SECOND = 60, 5, 25
PEOPLE = [f"+3161234{tail:04}" for tail in range(1000, 1400)]
OUTCOME_OF_DIGIT = {"5": "busy", "6": "invalid_number", "7": "declined", "8": "no_answer", "9": "heard_part"}


@pytest.fixture
def daemon(tmp_path: Path, network: SippPeople) -> Iterator[Daemon]:
    running = Daemon(
        tmp_path,
        trunks=f"""
[[trunk]]
name = "sipp"
proxy = "sip:127.0.0.1:{network.port};transport=udp"
caller_id = "+31343529850"
channels = {CHANNELS}
reserved_for_callbacks = {RESERVE}
calls_per_second = {CALLS_PER_SECOND}
allow_from = ["127.0.0.1/32"]
""",
        voice="ring_seconds = 2\ntimes = 1\nkey_seconds = 0.1\nattempts = 2\n"
        "retry_minutes = { busy = 0.02, no_answer = 0.02, failed = 0.02, voicemail = 0.02, unreachable = 0.02 }",
    )
    running.start()
    yield running
    running.stop()


def test_every_outcome_is_right_and_no_limit_is_exceeded(daemon: Daemon, network: SippPeople) -> None:
    daemon.import_participants([f"{number},voice,3511AB,52.09,5.12" for number in PEOPLE])
    action = daemon.start_action(["voice"], message="Rode fiets.")
    eventually(lambda: sum(daemon.counts(action).values()) == 400 and not _open(daemon, action), 240, "400 calls done")

    for delivery in daemon.deliveries(action):
        expected = OUTCOME_OF_DIGIT.get(delivery["phone"][-1], "heard")
        assert delivery["outcome"] == expected, delivery
        assert delivery["attempts"] == (2 if expected in {"busy", "no_answer"} else 1), delivery

    trace = network.trace()
    calls = new_calls(trace)
    dialled = Counter(seen.line.split("@")[0].removeprefix("INVITE sip:") for seen in calls)
    assert set(dialled) == set(PEOPLE)
    assert len(calls) == 400 + 80
    moments = [seen.moment for seen in calls]
    # What was read late looks closer to what follows it than it was on the wire.
    assert busiest(moments, 1.0 - min(lateness(trace), 0.9)) <= CALLS_PER_SECOND
    assert most_at_once(trace) <= CHANNELS - RESERVE


def _open(daemon: Daemon, action: str) -> bool:
    counts = daemon.counts(action)
    return bool(counts.get("waiting", 0) + counts.get("in_progress", 0))
