"""A callback line with its house on a fake clock: desks of one room, who was reached by what, and one caller."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from foundation.clock import Saved
from foundation.sound import Sound
from foundation.telephone_numbers import PhoneNumber
from gateway.callbacks.line import CallbackLine
from gateway.callbacks.running import CallbackManner
from gateway.callbacks.sounds import SpokenCallbackSounds
from gateway.domain.action import Desk, Recipient
from gateway.domain.calls import CallView
from gateway.domain.identifiers import ActionId, DeskId
from ivr.call import SavedDialog, ToDesk
from prompts.speech import SpeechFailed
from tests.acceptance.scripted_people import Line, Neighbourhood
from tests.acceptance.scripted_telephone import EPOCH, ScriptedTelephone, advance

NUMBER = PhoneNumber("+31612345678")
ACTION = ActionId("fiets")
DESKS = {
    "desk-7": Desk(DeskId("desk-7"), "Oost 7", "sip:desk-7@127.0.0.1:5080", "oost", deputy=DeskId("desk-8")),
    "desk-8": Desk(DeskId("desk-8"), "Oost 8", "sip:desk-8@127.0.0.1:5080", "oost"),
    "desk-9": Desk(DeskId("desk-9"), "Oost 9", "sip:desk-9@127.0.0.1:5080", "oost"),
    "desk-10": Desk(DeskId("desk-10"), "Oost 10", "sip:desk-10@127.0.0.1:5080", "oost"),
}


class House:
    """The directory: who owns what, and what was saved."""

    def __init__(self) -> None:
        self.recipients = {NUMBER: [Recipient(NUMBER, ACTION, DeskId("desk-7"), 420.0, Saved(EPOCH))]}
        self.present = list(DESKS)
        self.calls: dict[str, CallView] = {}
        self.tips: list[tuple[Path, int, PhoneNumber | None, ActionId | None]] = []
        self.counted: list[ActionId] = []
        self.broken = False
        self.asked: list[tuple[DeskId | None, str | None]] = []
        self.held: dict[str, Deferred[None]] = {}

    async def desks_for(self, owner: DeskId | None, room: str | None) -> list[Desk]:
        self._check()
        await self._while_held("desks")
        self.asked.append((owner, room))
        deputy = DESKS[owner].deputy if owner is not None else None
        order = dict.fromkeys([*([owner] if owner else []), *([deputy] if deputy else []), *DESKS])
        return [DESKS[desk] for desk in order if desk in self.present]

    async def desks(self) -> list[Desk]:
        self._check()
        return list(DESKS.values())

    async def actions_of(self, caller: PhoneNumber, grace_seconds: float) -> list[Recipient]:
        self._check()
        found = list(self.recipients.get(caller, []))
        await self._while_held("actions")
        return found

    async def save_tip(
        self, path: Path, milliseconds: int, caller: PhoneNumber | None, action: ActionId | None
    ) -> object:
        self._check()
        self.tips.append((path, milliseconds, caller, action))
        return None

    async def save_call(self, call: CallView) -> None:
        self._check()
        self.calls[call.id] = call

    async def count_callback(self, action: ActionId) -> None:
        self._check()
        self.counted.append(action)

    async def _while_held(self, read: str) -> None:
        held = self.held.pop(read, None)
        if held is not None:
            await held

    def _check(self) -> None:
        if self.broken:
            raise OSError("the database is away")


class Journal:
    """Keeps nothing; `held` makes a save wait."""

    def __init__(self) -> None:
        self.held: Deferred[None] | None = None

    async def save(self, dialog: SavedDialog) -> None:
        if self.held is not None:
            await self.held


class Voiceless:
    """A prompt library whose engine is gone."""

    async def speech(self, text: str, language: str = "nl", *, repeat_pause: bool = False) -> Sound:
        raise SpeechFailed("espeak is gone")

    async def recording(self, wav: Path) -> Sound:
        raise SpeechFailed("espeak is gone")


class Story:
    def __init__(self, tips: Path, *, voice: bool = True) -> None:
        self.tips = tips
        self.clock = Clock()
        self.people = Neighbourhood(self.clock)
        self.journal = Journal()
        self.telephone = ScriptedTelephone(self.people, journal=self.journal)
        self.house = House()

        self.titles: dict[ActionId, str] = {}
        self.title_fault: Exception | None = None

        async def title_of(action: ActionId) -> str:
            if self.title_fault is not None:
                raise self.title_fault
            return self.titles.get(action, "de rode fiets")

        sounds = SpokenCallbackSounds(self.telephone.library if voice else Voiceless(), title_of)
        manner = CallbackManner(default_room="oost", tips=tips)
        self.line = CallbackLine(self.telephone, self.house, sounds, manner)
        self.telephone.on_incoming(self.line.incoming)
        self.caller = self.people.person(NUMBER.e164)

    def call(self, seconds: float = 30, *, private: bool = False) -> Line:
        line = self.telephone.calls_us(NUMBER.e164, "0800-0011", private=private)
        advance(self.clock, seconds)
        return line

    def rung(self) -> list[str]:
        return [placed.route.desk for placed in self.telephone.placed if isinstance(placed.route, ToDesk)]

    def everybody_is_off_the_phone(self) -> bool:
        return self.people.on_the_phone == [] and self.line.in_progress == 0 and self.telephone.legs_up == 0
