"""A made-up town and a whole engine in it: fake clock, synchronous store, scripted people. No socket, no thread.

town = Town(tmp_path)
town.lives("+31612345678", metres=100)
town.starts_up()
action = town.act(message="…")
town.passes(60)
assert town.counts(action) == {"voice": {"heard": 1}}
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from foundation.clock import Clocks, Saved, saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import ActionDraft, Area, Circle, ClosingOutcome, Desk, Kind
from gateway.domain.areas import METRES_A_DEGREE
from gateway.domain.identifiers import ActionId, DeskId, NodeName
from gateway.domain.outcomes import ChannelName, MessageKind
from gateway.engine.channel import Message
from gateway.engine.rules import EngineRules
from gateway.engine.service import EngineService, Foundation
from gateway.engine.views import ActionView, DeliveryView
from gateway.store.database import Database
from gateway.store.participants import ParticipantRow, next_run, save_rows
from gateway.store.reader import InlineReader
from gateway.store.writer import InlineWriter
from ivr.call import SavedDialog
from prompts.speech import BadRecording
from tests.acceptance.scripted_channels import ScriptedChannel, accepted_and, hears
from tests.databases import open_for

Result = TypeVar("Result")

SQUARE = (52.0907, 5.1214)
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DESK = Desk(DeskId("desk-7"), "Meldkamer 7", "sip:desk-7@127.0.0.1:5080", "oost", DeskId("desk-8"))
DEPUTY = Desk(DeskId("desk-8"), "Meldkamer 8", "sip:desk-8@127.0.0.1:5081", "oost")
VOICE = frozenset({ChannelName.VOICE})
SMS = frozenset({ChannelName.SMS})
BOTH = VOICE | SMS


class PlainMedia:
    """Enough of `gateway.engine.media.Media`: 160 characters a segment, a path that nobody opens."""

    def segments(self, text: str) -> tuple[int, tuple[str, ...]]:
        return -(-len(text) // 160), ()

    async def wav(self, message: Message, language: str = "nl") -> Path:
        return Path(f"/sounds/{message.texts[language][:5]}.wav")

    async def check_recording(self, wav: Path) -> None:
        if wav.stat().st_size < 44:  # noqa: ASYNC240  # a double: nothing else runs in a test
            raise BadRecording("this is no WAV; send RIFF WAVE")


@dataclass
class Town:
    """`restart` is a crash and a new start on what was committed; the clock goes on. A commit takes `commit_seconds`."""

    path: Path
    rules: EngineRules = field(default_factory=EngineRules)
    begin: datetime = NOON
    clock: Clock = field(default_factory=Clock)
    dialogs_ended: list[SavedDialog] = field(default_factory=list)
    node: str = "gw1"
    commit_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.clocks = Clocks(self.clock.seconds, lambda: self.begin + timedelta(seconds=self.clock.seconds()))
        self._tokens = count(1)
        self.database: Database = self._open()
        self._people: list[ParticipantRow] = []
        self.engine: EngineService
        self.writer: InlineWriter
        self.voice = ScriptedChannel(ChannelName.VOICE, self.clock, hears)
        self.sms = ScriptedChannel(ChannelName.SMS, self.clock, lambda: accepted_and(None), peers=frozenset({"main"}))

    def _open(self) -> Database:
        return open_for(self.path, self.node)

    def lives(
        self,
        number: str,
        metres: float = 100.0,
        *,
        channels: frozenset[ChannelName] = VOICE,
        night: bool = False,
        language: str = "nl",
    ) -> str:
        """Somebody lives so many metres north of the square."""
        latitude = SQUARE[0] + metres / METRES_A_DEGREE
        row = ParticipantRow(
            PhoneNumber(number), channels, language, night, None, "3511AB", "1", "Utrecht", latitude, SQUARE[1]
        )
        self._people.append(row)
        return number

    def population(self, size: int, channels: frozenset[ChannelName] = VOICE) -> list[str]:
        """So many people, ten metres further out each."""
        return [self.lives(f"+316{10_000_000 + each}", 10.0 * (each + 1), channels=channels) for each in range(size)]

    def settles(self) -> None:
        """Those who live here are registered."""
        with self.database.writing.begin() as connection:
            if self._people:
                save_rows(connection, self._people, next_run(connection))
        self._people = []

    def builds(self) -> None:
        """The engine, its channels attached, nothing begun."""
        self.settles()
        self.writer = InlineWriter(self.database.writing, self.clock, self.commit_seconds)
        foundation = Foundation(
            writer=self.writer,
            reader=InlineReader(self.database.reading),
            clocks=self.clocks,
            reactor=self.clock,
            node=NodeName(self.node),
            media=PlainMedia(),
            directory=self.path / "recordings",
            token=lambda size: f"{self.node}-{next(self._tokens)}",
        )
        self.engine = EngineService(foundation, self.rules)
        for channel in (self.voice, self.sms):
            channel.listener = self.engine
            self.engine.attach(channel)

    def starts_up(self) -> None:
        self.builds()
        self.wait(self.engine.prepare([DESK, DEPUTY]))
        self.engine.begin()
        self.wait(self.engine.recover(self._end_orphans))

    async def _end_orphans(self, dialogs: list[SavedDialog]) -> None:
        self.dialogs_ended.extend(dialogs)

    def dies(self) -> None:
        """kill -9: what was not committed is gone, and so is every call."""
        for channel in (self.voice, self.sms):
            channel.die()
        for call in list(self.clock.getDelayedCalls()):
            call.cancel()
        self.database.close()
        self.database = self._open()

    def restarts(self) -> None:
        self.dies()
        voice, sms = self.voice, self.sms
        self.voice = _again(voice)
        self.sms = _again(sms)
        self.starts_up()

    def wait(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Turn the clock's wheel until it is done; its exception is raised."""
        done: list[Any] = []
        deferred = Deferred.fromCoroutine(coroutine)
        deferred.addBoth(done.append)
        for _ in range(200):
            if done:
                break
            self.clock.advance(self.commit_seconds / 8)
        assert done, "nothing came back"
        if hasattr(done[0], "raiseException"):
            done[0].raiseException()
        result: Result = done[0]
        return result

    def passes(self, seconds: float, step: float = 0.25) -> None:
        """Time goes by, in small steps."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end - 1e-9:
            due = min((call.getTime() for call in self.clock.getDelayedCalls()), default=end)
            self.clock.advance(min(max(due - self.clock.seconds(), 0.0), end - self.clock.seconds()) or 0.0)
            if due > end:
                self.clock.advance(max(end - self.clock.seconds(), 0.0))

    def now(self) -> Saved:
        return self.clocks.saved_now()

    def drafts(
        self,
        *,
        area: Area | None = None,
        channels: frozenset[ChannelName] = VOICE,
        kind: Kind = Kind.BURGLARY,
        message: str = "Let op een rode fiets.",
        closing: str | None = None,
        expires_in: float | None = None,
    ) -> ActionDraft:
        return ActionDraft(
            kind=kind,
            title="Rode fiets",
            message=message,
            area=area or Circle(*SQUARE, 5_000.0),
            channels=channels,
            owner=DESK.id,
            closing=closing,
            expires_at=None if expires_in is None else saved(self.now() + timedelta(seconds=expires_in)),
        )

    def composes(self, **words: Any) -> ActionId:
        return self.wait(self.engine.create(self.drafts(**words), "j.operator")).action.id

    def acts(self, **words: Any) -> ActionId:
        """Compose and start."""
        action = self.composes(**words)
        self.wait(self.engine.start(action, "j.operator"))
        return action

    def closes(self, action: ActionId, message: str | None = None) -> ActionView:
        return self.wait(self.engine.close(action, ClosingOutcome.SOLVED_BY_TIP, message, "j.operator"))

    def sees(self, action: ActionId) -> ActionView:
        return self.wait(self.engine.action(action))

    def counts(self, action: ActionId, message: MessageKind = MessageKind.ALERT) -> dict[str, dict[str, int]]:
        view = self.sees(action)
        counts = view.counts if message is MessageKind.ALERT else view.closing_counts
        return {
            name.value: {outcome.value: number for outcome, number in outcomes.items()}
            for name, outcomes in counts.items()
        }

    def deliveries(self, action: ActionId) -> list[DeliveryView]:
        found: list[DeliveryView] = []
        after: str | None = None
        while True:
            page = self.wait(self.engine.deliveries(action, after=after))
            found.extend(page.items)
            after = page.next
            if after is None:
                return found


def _again(channel: ScriptedChannel) -> ScriptedChannel:
    """The same people and the same wire trace, a new process."""
    return ScriptedChannel(
        channel.name,
        channel.clock,
        channel.usual,
        channel.scripts,
        channel.places,
        channel.peers,
        channel.refused,
        on_left=channel.on_left,
        left=channel.left,
        recalls=channel.recalls,
        recalled=channel.recalled,
        _tries=channel._tries,
    )
