"""People and desks who do what a story says, on a fake clock: what happens at the far end of every call.

    people = Neighbourhood(clock)
    people.person("+31612345678").hears("Burgernet").presses("3").is_connected_to("desk-7")
    people.person("+31687654321").is_busy().next_time().rings(2).hears("fiets", share=0.4).hangs_up()
    people.desk("desk-7").rings(1).hears("fiets").presses("1")

A person answers after one ring and listens; a desk answers after one ring and presses 1 when the whisper begins. Each
call uses the next script (`next_time`), the last one stays. `unmet` tells what a story expected and did not see.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from foundation.sound import Sound
from ivr.call import EndCause, Ending

RING_SECONDS = 5.0
DELAY_SECONDS = 0.1
MILLISECONDS_A_CHARACTER = 60


class ScriptedLibrary:
    """A `PromptLibrary` without a voice: each text is a sound as long as it would take to say it."""

    def __init__(self) -> None:
        self._words: dict[Path, str] = {}

    async def speech(self, text: str, language: str = "nl", *, repeat_pause: bool = False) -> Sound:
        return self._sound(f"{language}-{len(self._words)}", text)

    async def recording(self, wav: Path) -> Sound:
        return self._sound(f"recording-{len(self._words)}", f"recording {wav.name}")

    def _sound(self, name: str, text: str) -> Sound:
        known = {words: stem for stem, words in self._words.items()}
        stem = known.get(text, Path("/said") / name)
        self._words[stem] = text
        return Sound(stem, max(len(text), 1) * MILLISECONDS_A_CHARACTER)

    def words(self, sound: Sound) -> str:
        return self._words.get(sound.stem, sound.stem.name)


@dataclass(slots=True)
class Script:
    """What somebody does in one call. `fate` None: they answer after `rings`."""

    rings: int = 1
    fate: Ending | None = None
    never_answers: bool = False
    silent: bool = False
    reports_nothing_arrives: bool = False
    steps: list[Callable[[Line], Coroutine[Deferred[Any], Any, None]]] = field(default_factory=list)


class Line:
    """One call at its far end. The gateway's side sets `play`, `bridged_to`; the person's side uses `press`, `hang_up`."""

    def __init__(self, clock: Clock, who: Person, script: Script) -> None:
        self.clock = clock
        self.who = who
        self.script = script
        self.call_id = ""
        self.up = False
        self.over = False
        self.bridged_to: str | None = None
        self.heard: list[str] = []
        self.keys_heard: list[str] = []
        self.now_saying: tuple[str, float, int] | None = None
        self.press: Callable[[str], None] = lambda key: None
        self.hang_up: Callable[[], None] = lambda: None
        self.hold: Callable[[bool], None] = lambda held: None
        self.talked: Callable[[bool, int], None] = lambda began, milliseconds: None
        self.beeped: Callable[[], None] = lambda: None
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def saying(self, words: str, milliseconds: int) -> None:
        self.heard.append(words)
        self.now_saying = (words, self.clock.seconds(), milliseconds)
        self.changed()

    def connected(self, other: str | None) -> None:
        self.bridged_to = other
        self.changed()

    def ended(self) -> None:
        self.over = True
        self.up = False
        self.changed()

    def changed(self) -> None:
        for ready, deferred in list(self._waiting):
            if ready() or self.over:
                self._waiting.remove((ready, deferred))
                deferred.callback(None)

    async def until(self, ready: Callable[[], bool], expected: str | None) -> None:
        """Wait for it; when the call ends first the story is unmet, if it was expected."""
        if not ready() and not self.over:
            deferred: Deferred[None] = Deferred()
            self._waiting.append((ready, deferred))
            await deferred
        if not ready() and expected is not None:
            self.who.unmet.append(f"{self.who.name} {expected}; heard: {self.heard}")

    async def act(self) -> None:
        for step in self.script.steps:
            await step(self)


class Person:
    """Somebody with a telephone, or a desk. Every method returns the person, so that a story reads as a sentence."""

    def __init__(self, clock: Clock, name: str, script: Callable[[], Script]) -> None:
        self.name = name
        self.unmet: list[str] = []
        self.lines: list[Line] = []
        self._clock = clock
        self._fresh = script
        self._scripts = [script()]
        self._told = False

    # ---- what they do

    def rings(self, times: int) -> Person:
        self._script.rings = times
        return self

    def is_busy(self) -> Person:
        return self._fails(Ending(EndCause.BUSY, "them", 486, 17))

    def declines(self) -> Person:
        return self._fails(Ending(EndCause.DECLINED, "them", 603, 21))

    def is_unreachable(self) -> Person:
        return self._fails(Ending(EndCause.UNREACHABLE, "them", 480, 20))

    def does_not_exist(self) -> Person:
        return self._fails(Ending(EndCause.INVALID_NUMBER, "them", 404, 1))

    def trunk_fails(self, code: int = 503, retry_after: float | None = None) -> Person:
        return self._fails(Ending(EndCause.TRUNK_FAULT, "them", code, retry_after=retry_after))

    def does_not_answer(self) -> Person:
        self._script.never_answers = True
        return self

    def is_silent(self) -> Person:
        """Sends no sound of their own: a phone with silence suppression, or a voicemail box."""
        self._script.silent = True
        return self

    def reports_that_nothing_arrives(self) -> Person:
        """Their RTCP says that none of our sound is heard there."""
        self._script.reports_nothing_arrives = True
        return self

    def is_voicemail(self) -> Person:
        """Answers after four rings, sends no key, and stops listening after half a minute."""
        self._script.rings = 4
        return self.waits(30).hangs_up()

    def hears(self, words: str, share: float = 0.0) -> Person:
        """Listens until a sound with these words began, and to so much of it (0 to 1)."""

        async def step(line: Line) -> None:
            await line.until(lambda: any(words in heard for heard in line.heard), f"did not hear {words!r}")
            saying = line.now_saying
            if saying is not None and words in saying[0]:
                end = saying[1] + share * saying[2] / 1000
                await deferLater(line.clock, max(end - line.clock.seconds(), 0.0), lambda: None)

        return self._does(step)

    def presses(self, key: str) -> Person:
        async def step(line: Line) -> None:
            await deferLater(line.clock, DELAY_SECONDS, lambda: None)
            line.press(key)

        return self._does(step)

    def waits(self, seconds: float) -> Person:
        async def step(line: Line) -> None:
            await deferLater(line.clock, seconds, lambda: None)

        return self._does(step)

    def talks(self, seconds: float) -> Person:
        """Says something for so long. Told as media does: a voice after 200 ms, its end after 800 ms of stillness."""

        async def step(line: Line) -> None:
            await deferLater(line.clock, 0.2, lambda: None)
            line.talked(True, 200)
            await deferLater(line.clock, seconds + 0.6, lambda: None)
            line.talked(False, round(seconds * 1000))

        return self._does(step)

    def beeps(self) -> Person:
        """A machine's tone of 400 ms."""

        async def step(line: Line) -> None:
            await deferLater(line.clock, 0.4, lambda: None)
            line.beeped()

        return self._does(step)

    def hangs_up(self) -> Person:
        async def step(line: Line) -> None:
            line.hang_up()

        return self._does(step)

    def holds(self, held: bool = True) -> Person:
        """Puts us on hold, or takes us back."""

        async def step(line: Line) -> None:
            line.hold(held)

        return self._does(step)

    def is_connected_to(self, other: str) -> Person:
        async def step(line: Line) -> None:
            await line.until(lambda: line.bridged_to == other, f"was not connected to {other}")

        return self._does(step)

    def hears_key(self, key: str) -> Person:
        async def step(line: Line) -> None:
            await line.until(lambda: key in line.keys_heard, f"did not hear the key {key}")

        return self._does(step)

    def next_time(self) -> Person:
        """What follows is what they do in the next call."""
        self._scripts.append(self._fresh())
        self._told = False
        return self

    # ---- what became of them

    @property
    def calls(self) -> int:
        return len(self.lines)

    @property
    def heard(self) -> list[str]:
        return [words for line in self.lines for words in line.heard]

    @property
    def connected_to(self) -> str | None:
        return next((line.bridged_to for line in self.lines if line.bridged_to is not None), None)

    @property
    def is_on_the_phone(self) -> bool:
        return any(line.up and not line.over for line in self.lines)

    def pick_up_line(self) -> Line:
        """The far end of a new call with this person."""
        script = self._scripts[min(len(self.lines), len(self._scripts) - 1)]
        line = Line(self._clock, self, script)
        self.lines.append(line)
        return line

    @property
    def _script(self) -> Script:
        return self._scripts[-1]

    def _fails(self, ending: Ending) -> Person:
        self._script.fate = ending
        return self

    def _does(self, step: Callable[[Line], Coroutine[Deferred[Any], Any, None]]) -> Person:
        if not self._told:
            self._script.steps.clear()
            self._told = True
        self._script.steps.append(step)
        return self


class Neighbourhood:
    """Everybody who can be called. It outlives a telephone that crashed: their lines stay up until somebody ends them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.everybody: dict[str, Person] = {}

    def person(self, number: str) -> Person:
        """Who has this number (E.164)."""
        return self._somebody(number, Script)

    def desk(self, name: str) -> Person:
        return self._somebody(name, _accepts)

    def _somebody(self, name: str, script: Callable[[], Script]) -> Person:
        if name not in self.everybody:
            self.everybody[name] = Person(self.clock, name, script)
        return self.everybody[name]

    @property
    def unmet(self) -> list[str]:
        return [expected for person in self.everybody.values() for expected in person.unmet]

    @property
    def on_the_phone(self) -> list[str]:
        return [name for name, person in self.everybody.items() if person.is_on_the_phone]


def _accepts() -> Script:
    """A desk as it should be: hears the whisper, presses 1."""

    async def step(line: Line) -> None:
        await line.until(lambda: bool(line.heard), None)
        await deferLater(line.clock, DELAY_SECONDS, lambda: None)
        line.press("1")

    return Script(steps=[step])
