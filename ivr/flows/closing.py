"""The conversation that ends an action: how it came out, and thanks. No I/O.

Said at once, as an alert is: whoever talks over it hears it from its start, and a machine gets it after its beep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foundation.sound import Sound
from ivr.call import Call, CallEnded, Ending
from ivr.flows.audience import Audience

MOST_REPEATS = 10


@dataclass(frozen=True, slots=True)
class ClosingManner:
    """The message is said once; `repeat_key` says it again, waited for `key_seconds` after each."""

    repeat_key: str = "1"
    key_seconds: float = 4.0
    heard_share: float = 0.8


@dataclass(frozen=True, slots=True)
class ClosingHeard:
    """`repeats` were asked for by key; `ending` is set where the person hung up first; `machine`: a beep was heard and no
    key."""

    milliseconds: int
    enough: bool
    repeats: int
    ending: Ending | None
    machine: bool = False


async def closing(call: Call, message: Sound, manner: ClosingManner, on_heard: Callable[[], None]) -> ClosingHeard:
    """Say the closing message to somebody who has just answered, then hang up. Does not raise CallEnded."""
    conversation = _Conversation(call, message, manner, on_heard)
    try:
        await conversation.hold()
    except CallEnded as ended:
        return conversation.result(ended.ending)
    call.hang_up()
    return conversation.result(None)


class _Conversation:
    def __init__(self, call: Call, message: Sound, manner: ClosingManner, on_heard: Callable[[], None]) -> None:
        self._call = call
        self._message = message
        self._manner = manner
        self._repeat = frozenset((manner.repeat_key,))
        self._audience = Audience(call, manner.heard_share, on_heard)
        self._repeats = 0

    async def hold(self) -> None:
        await self._call.media_ready()
        self._audience.listen()
        while True:
            key = await self._say()
            if key is not None:
                self._audience.pressed()
            if key in self._repeat and self._repeats < MOST_REPEATS:
                self._repeats += 1
            elif key is not None or not self._audience.begins_anew():
                return

    async def _say(self) -> str | None:
        """Once, and the wait for a key, which a machine is spared."""
        key = await self._audience.say(self._message, self._repeat)
        if key is None and not self._audience.anew and not self._audience.machine:
            key = await self._call.key(self._manner.key_seconds, self._repeat)
        return key or await self._audience.outlast_voice()

    def result(self, ending: Ending | None) -> ClosingHeard:
        self._audience.settle()
        audience = self._audience
        return ClosingHeard(audience.milliseconds, audience.enough, self._repeats, ending, audience.machine)
