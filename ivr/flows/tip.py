"""Nobody can come to the phone: the caller leaves a tip after the beep. Writes one file; no other I/O."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from foundation.sound import Sound
from ivr.call import Call, CallEnded, Recording

_BEEP_SECONDS = 0.4
_END = frozenset("#")


@dataclass(frozen=True, slots=True)
class TipSounds:
    """`nobody` asks for a message after the tone and a # to end it; `thanks` follows, or `empty` where nothing was said."""

    nobody: Sound
    thanks: Sound
    empty: Sound


@dataclass(frozen=True, slots=True)
class TipManner:
    """Shorter recordings than `least_milliseconds` hold nothing and are not kept."""

    maximum_seconds: float = 120.0
    least_milliseconds: int = 1000


async def tip(call: Call, sounds: TipSounds | None, path: Path, manner: TipManner) -> Recording | None:
    """Record a tip to `path`, say thanks and hang up. What was said before a hang-up is kept; None when nothing was.

    Without sounds (speech failed) the beep alone asks for it."""
    try:
        await call.media_ready()
        if sounds is not None:
            await call.say(sounds.nobody, barge_in=_END)
        end_beep = call.tone("beep")
        await call.pause(_BEEP_SECONDS)
        end_beep()
        recording = await call.record_message(path, maximum_seconds=manner.maximum_seconds, end_keys=_END)
    except CallEnded:
        return None
    kept = recording.milliseconds >= manner.least_milliseconds
    with suppress(CallEnded):
        if sounds is not None:
            await call.say(sounds.thanks if kept else sounds.empty)
    call.hang_up()
    return recording if kept else None
