"""What a voice message sounds like: the fixed texts around it, its keys, the answers to them. No I/O but the library's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foundation.sound import Sound
from gateway.domain.outcomes import MessageKind
from gateway.engine.channel import Message
from gateway.settings import KeySettings
from ivr.flows.alert import AlertSounds
from prompts import texts
from prompts.speech import PromptLibrary

DEFAULT_LANGUAGE = "nl"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message ready to be said, by language: what an alert or correction needs, or the one sound of a closing."""

    scripts: Mapping[str, AlertSounds | Sound]

    def script(self, language: str) -> AlertSounds | Sound:
        """In this language, else in Dutch, else in whatever there is."""
        found = self.scripts.get(language) or self.scripts.get(DEFAULT_LANGUAGE)
        return found if found is not None else next(iter(self.scripts.values()))

    def message(self, language: str = DEFAULT_LANGUAGE) -> Sound:
        """The message alone, as `GET /actions/{id}/audio.wav` plays it (`.wav`)."""
        script = self.script(language)
        return script.message if isinstance(script, AlertSounds) else script


class VoicePrompts:
    """`number` is the callback number as it is spoken (`0800-0011`)."""

    def __init__(self, library: PromptLibrary, keys: KeySettings, number: str = texts.CALLBACK_NUMBER) -> None:
        self._library = library
        self._keys = keys
        self._number = number

    async def prepare(self, message: Message) -> Prepared:
        """Raises `prompts.speech.SpeechFailed` or `prompts.speech.BadRecording`."""
        if message.recording is not None and message.kind is not MessageKind.CLOSING:
            sound = await self._library.recording(message.recording)
            return Prepared({DEFAULT_LANGUAGE: await self._with_keys(sound, DEFAULT_LANGUAGE)})
        scripts: dict[str, AlertSounds | Sound] = {}
        for language, text in message.texts.items():
            sound = await self._library.speech(self._words(message, text, language), language)
            closing = message.kind is MessageKind.CLOSING
            scripts[language] = sound if closing else await self._with_keys(sound, language)
        return Prepared(scripts)

    def _words(self, message: Message, text: str, language: str) -> str:
        match message.kind:
            case MessageKind.CLOSING:
                words = texts.closing(text, language, exercise=message.exercise)
            case MessageKind.CORRECTION:
                words = texts.correction(text, language, number=self._number)
            case MessageKind.ALERT:
                words = texts.alert(text, language, number=self._number, exercise=message.exercise)
        # An empty line would be a pause where nothing is left out: a closing without a text of the operator's own.
        return "\n".join(line for line in words.splitlines() if line.strip())

    async def _with_keys(self, message: Sound, language: str) -> AlertSounds:
        keys = texts.Keys(self._keys.repeat, self._keys.seen, self._keys.operator, self._keys.stop)
        words = texts.texts_for(language)

        async def say(text: str) -> Sound:
            return await self._library.speech(text, language)

        return AlertSounds(
            message=message,
            menu=await say(texts.keys_menu(keys, language)),
            seen=await say(texts.confirm_seen(language, operator=keys.operator, number=self._number)),
            connecting=await say(words.connecting),
            really_stop=await say(texts.ask_stop(keys.stop, language)),
            stopped=await say(words.stop_done),
            stop_kept=await say(words.stop_kept),
        )
