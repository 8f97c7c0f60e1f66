"""CPU a relayed packet of the media worker, beside a C relay in the same run; and the delay that a bridge adds.

    python benchmarks/media/bench_relay.py [--calls 200] [--seconds 4] [--rounds 3] [--first-port 16000]

A call is two bridged legs. A C sender gives every leg a packet each 20 ms; worker and C relay do the same work: receive,
own header, send on connected sockets. They take turns, and medians are told. The delay is from before a `sendto` to the
arrival as the kernel stamps it, on a bridge of one codec and on one that transcodes (PCMA to G.722), where the jitter
buffer's depth is part of it.
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
from foundation.endpoints import Address
from ivr.media.codecs import Decoder
from ivr.media.messages import Bridge, CloseLeg, Connect, LegClosed, MediaFlowing, MediaLegId, Remote
from ivr.media.playout import DEPTH_MILLISECONDS
from ivr.media.rtp import packet
from ivr.media.sockets import receive_stamped


@dataclass(frozen=True, slots=True)
class Ports:
    """Far ends, C relay and worker side by side from one port on: 2, 2 and 4 ports a bridge, 16 for the probes."""

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
        return f"{self.first + 2 * self.legs}-{self.first + 4 * self.legs + 16}"


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


@dataclass(frozen=True, slots=True)
class Relayed:
    """Microseconds of CPU a packet; delays in ms at the 99th percentile, between like codecs and transcoded."""

    cpu: float
    delay: float
    transcoded: float


def worker_relay(send: str, layout: Ports, seconds: float) -> Relayed:
    legs, media = layout.legs, BenchWorker(layout.worker)
    probes = [stamped_socket() for _ in range(4)]
    try:
        ports = media.open_legs(legs + len(probes))
        for leg in range(legs):
            media.connect(leg, layout.far + leg)
        for leg, probe in enumerate(probes, legs):
            codec, payload_type = ("G722", 9) if leg == legs + 3 else ("PCMA", 8)
            media.tell(Connect(MediaLegId(leg), 1, Remote(Address(*probe.getsockname()), codec, payload_type)))
        bridges = range(0, legs + len(probes), 2)
        media.tell(*(Bridge(MediaLegId(leg), 1, MediaLegId(leg + 1), 1) for leg in bridges))
        began = time.monotonic()
        source = sender(send, layout.far, ports[:legs], seconds)
        media.collect(MediaFlowing, legs)
        # Setting up is no relaying: counted from when all flow, the packets until then by their pace.
        early, before = legs * 50 * (time.monotonic() - began), media.cpu_seconds()
        like, unlike = measured_delays(probes, ports[legs:], seconds - 1)
        source.wait()
        used = media.cpu_seconds() - before
        media.tell(*(CloseLeg(MediaLegId(leg), 1) for leg in range(legs)))
        closed = [message for message in media.collect(LegClosed, legs) if isinstance(message, LegClosed)]
        if lost := sum(message.packets_lost for message in closed):
            print(f"{lost} packets lost: the machine has not enough time for so many calls")
        relayed = sum(message.packets_sent for message in closed) - early
        return Relayed(used / relayed * 1e6, percentile(like), percentile(unlike))
    finally:
        media.close()
        for probe in probes:
            probe.close()


def stamped_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
    sock.settimeout(1)
    return sock


def percentile(delays: list[float]) -> float:
    return statistics.quantiles(delays, n=100)[98]


def measured_delays(probes: list[socket.socket], ports: list[int], seconds: float) -> tuple[list[float], list[float]]:
    """Through a bridge of like codecs and through one that transcodes, in milliseconds, a packet each 20 ms. A louder
    packet each second is looked for in what comes out transcoded."""
    near, far, near_other, far_other = probes
    for at, payload_type in ((1, 8), (3, 9)):
        first = packet(b"\xd5" * 160, payload_type=payload_type, sequence=0, timestamp=0, ssrc=9)
        probes[at].sendto(first, ("127.0.0.1", ports[at]))
    buffer = memoryview(bytearray(2048))
    like: list[float] = []
    marked: list[float] = []
    came: list[tuple[float, bytes]] = []
    end, sequence = time.monotonic() + seconds, 0
    far_other.setblocking(False)
    while time.monotonic() < end:
        sequence += 1
        loud = sequence % 25 == 24
        data = packet(
            (b"\x2a\xaa" * 80) if loud else b"\xd5" * 160,
            payload_type=8, sequence=sequence, timestamp=160 * sequence, ssrc=8,
        )  # fmt: skip
        if loud:
            marked.append(time.time())
        near_other.sendto(data, ("127.0.0.1", ports[2]))
        sent = time.time()
        near.sendto(data, ("127.0.0.1", ports[0]))
        _, stamp, _ = receive_stamped(far, buffer)
        like.append(((stamp or time.time()) - sent) * 1000)
        time.sleep(max(0.02 - (time.time() - sent), 0))
        while True:
            try:
                length, stamp, _ = receive_stamped(far_other, buffer)
            except BlockingIOError:
                break
            came.append((stamp or time.time(), bytes(buffer[12:length])))
    return like, delays_of_marks(marked, came)


def delays_of_marks(marked: list[float], came: list[tuple[float, bytes]]) -> list[float]:
    """From each mark to the first packet out that is no stillness."""
    delays, begins, quiet, decoder = [], [], True, Decoder("G722")
    for stamp, payload in came:
        still = float(abs(decoder.decode(payload).astype(float)).mean()) < 500
        if quiet and not still:
            begins.append(stamp)
        quiet = still
    for mark in marked:
        after = [begin - mark for begin in begins if 0 < begin - mark < 0.5]
        if after:
            delays.append(min(after) * 1000)
    return delays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--first-port", type=int, default=16000)
    options = parser.parse_args()
    ports = Ports(options.first_port, 2 * options.calls)
    yardsticks, rounds = [], []
    with scratch() as folder:
        send, relay = compiled("send_loop", folder), compiled("relay_loop", folder)
        for _ in range(options.rounds):
            yardsticks.append(c_relay(relay, send, ports, options.seconds))
            rounds.append(worker_relay(send, ports, options.seconds))
    yardstick, ours = statistics.median(yardsticks), statistics.median(found.cpu for found in rounds)
    delay = statistics.median(found.delay for found in rounds)
    transcoded = statistics.median(found.transcoded for found in rounds)
    print(f"{options.calls} bridges, {options.rounds} times {options.seconds} s     us CPU a packet")
    print(f"C relay                   {yardstick:6.2f}")
    print(f"media worker              {ours:6.2f}   ratio {ours / yardstick:.2f}")
    print(f"added delay, p99          {delay:6.2f} ms")
    print(f"the same, transcoded      {transcoded:6.2f} ms, of which the jitter buffer {DEPTH_MILLISECONDS} ms")
    print(
        json.dumps(
            {
                "benchmark": "media.relay",
                "calls": options.calls,
                "c_us": round(yardstick, 3),
                "worker_us": round(ours, 3),
                "ratio": round(ours / yardstick, 3),
                "delay_p99_ms": round(delay, 3),
                "transcoded_delay_p99_ms": round(transcoded, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
