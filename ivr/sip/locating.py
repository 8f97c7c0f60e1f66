"""Where a SIP URI leads (RFC 3263): NAPTR, then SRV by priority and weight, then addresses. No I/O: `Records` asks the DNS.

The result is a list of hops to try in order, and for how many seconds it holds.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, cast

from foundation.endpoints import Address

Transport = Literal["udp", "tcp", "tls"]

LEAST_SECONDS, LONGEST_SECONDS = 10, 86_400
MOST_HOPS = 32
_SERVICES: dict[str, Transport] = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_PREFIXES: dict[Transport, str] = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
_URI = re.compile(
    r"(?P<scheme>sips?):(?:[^@;?<>\s]+@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?"
    r"(?P<rest>[;?].*)?",
    re.IGNORECASE,
)
_TRANSPORT = re.compile(r";transport=([a-z]+)(?:;|$)", re.IGNORECASE)


class LookupFailed(Exception):
    """The DNS gave no answer, or none that leads anywhere; the text says which name and why."""


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URI that decide where it leads. `port` and `transport` None: the URI leaves them open."""

    host: str
    port: int | None
    transport: Transport | None
    secure: bool


@dataclass(frozen=True, slots=True)
class Hop:
    """One place to try. `name` is what a TLS certificate there must be for: the URI's own domain (RFC 5922 §4); `server`
    the name of the machine, where the DNS gave one."""

    address: Address
    transport: Transport
    name: str
    server: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Located:
    """`open_transport`: the URI named no transport, so that a large request may go by TCP."""

    hops: tuple[Hop, ...]
    seconds: float
    open_transport: bool = False


@dataclass(frozen=True, slots=True)
class Naptr:
    order: int
    preference: int
    flags: str
    service: str
    replacement: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Srv:
    priority: int
    weight: int
    port: int
    target: str
    seconds: int


@dataclass(frozen=True, slots=True)
class HostAddress:
    host: str
    seconds: int


class Records(Protocol):
    """The DNS. An empty answer is one; LookupFailed says that none came."""

    async def naptr(self, name: str) -> Sequence[Naptr]: ...

    async def srv(self, name: str) -> Sequence[Srv]: ...

    async def addresses(self, name: str) -> Sequence[HostAddress]: ...


def target_of(uri: str) -> Target:
    """Raises ValueError in words."""
    matched = _URI.fullmatch(uri.strip())
    if matched is None:
        raise ValueError(f"{uri!r} is no SIP URI; write sip:192.0.2.10:5060 or sip:sip.provider.example;transport=tls")
    secure = matched["scheme"].lower() == "sips"
    named = _TRANSPORT.search(matched["rest"] or "")
    transport = named[1].lower() if named else None
    if transport not in (None, "udp", "tcp", "tls"):
        raise ValueError(f"{uri!r} names no transport that is spoken here; write udp, tcp or tls")
    if secure:
        if transport == "udp":
            raise ValueError(f"{uri!r} asks for TLS over UDP; write sips: without transport")
        transport = "tls"
    port = int(matched["port"]) if matched["port"] else None
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{uri!r} has no port from 1 to 65535")
    return Target(matched["host"].strip("[]").rstrip("."), port, cast("Transport | None", transport), secure)


def literal_hop(target: Target) -> Hop | None:
    """Where a target that is an address leads; None for a name."""
    try:
        host = str(ipaddress.ip_address(target.host))
    except ValueError:
        return None
    transport = target.transport or "udp"
    return Hop(Address(host, target.port or _port(transport)), transport, host)


async def locate(target: Target, records: Records, spoken: Sequence[Transport], chance: Callable[[], float]) -> Located:
    """`spoken` are the transports that we have, in the order that we like; `chance` gives 0.0 to 1.0 for weights.
    Raises LookupFailed."""
    own = literal_hop(target)
    if own is not None:
        return Located((own,), LONGEST_SECONDS, target.transport is None)
    found: list[tuple[Transport, list[tuple[Srv, float]]]] = []
    seconds = float(LONGEST_SECONDS)
    if target.port is None:
        for transport, name, holds in await _services(target, records, spoken):
            answers = await records.srv(name)
            if answers:
                seconds = min(seconds, holds, *(one.seconds for one in answers))
                found.append((transport, _in_order(answers, chance)))
    if not found:
        transport = target.transport or "udp"
        itself = Srv(0, 0, target.port or _port(transport), target.host, LONGEST_SECONDS)
        found = [(transport, [(itself, 0.0)])]
    hops: list[Hop] = []
    for transport, servers in found:
        for server, _ in servers:
            for address in await records.addresses(server.target) if server.target else ():
                seconds = min(seconds, address.seconds)
                hops.append(Hop(Address(address.host, server.port), transport, target.host, server.target))
    if not hops:
        raise LookupFailed(f"{target.host} leads to no address")
    return Located(tuple(dict.fromkeys(hops))[:MOST_HOPS], max(seconds, float(LEAST_SECONDS)), target.transport is None)


async def _services(
    target: Target, records: Records, spoken: Sequence[Transport]
) -> list[tuple[Transport, str, float]]:
    """Transport and SRV name to ask for, best first, and how long that is known (RFC 3263 §4.1)."""
    if target.transport is not None:
        return [(target.transport, _PREFIXES[target.transport] + target.host, LONGEST_SECONDS)]
    pointers = [
        one
        for one in await records.naptr(target.host)
        if one.flags.lower() == "s" and _SERVICES.get(one.service.upper()) in spoken and one.replacement
    ]
    if pointers:
        pointers.sort(key=lambda one: (one.order, one.preference))
        return [(_SERVICES[one.service.upper()], one.replacement, float(one.seconds)) for one in pointers]
    return [(transport, _PREFIXES[transport] + target.host, LONGEST_SECONDS) for transport in spoken]


def _in_order(answers: Sequence[Srv], chance: Callable[[], float]) -> list[tuple[Srv, float]]:
    """By priority; within one, drawn by weight (RFC 2782)."""
    ordered: list[tuple[Srv, float]] = []
    for priority in sorted({one.priority for one in answers}):
        left = sorted((one for one in answers if one.priority == priority), key=lambda one: one.weight)
        while left:
            drawn = chance() * sum(one.weight for one in left)
            passed = 0
            for one in left:
                passed += one.weight
                if passed >= drawn:
                    break
            ordered.append((one, drawn))
            left.remove(one)
    return ordered


def _port(transport: Transport) -> int:
    return 5061 if transport == "tls" else 5060
