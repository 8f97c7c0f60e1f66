"""A telephone with one trunk on the fake network, and what the tests of it share."""

from __future__ import annotations

import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from foundation.endpoints import Address
from foundation.sound import Sound
from foundation.telephone_numbers import PhoneNumber, read
from ivr.call import Call, Caller, ToDesk, ToTrunk
from ivr.exchange import TelephoneSettings
from ivr.media.inprocess import InProcessMedia
from ivr.settings import SipSettings, TrunkSettings
from ivr.telephone import TelephoneService
from tests.unit.calls.network import FakeNetwork, Journal, clocks

OUR_ADDRESS = Address("192.0.2.1", 5060)
NUMBER = PhoneNumber("+31612345678")
OURS = frozenset({read("0800-0011"), PhoneNumber("+31343529850")})
SECOND = Sound(Path("/said/second"), 1000)


class Bench:
    """A telephone with one trunk at 192.0.2.2 and a desk at 192.0.2.3."""

    def __init__(
        self,
        *,
        network: FakeNetwork | None = None,
        media: InProcessMedia | None = None,
        seed: int = 1,
        **trunk: Any,
    ) -> None:
        self.network = network or FakeNetwork()
        self.media = media or InProcessMedia(self.network, random.Random(2))
        self.journal = Journal()
        described = {"name": "kpn", "proxy": "sip:192.0.2.2:5060", "caller_id": "0343529850", **trunk}
        settings = TelephoneSettings(
            sip=SipSettings(listen=("udp:5060:interface=192.0.2.1",)),
            trunks=(TrunkSettings(**described),),
            numbers=OURS,
        )
        self.telephone = TelephoneService(
            settings, self.media, self.journal, clocks(self.network), self.network, random.Random(seed)
        )
        self.telephone.startService()
        self.outcomes: list[Any] = []

    def begin(self, work: Coroutine[Deferred[Any], Any, Any]) -> Deferred[Any]:
        """Run it; its result or failure comes into `outcomes`."""
        running = Deferred.fromCoroutine(work)
        running.addCallbacks(self.outcomes.append, lambda failure: self.outcomes.append(failure.value))
        return running

    def dial(self, route: ToTrunk | ToDesk | None = None, *, reserved: bool = False, seconds: float = 0.1) -> Call:
        self.begin(self.telephone.dial(route or ToTrunk("kpn", NUMBER, 25), reserved=reserved))
        self.network.run(seconds)
        call: Call = self.outcomes.pop()
        return call

    def in_use(self) -> int:
        return self.telephone.trunks()[0].channels_in_use


class Callback:
    """Answers each call and notes who called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Call, Caller]] = []
        self.keep: Deferred[None] = Deferred()

    async def __call__(self, call: Call, caller: Caller) -> None:
        self.calls.append((call, caller))
        await call.answer()
        await self.keep
