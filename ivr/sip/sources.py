"""Who may speak to us at all: trunks and desks by the network that a datagram came from. No I/O.

A stranger gets silence. The policy is asked for every datagram, before a byte of it is read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ivr.sip.events import Credentials

_REMEMBERED = 4096

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Source:
    """A trunk or a desk, seen from the network. `trusted`: its P-Asserted-Identity is believed (RFC 3325 §5).
    `credentials` are for challenges to our requests in its own calls. `challenged`: it must prove who it is, request by
    request; its peer is then the desk that it proves to be."""

    peer: str
    networks: tuple[Network, ...]
    trusted: bool = True
    credentials: Credentials | None = None
    challenged: bool = False


def source(
    peer: str, networks: Sequence[str], *, trusted: bool = True, credentials: Credentials | None = None
) -> Source:
    """From spelled networks or single addresses (`10.1.0.0/16`, `127.0.0.1`). Raises ValueError with the bad one."""
    read = tuple(ipaddress.ip_network(network, strict=False) for network in networks)
    return Source(peer, read, trusted, credentials)


def desk_networks(networks: Sequence[str]) -> list[Source]:
    """`desks_from`: where phones may register and call, once they have proved which desk they are. Raises ValueError."""
    read = tuple(ipaddress.ip_network(network, strict=False) for network in networks)
    return [Source("desks_from", read, trusted=False, challenged=True)] if read else []


class Sources:
    """All who may speak. The first match counts, so trunks come before wide desk networks. `changed` is called when others
    may speak than before."""

    def __init__(self, known: Sequence[Source]) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.replace(known)

    def replace(self, known: Sequence[Source]) -> None:
        self._known = tuple(known)
        self._names = {one.peer: one for one in known}
        self._cache: dict[str, Source | None] = {}
        self.changed()

    @property
    def networks(self) -> list[Network]:
        """Where those who may speak are, without order."""
        return [network for one in self._known for network in one.networks]

    def of(self, host: str) -> Source | None:
        """Who this host is; None for a stranger. Never raises."""
        if host in self._cache:
            return self._cache[host]
        found = self._find(host)
        if len(self._cache) >= _REMEMBERED:
            self._cache.clear()
        self._cache[host] = found
        return found

    def named(self, peer: str) -> Source | None:
        return self._names.get(peer)

    def _find(self, host: str) -> Source | None:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        for one in self._known:
            if any(address in network for network in one.networks):
                return one
        return None
