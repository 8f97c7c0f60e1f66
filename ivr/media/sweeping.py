"""Sockets that are asked for packets at fixed times, all in one call. Does I/O.

In an epoll set each would wake it at every packet that it sends (its buffer has room again): measured, 1.0 µs a packet, a
quarter of all; a sweep costs 0.1.
"""

from __future__ import annotations

import select
import socket
from typing import Literal

Attention = Literal["at once", "sound", "digits"]
"""How soon a leg's packets are wanted: a bridge's at once; sound that is only listened to and digits by a sweep."""

SWEEP_SECONDS: dict[Attention, float] = {"sound": 0.01, "digits": 0.04}


class Sweep:
    """A set of sockets and the time at which it is looked at next."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._poll = select.poll()
        self._count = 0
        self._next = 0.0

    def add(self, sock: socket.socket) -> None:
        self._poll.register(sock, select.POLLIN)
        self._count += 1

    def remove(self, sock: socket.socket) -> None:
        self._poll.unregister(sock)
        self._count -= 1

    def wait(self, now: float) -> float | None:
        """Seconds until the next look; None when there is nothing to look at."""
        return max(self._next - now, 0.0) if self._count else None

    def due(self, now: float) -> list[int]:
        """The descriptors that have something, when it is time; else none."""
        if not self._count or now < self._next:
            return []
        self._next = now + self._seconds
        return [fd for fd, _ in self._poll.poll(0)]
