"""The daemon's memory before and after very many malformed messages from a trunk, SIP and RTP.

    python benchmarks/calls/bench_memory.py [--messages 50000]

What comes: torture messages with pieces cut, doubled and replaced, unknown methods, calls to our own number that are
cancelled at once or left half open, and garbage at the port of a call that is up. Afterwards all timers run out; the
aim is within 5 % of before. Before means: once as many transactions were there as are ever kept, since Python gives what
small objects had back late or not at all; `started_mb` is the memory of a daemon that has met nobody. The sender waits
while the daemon's socket is full, so that nothing is lost unread.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from benchmarks.calls.bench_alert_call import _children, _cpu_seconds
from ivr.media.rtp import packet
from tests.daemon import Daemon
from tests.fuzz.cases import mutated

_VECTORS = Path(__file__).parents[2] / "tests" / "vectors" / "sip"
_PIECES = [b"\r\n", b"\r\n\r\n", b"\0", b"\xff", b'"', b"<", b";", b",", b"9" * 40, b"z" * 999, b"%00", b"SIP/2.0"]
_ROOM_BYTES, _BETWEEN_LOOKS = 65_536, 20
_RTP_SHARE = 5
_FIRST_MESSAGES = 300_000
"""Enough, at any pace, that the user agent has as many transactions at once as it ever keeps (20,000)."""
_TIMERS_SECONDS = 40.0
"""Longer than the longest of SIP's timers for one transaction (64 times T1)."""


class Trunk:
    """Speaks from an address that the daemon trusts."""

    def __init__(self, daemon: Daemon, chance: random.Random) -> None:
        self._target = ("127.0.0.1", daemon.sip_port)
        self._chance = chance
        self._numbers = count(1)
        self._said = 0
        self._seeds = [path.read_bytes() for path in sorted(_VECTORS.glob("*/*.sip"))]
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(2)

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    def say(self, data: bytes) -> None:
        self._said += 1
        while self._said % _BETWEEN_LOOKS == 0 and _waiting(self._target[1]) > _ROOM_BYTES:
            time.sleep(0.001)
        self.sock.sendto(data[:60_000], self._target)

    def request(self, method: str, number: int, tag: str = "", body: bytes = b"") -> bytes:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} sip:+318000011@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{number}"
            f"{'ack' if method == 'ACK' else ''};rport\r\nFrom: <sip:+31612345678@127.0.0.1>;tag={number}\r\n"
            f"To: <sip:+318000011@127.0.0.1>{tag}\r\nCall-ID: m{number}\r\nCSeq: {2 if method == 'BYE' else 1} "
            f"{method}\r\n"
            f"Contact: <sip:t@127.0.0.1:{self.port}>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def description(self) -> bytes:
        return (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.port} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        ).encode()

    def malformed(self) -> Iterator[bytes]:
        """One thing after another, without end."""
        for number in self._numbers:
            match number % 50:
                case 0:
                    yield self.request("INVITE", number, body=self.description())
                    if number % 1000:
                        yield self.request("CANCEL", number)
                case 1 | 2:
                    yield self.request("BREW", number)
                case 3:
                    yield self.request("OPTIONS", number)[: self._chance.randrange(300)]
                case _:
                    yield mutated(self._chance.choice(self._seeds), self._chance, _PIECES)

    def call(self) -> tuple[int, bytes] | None:
        """A call that the daemon answers: the port of its sound, and the BYE that ends it; None where it takes no more."""
        number = next(self._numbers)
        self._forget()
        self.say(self.request("INVITE", number, body=self.description()))
        end = time.monotonic() + 3
        while time.monotonic() < end and (answer := self._heard()):
            if f"Call-ID: m{number}\r\n".encode() not in answer or b"SIP/2.0 1" in answer[:9]:
                continue
            port = re.search(rb"m=audio (\d+)", answer)
            tag = re.search(rb"\r\nTo: [^\r]*(;tag=[^\r;]*)", answer)
            if port is None or tag is None:
                return None
            self.say(self.request("ACK", number, tag[1].decode()))
            return int(port[1]), self.request("BYE", number, tag[1].decode())
        return None

    def _forget(self) -> None:
        """What was answered to all the rest."""
        self.sock.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self.sock.recv(65_536)
        self.sock.settimeout(2)

    def _heard(self) -> bytes:
        try:
            return self.sock.recv(65_536)
        except TimeoutError:
            return b""

    def garbage_at(self, port: int, packets: int) -> None:
        """RTP, RTCP and neither, in the pace of a thousand calls."""
        sound = packet(bytes(160), payload_type=8, sequence=1, timestamp=160, ssrc=7)
        for number in range(packets):
            self.sock.sendto(mutated(sound, self._chance, _PIECES), ("127.0.0.1", port + number % 2))
            if number % 50 == 49:
                time.sleep(0.001)


def _waiting(port: int) -> int:
    """Bytes that the daemon's socket holds unread."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        row = line.split()
        if int(row[1].partition(":")[2], 16) == port:
            return int(row[4].partition(":")[2], 16)
    return 0


def _megabytes(pids: list[int]) -> float:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return round(pages * 4096 / 1e6, 1)


def measure(directory: Path, messages: int) -> dict[str, float]:
    daemon = Daemon(
        directory,
        trunks="""
[[trunk]]
name = "rude"
proxy = "sip:127.0.0.1:5099;transport=udp"
caller_id = "+31343529850"
channels = 100
options_interval = 3600
allow_from = ["127.0.0.1/32"]
""",
    )
    try:
        daemon.start()
        trunk = Trunk(daemon, random.Random(1))
        source = trunk.malformed()
        time.sleep(1)
        pids = [daemon.pid, *_children(daemon.pid)]
        started = _megabytes(pids)
        for _ in range(_FIRST_MESSAGES):
            trunk.say(next(source))
        time.sleep(_TIMERS_SECONDS)
        before, begin, log, cpu = _megabytes(pids), time.monotonic(), daemon.log.stat().st_size, _cpu_seconds(pids[0])
        most, sent, rtp = before, 0, 0
        while sent < messages:
            for _ in range(5000):
                trunk.say(next(source))
            sent += 5000
            answered = trunk.call()
            if answered is not None:
                trunk.garbage_at(answered[0], 5000 // _RTP_SHARE)
                rtp += 5000 // _RTP_SHARE
                trunk.say(answered[1])
            most = max(most, _megabytes(pids))
        seconds = time.monotonic() - begin
        cpu_used = _cpu_seconds(pids[0]) - cpu
        time.sleep(_TIMERS_SECONDS)
        after = _megabytes(pids)
        return {
            "messages": sent,
            "rtp_packets": rtp,
            "seconds": round(seconds, 1),
            "messages_a_second": round(sent / seconds),
            "daemon_cpu_share": round(cpu_used / seconds, 2),
            "started_mb": started,
            "before_mb": before,
            "most_mb": most,
            "after_mb": after,
            "grown_percent": round((after / before - 1) * 100, 1),
            "log_kb": round((daemon.log.stat().st_size - log) / 1000),
        }
    finally:
        daemon.stop()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--messages", type=int, default=50_000)
    with tempfile.TemporaryDirectory(prefix="burgernet-bench-") as directory:
        figures = measure(Path(directory), arguments.parse_args().messages)
    for name, value in figures.items():
        print(f"{name:>20}  {value}")
    print(json.dumps({"benchmark": "calls.memory", **figures}))


if __name__ == "__main__":
    main()
