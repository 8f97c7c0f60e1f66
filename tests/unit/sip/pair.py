"""Two real user agents on a fake clock, joined by a link that can lose, double, delay and reorder. No sockets."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from foundation.clock import Monotonic
from foundation.endpoints import Address, Datagram
from ivr.call import LegId
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import Credentials, InviteReceived, InviteRequest, Peer, SipEvent
from ivr.sip.sources import Sources, source

OURS = Address("10.0.0.1", 5060)
THEIRS = Address("10.0.0.2", 5060)
OFFER = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 101\r\n"
ANSWER = OFFER.replace(b"10.0.0.1", b"10.0.0.2")
HERE = LegId("here")
START = Monotonic(1000.0)

Found = TypeVar("Found")


def first_line(datagram: Datagram) -> str:
    return datagram.data.split(b"\r\n", 1)[0].decode("utf-8", "replace")


def kind(datagram: Datagram) -> str:
    """`INVITE`, or `200 INVITE` for a response."""
    line = first_line(datagram)
    if not line.startswith("SIP/2.0"):
        return line.split(" ")[0]
    sequence = next(field for field in datagram.data.split(b"\r\n") if field.startswith(b"CSeq:"))
    return f"{line.split(' ')[1]} {sequence.decode('utf-8', 'replace').split()[-1]}"


def agent(contact: Address, peer: str, host: str, *, ours: Callable[[str], bool] = lambda uri: True) -> UserAgent:
    sources = Sources([source(peer, [f"{host}/32"], credentials=Credentials("user", "secret"))])
    return UserAgent({"udp": contact}, sources, ours, random.Random(contact.host))


@dataclass
class Pair:
    """`here` places calls, `there` is the trunk. `fate` says for each datagram after which seconds it arrives: an empty
    list loses it, two double it. `wire` is what was sent, in order, as (from us?, kind)."""

    fate: Callable[[Datagram, bool], list[float]] = lambda datagram, from_here: [0.01]
    now: Monotonic = START
    here: UserAgent = field(default_factory=lambda: agent(OURS, "trunk", THEIRS.host))
    there: UserAgent = field(default_factory=lambda: agent(THEIRS, "gateway", OURS.host))
    told_here: list[SipEvent] = field(default_factory=list)
    told_there: list[SipEvent] = field(default_factory=list)
    wire: list[tuple[bool, str]] = field(default_factory=list)
    sent: list[tuple[Monotonic, bool, Datagram]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._flying: list[tuple[float, int, bool, Datagram]] = []
        self._order = count()

    @property
    def peer(self) -> Peer:
        return Peer("trunk", THEIRS, credentials=Credentials("user", "secret"))

    def request(self, leg: LegId = HERE, ring_seconds: float = 25.0) -> InviteRequest:
        return InviteRequest(
            peer=self.peer,
            request_uri=f"sip:+31612345678@{THEIRS.host}",
            to_uri=f"sip:+31612345678@{THEIRS.host}",
            from_uri=f"sip:+31343529850@{OURS.host}",
            from_display="Burgernet",
            call_id=f"call-{leg}",
            local_tag=f"tag-{leg}",
            offer=OFFER,
            ring_seconds=ring_seconds,
        )

    def invite(self, leg: LegId = HERE, ring_seconds: float = 25.0) -> None:
        self.here.invite(leg, self.request(leg, ring_seconds), self.now)

    def pump(self) -> None:
        """Put what both have said on the wire, and gather what they tell."""
        for agent_, from_here, told in ((self.here, True, self.told_here), (self.there, False, self.told_there)):
            for datagram in agent_.outgoing():
                self.wire.append((from_here, kind(datagram)))
                self.sent.append((self.now, from_here, datagram))
                for delay in self.fate(datagram, from_here):
                    heapq.heappush(self._flying, (self.now + delay, next(self._order), from_here, datagram))
            told.extend(agent_.events())

    def run(self, seconds: float) -> None:
        """Let time pass; each datagram and each timer at its moment."""
        end = self.now + seconds
        self.pump()
        while True:
            moments = [moment for agent_ in (self.here, self.there) if (moment := agent_.next_deadline()) is not None]
            if self._flying:
                moments.append(Monotonic(self._flying[0][0]))
            if not moments or min(moments) > end:
                break
            self.now = Monotonic(max(min(moments), self.now))
            while self._flying and self._flying[0][0] <= self.now:
                _, _, from_here, datagram = heapq.heappop(self._flying)
                target, came_from = (self.there, OURS) if from_here else (self.here, THEIRS)
                target.receive(datagram.data, came_from, self.now)
            self.here.handle_deadline(self.now)
            self.there.handle_deadline(self.now)
            self.pump()
        self.now = Monotonic(end)

    def here_told(self, kind_: type[Found]) -> list[Found]:
        return [event for event in self.told_here if isinstance(event, kind_)]

    def there_told(self, kind_: type[Found]) -> list[Found]:
        return [event for event in self.told_there if isinstance(event, kind_)]

    @property
    def incoming(self) -> LegId:
        return self.there_told(InviteReceived)[-1].leg

    def set_up(self) -> None:
        """A call from here to there, answered and confirmed."""
        self.invite()
        self.run(0.1)
        self.there.ring(self.incoming, self.now)
        self.run(1.0)
        self.there.answer(self.incoming, ANSWER, self.now)
        self.run(0.1)

    def count(self, what: str, from_here: bool | None = None) -> int:
        return sum(said == what and from_here in (None, who) for who, said in self.wire)

    @property
    def quiet(self) -> bool:
        """Nothing is remembered on either side: no leg, no transaction, no timer."""
        return not any(
            len(agent_._core.sessions) or len(agent_._core.transactions) for agent_ in (self.here, self.there)
        )


def losing(what: str, times: int, *, from_here: bool | None = None) -> Callable[[Datagram, bool], list[float]]:
    """A link that loses the first so many datagrams of this kind."""
    left = [times]

    def fate(datagram: Datagram, is_from_here: bool) -> list[float]:
        if kind(datagram) == what and from_here in (None, is_from_here) and left[0] > 0:
            left[0] -= 1
            return []
        return [0.01]

    return fate


def what_the_other_side_says() -> list[bytes]:
    """In a call that it answers, holds and ends: real messages to be spoilt."""
    pair = Pair()
    pair.set_up()
    pair.there.reoffer(pair.incoming, OFFER, pair.now)
    pair.run(0.1)
    pair.here.answer_reoffer(HERE, ANSWER, pair.now)
    pair.run(0.1)
    pair.there.hang_up(pair.incoming, pair.now)
    pair.run(1)
    return [datagram.data for _, from_here, datagram in pair.sent if not from_here]
