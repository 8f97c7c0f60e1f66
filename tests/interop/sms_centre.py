"""A fast SMSC as a child process, for tests and benchmarks: tight asyncio with PDUs cut by hand, nothing of ours in it.

    python -m tests.interop.sms_centre [--window 1000]

Takes every submit_sm, answers it and sends its receipt; keeps a receipt until it is acknowledged and sends it again by the
next bind, as real ones do. Orders on stdin: `drop` ends every connection at once, and of what lies unread then every second
message is taken without a response, the others are lost; `report FILE` writes what was seen as JSON. EOF ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import sys
import time
from collections import Counter, deque
from pathlib import Path

_HEADER = struct.Struct(">IIII")
_RESPONSE = 0x80000000
_SUBMIT, _DELIVER, _ENQUIRE, _UNBIND, _CANCEL = 4, 5, 0x15, 6, 8
_BINDS = (1, 2, 9)
_AGAIN_SECONDS = 0.5


class Centre:
    """What outlives a connection: who was sent what, and the receipts that are owed."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.accepted: Counter[str] = Counter()
        self.discarded: Counter[str] = Counter()
        self.owed: deque[tuple[bytes, bytes, bytes]] = deque()
        self.ports: set[Port] = set()
        self.turn = 0
        self.name = 0
        self.drops = 0
        self.first_at = self.last_at = self.acknowledged_at = 0.0
        self.acknowledged = self.receipts_again = self.cancelled = 0

    def take(self, source: bytes, destination: bytes) -> bytes:
        now = time.monotonic()
        self.first_at = self.first_at or now
        self.last_at = now
        self.name += 1
        self.accepted[destination.decode()] += 1
        name = b"%x" % self.name
        self.owed.append((name, source, destination))
        return name

    def drop(self) -> None:
        self.drops += 1
        for port in list(self.ports):
            port.drop()

    def pump(self) -> None:
        for port in self.ports:
            port.pump()

    def report(self, file: Path) -> None:
        news = {
            "accepted": dict(self.accepted),
            "discarded": dict(self.discarded),
            "owed": len(self.owed) + sum(len(port.unanswered) for port in self.ports),
            "first_at": self.first_at,
            "last_at": self.last_at,
            "acknowledged_at": self.acknowledged_at,
            "acknowledged": self.acknowledged,
            "receipts_again": self.receipts_again,
            "cancelled": self.cancelled,
            "drops": self.drops,
        }
        fresh = file.with_suffix(".part")
        fresh.write_text(json.dumps(news))
        fresh.rename(file)


class Port(asyncio.Protocol):
    """One connection."""

    def __init__(self, centre: Centre) -> None:
        self.unanswered: dict[int, tuple[bytes, bytes, bytes]] = {}
        self._centre = centre
        self._rest = b""
        self._sequence = 0
        self._receives = False
        self._dropping = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=1 << 24)

    def connection_lost(self, exc: Exception | None) -> None:
        self._centre.ports.discard(self)
        self._centre.owed.extendleft(reversed(self.unanswered.values()))
        self._centre.receipts_again += len(self.unanswered)
        self.unanswered.clear()
        self._centre.pump()

    def drop(self) -> None:
        """The next octets are read half and never answered."""
        self._dropping = True
        asyncio.get_running_loop().call_later(0.02, self._abort)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        buffer = self._rest + data if self._rest else data
        position, end = 0, len(buffer)
        out: list[bytes] = []
        while end - position >= 16:
            length, command, status, sequence = _HEADER.unpack_from(buffer, position)
            if end - position < length:
                break
            if command == _SUBMIT:
                self._submit(buffer, position, sequence, out)
            elif command == _DELIVER | _RESPONSE:
                self._answered(sequence, status)
            else:
                self._other(command, sequence, out)
            position += length
        self._rest = buffer[position:]
        if out and self._transport is not None and not self._dropping:
            self._transport.write(b"".join(out))
        self.pump()

    def _submit(self, buffer: bytes, position: int, sequence: int, out: list[bytes]) -> None:
        service_end = buffer.index(0, position + 16)
        source_end = buffer.index(0, service_end + 3)
        destination_end = buffer.index(0, source_end + 3)
        source = buffer[service_end + 3 : source_end]
        destination = buffer[source_end + 3 : destination_end]
        if self._dropping:
            self._centre.turn += 1
            if self._centre.turn % 2:
                self._centre.discarded[destination.decode()] += 1
                return
        name = self._centre.take(source, destination)
        out.append(_HEADER.pack(17 + len(name), _SUBMIT | _RESPONSE, 0, sequence) + name + b"\0")

    def _answered(self, sequence: int, status: int) -> None:
        owed = self.unanswered.pop(sequence, None)
        if owed is None:
            return
        if status == 0:
            self._centre.acknowledged += 1
            self._centre.acknowledged_at = time.monotonic()
        else:
            self._centre.receipts_again += 1
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._centre.owed.append, owed)

    def _other(self, command: int, sequence: int, out: list[bytes]) -> None:
        if command in _BINDS:
            self._receives = command != 2
            out.append(_HEADER.pack(23, command | _RESPONSE, 0, sequence) + b"centre\0")
            self._centre.ports.add(self)
        elif command == _CANCEL:
            self._centre.cancelled += 1
            out.append(_HEADER.pack(16, command | _RESPONSE, 0, sequence))
        elif not command & _RESPONSE:
            out.append(_HEADER.pack(16, command | _RESPONSE, 0, sequence))

    def pump(self) -> None:
        """Receipts that are owed, by this connection, as far as its window goes."""
        if not self._receives or self._dropping or self._transport is None:
            return
        owed, out = self._centre.owed, []
        while owed and len(self.unanswered) < self._centre.window:
            name, source, destination = entry = owed.popleft()
            self._sequence += 1
            self.unanswered[self._sequence] = entry
            text = (
                b"id:%b sub:001 dlvrd:001 submit date:2601011200 done date:2601011201 stat:DELIVRD err:000 text:" % name
            )
            body = b"\0\1\1%b\0\1\1%b\0\4\0\0\0\0\0\0\0\0%c%b" % (destination, source, len(text), text)
            out.append(_HEADER.pack(16 + len(body), _DELIVER, 0, self._sequence) + body)
        if out:
            self._transport.write(b"".join(out))


async def serve(window: int, port: int) -> None:
    centre = Centre(window)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Port(centre), "127.0.0.1", port)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        order, _, argument = line.decode().strip().partition(" ")
        if order == "drop":
            centre.drop()
        elif order == "report":
            centre.report(Path(argument))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--window", type=int, default=1000, help="receipts without a response")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    asyncio.run(serve(options.window, options.port))


if __name__ == "__main__":
    main()
