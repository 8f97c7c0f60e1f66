"""OPTIONS to our peers: does anybody answer, and how fast. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.sip.core import Core
from ivr.sip.events import Peer, Pinged
from ivr.sip.message import Fields, Request, Response
from ivr.sip.transactions import Transaction

MOST_WAITING = 4


@dataclass(slots=True, eq=False)
class _Asked:
    destination: Address
    until: Monotonic
    transaction: Transaction | None = None


class Pings:
    """A peer may be asked again before it has answered: an answer to any of them settles all, and each that stays without
    one is told by itself, the oldest first."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: dict[str, list[_Asked]] = {}

    def ping(self, peer: Peer, now: Monotonic) -> None:
        """Told as `Pinged`, with status None after the peer's `silence_seconds`, or at once where nothing can be sent
        there: a connection that breaks is one miss, whatever waits on it."""
        waiting = self._waiting.setdefault(peer.name, [])
        if len(waiting) >= MOST_WAITING:
            return
        core, transport, destination = self._core, peer.transport, peer.destination
        target = f"sip:{destination}"
        tag, call_id = core.token(), core.token()
        asked = _Asked(destination, Monotonic(now + peer.silence_seconds))

        def make(credentials: Fields) -> Request:
            fields = [
                ("Via", core.via(transport, destination)),
                ("Max-Forwards", "70"),
                ("From", f"<sip:gateway@{core.own_address(transport, destination)}>;tag={tag}"),
                ("To", f"<{target}>"),
                ("Call-ID", call_id),
                ("CSeq", f"{2 if credentials else 1} OPTIONS"),
                ("Contact", core.contact(transport, destination)),
                ("Accept", "application/sdp"),
            ]
            return Request("OPTIONS", target, [*fields, *credentials])

        def heard(response: Response | None, at: Monotonic) -> None:
            if asked in self._waiting.get(peer.name, ()):
                self._settled(peer.name, asked, response, at - now)

        waiting.append(asked)
        asked.transaction = core.ask(make, peer, destination, transport, heard, now)
        self._arm(peer.name)

    def silent(self, name: str) -> None:
        """The oldest had no answer in time."""
        waiting = self._waiting.get(name)
        if waiting:
            asked = waiting.pop(0)
            self._drop(asked)
            self._arm(name)
            self._core.told.append(Pinged(name, asked.destination, None, 0.0))

    def _settled(self, name: str, asked: _Asked, response: Response | None, seconds: float) -> None:
        for one in self._waiting.pop(name):
            if one is not asked or response is None:
                self._drop(one)
        self._core.deadlines.cancel(("peer", name, "ping"))
        status = None if response is None else response.status
        self._core.told.append(Pinged(name, asked.destination, status, seconds))

    def _arm(self, name: str) -> None:
        waiting = self._waiting[name]
        if waiting:
            self._core.deadlines.set(("peer", name, "ping"), waiting[0].until)
        else:
            del self._waiting[name]

    def _drop(self, asked: _Asked) -> None:
        if asked.transaction is not None:
            self._core.transactions.drop(asked.transaction)
