"""The conversation of a trunk's daily test call: say that it is one, listen for a moment, hang up. No I/O."""

from __future__ import annotations

from foundation.sound import Sound
from ivr.call import Call, CallEnded, CallRecord, EndCause, Ending

LISTEN_SECONDS = 3.0
"""After the message: time for what comes back, and for their report on our sound (RTCP, each 5 s)."""

_TONE_SECONDS = 3.0


async def daily(call: Call, message: Sound | None) -> Ending | None:
    """Hold it over a call that was just placed; None for a message that could not be made: a tone must do.
    The end of the call where it came first; one that was answered and is over by now is no fault."""
    try:
        await call.answered()
        await call.media_ready()
        if message is None:
            silence = call.tone("test")
            await call.pause(_TONE_SECONDS)
            silence()
        else:
            await call.say(message)
        await call.pause(LISTEN_SECONDS)
    except CallEnded as ended:
        return ended.ending
    finally:
        call.hang_up()
    return None


def fault(record: CallRecord, ending: Ending | None) -> str | None:
    """What the call shows of the trunk, in words for an alarm. Well is what was answered and, as far as is known, passed
    sound both ways. `record` as it is a moment after the end."""
    if record.answered_at is None:
        return f"the daily test call was not answered: {_why(ending)}"
    if ending is not None and ending.cause is EndCause.MEDIA_LOST:
        return "the daily test call lost its sound on this machine"
    passed = record.passed
    if passed is not None and passed.received == 0:
        return "the daily test call was answered and no sound came from there"
    if passed is not None and passed.arrives is False:
        return "the daily test call was answered and our sound does not arrive there, say their reports"
    return None


def _why(ending: Ending | None) -> str:
    if ending is None:
        return "nothing came"
    code = "" if ending.sip_code is None else f" (SIP {ending.sip_code})"
    return f"{ending.cause.value.replace('_', ' ')}{code}"
