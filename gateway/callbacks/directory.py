"""What the callback line asks of the house: who is rung for whom, and where things are kept. No I/O.

The engine has these methods; the line knows only them, so that neither room sees the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from foundation.sound import Sound
from foundation.telephone_numbers import PhoneNumber
from gateway.callbacks.machine import Stage
from gateway.domain.action import Desk, Recipient
from gateway.domain.calls import CallView
from gateway.domain.identifiers import ActionId, DeskId
from ivr.flows.choice import ChoiceSounds
from ivr.flows.tip import TipSounds


class DeskSeen(Protocol):
    """A desk as the house lists it, present or not."""

    @property
    def id(self) -> DeskId: ...

    @property
    def deputy(self) -> DeskId | None: ...


class Directory(Protocol):
    """As in `gateway.engine.interface.Engine`."""

    async def desks_for(self, owner: DeskId | None, room: str | None) -> list[Desk]: ...

    async def desks(self) -> Sequence[DeskSeen]: ...

    async def actions_of(self, caller: PhoneNumber, grace_seconds: float) -> list[Recipient]: ...

    async def save_tip(
        self, path: Path, milliseconds: int, caller: PhoneNumber | None, action: ActionId | None
    ) -> object: ...

    async def save_call(self, call: CallView) -> None: ...

    async def count_callback(self, action: ActionId) -> None: ...


class CallbackSounds(Protocol):
    """What is said on the callback line. Each may raise `prompts.speech.SpeechFailed`: then tones must do."""

    async def choice(self, recipients: Sequence[Recipient]) -> ChoiceSounds:
        """The key 1 for the first of these, 2 for the second, and so on."""
        ...

    async def greeting(self, about: About) -> Sound: ...

    async def whisper(self, about: About) -> Sound: ...

    async def tip(self) -> TipSounds: ...


@dataclass(frozen=True, slots=True)
class About:
    """Who calls and about what. `shown` is the number as desks and the store may see it: None where it is withheld.
    `desk` is set where a desk itself calls: it is not rung for its own call. `asked`: they were welcomed with a choice of
    actions before."""

    action: ActionId | None
    shown: PhoneNumber | None
    metres: float | None = None
    desk: DeskId | None = None
    asked: bool = False


def stages(desks: Sequence[Desk], owner: DeskId | None, deputy: DeskId | None) -> tuple[Stage, ...]:
    """The owner alone, then the deputy alone, then all others at once; from the order of `Directory.desks_for`, in which
    those who are absent are left out."""
    present = [desk.id for desk in desks]
    first = [desk for desk in (owner, deputy) if desk is not None and desk in present]
    others = tuple(desk for desk in present if desk not in first)
    return (*((desk,) for desk in dict.fromkeys(first)), *((others,) if others else ()))
