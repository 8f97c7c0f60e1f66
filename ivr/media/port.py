"""The joint between the telephone and media: legs of sound, wherever they live. No I/O here.

`ivr.media.pool` gives legs in worker processes, `ivr.media.inprocess` the same core in this process for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from foundation.endpoints import Address
from foundation.sound import Sound
from ivr.media.messages import (
    Beep,
    Digit,
    LegClosed,
    MediaFlowing,
    NoMedia,
    Played,
    PlayEnded,
    PlayId,
    Recorded,
    Remote,
    Talking,
    Tone,
)

MediaEvent = MediaFlowing | Digit | Played | PlayEnded | Recorded | Talking | Beep | NoMedia | LegClosed


class MediaLost(Exception):
    """The worker that held this leg died, or had no port left: the call has no sound and must be ended."""


class MediaLeg(Protocol):
    """One call's sound. `address` is what our SDP names, the advertised host where there is one."""

    @property
    def address(self) -> Address: ...

    def listen(self, listener: Callable[[MediaEvent], None], lost: Callable[[], None]) -> None:
        """Who hears of events from now on, one listener a leg; `lost` is called once when the worker died."""
        ...

    def connect(self, remote: Remote) -> None:
        """Where sound goes and in which form; again after each new offer and answer."""
        ...

    def play(self, sound: Sound, *, report_at: int | None = None, stop_on_digits: str = "") -> PlayId: ...

    def play_tone(self, tone: Tone, milliseconds: int | None = None) -> PlayId: ...

    def stop_playing(self, play: PlayId) -> None: ...

    def bridge(self, other: MediaLeg) -> None: ...

    def unbridge(self) -> None: ...

    def record(self, path: Path, maximum_milliseconds: int) -> None: ...

    def stop_recording(self) -> None: ...

    def send_digit(self, digit: str, milliseconds: int = 100) -> None:
        """As telephone events, or as a tone where the other side takes none."""
        ...

    def listen_for(self, *, talking: bool = False, beep: bool = False) -> None:
        """Which of `Talking` and `Beep` are told from now on; both False ends it."""
        ...

    def close(self) -> None:
        """Give the port back; every further call on this leg is ignored."""
        ...


class Media(Protocol):
    """Where legs come from."""

    async def open(self, near: MediaLeg | None = None) -> MediaLeg:
        """A leg with its port bound; in the same worker as `near`, so that the two can be bridged. Raises MediaLost."""
        ...
