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
from ivr.flows.tip import TipSounds


class Directory(Protocol):
    """As in `gateway.engine.interface.Engine`."""

    async def desks_for(self, owner: DeskId | None, room: str | None) -> list[Desk]: ...

    async def actions_of(self, caller: PhoneNumber, grace_seconds: float) -> list[Recipient]: ...

    async def save_tip(
        self, path: Path, milliseconds: int, caller: PhoneNumber | None, action: ActionId | None
    ) -> object: ...

    async def save_call(self, call: CallView) -> None: ...

    async def count_callback(self, action: ActionId) -> None: ...


class CallbackSounds(Protocol):
    """What is said on the callback line. Each may raise `prompts.speech.SpeechFailed`: then tones must do."""

    async def greeting(self, about: About) -> Sound: ...

    async def whisper(self, about: About) -> Sound: ...

    async def tip(self) -> TipSounds: ...


@dataclass(frozen=True, slots=True)
class About:
    """Who calls and about what. `shown` is the number as desks and the store may see it: None where it is withheld.
    `desk` is set where a desk itself calls: it is not rung for its own call."""

    action: ActionId | None
    shown: PhoneNumber | None
    metres: float | None = None
    desk: DeskId | None = None


def stages(desks: Sequence[Desk], owner: DeskId | None) -> tuple[Stage, ...]:
    """The owner alone, then the deputy alone, then all others at once; from the order of `Directory.desks_for`.

    Where the owner is absent the first of the list takes the place: the deputy, if there is one.
    """
    remaining = [desk.id for desk in desks]
    result: list[Stage] = []
    if owner is not None and remaining:
        first = desks[0]
        result.append((remaining.pop(0),))
        if first.id == owner and remaining and remaining[0] == first.deputy:
            result.append((remaining.pop(0),))
    if remaining:
        result.append(tuple(remaining))
    return tuple(result)
