"""Who hears a message, and how much of it: believed with care, for it may be a machine that talks first. No I/O.

Shared by the conversations that begin with a message. What `ivr.flows.ear` makes of voices and beeps decides when the
message begins anew, and when it is believed to be heard.
"""

from __future__ import annotations

from collections.abc import Callable, Set

from foundation.sound import Sound
from ivr.call import ALL_KEYS, Call, Overheard
from ivr.flows.ear import Believed, Ear

LONGEST_VOICE_SECONDS = 15.0
"""How much longer than our own words we let somebody talk before we hang up."""


class Audience:
    """`milliseconds`: the most of one saying that was sent to an open line. `enough`: `heard_share` was reached and nobody
    was a machine then; `heard` is called once when that is so."""

    def __init__(self, call: Call, heard_share: float, heard: Callable[[], None]) -> None:
        self.milliseconds = 0
        self.enough = False
        self.anew = False
        self._call = call
        self._heard_share = heard_share
        self._heard = heard
        self._ear = Ear()
        self._held_back = False

    @property
    def machine(self) -> bool:
        return self._ear.believed is Believed.MACHINE

    def listen(self) -> None:
        """From now on; before the first word."""
        self._call.overhear(self._overheard)

    async def say(self, message: Sound, barge_in: Set[str]) -> str | None:
        """Say it once; the key that cut it short. It ends at once where it must begin `anew`."""
        try:
            return await self._call.say(
                message, barge_in=frozenset(barge_in), heard_share=self._heard_share, on_heard=self._on_heard
            )
        finally:
            self.milliseconds = max(self.milliseconds, self._call.heard_milliseconds)

    async def outlast_voice(self) -> str | None:
        """Where a voice went on through all of it, wait until it is over, which may ask for the message `anew`: a
        machine's greeting can be longer than what we have to say. Else, and in the end, None, or the key that came."""
        if not self._held_back or self.anew or self.machine:
            return None
        return await self._call.key(LONGEST_VOICE_SECONDS, ALL_KEYS)

    def begins_anew(self) -> bool:
        """Whether the message must be said again, asked once."""
        anew, self.anew = self.anew, False
        return anew

    def pressed(self) -> None:
        """A key: it is a person, and need not be listened to."""
        self._ear.key()
        self._call.overhear(None)
        self.anew = False

    def settle(self) -> None:
        """The conversation is over. What was held back is told: they talked to the end and were no machine."""
        if self._held_back and not self.machine:
            self._held_back, self.enough = False, True
            self._heard()

    def _overheard(self, what: Overheard, milliseconds: int) -> None:
        if self._ear.overheard(what, milliseconds):
            self.anew = True
            self._call.interrupt()
        elif not self._ear.talking:
            self.settle()

    def _on_heard(self, milliseconds: int) -> None:
        """Believed at once, but not while a voice goes on: that may be a machine, which has heard nothing yet."""
        self.milliseconds = max(self.milliseconds, milliseconds)
        self._held_back = not self.enough
        if not self._ear.talking:
            self.settle()
