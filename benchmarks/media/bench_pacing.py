"""How evenly the media worker sends: the gap between packets of one call, seen by the kernel of the receiver.

    python benchmarks/media/bench_pacing.py [--calls 2000] [--seconds 60] [--setups 100] [--garbage 20000]

A sample of the calls has a receiver each, whose packets the kernel stamps on arrival (SO_TIMESTAMPNS); the rest goes to
sinks. Lost packets are counted in the sample by sequence number. `--setups`: so many further calls a second are opened,
played to and closed again two seconds later. `--garbage`: so many packets of noise a second come from strangers at the
ports of all calls, a third of which are not latched yet, so that the worker itself has to look at them.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from itertools import pairwise
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.media.bench_worker import BenchWorker, prompt, scratch, sink
from ivr.media.messages import CloseLeg, MediaLegId, OpenLeg, Play, PlayId

_SO_TIMESTAMPNS = 35
_SAMPLE = 50
_SETUP_STEP = 0.1
_SETUP_LIFE = 2.0


class Setups:
    """Calls that come and go: opened, connected, played to, closed; what the worker says to it is passed over."""

    def __init__(self, media: BenchWorker, first: int, per_second: int, far_port: int, stem: str) -> None:
        self.made = 0
        self._media = media
        self._first = first
        self._each = round(per_second * _SETUP_STEP)
        self._far_port = far_port
        self._stem = stem
        self._next = time.monotonic()
        self._open: deque[tuple[float, int]] = deque()

    def go_on(self) -> None:
        now = time.monotonic()
        if not self._each or now < self._next:
            return
        self._next += _SETUP_STEP
        while select.select([self._media.control], [], [], 0)[0]:
            self._media.control.recv(1 << 16)
        while self._open and self._open[0][0] < now - _SETUP_LIFE:
            _, leg = self._open.popleft()
            self._media.tell(CloseLeg(MediaLegId(leg), 1))
        for _ in range(self._each):
            leg = self._first + self.made
            self.made += 1
            self._open.append((now, leg))
            self._media.tell(OpenLeg(MediaLegId(leg), 1, leg, 0, 0))
            self._media.connect(leg, self._far_port)
            self._media.tell(Play(MediaLegId(leg), 1, PlayId(1), self._stem, 2000, report_at=1600))


def garbage(ports: list[int], per_second: int, seconds: float) -> subprocess.Popen[bytes] | None:
    """A process of strangers."""
    if not per_second:
        return None
    program = (
        "import os, random, socket, sys, time\n"
        "rate, end, ports = int(sys.argv[1]), time.monotonic() + float(sys.argv[2]), list(map(int, sys.argv[3:]))\n"
        "socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(50)]\n"
        "noise, at, sent = [os.urandom(random.randrange(1, 400)) for _ in range(997)], time.monotonic(), 0\n"
        "while time.monotonic() < end:\n"
        "    while sent < (time.monotonic() - at) * rate:\n"
        "        sent += 1\n"
        "        try: socks[sent % 50].sendto(noise[sent % 997], ('127.0.0.1', ports[sent % len(ports)]))\n"
        "        except OSError: pass\n"
        "    time.sleep(0.001)\n"
        "print(sent)\n"
    )
    arguments = [sys.executable, "-c", program, str(per_second), str(seconds), *map(str, ports)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE)


def receivers(count: int) -> list[socket.socket]:
    made = []
    for _ in range(count):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind(("127.0.0.1", 0))
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        made.append(sock)
    return made


def arrivals(sample: list[socket.socket], seconds: float, setups: Setups) -> dict[int, list[tuple[float, int]]]:
    """By socket: time of arrival in seconds and sequence number."""
    poll, found = select.epoll(), {sock.fileno(): [] for sock in sample}
    by_fd = {sock.fileno(): sock for sock in sample}
    for sock in sample:
        poll.register(sock, select.EPOLLIN)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        setups.go_on()
        for fd, _ in poll.poll(0.1):
            data, extra, _, _ = by_fd[fd].recvmsg(2048, 64)
            whole, nano = struct.unpack("qq", extra[0][2][:16])
            found[fd].append((whole + nano / 1e9, int.from_bytes(data[2:4], "big")))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--setups", type=int, default=0)
    parser.add_argument("--garbage", type=int, default=0)
    options = parser.parse_args()
    sample = receivers(min(_SAMPLE, options.calls))
    media, rest = BenchWorker("40000-59999"), sink()
    try:
        with scratch() as folder:
            ports = media.open_legs(options.calls)
            step = max(options.calls // len(sample), 1)
            far = [rest] * options.calls
            for index, sock in enumerate(sample):
                far[index * step] = sock
            for leg in range(options.calls):
                media.connect(leg, far[leg].getsockname()[1])
            for start in range(0, options.calls, 200):
                some = slice(start, start + 200)
                media.latch_each(far[some], ports[some])
            strange = media.open_legs(options.calls // 2, first=options.calls) if options.garbage else []
            for leg in range(options.calls, options.calls + len(strange)):
                media.connect(leg, rest.getsockname()[1])
            stem = str(prompt(folder, int(options.seconds) + 10))
            milliseconds = 1000 * int(options.seconds + 10)
            media.tell(*(Play(MediaLegId(leg), 1, PlayId(1), stem, milliseconds) for leg in range(options.calls)))
            time.sleep(0.5)
            flood = garbage(ports + strange, options.garbage, options.seconds)
            setups = Setups(media, 2 * options.calls, options.setups, rest.getsockname()[1], stem)
            used, began = media.cpu_seconds(), time.monotonic()
            found = arrivals(sample, options.seconds, setups)
            cores = (media.cpu_seconds() - used) / (time.monotonic() - began)
            noise = 0 if flood is None or flood.stdout is None else int(flood.stdout.read())
    finally:
        media.close()
        for sock in (*sample, rest):
            sock.close()
    gaps, lost = [], 0
    for packets in found.values():
        packets = packets[50:]  # those that waited while the calls were set up
        gaps += list(numpy.diff([moment for moment, _ in packets]) * 1000)
        lost += sum((after - before - 1) % 65536 for (_, before), (_, after) in pairwise(packets))
    off = numpy.abs(numpy.array(gaps) - 20)
    p50, p99, worst = (float(numpy.quantile(off, share)) for share in (0.5, 0.99, 1.0))
    print(f"{options.calls} calls, {options.seconds} s: {len(gaps)} gaps of {len(sample)} calls")
    print(f"off from 20 ms: median {p50:.2f} ms, p99 {p99:.2f} ms, most {worst:.2f} ms; lost {lost}")
    print(
        f"{cores:.2f} cores; {setups.made} calls came and went; {noise} packets of garbage; load {os.getloadavg()[0]:.1f}"
    )
    print(
        json.dumps(
            {
                "benchmark": "media.pacing",
                "calls": options.calls,
                "off_p50_ms": round(p50, 3),
                "off_p99_ms": round(p99, 3),
                "off_max_ms": round(worst, 3),
                "lost": lost,
                "cores": round(cores, 3),
                "setups": setups.made,
                "garbage": noise,
            }
        )
    )


if __name__ == "__main__":
    main()
