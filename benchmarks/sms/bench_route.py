"""The whole route: from the start of an action to the last receipt saved, by the real daemon on SQLite (and on PostgreSQL)
and a fast SMSC; beside Kannel against the same SMSC; and from the start of an action to the first submit_sm with many
waiting.

    python -m benchmarks.sms.bench_route [--messages 20000] [--waiting 50000] [--window 500] [--postgresql]

Both ends are seen from the SMSC: a receipt counts when its deliver_sm was acknowledged, which the gateway does after the
commit and Kannel, which keeps nothing on disk here, at once.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from benchmarks.sms import kannel
from tests.daemon import Daemon
from tests.interop.postgresql_server import PostgresqlServer
from tests.interop.sms_peers import Centre


def gateway(directory: Path, messages: int, window: int, database: str | None = None) -> tuple[float, float, float]:
    """Messages a second, CPU milliseconds a message, and milliseconds from start to the first submit_sm."""
    centre = Centre(directory)
    daemon = Daemon(
        directory,
        trunks="",
        smscs=f"""
[[smsc]]
name = "centre"
host = "127.0.0.1"
port = {centre.port}
system_id = "gateway"
password = "secret"
window = {window}
segments_per_second = 50000
""",
        database=database,
    )
    daemon.start()
    try:
        rows = [f"+316{10_000_000 + each},sms,3511AB,52.09,5.12" for each in range(messages)]
        for begin in range(0, messages, 20_000):
            daemon.import_participants(rows[begin : begin + 20_000])
        before = _cpu([daemon.pid])
        action = _draft(daemon)
        asked = time.monotonic()
        daemon.call("POST", f"/actions/{action}/start")
        began = time.monotonic()
        while daemon.counts(action, "sms").get("delivered", 0) < messages:
            time.sleep(0.5)
        report = centre.report()
        used = _cpu([daemon.pid]) - before
        print(f"  start answered after {1000 * (began - asked):.0f} ms (recipients frozen and saved)")
        first = 1000 * (report["first_at"] - began)
        return messages / (report["acknowledged_at"] - began), 1000 * used / messages, first
    finally:
        daemon.stop()
        centre.stop()


def _draft(daemon: Daemon) -> str:
    body = {
        "kind": "theft",
        "title": "Test",
        "message": "Let op een rode fiets.",
        "area": {"circle": {"lat": 52.09, "lon": 5.12, "radius_m": 5000}},
        "channels": ["sms"],
        "owner": "desk-7",
    }
    return str(daemon.call("POST", "/actions", json=body)["id"])


def kannels(directory: Path, messages: int, window: int, *, kept: bool) -> tuple[float, float]:
    centre = Centre(directory)
    client = kannel.Kannel(directory, centre.port, window, kept=kept)
    try:
        time.sleep(1)
        before, began = _cpu(client.pids), time.monotonic()
        client.send(messages)
        report = centre.report()
        used = _cpu(client.pids) - before
        return messages / (report["acknowledged_at"] - began), 1000 * used / messages
    finally:
        client.stop()
        centre.stop()


def _cpu(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(parts[11]) + int(parts[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--waiting", type=int, default=0, help="then once more with so many, for the first submit_sm")
    parser.add_argument("--window", type=int, default=500)
    parser.add_argument("--postgresql", action="store_true", help="then once more on PostgreSQL, with fsync")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as directory:
        ours, cpu, first = gateway(Path(directory), options.messages, options.window)
    print(f"gateway  {ours:8,.0f} messages a second, {cpu:.3f} ms CPU each, first submit_sm after {first:.0f} ms")
    for kept in (False, True) if kannel.installed() else ():
        with tempfile.TemporaryDirectory() as directory:
            theirs, cpu = kannels(Path(directory), options.messages, options.window, kept=kept)
        where = "spool " if kept else "memory"
        print(f"Kannel, {where}  {theirs:8,.0f} messages a second, {cpu:.3f} ms CPU each; ratio {ours / theirs:.2f}")
    if options.postgresql:
        server = PostgresqlServer(durable=True)
        try:
            server.start()
            with tempfile.TemporaryDirectory() as directory:
                there, cpu, _ = gateway(Path(directory), options.messages, options.window, server.url)
        finally:
            server.remove()
        print(f"PostgreSQL  {there:8,.0f} messages a second, {cpu:.3f} ms CPU each; {there / ours:.2f} of SQLite")
    if options.waiting:
        with tempfile.TemporaryDirectory() as directory:
            _, _, first = gateway(Path(directory), options.waiting, options.window)
        print(f"with {options.waiting:,} waiting the first submit_sm left {first:.0f} ms after the start was answered")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
