"""Many texts through kills of the daemon and dropped connections, and the account of it from both ends."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.daemon import Daemon
from tests.interop.sms_peers import Centre

_RESENT_WITHIN_SECONDS = 75.0


@dataclass(frozen=True, slots=True)
class Account:
    """`lost`: neither delivered nor openly `unknown`, or called delivered and never taken by the SMSC. `silent`: taken
    more than once and not listed as a possible duplicate. `doubled`: taken more than once. `listed`: possible duplicates
    by the API. `most_megabytes`: the daemon's largest resident memory, each process's own."""

    messages: int
    lost: frozenset[str]
    silent: frozenset[str]
    doubled: int
    listed: int
    outcomes: dict[str, int]
    seconds: float
    most_megabytes: tuple[float, ...]
    centre: dict[str, Any]


class Storm:
    def __init__(self, directory: Path, messages: int, *, per_second: int, window: int = 200) -> None:
        self.centre = Centre(directory)
        self.numbers = [f"+316{10_000_000 + each}" for each in range(messages)]
        self.daemon = Daemon(
            directory,
            trunks="",
            smscs=f"""
[[smsc]]
name = "centre"
host = "127.0.0.1"
port = {self.centre.port}
system_id = "gateway"
password = "secret"
window = {window}
segments_per_second = {per_second}
response_seconds = 5
""",
        )
        self._megabytes: list[float] = []

    def stop(self) -> None:
        self.daemon.stop()
        self.centre.stop()

    def run(self, kills: int, drops: int, patience: float) -> Account:
        """Kills and drops evenly among the messages, by what the SMSC has taken; then wait until nothing is open."""
        self.daemon.start()
        self._import()
        action = self.daemon.start_action(["sms"])
        begin = time.monotonic()
        faults = sorted(
            [((each + 1) / (kills + 1), "kill") for each in range(kills)]
            + [((each + 0.7) / (drops + 0.7), "drop") for each in range(drops)]
        )
        for share, fault in faults:
            self._wait_for(share * len(self.numbers), begin + patience)
            if fault == "drop":
                self.centre.drop()
            else:
                self._remember()
                self.daemon.kill()
                self.daemon.start()
        self._wait_until_closed(action, begin + patience)
        seconds = time.monotonic() - begin
        self._remember()
        return self._account(action, seconds)

    def _import(self) -> None:
        for begin in range(0, len(self.numbers), 20_000):
            self.daemon.import_participants(
                [f"{number},sms,3511AB,52.09,5.12" for number in self.numbers[begin : begin + 20_000]]
            )

    def _wait_for(self, taken: float, end: float) -> None:
        while len(self.centre.report()["accepted"]) < taken:
            assert time.monotonic() < end, "the messages stand still"
            time.sleep(0.05)

    def _wait_until_closed(self, action: str, end: float) -> None:
        """Nothing waits or is under way and no receipt is owed. `unknown` may be sent once more for a minute; what met a
        second fault then stays so."""
        before: dict[str, int] = {}
        changed = time.monotonic()
        while True:
            counts = before
            with contextlib.suppress(httpx.TransportError):
                counts = self.daemon.counts(action, "sms")
            if counts != before:
                before, changed = counts, time.monotonic()
            open_yet = any(counts.get(word, 0) for word in ("waiting", "in_progress", "sent"))
            settled = not counts.get("unknown", 0) or time.monotonic() - changed > _RESENT_WITHIN_SECONDS
            if counts and not open_yet and settled and not self.centre.report()["owed"]:
                return
            assert time.monotonic() < end, f"still open: {counts}"
            time.sleep(0.25)

    def _remember(self) -> None:
        status = Path(f"/proc/{self.daemon.pid}/status").read_text()
        self._megabytes.append(int(status.split("VmHWM:")[1].split()[0]) / 1024)

    def _account(self, action: str, seconds: float) -> Account:
        report = self.centre.report()
        taken: dict[str, int] = report.pop("accepted")
        discarded = report.pop("discarded")
        listed, delivered, unknown = set(), set(), set()
        for delivery in self.daemon.deliveries(action):
            if any(attempt["possible_duplicate"] for attempt in delivery["history"]):
                listed.add(delivery["phone"])
            if delivery["outcome"] == "delivered":
                delivered.add(delivery["phone"])
            elif delivery["outcome"] == "unknown":
                unknown.add(delivery["phone"])
        return Account(
            messages=len(self.numbers),
            lost=frozenset(self.numbers) - delivered - unknown
            | frozenset(number for number in delivered if number[1:] not in taken),
            silent=frozenset(f"+{number}" for number, times in taken.items() if times > 1) - listed,
            doubled=sum(times > 1 for times in taken.values()),
            listed=len(listed),
            outcomes=self.daemon.counts(action, "sms"),
            seconds=seconds,
            most_megabytes=tuple(round(each, 1) for each in self._megabytes),
            centre=report | {"discarded": sum(discarded.values())},
        )
