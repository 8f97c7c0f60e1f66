"""The conversation of an alert: say what to look out for, understand the keys, believe only what was heard. No I/O.

Nobody is asked to speak first, and every key gets a spoken answer. A machine gets the message after its beep. What happened
is told while it happens, since a crash must not call anybody again who has heard it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Protocol

from foundation.sound import Sound
from ivr.call import ALL_KEYS, Call, CallEnded, Ending
from ivr.flows.audience import Audience

MOST_REPEATS = 10
"""How often a key may ask for the message again, so that a stuck key does not hold a channel for ever."""


class Meaning(StrEnum):
    """What a pressed key asks for. `OTHER` means nothing to us and still proves a person."""

    REPEAT = "repeat"
    SEEN = "seen"
    OPERATOR = "operator"
    STOP = "stop"
    OTHER = "other"


class Wish(StrEnum):
    """What is left to do for the person when the conversation is over."""

    NOTHING = "nothing"
    CONNECT = "connect"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class AlertKeys:
    repeat: str = "1"
    seen: str = "2"
    operator: str = "3"
    stop: str = "9"

    @property
    def all(self) -> frozenset[str]:
        return frozenset((self.repeat, self.seen, self.operator, self.stop))

    def meaning(self, key: str) -> Meaning:
        known = {
            self.repeat: Meaning.REPEAT,
            self.seen: Meaning.SEEN,
            self.operator: Meaning.OPERATOR,
            self.stop: Meaning.STOP,
        }
        return known.get(key, Meaning.OTHER)


@dataclass(frozen=True, slots=True)
class AlertSounds:
    """`message` is what to look out for and the number to call, `menu` the keys. The rest answers a key: `seen`,
    `connecting`, the question `really_stop` with its answers `stopped` and, without a second press, `stop_kept`."""

    message: Sound
    menu: Sound
    seen: Sound
    connecting: Sound
    really_stop: Sound
    stopped: Sound
    stop_kept: Sound


@dataclass(frozen=True, slots=True)
class AlertManner:
    """`times` the message is said unasked; `key_seconds` the wait for a key after each; `heard_share` of it (0 to 1)
    sent to an open line counts as heard."""

    times: int = 2
    key_seconds: float = 4.0
    heard_share: float = 0.8
    keys: AlertKeys = field(default_factory=AlertKeys)


class AlertListener(Protocol):
    """Who is told at once what happened in the conversation."""

    def heard(self) -> None:
        """`heard_share` of the message was sent to an open line; told once."""
        ...

    def pressed(self, meaning: Meaning) -> None: ...

    def stop(self) -> Awaitable[None]:
        """Stop was pressed and confirmed; when this returns it is saved, and only then the person is told so."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """`milliseconds` is the most of one saying that was sent to an open line; `enough` that `heard_share` was reached;
    `ending` is set where the call ended before the conversation did; `machine`: a beep was heard and no key."""

    milliseconds: int
    enough: bool
    pressed: tuple[Meaning, ...]
    wish: Wish
    ending: Ending | None
    machine: bool = False


async def alert(call: Call, sounds: AlertSounds, manner: AlertManner, listener: AlertListener) -> Heard:
    """Hold the conversation with somebody who has just answered. Does not raise CallEnded: what was heard until the
    person hung up is the result. The call is hung up at the end, except for the wish to be connected."""
    conversation = _Conversation(call, sounds, manner, listener)
    try:
        wish = await conversation.hold()
    except CallEnded as ended:
        return conversation.result(Wish.NOTHING, ended.ending)
    if wish is not Wish.CONNECT:
        call.hang_up()
    return conversation.result(wish, None)


class _Step(Enum):
    """How an alert goes on after a key that does not end it."""

    ON = "on"
    AGAIN = "again"


class _Conversation:
    """One alert under way: the steps of the talk, and what was heard and pressed so far."""

    def __init__(self, call: Call, sounds: AlertSounds, manner: AlertManner, listener: AlertListener) -> None:
        self._call = call
        self._sounds = sounds
        self._manner = manner
        self._keys = manner.keys
        self._listener = listener
        self._audience = Audience(call, manner.heard_share, listener.heard)
        self._pressed: list[Meaning] = []
        self._saved_wish = Wish.NOTHING

    async def hold(self) -> Wish:
        await self._call.media_ready()
        self._audience.listen()
        sayings, again = self._manner.times, 0
        while sayings > 0:
            sayings -= 1
            key = await self._say_all()
            if sayings == 0 and key is None:
                key = await self._audience.outlast_voice()
            if key is None and self._audience.begins_anew():
                sayings = max(sayings, 1)
                if not self._audience.machine:
                    continue
                key = await self._say_message()
                if key is None:
                    return Wish.NOTHING
            step = await self._respond(key)
            if isinstance(step, Wish):
                return step
            if step is _Step.AGAIN and again < MOST_REPEATS:
                again += 1
                sayings += 1
        return Wish.NOTHING

    async def _say_all(self) -> str | None:
        """The message and its menu once, and the wait for a key; the key that came, if any."""
        key = await self._say_message()
        if key is None and not self._audience.anew:
            key = await self._ask(self._sounds.menu)
        return key

    async def _say_message(self) -> str | None:
        return await self._audience.say(self._sounds.message, self._keys.all)

    async def _ask(self, sound: Sound) -> str | None:
        """Say a sound that any of our keys cuts short, then wait for a key; one that means nothing counts too."""
        key = await self._call.say(sound, barge_in=self._keys.all)
        if key is not None or self._audience.anew:
            return key
        return await self._call.key(self._manner.key_seconds, ALL_KEYS)

    async def _respond(self, key: str | None) -> Wish | _Step:
        """Answer keys until none comes or the conversation is over."""
        while key is not None:
            meaning = self._note(key)
            match meaning:
                case Meaning.SEEN:
                    key = await self._ask(self._sounds.seen)
                    if key is None:
                        return Wish.NOTHING
                case Meaning.OPERATOR:
                    await self._call.say(self._sounds.connecting)
                    return Wish.CONNECT
                case Meaning.STOP:
                    key = await self._ask(self._sounds.really_stop)
                    if key == self._keys.stop:
                        return await self._stop()
                    key = key or await self._call.say(self._sounds.stop_kept, barge_in=self._keys.all)
                case Meaning.REPEAT:
                    return _Step.AGAIN
                case Meaning.OTHER:
                    return _Step.ON
        return _Step.ON

    async def _stop(self) -> Wish:
        await self._listener.stop()
        self._saved_wish = Wish.STOP
        await self._call.say(self._sounds.stopped)
        return Wish.STOP

    def _note(self, key: str) -> Meaning:
        meaning = self._keys.meaning(key)
        self._audience.pressed()
        self._pressed.append(meaning)
        self._listener.pressed(meaning)
        return meaning

    def result(self, wish: Wish, ending: Ending | None) -> Heard:
        self._audience.settle()
        return Heard(
            milliseconds=self._audience.milliseconds,
            enough=self._audience.enough,
            pressed=tuple(self._pressed),
            wish=self._saved_wish if wish is Wish.NOTHING else wish,
            ending=ending,
            machine=self._audience.machine,
        )
