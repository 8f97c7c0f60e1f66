"""Several actions reached a caller: which one do they call about? No I/O.

Nobody is lost here: a telephone without keys, a bad line or a wrong key twice end in no choice, and the call goes on.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from foundation.sound import Sound
from ivr.call import ALL_KEYS, Call

MOST_CHOICES = 4
"""More than that nobody keeps in mind."""


@dataclass(frozen=True, slots=True)
class ChoiceSounds:
    """`menu` names each choice with its key; `not_understood` answers any other key, and the menu follows again."""

    menu: Sound
    not_understood: Sound


async def choice(call: Call, sounds: ChoiceSounds, keys: Set[str], *, key_seconds: float = 4.0) -> str | None:
    """The key among `keys` that was pressed, during the menu or after it. None where no key came in time, or a second
    one that is no choice. Raises CallEnded."""
    await call.media_ready()
    key = await _ask(call, sounds.menu, key_seconds)
    if key is None or key in keys:
        return key
    again = await call.say(sounds.not_understood, barge_in=frozenset(keys))
    again = again or await _ask(call, sounds.menu, key_seconds)
    return again if again in keys else None


async def _ask(call: Call, menu: Sound, key_seconds: float) -> str | None:
    return await call.say(menu, barge_in=ALL_KEYS) or await call.key(key_seconds)
