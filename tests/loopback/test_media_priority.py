"""The packet clock goes before other work, and gives way when it would take a whole core."""

import os
import subprocess
import sys

PROGRAM = """
import os, time
from ivr.media import priority
priority.PATIENCE_SECONDS = {patience}
priority.go_before_others()
before = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
end = time.monotonic() + {busy}
while time.monotonic() < end:
    pass
end = time.monotonic() + {at_ease}
while time.monotonic() < end:
    time.sleep(0.005)
print(before, os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))
"""


def run(*, busy: float, at_ease: float, patience: int = 100) -> tuple[int, int, int, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(busy=busy, at_ease=at_ease, patience=patience)],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    before, after, niceness = map(int, done.stdout.split())
    return before, after & ~os.SCHED_RESET_ON_FORK, niceness, done.stderr


def test_a_clock_that_sleeps_between_packets_keeps_its_place():
    before, after, _, said = run(busy=0, at_ease=1.0)
    assert after == before
    assert said == ""


def test_a_clock_that_never_sleeps_gives_way():
    before, after, niceness, said = run(busy=2.0, at_ease=0)
    assert after == os.SCHED_OTHER
    if before == os.SCHED_RR:  # where we may
        assert niceness == -10
        assert said.startswith("more to do than one core can")


def test_it_gets_its_place_back():
    before, after, _, _ = run(busy=1.0, at_ease=1.5, patience=1)
    assert after == before
