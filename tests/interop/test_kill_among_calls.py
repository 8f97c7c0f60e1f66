"""kill -9 in the middle of a hundred calls: no orphan goes on talking, who had heard it is not called again, everyone else
is called once more and hears it. And ten kills in a row, wherever they fall."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, eventually
from tests.interop.sipp_people import Seen, SippPeople, new_calls

PEOPLE = [f"+3161234{tail:04}" for tail in range(2000, 2100) if str(tail)[-1] not in "56789"]


@pytest.fixture
def daemon(tmp_path: Path, network: SippPeople) -> Iterator[Daemon]:
    running = Daemon(
        tmp_path,
        trunks=f"""
[[trunk]]
name = "sipp"
proxy = "sip:127.0.0.1:{network.port};transport=udp"
caller_id = "+31343529850"
channels = 110
reserved_for_callbacks = 0
calls_per_second = 8
allow_from = ["127.0.0.1/32"]
""",
        voice="times = 1\nkey_seconds = 0.5",
    )
    running.start()
    yield running
    running.stop()


def test_nobody_is_lost_doubled_or_left_talking(daemon: Daemon, network: SippPeople) -> None:
    daemon.import_participants([f"{number},voice,3511AB,52.09,5.12" for number in PEOPLE])
    action = daemon.start_action(["voice"], message="Let op een rode fiets.")
    eventually(lambda: daemon.counts(action).get("heard", 0) >= 6, 60, "some have heard it")

    workers = _children(daemon.pid)
    had_heard = {delivery["phone"] for delivery in daemon.deliveries(action) if delivery["outcome"] == "heard"}
    daemon.kill()
    eventually(
        lambda: not any(_alive(worker) for worker in workers), 5, "the media and speech workers ended with the daemon"
    )
    before = network.trace()
    left_up = _up(before)
    assert left_up, "the kill came among calls"

    daemon.start()
    eventually(lambda: daemon.counts(action).get("heard", 0) == len(PEOPLE), 120, "everyone heard it")
    eventually(lambda: not _up(network.trace()), 20, "every call ended")

    after = network.trace()[len(before) :]
    first_new_call = next(
        index for index, seen in enumerate(after) if seen.received and seen.line.startswith("INVITE ")
    )
    ended_first = {
        seen.call_id for seen in after[:first_new_call] if seen.received and seen.line.startswith(("BYE ", "CANCEL "))
    }
    assert left_up <= ended_first, "orphans are ended before anybody new is called"

    calls = Counter(_number(seen) for seen in new_calls(network.trace()))
    assert set(calls) == set(PEOPLE)
    assert all(calls[number] == 1 for number in had_heard)
    assert max(calls.values()) <= 2, "at most one extra call for one crash"


def test_ten_kills_in_a_row(daemon: Daemon, network: SippPeople) -> None:
    daemon.import_participants([f"{number},voice,3511AB,52.09,5.12" for number in PEOPLE])
    action = daemon.start_action(["voice"], message="Let op een rode fiets.")
    allowed = Counter[str]()
    for kill in range(10):
        wanted = len(new_calls(network.trace())) + 2 + kill % 4
        eventually(lambda wanted=wanted: len(new_calls(network.trace())) >= wanted, 60, f"calls before kill {kill}")
        had_heard = {delivery["phone"] for delivery in daemon.deliveries(action) if delivery["outcome"] == "heard"}
        daemon.kill()
        dialled = Counter(_number(seen) for seen in new_calls(network.trace()))
        for number in PEOPLE:
            allowed[number] = dialled[number] + (0 if number in had_heard else 1)
        daemon.start()
        now_heard = {delivery["phone"] for delivery in daemon.deliveries(action) if delivery["outcome"] == "heard"}
        assert had_heard <= now_heard, "what was heard stays heard"

    eventually(lambda: daemon.counts(action) == {"heard": len(PEOPLE)}, 180, "everyone heard it, once each")
    calls = Counter(_number(seen) for seen in new_calls(network.trace()))
    assert set(calls) == set(PEOPLE)
    assert all(calls[number] <= allowed[number] for number in PEOPLE), "nobody more than once for each kill"


def test_a_stop_among_calls_loses_nobody(daemon: Daemon, network: SippPeople) -> None:
    people = PEOPLE[:20]
    daemon.import_participants([f"{number},voice,3511AB,52.09,5.12" for number in people])
    action = daemon.start_action(["voice"], message="Let op een rode fiets.")
    eventually(lambda: len(new_calls(network.trace())) >= 10, 30, "calls are up")
    assert daemon.stop() == 0
    eventually(lambda: not _up(network.trace()), 5, "every call was said goodbye to")
    daemon.start()
    eventually(lambda: daemon.counts(action) == {"heard": len(people)}, 90, "everybody heard it after the restart")


def _number(seen: Seen) -> str:
    return seen.line.split("@")[0].removeprefix("INVITE sip:")


def _up(trace: list[Seen]) -> set[str]:
    begun = {seen.call_id for seen in trace if seen.received and seen.line.startswith("INVITE ")}
    over = {seen.call_id for seen in trace if seen.received and seen.line.startswith(("BYE ", "CANCEL "))}
    return begun - over


def _children(parent: int) -> list[int]:
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in listing.stdout.split()]


def _alive(pid: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")
