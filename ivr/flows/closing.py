"""The conversation that ends an action: how it came out, and thanks. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foundation.sound import Sound
from ivr.call import Call, CallEnded, Ending

MOST_REPEATS = 10


@dataclass(frozen=True, slots=True)
class ClosingManner:
    """The message is said once; `repeat_key` says it again, waited for `key_seconds` after each."""

    repeat_key: str = "1"
    key_seconds: float = 4.0
    heard_share: float = 0.8


@dataclass(frozen=True, slots=True)
class ClosingHeard:
    """`repeats` were asked for by key; `ending` is set where the person hung up first."""

    milliseconds: int
    enough: bool
    repeats: int
    ending: Ending | None


async def closing(call: Call, message: Sound, manner: ClosingManner, on_heard: Callable[[], None]) -> ClosingHeard:
    """Say the closing message to somebody who has just answered, then hang up. Does not raise CallEnded."""
    most, enough, repeats = 0, False, 0

    def heard(milliseconds: int) -> None:
        nonlocal most, enough
        most = max(most, milliseconds)
        if not enough:
            enough = True
            on_heard()

    repeat = frozenset((manner.repeat_key,))
    try:
        await call.media_ready()
        while True:
            try:
                key = await call.say(message, barge_in=repeat, heard_share=manner.heard_share, on_heard=heard)
            finally:
                most = max(most, call.heard_milliseconds)
            if key is None:
                key = await call.key(manner.key_seconds, repeat)
            if key is None or repeats == MOST_REPEATS:
                break
            repeats += 1
    except CallEnded as ended:
        return ClosingHeard(most, enough, repeats, ended.ending)
    call.hang_up()
    return ClosingHeard(most, enough, repeats, None)
