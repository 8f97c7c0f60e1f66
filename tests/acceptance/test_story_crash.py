"""The same story, killed at every commit and every effect, and started again on what was committed.

Rules 1 to 4 of the contract are looked at each time: nothing accepted is lost, who had heard it is not called again, an
interrupted call is made at most once more, nothing of the alert leaves after the close, and everybody has one outcome.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.domain.action import ActionState, ClosingOutcome
from gateway.domain.identifiers import ActionId
from gateway.domain.outcomes import REACHED, ChannelName, MessageKind, Outcome
from gateway.engine.interface import Conflict
from gateway.store.schema import actions, counters, deliveries
from tests.acceptance.crashes import Crashed, FragileTown
from tests.acceptance.scripted_channels import accepted_and, confirms, connection_lost, hears, says
from tests.acceptance.town import BOTH

HEARS, BUSY, SLOW = "+31612345601", "+31612345602", "+31612345603"
TEXTED, DOUBTFUL = "+31612345604", "+31612345605"
SLICES = 8


@dataclass
class Witness:
    """What was true when the process died, and what had been promised by then."""

    created: ActionId | None = None
    started: bool = False
    closed_at: float | None = None
    heard: set[str] = field(default_factory=set)
    died_at: float | None = None


class Story:
    def __init__(self, path: Path, at: int | None) -> None:
        path.mkdir(parents=True)
        self.town = FragileTown(path)
        self.town.lights(at)
        self.witness = Witness()
        town = self.town
        for number, metres in ((HEARS, 10), (BUSY, 20), (SLOW, 30)):
            town.lives(number, metres)
        for number, metres in ((TEXTED, 10), (DOUBTFUL, 20)):
            town.lives(number, metres, channels=frozenset({ChannelName.SMS}))
        town.voice.scripts = {
            HEARS: [confirms()],
            BUSY: [says(Outcome.BUSY), hears()],
            SLOW: [says(Outcome.BUSY), says(Outcome.NO_ANSWER, 60.0)],
        }
        town.sms.scripts = {
            TEXTED: [accepted_and(Outcome.DELIVERED)],
            DOUBTFUL: [connection_lost(), accepted_and(None)],
        }

    def tell(self) -> None:
        """Each step is tried again after a crash, as an operator would."""
        self._survive(self.town.starts_up)
        self._survive(self._create)
        self._survive(self._start)
        self._survive(lambda: self.town.passes(160))
        self._survive(self._close)
        self._survive(lambda: self.town.passes(1_000))

    def _survive(self, step: object) -> None:
        assert callable(step)
        try:
            step()
        except Crashed:
            self._witness_the_crash()
            self.town.comes_back()
            step()

    def _witness_the_crash(self) -> None:
        witness = self.witness
        witness.died_at = self.town.clock.seconds()
        with self.town.database.reading.connect() as connection:
            heard = connection.execute(
                select(deliveries.c.number).where(
                    deliveries.c.outcome.in_(["heard", "heard_confirmed", "delivered"]),
                    deliveries.c.message == "alert",
                )
            )
            witness.heard = set(heard.scalars())
            closing = connection.execute(
                select(actions.c.id).where(actions.c.state != "active", actions.c.closed_at > 0)
            )
            if closing.first() is not None and witness.closed_at is None:
                witness.closed_at = witness.died_at

    def _create(self) -> None:
        draft = self.town.drafts(channels=BOTH)
        created = self.town.wait(self.town.engine.create(draft, "j.operator", "key-1"))
        assert self.witness.created in (None, created.action.id)
        self.witness.created = created.action.id

    def _start(self) -> None:
        assert self.witness.created is not None
        try:
            self.town.wait(self.town.engine.start(self.witness.created, "j.operator"))
        except Conflict:
            assert self.town.sees(self.witness.created).action.state is ActionState.ACTIVE
        self.witness.started = True

    def _close(self) -> None:
        assert self.witness.created is not None
        closed = self.town.engine.close(self.witness.created, ClosingOutcome.SOLVED_BY_TIP, None, "j.operator")
        try:
            self.town.wait(closed)
        except Conflict:
            assert self.town.sees(self.witness.created).action.state in (ActionState.CLOSING, ActionState.CLOSED)
        if self.witness.closed_at is None:
            self.witness.closed_at = self.town.clock.seconds()

    def check(self) -> None:
        assert self.witness.created is not None
        self._check_the_wire()
        self._check_the_outcomes(self.witness.created)

    def _check_the_wire(self) -> None:
        witness, usual = self.witness, {HEARS: 1, BUSY: 2, SLOW: 2, TEXTED: 1, DOUBTFUL: 2}
        left = [each for channel in (self.town.voice, self.town.sms) for each in channel.left]
        alerts = [each for each in left if each.message is MessageKind.ALERT]
        assert witness.closed_at is not None
        assert [each for each in alerts if each.at > witness.closed_at] == []
        if witness.died_at is not None:
            again = {each.number for each in alerts if each.at > witness.died_at}
            assert not again & witness.heard
        for number, times in Counter(each.number for each in alerts).items():
            assert times <= usual[number] + 1, number
        for number in (TEXTED, DOUBTFUL):
            later = [each for each in alerts if each.number == number][1:]
            assert all(each.attempt.possible_duplicate for each in later)

    def _check_the_outcomes(self, action: ActionId) -> None:
        view = self.town.sees(action)
        assert view.action.state is ActionState.CLOSED
        found = self.town.deliveries(action)
        alerts = {each.number.e164: each for each in found if each.message is MessageKind.ALERT}
        assert len(alerts) == 5
        assert {HEARS, BUSY} <= {number for number, each in alerts.items() if each.outcome in REACHED}
        told = Counter(each.number.e164 for each in found if each.message is MessageKind.CLOSING)
        assert told == Counter(number for number, each in alerts.items() if each.outcome in REACHED)
        resent = {(each.number, each.message) for each in self.town.sms.left if each.attempt.possible_duplicate}
        # One that died between the commit and the wire is counted though it did not leave: nobody can know.
        assert len(resent) <= view.possible_duplicates <= len(resent) + (self.witness.died_at is not None)
        with self.town.database.reading.connect() as connection:
            kept = select(counters).where(counters.c.count != 0)
            counted = {(row.channel, row.message, row.outcome): row.count for row in connection.execute(kept)}
            grouped = select(deliveries.c.channel, deliveries.c.message, deliveries.c.outcome, func.count())
            rows = connection.execute(
                grouped.group_by(deliveries.c.channel, deliveries.c.message, deliveries.c.outcome)
            )
            assert {tuple(row[:3]): row[3] for row in rows} == counted


def _boundaries(path: Path) -> list[str]:
    story = Story(path, None)
    story.tell()
    story.check()
    return story.town.fuse.names


def test_the_story_without_a_crash_passes_every_kind_of_boundary(tmp_path: Path) -> None:
    assert set(_boundaries(tmp_path / "whole")) == {
        "before a commit",
        "after a commit",
        "before send",
        "before cancel",
        "before the wire",
        "after the wire",
    }


@pytest.mark.parametrize("part", range(SLICES))
def test_killed_at_every_boundary(tmp_path: Path, part: int) -> None:
    names = _boundaries(tmp_path / "whole")
    for at in range(part, len(names), SLICES):
        story = Story(tmp_path / str(at), at)
        try:
            story.tell()
            story.check()
        except AssertionError as error:
            raise AssertionError(f"killed at boundary {at}, {names[at]}: {error}") from error
        finally:
            story.town.database.close()
