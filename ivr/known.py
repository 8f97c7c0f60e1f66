"""Who may speak SIP to us: the trunks' networks, and desks as they become known. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from ivr.dialling import destination, trunk_credentials
from ivr.settings import TrunkSettings
from ivr.sip.events import Peer
from ivr.sip.sources import Source, Sources, desk_networks, source


class KnownSources(Sources):
    """Trunks from the configuration; desks are learned, for they come and go while the gateway runs. Trunks come first:
    a desk on a trunk's own host counts as the trunk."""

    def __init__(
        self, trunks: Sequence[TrunkSettings], peers: Mapping[str, Peer], desks_from: Sequence[str] = ()
    ) -> None:
        """Raises ValueError for a network that is none."""
        super().__init__(())
        self._networks = desk_networks(desks_from)
        self._registering: frozenset[str] = frozenset()
        self._trunks: list[Source] = []
        self._former: list[Source] = []
        self._desks: dict[str, Source] = {}
        self.reconfigure(trunks, peers)

    def reconfigure(
        self,
        trunks: Sequence[TrunkSettings],
        peers: Mapping[str, Peer],
        hosts: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """`peers` are the trunks whose place is known, `hosts` what the DNS says besides. A trunk that is gone may still
        end its calls, until `let_go`. Raises ValueError for a network that is none."""
        before = [*self._trunks, *self._former]
        self._trunks = [
            source(
                trunk.name,
                [*_networks(trunk, peers.get(trunk.name)), *hosts.get(trunk.name, ())],
                credentials=trunk_credentials(trunk),
            )
            for trunk in trunks
        ]
        self._former = [one for one in before if all(one.peer != trunk.name for trunk in trunks)]
        self._renew()

    def learn(self, desk: str, host: str) -> None:
        """A desk's phone may speak from this host. Raises ValueError for what is no address."""
        learned = source(desk, [host])
        if self._desks.get(desk) != learned and not any(trunk.peer == desk for trunk in self._trunks):
            self._desks[desk] = learned
            self._renew()

    def registering(self, desks: Collection[str]) -> None:
        """Desks whose phones register: they prove who they are, wherever in `desks_from` they are."""
        self._registering = frozenset(desks)

    def is_desk(self, peer: str) -> bool:
        return peer in self._desks or peer in self._registering

    @property
    def former(self) -> frozenset[str]:
        """Trunks that were taken out and may still have calls."""
        return frozenset(one.peer for one in self._former)

    def let_go(self, trunks: Collection[str]) -> None:
        """These have no call left: they are strangers from now on."""
        self._former = [one for one in self._former if one.peer not in trunks]
        self._renew()

    def _renew(self) -> None:
        self.replace([*self._trunks, *self._former, *self._desks.values(), *self._networks])


def _networks(trunk: TrunkSettings, peer: Peer | None) -> list[str]:
    """The proxy itself, the registrar where it is an address, and what the configuration adds."""
    networks = [*([] if peer is None else [peer.destination.host]), *trunk.allow_from]
    if trunk.registrar is not None:
        with suppress(ValueError):
            networks.append(destination(trunk.registrar)[0].host)
    return networks
