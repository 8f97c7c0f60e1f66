"""The joint between the engine and the ways to reach people. No I/O here.

The engine pulls: a channel says how much it may take right now, the scheduler picks that many just in time, the runner
saves the attempts, and after the commit the channel sends them. A channel holds nothing that could leave after a close.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred

from foundation.clock import Monotonic
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.attempt import Attempt, AttemptEvent
from gateway.domain.identifiers import ActionId, AttemptId
from gateway.domain.outcomes import ChannelName, MessageKind

Prepared = TypeVar("Prepared")


@dataclass(frozen=True, slots=True)
class Message:
    """What is said or written: one a language. `recording` is the operator's own voice in place of speech. `exercise`:
    the voice channel says so; what is written says so already in `texts`."""

    action: ActionId
    kind: MessageKind
    texts: Mapping[str, str]
    recording: Path | None = None
    exercise: bool = False


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many attempts a channel takes right now, and when to ask again if that is 0.

    `again_at` None: the channel calls `ChannelListener.capacity_changed` by itself when there is room.
    `peers` names the trunks or binds that could take an attempt at all, full or not, so that the engine sees when a
    recipient's `avoid` leaves none; empty where the channel does not say.
    """

    free: int
    again_at: Monotonic | None = None
    peers: frozenset[str] = frozenset()


class Channel(Protocol[Prepared]):
    """Voice and SMS are the first two; another one comes without touching the engine.

    Every `send` is followed by any number of events and then by exactly one that ends the attempt: `Ended`, `Accepted`,
    `Uncertain`, `PeerFault` or `NotSent`. `Receipted` may follow `Accepted` or `Uncertain`, also after a restart.
    """

    @property
    def name(self) -> ChannelName: ...

    def capacity(self, now: Monotonic) -> Capacity:
        """What may be sent now beside what was reserved already; never more than the peers' limits allow."""
        ...

    def reserve(self, number: PhoneNumber, avoid: frozenset[str], now: Monotonic) -> bool:
        """Take one place for this number until its `send` ends, or say that it can't be now (prefix limit, or no
        peer is left beside `avoid`)."""
        ...

    def release(self, number: PhoneNumber) -> None:
        """Give a reserved place back because its commit failed and `send` will not come."""
        ...

    async def prepare(self, message: Message) -> Prepared:
        """Render speech or segment text, once a message and before the first attempt. May be called again after a
        restart; the same input costs nothing the second time."""
        ...

    def send(self, attempt: Attempt, prepared: Prepared) -> None:
        """Begin; returns at once and never raises: what goes wrong comes back as an event."""
        ...

    def cancel(self, attempt: AttemptId) -> None:
        """The action was closed: end it within 2 s. An attempt that is over or unknown is no error. The ending event
        still comes, `NotSent` or `Ended` with what the person heard."""
        ...

    def recalling(self) -> frozenset[str]:
        """The peers that can be asked to take back what they accepted; nobody where the channel knows no such thing."""
        ...

    async def recall(self, number: PhoneNumber, peer: str, reference: str) -> bool | None:
        """The action is over: ask the peer not to deliver what it accepted under this `Wire.reference`. True: it will not;
        False: it can't or will not, or it was too late; None: it could not be asked, or did not answer."""
        ...


class ChannelListener(Protocol):
    """The engine, as the channels see it."""

    def attempt_event(self, attempt: AttemptId, event: AttemptEvent) -> Deferred[None]:
        """Decide and save; fires after the commit, so that a channel can answer its peer only then (deliver_sm_resp) or
        act only then (the INVITE after `Sent`). Fails if the write was refused: then nothing may leave.

        Before it leaves the runner looks at the action again: for a `Sent` that comes after a close or expiry the
        Deferred fails with `NothingMayLeave`, and the channel answers with `NotSent`."""
        ...

    def capacity_changed(self, channel: ChannelName) -> None:
        """There is room where `capacity` last said 0 without a time."""
        ...


class NothingMayLeave(Exception):
    """The action was closed or expired, or the lease was lost, between the pick and the wire."""
