"""Keeping trunks well: OPTIONS at each one's interval, a registration where it wants one, and what the answers say.

While an OPTIONS has no answer the next one follows within seconds, with a look whether the port is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from foundation.clock import Clocks
from foundation.endpoints import Address
from ivr.dialling import called_domain
from ivr.settings import TrunkSettings
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import Peer, Pinged, Registration, RegistrationChanged
from ivr.sip.trunk import Trunk, TrunkGroup

log = Logger()


class Upkeep:
    """`came_up` is called when a trunk may be used again, `silent(trunk, address)` when it did not answer a ping there,
    `flush` after each command to the agent; `knock(address)` asks whether a UDP port is closed."""

    def __init__(self, agent: UserAgent, group: TrunkGroup, clocks: Clocks, timer: IReactorTime) -> None:
        self.came_up: Callable[[], None] = lambda: None
        self.silent: Callable[[str, Address], None] = lambda trunk, address: None
        self.flush: Callable[[], None] = lambda: None
        self.knock: Callable[[Address], None] = lambda address: None
        self._agent = agent
        self._group = group
        self._clocks = clocks
        self._timer = timer
        self._peers: Mapping[str, Peer] = {}
        self._calls: dict[str, IDelayedCall] = {}
        self._owing: set[str] = set()
        self._registered: dict[str, Registration] = {}

    def start(self, peers: Mapping[str, Peer]) -> None:
        """Look after these from now on; again after a reload."""
        self._peers = peers
        for name in set(self._calls) - set(peers):
            self._calls.pop(name).cancel()
            self._owing.discard(name)
        for name, peer in peers.items():
            if name not in self._calls:
                self._ping(name)
            self._register(self._group.trunks[name].settings, peer)
        for name in set(self._registered) - {name for name in peers if self._group.trunks[name].settings.register_}:
            del self._registered[name]
            self._agent.unregister(name, self._clocks.now())
        self.flush()

    def stop(self) -> None:
        """Ping no more, and leave where we are registered."""
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()
        self._owing.clear()
        for name in self._registered:
            self._agent.unregister(name, self._clocks.now())
        self._registered.clear()
        self.flush()

    def look(self, name: str) -> None:
        """Something speaks against a trunk: ask now, unless an answer is awaited already."""
        call = self._calls.get(name)
        if call is not None and call.active() and name not in self._owing:
            call.reset(0)

    def pinged(self, event: Pinged) -> None:
        trunk = self._group.trunks.get(event.peer)
        if trunk is None:
            return
        before = trunk.health.usable(self._clocks.now())
        if event.status is None or event.status >= 500:
            why = "no answer to OPTIONS" if event.status is None else f"{event.status} to OPTIONS"
            trunk.health.missed(why, self._clocks.saved_now())
            if event.status is None:
                self.silent(trunk.name, event.destination)
        else:
            trunk.health.answered(event.seconds)
            self._owing.discard(trunk.name)
            call = self._calls.get(trunk.name)
            if call is not None and call.active():
                call.reset(trunk.settings.options_interval)
        self._changed(trunk, before)

    def registered(self, event: RegistrationChanged) -> None:
        trunk = self._group.trunks.get(event.peer)
        if trunk is None:
            return
        before = trunk.health.usable(self._clocks.now())
        until = None if event.expires is None else self._clocks.saved_after(event.expires)
        trunk.health.registered(event.expires, self._clocks.now(), until)
        if event.expires is None and event.peer in self._registered:
            words = "no answer to REGISTER" if event.status is None else f"{event.status} {event.phrase} to REGISTER"
            trunk.health.fault(words, self._clocks.saved_now())
        self._changed(trunk, before)

    def _changed(self, trunk: Trunk, before: bool) -> None:
        now = self._clocks.now()
        if before != trunk.health.usable(now):
            log.info("trunk {trunk} is {state}", trunk=trunk.name, state=trunk.health.word(now))
            if not before:
                self.came_up()

    def _ping(self, name: str) -> None:
        peer, trunk = self._peers[name], self._group.trunks[name]
        if name in self._owing and peer.transport == "udp":
            self.knock(peer.destination)
        self._owing.add(name)
        self._agent.ping(peer, self._clocks.now())
        wait = trunk.health.next_ping(trunk.settings.options_interval)
        self._calls[name] = self._timer.callLater(wait, self._ping, name)
        self.flush()

    def _register(self, trunk: TrunkSettings, peer: Peer) -> None:
        if not trunk.register_:
            return
        called = called_domain(trunk, peer)
        domain = trunk.from_domain or (called if called != str(peer.destination) else peer.destination.host)
        registrar = trunk.registrar or f"sip:{called}"
        wanted = Registration(peer, registrar, f"sip:{trunk.from_user or trunk.username or trunk.name}@{domain}")
        if self._registered.get(trunk.name) != wanted:
            self._registered[trunk.name] = wanted
            self._agent.register(wanted, self._clocks.now())
