"""The trunks on the wire: where each one is just now, and the names that their certificates must be for.

A proxy that is an address is known at once; a name is looked up, and its trunk takes no calls before the DNS has answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from twisted.internet.interfaces import IReactorTime

from foundation.endpoints import Address
from ivr.dialling import trunk_peer
from ivr.settings import TrunkSettings
from ivr.sip.events import Peer
from ivr.sip.locating import Hop, Records, Transport
from ivr.sip.whereabouts import Whereabouts


class TrunkPeers:
    """`changed` is called when some trunk is elsewhere now, `failed(trunk, words)` when the DNS did not say where."""

    def __init__(
        self, records: Records, spoken: Sequence[Transport], chance: Callable[[], float], timer: IReactorTime
    ) -> None:
        self._spoken = tuple(spoken)
        self._trunks: dict[str, TrunkSettings] = {}
        self.whereabouts = Whereabouts(records, spoken, chance, timer)
        self.whereabouts.changed = lambda name: self.changed()
        self.whereabouts.failed = lambda name, words: self.failed(name, words)
        self.changed: Callable[[], None] = lambda: None
        self.failed: Callable[[str, str], None] = lambda name, words: None

    def follow(self, trunks: Sequence[TrunkSettings]) -> None:
        """These from now on, and no others. Raises ValueError for a proxy that is no SIP URI."""
        wanted = {trunk.name: trunk for trunk in trunks}
        for name in set(self._trunks) - set(wanted):
            self.whereabouts.leave(name)
        self._trunks = wanted
        for trunk in trunks:
            self.whereabouts.follow(trunk.name, trunk.proxy)

    def stop(self) -> None:
        self.whereabouts.stop()

    def peers(self) -> dict[str, Peer]:
        """Those whose place is known."""
        found = {}
        for name, trunk in self._trunks.items():
            hop = self.whereabouts.hop(name)
            if hop is not None:
                found[name] = self._peer(trunk, hop)
        return found

    def hosts(self) -> dict[str, list[str]]:
        """Every host that each trunk may speak from, by what the DNS says."""
        return {name: self.whereabouts.hosts(name) for name in self._trunks}

    def name_of(self, address: Address) -> str | None:
        """The name that a server at this address must prove to be (RFC 5922): that of its trunk's proxy."""
        for name in self._trunks:
            for hop in self.whereabouts.hops(name):
                if hop.address.host == address.host:
                    return hop.name
        return None

    def trunk_at(self, address: Address) -> str | None:
        """Whose this address is; of trunks on one host, the one at that port."""
        there = [name for name in self._trunks if address.host in self.whereabouts.hosts(name)]
        exact = (name for name in there if any(hop.address == address for hop in self.whereabouts.hops(name)))
        return next(exact, there[0] if there else None)

    def _peer(self, trunk: TrunkSettings, hop: Hop) -> Peer:
        peer = replace(trunk_peer(trunk, hop.address, hop.transport), names=self._names(trunk.name, hop))
        if "tcp" not in self._spoken:
            return peer
        return replace(peer, tcp=self.whereabouts.tcp(trunk.name))

    def _names(self, trunk: str, current: Hop) -> tuple[tuple[str, Address], ...]:
        """The domain means where the trunk is just now; each of its machines has a name of its own."""
        found = {current.name.lower(): current.address}
        for hop in (current, *self.whereabouts.hops(trunk)):
            if hop.server:
                found.setdefault(hop.server.lower().rstrip("."), hop.address)
        return tuple(found.items())
