"""CPU a relayed packet of the media worker, beside a C relay in the same run; and the delay that a bridge adds.

    python benchmarks/media/bench_relay.py [--calls 60] [--seconds 4] [--first-port 16000]

A call is two bridged legs. A C sender gives every leg a packet each 20 ms; worker and C relay do the same work: receive,
own header, send on connected sockets.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.media.bench_worker import BenchWorker, compiled, scratch
from ivr.media.messages import Bridge, CloseLeg, LegClosed, MediaFlowing, MediaLegId
from ivr.media.rtp import packet


@dataclass(frozen=True, slots=True)
class Ports:
    """Far ends, C relay and worker side by side from one port on: 2, 2 and 4 ports a bridge, 8 for the probe."""

    first: int
    legs: int

    @property
    def far(self) -> int:
        return self.first

    @property
    def relay(self) -> int:
        return self.first + self.legs

    @property
    def worker(self) -> str:
        return f"{self.first + 2 * self.legs}-{self.first + 4 * self.legs + 8}"


def sender(program: str, far: int, ports: list[int], seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [program, str(len(ports)), str(seconds), "1", str(far)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write("\n".join(map(str, ports)))
    process.stdin.close()
    return process


def c_relay(relay: str, send: str, ports: Ports, seconds: float) -> float:
    """Microseconds of CPU a relayed packet."""
    process = subprocess.Popen(
        [relay, str(ports.legs), str(seconds), str(ports.relay), str(ports.far)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    source = sender(send, ports.far, [ports.relay + leg for leg in range(ports.legs)], seconds)
    relayed, cpu = process.stdout.read().split()
    process.wait()
    source.wait()
    return float(cpu) / int(relayed) * 1e6


def worker_relay(send: str, layout: Ports, seconds: float) -> tuple[float, float]:
    """Microseconds of CPU a relayed packet; added delay at the 99th percentile in ms, measured by one more bridge."""
    legs, media = layout.legs, BenchWorker(layout.worker)
    probes = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    try:
        ports = media.open_legs(legs + 2)
        for leg in range(legs):
            media.connect(leg, layout.far + leg)
        for leg, probe in zip((legs, legs + 1), probes, strict=True):
            probe.bind(("127.0.0.1", 0))
            probe.settimeout(1)
            media.connect(leg, probe.getsockname()[1])
        media.tell(*(Bridge(MediaLegId(leg), 1, MediaLegId(leg + 1), 1) for leg in range(0, legs + 2, 2)))
        began = time.monotonic()
        source = sender(send, layout.far, ports[:legs], seconds)
        media.collect(MediaFlowing, legs)
        # Setting up is no relaying: counted from when all flow, the packets until then by their pace.
        early, before = legs * 50 * (time.monotonic() - began), media.cpu_seconds()
        delays = measured_delays(probes, ports[legs:], seconds - 1)
        source.wait()
        used = media.cpu_seconds() - before
        media.tell(*(CloseLeg(MediaLegId(leg), 1) for leg in range(legs)))
        closed = [message for message in media.collect(LegClosed, legs) if isinstance(message, LegClosed)]
        if lost := sum(message.packets_lost for message in closed):
            print(f"{lost} packets lost: the machine has not enough time for so many calls")
        relayed = sum(message.packets_sent for message in closed) - early
        return used / relayed * 1e6, statistics.quantiles(delays, n=100)[98]
    finally:
        media.close()
        for probe in probes:
            probe.close()


def measured_delays(probes: list[socket.socket], ports: list[int], seconds: float) -> list[float]:
    """From one end of a bridge to the other and back to us, in milliseconds, a packet each 20 ms."""
    near, far = probes
    far.sendto(packet(b"\xd5" * 160, payload_type=8, sequence=0, timestamp=0, ssrc=9), ("127.0.0.1", ports[1]))
    delays, end, sequence = [], time.monotonic() + seconds, 0
    while time.monotonic() < end:
        sequence += 1
        data = packet(b"\xd5" * 160, payload_type=8, sequence=sequence, timestamp=160 * sequence, ssrc=8)
        sent = time.monotonic()
        near.sendto(data, ("127.0.0.1", ports[0]))
        far.recv(2048)
        delays.append((time.monotonic() - sent) * 1000)
        time.sleep(0.02)
    return delays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--first-port", type=int, default=16000)
    options = parser.parse_args()
    ports = Ports(options.first_port, 2 * options.calls)
    with scratch() as folder:
        send, relay = compiled("send_loop", folder), compiled("relay_loop", folder)
        before = c_relay(relay, send, ports, options.seconds)
        ours, delay = worker_relay(send, ports, options.seconds)
        after = c_relay(relay, send, ports, options.seconds)
    yardstick = (before + after) / 2
    print(f"{options.calls} bridges, {options.seconds} s     us CPU a packet")
    print(f"C relay                   {yardstick:6.2f}   ({before:.2f} before, {after:.2f} after)")
    print(f"media worker              {ours:6.2f}   ratio {ours / yardstick:.2f}")
    print(f"added delay, p99          {delay:6.2f} ms")
    print(
        json.dumps(
            {
                "benchmark": "media.relay",
                "calls": options.calls,
                "c_us": round(yardstick, 3),
                "worker_us": round(ours, 3),
                "ratio": round(ours / yardstick, 3),
                "delay_p99_ms": round(delay, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
