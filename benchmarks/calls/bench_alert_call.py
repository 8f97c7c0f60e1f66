"""CPU for a finished alert call: the whole daemon (SIP, engine, store, media beside it) against SIPp as the people.

Everybody answers, listens for two seconds and hangs up. Prints the daemon's milliseconds of CPU a finished call, its
workers' apart, and beside it what SIPp used in the same run for the same flow. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from tests.daemon import Daemon, eventually, free_port
from tests.interop.sipp_people import SippPeople

_TICK = os.sysconf("SC_CLK_TCK")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def measure(calls: int, per_second: float, directory: Path) -> dict[str, float]:
    people = SippPeople(directory, free_port(), trace=False)
    daemon = Daemon(
        directory,
        trunks=f"""
[[trunk]]
name = "sipp"
proxy = "sip:127.0.0.1:{people.port};transport=udp"
caller_id = "+31343529850"
channels = 1900
reserved_for_callbacks = 0
calls_per_second = {per_second}
allow_from = ["127.0.0.1/32"]
""",
        voice="times = 1\nkey_seconds = 0.1",
    )
    numbers = range(10_000_009, 10_000_009 + calls * 10, 10)
    try:
        daemon.start()
        daemon.import_participants([f"+316{number},voice,3511AB,52.09,5.12" for number in numbers])
        workers = _children(daemon.pid)
        before = [_cpu_seconds(pid) for pid in (daemon.pid, people.pid, *workers)]
        begin = time.monotonic()
        action = daemon.start_action(["voice"], message="Rode fiets.")
        time.sleep(calls / per_second)
        eventually(lambda: daemon.counts(action).get("heard_part", 0) == calls, 60, "everybody was called", every=1.0)
        seconds = time.monotonic() - begin
        after = [_cpu_seconds(pid) for pid in (daemon.pid, people.pid, *workers)]
    finally:
        daemon.stop()
        people.stop()
    used = [late - early for late, early in zip(after, before, strict=True)]
    return {
        "calls": calls,
        "calls_per_second": per_second,
        "seconds": round(seconds, 1),
        "daemon_ms_a_call": round(used[0] / calls * 1000, 3),
        "sipp_ms_a_call": round(used[1] / calls * 1000, 3),
        "workers_ms_a_call": round(sum(used[2:]) / calls * 1000, 3),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=1000)
    arguments.add_argument("--per-second", type=float, default=50)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        figures = measure(options.calls, options.per_second, Path(directory))
    for name, value in figures.items():
        print(f"{name:>20}  {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
