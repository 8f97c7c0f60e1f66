"""A media worker is killed among calls: theirs are ended and made again by the worker that replaces it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, eventually
from tests.interop.sipp_people import SippPeople, new_calls

PEOPLE = [f"+316123430{tail:02}" for tail in range(24) if str(tail)[-1] not in "56789"]


@pytest.fixture
def daemon(tmp_path: Path, network: SippPeople) -> Iterator[Daemon]:
    running = Daemon(
        tmp_path,
        trunks=f"""
[[trunk]]
name = "sipp"
proxy = "sip:127.0.0.1:{network.port};transport=udp"
caller_id = "+31343529850"
calls_per_second = 10
allow_from = ["127.0.0.1/32"]
""",
        voice="times = 1\nkey_seconds = 0.1\nretry_minutes = { failed = 0.02 }",
    )
    running.start()
    yield running
    running.stop()


def _media_worker(daemon: Daemon) -> int:
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
            words = status.with_name("cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"PPid:\t{daemon.pid}\n" in text and b"ivr.media.worker" in words:
            return int(status.parent.name)
    raise AssertionError("the daemon has no media worker")


def test_calls_of_a_dead_worker_are_made_again(daemon: Daemon, network: SippPeople) -> None:
    daemon.import_participants([f"{number},voice,3511AB,52.09,5.12" for number in PEOPLE])
    action = daemon.start_action(["voice"], message="Let op een rode fiets.")
    eventually(lambda: len(new_calls(network.trace())) >= 8, 30, "calls are up")
    os.kill(_media_worker(daemon), signal.SIGKILL)
    eventually(lambda: daemon.counts(action) == {"heard": len(PEOPLE)}, 90, "everybody heard it all the same")
    eventually(
        lambda: not any(call["ended_at"] is None for call in daemon.call("GET", "/calls")["items"]),
        30,
        "no call is left",
    )
