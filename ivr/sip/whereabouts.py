"""Where each trunk is just now: looked up, kept as long as the DNS says, and left for the next hop when one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from foundation.endpoints import Address
from ivr.sip.locating import Hop, Located, LookupFailed, Records, Target, Transport, literal_hop, locate, target_of

AGAIN_SECONDS = 20.0
BAD_SECONDS = 60.0

log = Logger()


@dataclass(slots=True, eq=False)
class _Followed:
    target: Target
    located: Located = field(default_factory=lambda: Located((), 0.0))
    bad: dict[Address, float] = field(default_factory=dict)
    current: Hop | None = None
    next: IDelayedCall | None = None


class Whereabouts:
    """`changed(name)` is called when a trunk's current hop or its set of hosts became another, `failed(name, words)` when
    the DNS did not say where it is: what was known before is used meanwhile."""

    def __init__(
        self, records: Records, spoken: Sequence[Transport], chance: Callable[[], float], timer: IReactorTime
    ) -> None:
        self._records = records
        self._spoken = tuple(spoken)
        self._chance = chance
        self._timer = timer
        self._followed: dict[str, _Followed] = {}
        self.changed: Callable[[str], None] = lambda name: None
        self.failed: Callable[[str, str], None] = lambda name, words: None

    def follow(self, name: str, uri: str) -> None:
        """From now on; again with another URI after a reload. An address needs no DNS: it is known at once, without
        `changed`. Raises ValueError for what is no SIP URI."""
        target = target_of(uri)
        known = self._followed.get(name)
        if known is not None and known.target == target:
            return
        self.leave(name)
        followed = self._followed[name] = _Followed(target)
        hop = literal_hop(target)
        if hop is None:
            self._look(name, followed)
        else:
            followed.located, followed.current = Located((hop,), 0.0, target.transport is None), hop

    def leave(self, name: str) -> None:
        followed = self._followed.pop(name, None)
        if followed is not None and followed.next is not None:
            followed.next.cancel()

    def stop(self) -> None:
        for name in list(self._followed):
            self.leave(name)

    def hop(self, name: str) -> Hop | None:
        """Where its requests go now; None as long as nothing is known."""
        followed = self._followed.get(name)
        return None if followed is None else followed.current

    def tcp(self, name: str) -> Address | None:
        """Where a trunk that is spoken to by UDP takes TCP too, as far as its URI leaves that open."""
        followed, hop = self._followed.get(name), self.hop(name)
        if followed is None or hop is None or hop.transport != "udp" or not followed.located.open_transport:
            return None
        streams = [one.address for one in followed.located.hops if one.transport == "tcp"]
        return streams[0] if streams else hop.address

    def hops(self, name: str) -> tuple[Hop, ...]:
        followed = self._followed.get(name)
        return () if followed is None else followed.located.hops

    def hosts(self, name: str) -> list[str]:
        """Every host that it may speak from."""
        return list(dict.fromkeys(hop.address.host for hop in self.hops(name)))

    def is_bad(self, name: str, address: Address) -> None:
        """It was silent or its connection broke: the next hop for a minute, where there is one (RFC 3263 §4.3)."""
        followed = self._followed.get(name)
        if followed is not None and len(followed.located.hops) > 1:
            followed.bad[address] = self._timer.seconds() + BAD_SECONDS
            if followed.current is not None and followed.current.address == address:
                self._choose(name, followed)

    def _choose(self, name: str, followed: _Followed) -> None:
        now = self._timer.seconds()
        followed.bad = {address: until for address, until in followed.bad.items() if until > now}
        hops = followed.located.hops
        good = [hop for hop in hops if hop.address not in followed.bad]
        before, followed.current = followed.current, (good or list(hops))[0]
        if followed.current != before:
            log.info("trunk {trunk} is at {address} now", trunk=name, address=str(followed.current.address))
            self.changed(name)

    def _look(self, name: str, followed: _Followed) -> None:
        followed.next = None
        looking = Deferred.fromCoroutine(locate(followed.target, self._records, self._spoken, self._chance))
        looking.addCallbacks(
            lambda located: self._found(name, followed, located),
            lambda failure: self._not_found(name, followed, str(failure.value), failure.check(LookupFailed) is None),
        )
        looking.addErrback(lambda failure: log.failure("where a trunk is could not be used", failure, trunk=name))

    def _found(self, name: str, followed: _Followed, located: Located) -> None:
        if self._followed.get(name) is not followed:
            return
        hosts = self.hosts(name)
        followed.located = located
        followed.next = self._timer.callLater(located.seconds, self._look, name, followed)
        before = followed.current
        if before is None or before not in located.hops or before.address in followed.bad:
            self._choose(name, followed)
        if followed.current == before and set(hosts) != set(self.hosts(name)):
            self.changed(name)

    def _not_found(self, name: str, followed: _Followed, words: str, ours: bool) -> None:
        if self._followed.get(name) is not followed:
            return
        log.warn("where trunk {trunk} is, is not known: {why}", trunk=name, why=words, our_fault=ours)
        followed.next = self._timer.callLater(AGAIN_SECONDS, self._look, name, followed)
        self.failed(name, words)
