"""The API's calls about speech: a text heard in one voice or another, sounds as pictures, and the lexicon.

Its files are read and written on threads, one change at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import Field, StringConstraints
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from gateway.domain.identifiers import ActionId
from gateway.engine.interface import Engine
from gateway.http.access import EVERYONE, STAFF
from gateway.http.actions import sound_file
from gateway.http.answers import Answer
from gateway.http.bodies import Body, Spoken
from gateway.http.problems import Problem
from gateway.http.routes import Answered, Asked, Route, fixed
from gateway.http.waveforms import drawn
from prompts import texts
from prompts.lexicon import BadLexicon, Entry, entry
from prompts.library import Library, Rendering
from prompts.speech import NothingToSay
from prompts.waveform import Waveform

SVG = "image/svg+xml"
Result = TypeVar("Result")
Short = Annotated[str, StringConstraints(max_length=200)]


class EntryBody(Body):
    """`spoken` may be empty where there is IPA; `kind` word is written out before all rules, sound is for the voice."""

    written: Short
    spoken: Short = ""
    kind: Literal["word", "sound"] = "sound"
    ipa: Short = ""


class SpeechBody(Body):
    """A text to hear. `alert`: within the words that the service puts around it. `voice` is one of the console's list;
    left out, the one that speaks to people. `entry`: as it would sound with this in the lexicon."""

    text: Spoken
    language: Literal["nl", "en", "de", "fr", "pl", "tr", "ar"] = "nl"
    voice: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    words_per_minute: Annotated[int, Field(ge=80, le=300)] | None = None
    alert: bool = False
    entry: EntryBody | None = None


class NoteAnswer(Answer):
    rule: str
    written: str
    spoken: str


class SpeechAnswer(Answer):
    """`words` after normalising, `notes` what each rule did; `audio` is what a telephone hears, through A-law."""

    words: str
    notes: list[NoteAnswer]
    voice: str
    milliseconds: int
    active_dbm0: float
    peak_dbfs: float
    audio: str
    waveform: str

    @classmethod
    def of(cls, rendering: Rendering, picture: Waveform) -> SpeechAnswer:
        path = f"/api/v1/speech/{rendering.sound.stem.name}"
        return cls(
            words=rendering.normalised.words,
            notes=[
                NoteAnswer(rule=note.rule, written=note.written, spoken=note.spoken)
                for note in rendering.normalised.notes
            ],
            voice=rendering.engine,
            milliseconds=picture.milliseconds,
            active_dbm0=picture.active_dbm0,
            peak_dbfs=picture.peak_dbfs,
            audio=f"{path}/audio.wav",
            waveform=f"{path}/waveform.svg",
        )


class EntryName(Body):
    written: Short
    kind: Literal["word", "sound"] = "sound"


class EntryAnswer(Answer):
    written: str
    spoken: str
    kind: str
    ipa: str


class LexiconAnswer(Answer):
    """The operator's own entries; null as `file` where none is configured, so that nothing can be changed."""

    file: str | None
    entries: list[EntryAnswer]


