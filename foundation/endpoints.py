"""The two contracts between a protocol's core and the shell that joins it to the network. No I/O.

A core takes bytes, events and `now`, and gives bytes, events and its next deadline. The shell (one a core, one timer)
calls `receive…`, then drains `outgoing()` and `events()` and arms its timer for `next_deadline()`; on the timer it calls
`handle_deadline(now)` and drains again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from foundation.clock import Monotonic

Event_co = TypeVar("Event_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Address:
    """An address on the network: a literal IPv4 or IPv6 host, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Datagram:
    """One datagram to send. `transport` names the listener where an endpoint has several (`udp`, `tcp`, `tls`)."""

    data: bytes
    destination: Address
    transport: str = "udp"


class DatagramEndpoint(Protocol[Event_co]):
    """A core that speaks in datagrams."""

    def receive(self, data: bytes, source: Address, now: Monotonic) -> None: ...

    def next_deadline(self) -> Monotonic | None: ...

    def handle_deadline(self, now: Monotonic) -> None: ...

    def outgoing(self) -> Iterable[Datagram]: ...

    def events(self) -> Iterable[Event_co]: ...


class StreamEndpoint(Protocol[Event_co]):
    """A core that speaks over one connection. `paused` follows the transport's back-pressure: while it is set the core
    offers nothing new beyond answers it owes."""

    paused: bool

    def opened(self, now: Monotonic) -> None: ...

    def received(self, data: bytes, now: Monotonic) -> None: ...

    def lost(self, reason: str, now: Monotonic) -> None: ...

    def next_deadline(self) -> Monotonic | None: ...

    def handle_deadline(self, now: Monotonic) -> None: ...

    def outgoing(self) -> bytes: ...

    def events(self) -> Iterable[Event_co]: ...
