"""What a desk hears before it is put through: who calls and about what, and a key to take the call. No I/O."""

from __future__ import annotations

from foundation.sound import Sound
from ivr.call import Call


async def whisper(
    call: Call, sound: Sound | None, accept_key: str, *, times: int = 2, key_seconds: float = 5.0
) -> bool:
    """True when the desk pressed the key, during the whisper or after it: a voicemail never does. Raises CallEnded.

    With no sound (speech failed) a tone asks for the key."""
    accept = frozenset((accept_key,))
    await call.media_ready()
    for _ in range(times):
        if sound is None:
            end_tone = call.tone("attention")
            key = await call.key(key_seconds, accept)
            end_tone()
        else:
            key = await call.say(sound, barge_in=accept) or await call.key(key_seconds, accept)
        if key is not None:
            return True
    return False