class SpeechCalls:
    """Everything under `/speech` and `/lexicon`, and the picture of an action's sound."""

    def __init__(self, engine: Engine, library: Library, reactor: IReactorFromThreads, threads: ThreadPool) -> None:
        self._engine = engine
        self._library = library
        self._reactor = reactor
        self._threads = threads
        self._turn = DeferredLock()
        self._log = Logger()

    def routes(self) -> list[Route]:
        sound, lexicon = "/api/v1/speech/<sound>", "/api/v1/lexicon"
        return [
            Route(
                "POST", "/api/v1/speech", self.speak, STAFF, "Hear a text; nothing is sent to anyone.", SpeechAnswer,
                body=SpeechBody, problems=(503,),
            ),
            Route(
                "GET", f"{sound}/audio.wav", self.audio, STAFF, "What a telephone hears.", produces="audio/wav",
                problems=(404,),
            ),
            Route(
                "GET", f"{sound}/waveform.svg", self.waveform, STAFF, "The sound as a picture, its words under it.",
                produces=SVG, problems=(404, 503),
            ),
            Route(
                "GET", "/api/v1/actions/<action>/waveform.svg", self.action_waveform, EVERYONE,
                "What a phone will hear, as a picture.", produces=SVG, problems=(404, 503),
            ),
            Route("GET", lexicon, self.lexicon, STAFF, "How names are said.", LexiconAnswer, problems=(409,)),
            Route(
                "POST", lexicon, self.put_entry, STAFF, "Add an entry, or change the one of that spelling and kind.",
                LexiconAnswer, body=EntryBody, problems=(409,),
            ),
            Route(
                "POST", f"{lexicon}/remove", self.remove_entry, STAFF, "Remove an entry.", LexiconAnswer,
                body=EntryName, problems=(404, 409),
            ),
        ]  # fmt: skip

    async def speak(self, asked: Asked[Any]) -> Answered:
        body = cast(SpeechBody, asked.body)
        voices = self._library.voices
        if body.voice is not None and body.voice not in voices:
            raise Problem(422, f"There is no voice {body.voice!r}; choose one of {', '.join(voices)}.")
        text = texts.alert(body.text, body.language) if body.alert else body.text
        trial = None if body.entry is None else _checked(body.entry)
        try:
            if body.voice is None and body.words_per_minute is None and trial is None:
                rendering = await self._library.rendering(text, body.language)
            else:
                rate = body.words_per_minute or self._library.words_per_minute
                rendering = await self._library.audition(text, body.language, body.voice or voices[0], rate, trial)
        except NothingToSay as error:
            raise Problem(422, f"Write something: {error}.") from error
        return SpeechAnswer.of(rendering, await self._picture(rendering.sound.stem.name))

    async def audio(self, asked: Asked[Any]) -> Answered:
        path = self._library.wav(asked.path["sound"])
        if path is None:
            raise Problem(404, "There is no such sound.")
        return sound_file(path)

    async def waveform(self, asked: Asked[Any]) -> Answered:
        return fixed(drawn(await self._picture(asked.path["sound"])), SVG)

    async def action_waveform(self, asked: Asked[Any]) -> Answered:
        path = await self._engine.audio(ActionId(asked.path["action"]))
        return fixed(drawn(await self._picture(path.stem)), SVG)

    async def _picture(self, name: str) -> Waveform:
        picture = await self._library.waveform(name)
        if picture is None:
            raise Problem(404, "The sound is not kept any more.")
        return picture

    async def lexicon(self, asked: Asked[Any]) -> Answered:
        return await self._in_turn(self._entries)

    async def put_entry(self, asked: Asked[Any]) -> Answered:
        made = _checked(cast(EntryBody, asked.body))

        def put() -> LexiconAnswer:
            self._library.lexicon.put(made)
            return self._entries()

        answer = await self._in_turn(put)
        self._log.info("lexicon entry set {name} {kind}", name=asked.person.name, kind=made.kind)
        return answer

    async def remove_entry(self, asked: Asked[Any]) -> Answered:
        body = cast(EntryName, asked.body)

        def remove() -> LexiconAnswer | None:
            return self._entries() if self._library.lexicon.remove(body.written, body.kind) else None

        answer = await self._in_turn(remove)
        if answer is None:
            raise Problem(404, f"There is no entry of kind {body.kind} for that.")
        self._log.info("lexicon entry removed {name} {kind}", name=asked.person.name, kind=body.kind)
        return answer

    def _entries(self) -> LexiconAnswer:
        path = self._library.lexicon.path
        own = self._library.lexicon.own()
        return LexiconAnswer(file=None if path is None else path.name, entries=[_answer(each) for each in own])

    async def _in_turn(self, work: Callable[[], Result]) -> Result:
        """On a thread. A file with a fault, or none, is the configuration's state: 409 with what to do."""
        await self._turn.acquire()
        try:
            return await deferToThreadPool(self._reactor, self._threads, work)
        except BadLexicon as error:
            raise Problem(409, f"{error}.") from error
        except OSError as error:
            raise Problem(409, f"The lexicon's file can't be used: {error.strerror}.") from error
        finally:
            self._turn.release()


def _checked(body: EntryBody) -> Entry:
    try:
        return entry(body.written, body.spoken, body.kind, body.ipa)
    except BadLexicon as error:
        raise Problem(422, f"{error}.") from error


def _answer(each: Entry) -> EntryAnswer:
    return EntryAnswer(written=each.written, spoken=each.spoken, kind=each.kind, ipa=each.ipa)
