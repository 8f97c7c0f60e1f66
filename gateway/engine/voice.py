"""The voice channel: an attempt becomes a call that says the message, and its news goes back to the engine.

I/O only through `Telephone` and `PromptLibrary`. Each attempt under way is a `gateway.engine.voice_attempt.VoiceAttempt`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from foundation.clock import Clocks, Monotonic
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.attempt import Attempt
from gateway.domain.identifiers import AttemptId
from gateway.domain.outcomes import ChannelName
from gateway.engine.channel import Capacity, ChannelListener, Message
from gateway.engine.voice_attempt import VoiceAttempt, VoiceHooks, VoiceSurroundings
from gateway.engine.voice_prompts import Prepared, VoicePrompts
from gateway.settings import VoiceSettings
from ivr.call import Telephone

log = Logger()


class VoiceChannel:
    """`gateway.engine.channel.Channel` over the telephone. Call `listen` once before anything is sent."""

    name = ChannelName.VOICE

    def __init__(
        self, telephone: Telephone, prompts: VoicePrompts, settings: VoiceSettings, hooks: VoiceHooks, clocks: Clocks
    ) -> None:
        self._telephone = telephone
        self._prompts = prompts
        self._settings = settings
        self._hooks = hooks
        self._clocks = clocks
        self._listener: ChannelListener | None = None
        self._reserved: dict[PhoneNumber, list[str]] = {}
        self._running: dict[AttemptId, VoiceAttempt] = {}
        telephone.on_capacity(self._capacity_changed)

    def listen(self, listener: ChannelListener) -> None:
        self._listener = listener

    def reconfigure(self, settings: VoiceSettings) -> None:
        """For calls from now on."""
        self._settings = settings

    # ---- Channel

    def capacity(self, now: Monotonic) -> Capacity:
        free, again_at = self._telephone.alert_capacity(now)
        trunks = self._telephone.trunks()
        usable = frozenset(trunk.name for trunk in trunks if trunk.state != "down")
        peers = usable or frozenset(trunk.name for trunk in trunks)
        return Capacity(free, None if again_at is None else Monotonic(again_at), peers)

    def reserve(self, number: PhoneNumber, avoid: frozenset[str], now: Monotonic) -> bool:
        trunk = self._telephone.reserve_alert(number, avoid, now)
        if trunk is None:
            return False
        self._reserved.setdefault(number, []).append(trunk)
        return True

    def release(self, number: PhoneNumber) -> None:
        trunk = self._take(number, frozenset())
        if trunk is not None:
            self._telephone.release_alert(trunk, number)

    async def prepare(self, message: Message) -> Prepared:
        return await self._prompts.prepare(message)

    def send(self, attempt: Attempt, prepared: Prepared) -> None:
        trunk = self._take(attempt.number, attempt.avoid)
        assert self._listener is not None, "listen comes before send"
        running = VoiceAttempt(attempt, prepared, trunk, self._surroundings())
        self._running[attempt.id] = running
        work = Deferred.fromCoroutine(running.run())
        work.addErrback(lambda failure: log.failure("an attempt came to nothing", failure, attempt=attempt.id))
        work.addBoth(lambda _: self._running.pop(attempt.id, None) and None)

    def cancel(self, attempt: AttemptId) -> None:
        running = self._running.get(attempt)
        if running is not None:
            running.cancel()

    def recalling(self) -> frozenset[str]:
        """A call that ended is over."""
        return frozenset()

    async def recall(self, number: PhoneNumber, peer: str, reference: str) -> bool | None:
        return False

    @property
    def in_progress(self) -> int:
        return len(self._running)

    def _surroundings(self) -> VoiceSurroundings:
        assert self._listener is not None
        return VoiceSurroundings(self._telephone, self._listener, self._settings, self._hooks, self._clocks)

    def _take(self, number: PhoneNumber, avoid: frozenset[str]) -> str | None:
        """The reservation that was made for this number with this `avoid`; two actions may call it at once."""
        trunks = self._reserved.get(number, [])
        trunk = next((one for one in trunks if one not in avoid), None)
        if trunk is not None:
            trunks.remove(trunk)
            if not trunks:
                del self._reserved[number]
        return trunk

    def _capacity_changed(self) -> None:
        if self._listener is not None:
            self._listener.capacity_changed(self.name)
