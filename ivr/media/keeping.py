"""Recordings under way: begun, ended, and told of once their file has its name. No I/O: the shell writes."""

from __future__ import annotations

from foundation.clock import Monotonic
from foundation.deadlines import Deadlines
from ivr.media.leg import Leg, hears
from ivr.media.messages import FromWorker, LegClosed, LegFailed, MediaLegId, Record, Recorded
from ivr.media.orders import FinishRecording, Order, WriteRecording
from ivr.media.recording import Recording
from ivr.media.rtp import Header
from ivr.media.sending import Timer


class Keeping:
    """Joins legs to their recordings. `messages` and `orders` are the core's output lists."""

    def __init__(self, timers: Deadlines[Timer], messages: list[FromWorker], orders: list[Order]) -> None:
        self._timers = timers
        self._messages = messages
        self._orders = orders
        self._unfinished: dict[str, tuple[Recorded, LegClosed | None]] = {}

    def begin(self, leg: Leg, message: Record, now: Monotonic) -> None:
        self.end(leg, now)
        codec = "PCMA" if leg.remote is None else leg.remote.codec
        leg.recording = Recording(message.path, message.maximum_milliseconds, codec, now)
        self._orders.append(WriteRecording(message.path, b""))
        self._timers.set(("recording", leg.number), Monotonic(now + message.maximum_milliseconds / 1000))

    def end(self, leg: Leg, now: Monotonic) -> str | None:
        """The path of what was recorded until now, if anything was."""
        recording = leg.recording
        if recording is None:
            return None
        leg.recording = None
        self._timers.cancel(("recording", leg.number))
        if piece := recording.take(everything=True, now=now):
            self._orders.append(WriteRecording(recording.path, piece))
        recorded = Recorded(MediaLegId(leg.number), leg.generation, recording.path, recording.milliseconds)
        self._unfinished[recording.path] = (recorded, None)
        self._orders.append(FinishRecording(recording.path))
        return recording.path

    def take(self, leg: Leg, header: Header, payload: bytes, now: Monotonic) -> bool:
        """Sound of the leg; True when its recording came to its limit."""
        recording, remote = leg.recording, leg.remote
        if recording is None or remote is None or not hears(remote):
            return False
        recording.receive(header, payload, remote.codec, now)
        if piece := recording.take(everything=False, now=now):
            self._orders.append(WriteRecording(recording.path, piece))
        if recording.full:
            self.end(leg, now)
            return True
        return False

    def close_after(self, path: str, closed: LegClosed) -> None:
        """The leg is over: told once its recording is."""
        self._unfinished[path] = (self._unfinished[path][0], closed)

    def finished(self, path: str, fault: str | None) -> None:
        """The shell has given the file its name, or could not write it."""
        found = self._unfinished.pop(path, None)
        if found is None:
            return
        recorded, closed = found
        if fault is not None:
            self._messages.append(LegFailed(recorded.leg, recorded.generation, fault))
            recorded = Recorded(recorded.leg, recorded.generation, path, 0)
        self._messages.append(recorded)
        if closed is not None:
            self._messages.append(closed)
