"""What a call costs the daemon while few and while many others are up: it has to be the same.

    python benchmarks/calls/bench_running.py [--few 100] [--many 1000] [--calls 500] [--per-second 50]

SIPp plays people. Most hear the message to its end and stay on the line while the gateway waits for a key; beside them
others are called who hang up after two seconds. Their cost is the daemon's CPU less what it uses for the same time with
nothing but the waiting calls. The aim is within 15 %. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.calls.bench_alert_call import _children, _cpu_seconds
from tests.daemon import Daemon, eventually, free_port
from tests.interop.sipp_people import SippPeople

_IDLE_SECONDS, _MESSAGE_SECONDS = 10.0, 40.0
_PORTS = "20000-32000"
_STAY, _LEAVE = 0, 9
"""The last digit of who stays on the line, and of who hangs up after two seconds."""


class Towns:
    """Groups of participants, each in a place of its own, so that an action reaches one group."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._next = 0

    def settle(self, people: int, digit: int) -> int:
        """So many people in a new town; its number."""
        town, self._next = self._next, self._next + 1
        numbers = range(10_000_000 + town * 100_000 + digit, 10_000_000 + town * 100_000 + digit + people * 10, 10)
        lat, lon = self._place(town)
        self._daemon.import_participants([f"+316{number},voice,3511AB,{lat},{lon}" for number in numbers])
        return town

    def alert(self, town: int) -> str:
        lat, lon = self._place(town)
        return self._daemon.start_action(
            ["voice"], message="Rode fiets.", area={"circle": {"lat": lat, "lon": lon, "radius_m": 500}}
        )

    @staticmethod
    def _place(town: int) -> tuple[float, float]:
        return 51.0 + town * 0.1, 5.5


def _hold(daemon: Daemon, towns: Towns, people: int) -> None:
    """Call so many who stay on the line, and wait until they are all there."""
    action = towns.alert(towns.settle(people, _STAY))
    eventually(
        lambda: daemon.counts(action).get("in_progress", 0) >= people * 0.98, 30 + people / 20, "all hold", every=0.5
    )
    time.sleep(_MESSAGE_SECONDS)


def _cost(daemon: Daemon, towns: Towns, options: argparse.Namespace) -> float:
    """Milliseconds of the daemon's CPU a call, beside those that are up."""
    town = towns.settle(options.calls, _LEAVE)
    before = _cpu_seconds(daemon.pid)
    time.sleep(_IDLE_SECONDS)
    idle_share = (_cpu_seconds(daemon.pid) - before) / _IDLE_SECONDS
    before, begin = _cpu_seconds(daemon.pid), time.monotonic()
    action = towns.alert(town)
    time.sleep(options.calls / options.per_second)
    eventually(lambda: _ended(daemon, action) == options.calls, 60, "all have hung up", every=1.0)
    used = _cpu_seconds(daemon.pid) - before - idle_share * (time.monotonic() - begin)
    return used / options.calls * 1000


def _ended(daemon: Daemon, action: str) -> int:
    return sum(number for word, number in daemon.counts(action).items() if word not in ("waiting", "in_progress"))


def _resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


def measure(directory: Path, options: argparse.Namespace) -> dict[str, float]:
    people = SippPeople(directory, free_port(), trace=False, at_once=options.many + 2000)
    daemon = Daemon(
        directory,
        trunks=f"""
[[trunk]]
name = "sipp"
proxy = "sip:127.0.0.1:{people.port};transport=udp"
caller_id = "+31343529850"
channels = {options.many + 500}
reserved_for_callbacks = 0
calls_per_second = {options.per_second}
allow_from = ["127.0.0.1/32"]
""",
        voice="times = 1\nattempts = 1\nkey_seconds = 900",
    )
    text = daemon.configuration.read_text()
    daemon.configuration.write_text(
        "\n".join(f'ports = "{_PORTS}"' if line.startswith("ports =") else line for line in text.splitlines())
    )
    try:
        daemon.start()
        towns = Towns(daemon)
        towns.alert(towns.settle(50, _LEAVE))  # all that is made at its first use
        time.sleep(8)
        _hold(daemon, towns, options.few)
        few, few_megabytes = _cost(daemon, towns, options), _resident(daemon.pid)
        _hold(daemon, towns, options.many - options.few)
        many = _cost(daemon, towns, options)
        return {
            "calls": options.calls,
            "few": options.few,
            "many": options.many,
            "ms_a_call_beside_few": round(few, 2),
            "ms_a_call_beside_many": round(many, 2),
            "ratio": round(many / few, 3),
            "kb_a_running_call": round(
                (_resident(daemon.pid) - few_megabytes) * 1000 / (options.many - options.few), 1
            ),
            "workers": len(_children(daemon.pid)),
        }
    finally:
        daemon.stop()
        people.stop()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--few", type=int, default=100)
    arguments.add_argument("--many", type=int, default=1000)
    arguments.add_argument("--calls", type=int, default=500)
    arguments.add_argument("--per-second", type=float, default=50)
    with tempfile.TemporaryDirectory(prefix="burgernet-bench-") as directory:
        figures = measure(Path(directory), arguments.parse_args())
    for name, value in figures.items():
        print(f"{name:>22}  {value}")
    print(json.dumps({"benchmark": "calls.running", **figures}))


if __name__ == "__main__":
    main()
