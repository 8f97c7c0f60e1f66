"""Calls while strangers flood the SIP port: is one lost, does the sound stay even, what does the daemon pay, what is logged.

    python benchmarks/calls/bench_flood.py [--rate 20000] [--calls 200] [--per-second 20]

Three times the same calls: in peace, under a flood from one address, and from a thousand. People answer and listen to
the end; one socket hears them all, its packets stamped by the kernel. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import socket
import struct
import subprocess
import tempfile
import time
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import numpy

from benchmarks.calls.bench_alert_call import _children, _cpu_seconds
from tests.daemon import Daemon, eventually, free_port
from tests.interop.sipp_people import SippPeople

_SO_TIMESTAMPNS = 35
_FLOODS = {"in peace": 0, "one source": 1, "a thousand sources": 1000}


def _listen(sock: socket.socket, orders: Connection) -> None:
    """In a process of its own: what arrives, by the port it comes from, as (sequence number, seconds). After the order to
    end it listens until all have been silent for a second."""
    sock.settimeout(1)
    heard: dict[int, list[tuple[int, float]]] = {}
    while True:
        try:
            data, extra, _, source = sock.recvmsg(2048, 64)
        except TimeoutError:
            if orders.poll():
                break
            continue
        whole, nano = struct.unpack("qq", extra[0][2][:16])
        heard.setdefault(source[1], []).append((int.from_bytes(data[2:4], "big"), whole + nano / 1e9))
    orders.send(list(heard.values()))


class Listener:
    """Hears every call from its making until `heard`."""

    def __init__(self, sock: socket.socket) -> None:
        self._orders, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_listen, args=(sock, theirs), daemon=True)
        self._process.start()

    def heard(self) -> list[list[tuple[int, float]]]:
        self._orders.send("enough")
        calls: list[list[tuple[int, float]]] = self._orders.recv()
        self._process.join(10)
        return calls


def evenness(calls: list[list[tuple[int, float]]]) -> dict[str, float]:
    """How far the gaps between following packets are off 20 ms, and how many packets are missing."""
    off, lost, packets = [], 0, 0
    for call in calls:
        packets += len(call)
        for (before, early), (after, late) in pairwise(call):
            step = (after - before) % 65536
            if step == 1:
                off.append(abs((late - early) * 1000 - 20))
            elif step < 1000:
                lost += step - 1
    p50, p99, worst = (float(numpy.quantile(off, share)) for share in (0.5, 0.99, 1.0)) if off else (0.0, 0.0, 0.0)
    return {
        "packets": packets,
        "packets_lost": lost,
        "off_p50_ms": round(p50, 2),
        "off_p99_ms": round(p99, 2),
        "off_max_ms": round(worst, 2),
    }


def _compiled(directory: Path) -> str:
    program = str(directory / "flood")
    subprocess.run(["cc", "-O2", "-o", program, str(Path(__file__).with_name("flood.c"))], check=True)
    return program


def _round(
    daemon: Daemon, people: SippPeople, ear: socket.socket, program: str, sources: int, options: argparse.Namespace
) -> dict[str, float]:
    workers = _children(daemon.pid)
    listener = Listener(ear)
    seconds = options.calls / options.per_second + options.listening
    command = [program, str(daemon.sip_port), str(options.rate), str(seconds), str(sources), "5060"]
    dropped = _dropped(daemon.sip_port)
    log_before, cpu_before = daemon.log.stat().st_size, [_cpu_seconds(pid) for pid in (daemon.pid, *workers)]
    flood = subprocess.Popen(command, stdout=subprocess.PIPE, text=True) if sources else None
    begin = time.monotonic()
    action = daemon.start_action(["voice"], message="Rode fiets.")
    time.sleep(max(seconds - (time.monotonic() - begin), 0))
    sent, answered, flood_cpu = flood.communicate()[0].split() if flood else ("0", "0", "0")
    cpu = [late - early for late, early in zip(map(_cpu_seconds, (daemon.pid, *workers)), cpu_before, strict=True)]
    took = time.monotonic() - begin
    eventually(lambda: sum(_ended(daemon, action).values()) == options.calls, 60, "everybody was called", every=0.5)
    heard = _ended(daemon, action).get("heard", 0)
    return {
        "calls": options.calls,
        "calls_lost": options.calls - heard,
        "flood_packets": int(sent),
        "flood_a_second": round(int(sent) / took),
        "flood_answered": int(answered),
        "flood_cpu_share": round(float(flood_cpu) / took, 3),
        "dropped_by_kernel": _dropped(daemon.sip_port) - dropped,
        **evenness(listener.heard()),
        "daemon_cpu_share": round(cpu[0] / took, 3),
        "workers_cpu_share": round(sum(cpu[1:]) / took, 3),
        "log_bytes_a_call": round((daemon.log.stat().st_size - log_before) / options.calls),
    }


def _dropped(port: int) -> int:
    """Packets that the kernel kept from the daemon's SIP socket: by its filter, or for want of room."""
    rows = (line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:])
    return sum(int(row[-1]) for row in rows if int(row[1].partition(":")[2], 16) == port)


def _ended(daemon: Daemon, action: str) -> dict[str, int]:
    return {word: number for word, number in daemon.counts(action).items() if word not in ("waiting", "in_progress")}


def measure(directory: Path, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    program = _compiled(directory)
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind(("127.0.0.1", 0))
    ear.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    people = SippPeople(directory, free_port(), trace=False, listens_at=ear.getsockname()[1])
    daemon = Daemon(
        directory,
        trunks=f"""
[[trunk]]
name = "sipp"
proxy = "sip:127.0.0.1:{people.port};transport=udp"
caller_id = "+31343529850"
channels = 900
reserved_for_callbacks = 0
calls_per_second = {options.per_second}
allow_from = ["127.0.0.1/32"]
""",
        voice="times = 1\nkey_seconds = 0.1",
    )
    try:
        daemon.start()
        numbers = range(10_000_000, 10_000_000 + options.calls * 10, 10)
        daemon.import_participants([f"+316{number},voice,3511AB,52.09,5.12" for number in numbers])
        return {name: _round(daemon, people, ear, program, sources, options) for name, sources in _FLOODS.items()}
    finally:
        daemon.stop()
        people.stop()
        ear.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rate", type=int, default=20_000, help="packets of strangers a second")
    arguments.add_argument("--calls", type=int, default=200)
    arguments.add_argument("--per-second", type=float, default=20)
    arguments.add_argument("--listening", type=float, default=20, help="seconds after the last call is placed")
    with tempfile.TemporaryDirectory(prefix="burgernet-bench-") as directory:
        rounds = measure(Path(directory), arguments.parse_args())
    print(f"{'':>20}  " + "  ".join(f"{name:>18}" for name in rounds))
    for figure in next(iter(rounds.values())):
        print(f"{figure:>20}  " + "  ".join(f"{figures[figure]:>18}" for figures in rounds.values()))
    print(json.dumps({"benchmark": "calls.flood", **rounds}))


if __name__ == "__main__":
    main()
