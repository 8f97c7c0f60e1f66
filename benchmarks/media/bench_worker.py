"""A real media worker for the benchmarks, driven over its socket pair without Twisted; and the C yardsticks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from foundation.endpoints import Address
from ivr.media.framing import Message, Reader, encode
from ivr.media.messages import Connect, LegFailed, LegOpened, MediaFlowing, MediaLegId, OpenLeg, Remote, ToWorker
from ivr.media.rtp import packet
from ivr.media.sockets import attach_filter

HERE = Path(__file__).parent


class BenchWorker:
    """One child process. `ports` as the worker takes them."""

    def __init__(self, ports: str) -> None:
        self.control, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ivr.media.worker", str(theirs.fileno()), "127.0.0.1", ports],
                pass_fds=[theirs.fileno()],
                cwd=HERE.parents[1],
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
        self._reader = Reader()

    def close(self) -> None:
        self.control.close()
        self.process.wait(10)

    def tell(self, *messages: ToWorker) -> None:
        self.control.sendall(b"".join(map(encode, messages)))

    def collect(self, kind: type, count: int) -> list[Message]:
        """So many messages of a kind; others are passed over."""
        found: list[Message] = []
        while len(found) < count:
            data = self.control.recv(1 << 16)
            assert data, "the worker ended"
            for message in self._reader.feed(data):
                assert not isinstance(message, LegFailed), f"{message}: does another benchmark use these ports?"
                if isinstance(message, kind):
                    found.append(message)
        return found

    def cpu_seconds(self) -> float:
        """Time on a core so far, to the nanosecond as the scheduler counts it."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def open_legs(self, count: int, first: int = 0) -> list[int]:
        """Legs `first` to `first` + count - 1; their ports."""
        ports: dict[int, int] = {}
        for start in range(first, first + count, 200):
            numbers = range(start, min(start + 200, first + count))
            self.tell(*(OpenLeg(MediaLegId(number), 1, number + 1, 0, 0) for number in numbers))
            for message in self.collect(LegOpened, len(numbers)):
                assert isinstance(message, LegOpened)
                ports[message.leg] = message.port
        return [ports[number] for number in range(first, first + count)]

    def connect(self, leg: int, far_port: int) -> None:
        self.tell(Connect(MediaLegId(leg), 1, Remote(Address("127.0.0.1", far_port), "PCMA", 8)))

    def latch_each(self, far: list[socket.socket], ports: list[int]) -> None:
        """Let each leg hear a first packet from its far end; at most some hundreds at once."""
        first = packet(b"\xd5" * 160, payload_type=8, sequence=1, timestamp=0, ssrc=1)
        for sock, port in zip(far, ports, strict=True):
            sock.sendto(first, ("127.0.0.1", port))
        self.collect(MediaFlowing, len(ports))

    def latch(self, far: socket.socket, ports: list[int]) -> None:
        """The same for any number of legs with one far end."""
        for start in range(0, len(ports), 200):
            some = ports[start : start + 200]
            self.latch_each([far] * len(some), some)


def sink() -> socket.socket:
    """A far end that the kernel keeps empty."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    attach_filter(sock, None)
    return sock


def prompt(folder: str, seconds: int) -> Path:
    """The stem of a sound of noise."""
    stem = Path(folder) / "prompt"
    stem.with_name("prompt.pcma").write_bytes(os.urandom(8000 * seconds))
    return stem


def compiled(name: str, folder: str) -> str:
    """A C yardstick of this folder, built with the system's compiler."""
    program = str(Path(folder) / name)
    subprocess.run(["cc", "-O2", "-o", program, str(HERE / f"{name}.c")], check=True)
    return program


def scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="burgernet-bench-")
