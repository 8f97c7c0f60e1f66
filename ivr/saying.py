"""A sound that is being said on a leg, and how much of it somebody could hear. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Callable

from foundation.sound import Sound
from ivr.media.messages import PlayId
from ivr.waiting import Waiter


class Saying:
    """A sound under way. `open_since` None while the other side holds us: what is sent then is heard by nobody."""

    def __init__(self, play: PlayId, sound: Sound, waiter: Waiter[str | None], now: float) -> None:
        self.play = play
        self.sound = sound
        self.waiter = waiter
        self.barge_in: frozenset[str] = frozenset()
        self.on_heard: Callable[[int], None] | None = None
        self.heard_seconds = 0.0
        self.open_since: float | None = now

    def hold(self, held: bool, now: float) -> None:
        if self.open_since is not None:
            self.heard_seconds += now - self.open_since
        self.open_since = None if held else now

    def estimate(self, now: float) -> int:
        """Milliseconds sent to an open line so far, where media could not tell."""
        self.hold(self.open_since is None, now)
        return min(round(self.heard_seconds * 1000), self.sound.milliseconds)
