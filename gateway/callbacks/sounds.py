"""What is said on the callback line. Asks the prompt library, which keeps what it has rendered; no other I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from foundation.sound import Sound
from gateway.callbacks.directory import About
from gateway.domain.action import Recipient
from gateway.domain.identifiers import ActionId
from ivr.flows.choice import ChoiceSounds
from ivr.flows.tip import TipSounds
from prompts import texts
from prompts.speech import PromptLibrary
from prompts.texts import texts_for

DUTCH = texts_for("nl")


class SpokenCallbackSounds:
    """`title_of` gives what an action is called. The caller's number is never spoken: the library keeps its sounds."""

    def __init__(
        self, library: PromptLibrary, title_of: Callable[[ActionId], Awaitable[str]], accept_key: str = "1"
    ) -> None:
        self._library = library
        self._title_of = title_of
        self._accept_key = accept_key

    async def warm(self) -> None:
        """Render what is fixed, so that the first caller does not wait for it. May raise SpeechFailed."""
        nobody = About(action=None, shown=None)
        await self.greeting(nobody)
        await self.whisper(nobody)
        await self.tip()
        await self._library.speech(DUTCH.not_understood)

    async def greeting(self, about: About) -> Sound:
        if about.action is None:
            text = f"{DUTCH.welcome}\n{DUTCH.no_action}"
        else:
            words = texts.welcome_action(await self._title_of(about.action))
            words = words.removeprefix(DUTCH.welcome).lstrip() if about.asked else words
            text = f"{words}\n{DUTCH.connecting}"
        return await self._library.speech(text)

    async def choice(self, recipients: Sequence[Recipient]) -> ChoiceSounds:
        titles = [await self._title_of(recipient.action) for recipient in recipients]
        counted = Counter(titles)
        named = {
            str(key): title if counted[title] == 1 else f"{title}, van {recipient.started_at.astimezone():%H:%M}"
            for key, (recipient, title) in enumerate(zip(recipients, titles, strict=True), 1)
        }
        say = self._library.speech
        return ChoiceSounds(await say(texts.choose_action(named)), await say(DUTCH.not_understood))

    async def tip(self) -> TipSounds:
        say = self._library.speech
        words = DUTCH
        return TipSounds(await say(words.record_tip), await say(words.tip_thanks), await say(words.tip_empty))

    async def whisper(self, about: About) -> Sound:
        """Who calls as far as it may be told (withheld or not, how far from the place), and about which action."""
        title = None if about.action is None else await self._title_of(about.action)
        who = [] if about.shown is not None else ["Nummer afgeschermd."]
        where = [] if about.metres is None else [f"Op ongeveer {rounded(about.metres)}."]
        return await self._library.speech(" ".join([*who, *where, texts.whisper(title, self._accept_key)]))


def rounded(metres: float) -> str:
    """A distance as one says it, and few enough of them that the library does not render each anew."""
    if metres < 950:
        return f"{max(round(metres, -2), 100):.0f} meter"
    return f"{round(metres / 1000):.0f} kilometer"
