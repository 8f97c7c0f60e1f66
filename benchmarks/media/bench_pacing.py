"""How evenly the media worker sends: the gap between packets of one call, seen by the kernel of the receiver.

    python benchmarks/media/bench_pacing.py [--calls 1000] [--seconds 5]

A sample of the calls has a receiver each, whose packets the kernel stamps on arrival (SO_TIMESTAMPNS); the rest goes to
sinks. Lost packets are counted in the sample by sequence number.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import struct
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.media.bench_worker import BenchWorker, prompt, scratch, sink
from ivr.media.messages import MediaLegId, Play, PlayId

_SO_TIMESTAMPNS = 35
_SAMPLE = 50


def receivers(count: int) -> list[socket.socket]:
    made = []
    for _ in range(count):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind(("127.0.0.1", 0))
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        made.append(sock)
    return made


def arrivals(sample: list[socket.socket], seconds: float) -> dict[int, list[tuple[float, int]]]:
    """By socket: time of arrival in seconds and sequence number."""
    poll, found = select.epoll(), {sock.fileno(): [] for sock in sample}
    by_fd = {sock.fileno(): sock for sock in sample}
    for sock in sample:
        poll.register(sock, select.EPOLLIN)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for fd, _ in poll.poll(0.1):
            data, extra, _, _ = by_fd[fd].recvmsg(2048, 64)
            whole, nano = struct.unpack("qq", extra[0][2][:16])
            found[fd].append((whole + nano / 1e9, int.from_bytes(data[2:4], "big")))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    sample = receivers(min(_SAMPLE, options.calls))
    media, rest = BenchWorker("30000-59999"), sink()
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
            stem = str(prompt(folder, int(options.seconds) + 10))
            milliseconds = 1000 * int(options.seconds + 10)
            media.tell(*(Play(MediaLegId(leg), 1, PlayId(1), stem, milliseconds) for leg in range(options.calls)))
            time.sleep(0.5)
            found = arrivals(sample, options.seconds)
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
        json.dumps(
            {
                "benchmark": "media.pacing",
                "calls": options.calls,
                "off_p50_ms": round(p50, 3),
                "off_p99_ms": round(p99, 3),
                "off_max_ms": round(worst, 3),
                "lost": lost,
            }
        )
    )


if __name__ == "__main__":
    main()
