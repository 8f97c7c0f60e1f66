"""OPTIONS to our peers: does anybody answer, and how fast. No I/O."""

from __future__ import annotations

from foundation.clock import Monotonic
from ivr.sip.core import Core
from ivr.sip.events import Peer, Pinged
from ivr.sip.message import Fields, Request, Response
from ivr.sip.transactions import Transaction


class Pings:
    """At most one at a time to each peer."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: dict[str, Transaction] = {}

    def ping(self, peer: Peer, now: Monotonic) -> None:
        """Told as `Pinged`, with status None after the peer's `silence_seconds`."""
        if peer.name in self._waiting:
            return
        core, transport, destination = self._core, peer.transport, peer.destination
        target = f"sip:{destination}"
        tag, call_id = core.token(), core.token()

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
            self._ended(peer.name, response, at - now)

        self._waiting[peer.name] = core.ask(make, peer, destination, transport, heard, now)
        core.deadlines.set(("peer", peer.name, "ping"), Monotonic(now + peer.silence_seconds))

    def silent(self, name: str) -> None:
        """No answer in time."""
        self._ended(name, None, 0.0)

    def _ended(self, name: str, response: Response | None, seconds: float) -> None:
        transaction = self._waiting.pop(name, None)
        if transaction is None:
            return
        self._core.deadlines.cancel(("peer", name, "ping"))
        if response is None:
            self._core.transactions.drop(transaction)
        self._core.told.append(Pinged(name, None if response is None else response.status, seconds))
