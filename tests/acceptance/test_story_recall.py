"""The action ends while texts of it still wait at the SMSC: they are taken back, and only who may have read one is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from twisted.internet.defer import fail

from gateway.domain.action import ActionState, ClosingOutcome
from gateway.domain.identifiers import ActionId
from gateway.domain.outcomes import REACHED, MessageKind, Outcome
from gateway.engine.interface import Conflict
from gateway.store.faults import StoreUnavailable
from tests.acceptance.crashes import Crashed, FragileTown
from tests.acceptance.scripted_channels import accepted_and
from tests.acceptance.texting_town import PERSON, TextTown
from tests.acceptance.town import SMS, Town

LONG = "Wilt u uitkijken naar een rode fiets. " * 10


@pytest.fixture
def town(tmp_path: Path) -> TextTown:
    made = TextTown(tmp_path)
    made.lives(PERSON, channels=SMS)
    made.starts_up()
    return made


def _outcomes(town: Town, action: ActionId, number: str = PERSON) -> dict[MessageKind, Outcome]:
    return {each.message: each.outcome for each in town.deliveries(action) if each.number.e164 == number}


def _closes(town: TextTown, action: ActionId, seconds: float = 5.0) -> dict[MessageKind, Outcome]:
    town.closes(action)
    town.passes(seconds)
    return _outcomes(town, action)


def test_what_waits_at_the_smsc_is_taken_back_and_its_person_not_told_of_the_end(town: TextTown) -> None:
    town.texts.person(PERSON).is_taken_back(True)
    action = town.acts(channels=SMS)
    town.passes(5)
    assert _closes(town, action) == {MessageKind.ALERT: Outcome.STOPPED}
    assert [(taken.message_id, taken.number.e164) for taken in town.texts.taken_back] == [("1", PERSON)]
    assert len(town.texts.sent) == 1
    assert town.sees(action).action.state is ActionState.CLOSED
    assert town.counts(action) == {"sms": {"stopped": 1}}
    assert [attempt.outcome for attempt in town.deliveries(action)[0].history] == [Outcome.STOPPED]


def test_a_refused_cancel_leaves_the_outcome_and_the_person_is_told(town: TextTown) -> None:
    town.texts.person(PERSON).is_taken_back(False)
    action = town.acts(channels=SMS)
    town.passes(5)
    assert _closes(town, action) == {MessageKind.ALERT: Outcome.SENT, MessageKind.CLOSING: Outcome.SENT}
    assert len(town.texts.taken_back) == 1
    assert [sent.text[:20] for sent in town.texts.sent[1:]] == ["De Burgernet-actie i"]
    assert town.sees(action).action.state is ActionState.CLOSED


def test_the_closing_message_itself_is_never_taken_back(town: TextTown) -> None:
    action = town.acts(channels=SMS)
    town.passes(5)
    _closes(town, action)
    town.passes(3600)
    assert [taken.message_id for taken in town.texts.taken_back] == ["1"]


def test_one_part_that_stays_is_a_message_that_stays(town: TextTown) -> None:
    answers = iter([True, False, True])
    take_back = town.texts.take_back

    def each_its_own(taken: object) -> object:
        town.texts.person(PERSON).is_taken_back(next(answers))
        return take_back(taken)  # type: ignore[arg-type]  # what the channel gives

    town.texts.take_back = each_its_own  # type: ignore[method-assign,assignment]  # the part of an SMSC, played here
    action = town.acts(channels=SMS, message=LONG)
    town.passes(5)
    assert _closes(town, action)[MessageKind.ALERT] is Outcome.SENT
    assert [taken.message_id for taken in town.texts.taken_back] == ["1", "2", "3"]
    assert len(town.texts.sent) == 2


def test_who_had_it_already_is_not_asked_about(town: TextTown) -> None:
    town.texts.person(PERSON).is_taken_back(True)
    action = town.acts(channels=SMS)
    town.passes(5)
    town.receipts("1")
    assert _closes(town, action) == {MessageKind.ALERT: Outcome.DELIVERED, MessageKind.CLOSING: Outcome.SENT}
    assert town.texts.taken_back == []


@pytest.mark.parametrize(
    ("status", "outcome", "told"),
    [("DELIVRD", Outcome.DELIVERED, 1), ("DELETED", Outcome.STOPPED, 0), ("UNDELIV", Outcome.UNDELIVERABLE, 0)],
)
def test_a_receipt_that_comes_before_the_answer_decides(
    town: TextTown, status: str, outcome: Outcome, told: int
) -> None:
    town.texts.person(PERSON).is_taken_back(status == "DELETED")
    action = town.acts(channels=SMS)
    town.passes(5)
    town.closes(action)
    town.texts.receipted("1", status, PERSON)
    town.passes(5)
    assert _outcomes(town, action)[MessageKind.ALERT] is outcome
    assert len(town.texts.sent) == 1 + told
    assert town.sees(action).action.state is ActionState.CLOSED


def test_a_receipt_that_comes_in_the_very_turn_of_the_close_is_not_lost(town: TextTown) -> None:
    town.texts.person(PERSON).is_taken_back(False)
    action = town.acts(channels=SMS)
    town.passes(5)
    town.commit_seconds = town.writer._seconds = 0.2
    closing = town.engine.close(action, ClosingOutcome.UNSOLVED, None, "j.operator")
    receipts = [town.texts.receipted("1", "DELIVRD", PERSON)]
    town.wait(closing)
    receipts.append(town.texts.receipted("1", "DELIVRD", PERSON))
    town.passes(5)
    assert all(receipt.called for receipt in receipts)
    assert _outcomes(town, action) == {MessageKind.ALERT: Outcome.DELIVERED, MessageKind.CLOSING: Outcome.SENT}


def test_an_smsc_that_does_not_answer_holds_nobody_up_for_long(town: TextTown) -> None:
    town.texts.person(PERSON).is_taken_back(None)
    action = town.acts(channels=SMS)
    town.passes(5)
    town.closes(action)
    town.passes(20)
    assert _outcomes(town, action) == {MessageKind.ALERT: Outcome.SENT}
    assert town.sees(action).action.state is ActionState.CLOSING
    town.passes(15)
    assert _outcomes(town, action) == {MessageKind.ALERT: Outcome.SENT, MessageKind.CLOSING: Outcome.SENT}
    assert len(town.texts.taken_back) > 3


def test_an_smsc_that_is_away_for_a_moment_is_asked_when_it_is_back(town: TextTown) -> None:
    town.texts.person(PERSON).is_taken_back(True)
    action = town.acts(channels=SMS)
    town.passes(5)
    town.texts.down.add("main")
    town.closes(action)
    town.passes(10)
    town.texts.down.clear()
    town.passes(5)
    assert _outcomes(town, action) == {MessageKind.ALERT: Outcome.STOPPED}


def test_what_was_on_the_wire_at_the_close_is_taken_back_when_its_response_comes(town: TextTown) -> None:
    town.texts.person(PERSON).is_taken_back(True)
    action = town.acts(channels=SMS)
    town.passes(0.03)
    assert len(town.texts.sent) == 1
    assert _outcomes(town, action) == {MessageKind.ALERT: Outcome.IN_PROGRESS}
    assert _closes(town, action) == {MessageKind.ALERT: Outcome.STOPPED}
    assert len(town.texts.sent) == 1


def test_an_expiry_takes_back_too_and_says_so(town: TextTown) -> None:
    town.texts.person(PERSON).is_taken_back(True)
    action = town.acts(channels=SMS, expires_in=60.0)
    town.passes(70)
    assert _outcomes(town, action) == {MessageKind.ALERT: Outcome.EXPIRED}
    assert town.sees(action).action.state is ActionState.CLOSED


def test_a_possible_duplicate_that_is_taken_back_may_have_arrived_all_the_same(town: TextTown) -> None:
    town.texts.person(PERSON).is_never_answered()
    town.texts.person(PERSON).is_taken_back(True)
    action = town.acts(channels=SMS)
    town.passes(5)
    town.texts.person(PERSON).answers = True
    town.passes(70)
    assert [sent.possible_duplicate for sent in town.texts.sent] == [False, True]
    assert _closes(town, action) == {MessageKind.ALERT: Outcome.UNKNOWN, MessageKind.CLOSING: Outcome.SENT}


def test_a_new_process_goes_on_with_taking_back(town: TextTown) -> None:
    town.texts.person(PERSON).is_taken_back(None)
    action = town.acts(channels=SMS)
    town.passes(5)
    town.closes(action)
    town.passes(1)
    town.texts.person(PERSON).is_taken_back(True)
    town.restarts()
    town.passes(5)
    assert _outcomes(town, action) == {MessageKind.ALERT: Outcome.STOPPED}
    assert town.sees(action).action.state is ActionState.CLOSED


def test_hundreds_are_taken_back_and_the_rest_is_told_meanwhile(tmp_path: Path) -> None:
    town = TextTown(tmp_path)
    people = town.population(300, SMS)
    town.starts_up()
    for place, number in enumerate(people):
        town.texts.person(number).is_receipted(None if place % 3 else "DELIVRD")
        town.texts.person(number).is_taken_back(place % 3 == 1)
    action = town.acts(channels=SMS)
    town.passes(30)
    town.closes(action)
    town.passes(60)
    assert town.counts(action) == {"sms": {"delivered": 100, "stopped": 100, "sent": 100}}
    told = {each.number.e164 for each in town.deliveries(action) if each.message is MessageKind.CLOSING}
    assert told == {number for place, number in enumerate(people) if place % 3 != 1}
    assert town.sees(action).action.state is ActionState.CLOSED


TAKEN, STAYS = "+31612345602", "+31612345603"


class Story:
    """Two texts without a receipt, a close; the process dies at one boundary and comes back."""

    def __init__(self, path: Path, at: int | None) -> None:
        path.mkdir(parents=True)
        self.town = FragileTown(path)
        self.town.lights(at)
        for number in (TAKEN, STAYS):
            self.town.lives(number, channels=SMS)
        self.town.sms.scripts = {number: [accepted_and(None)] for number in (TAKEN, STAYS)}
        self.town.sms.recalls = {TAKEN: True, STAYS: False}
        self.action: ActionId | None = None

    def tell(self) -> None:
        for step in (self.town.starts_up, self._act, lambda: self.town.passes(30), self._close, self._pass_on):
            self._survive(step)

    def _survive(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Crashed:
            self.town.comes_back()
            step()

    def _act(self) -> None:
        created = self.town.wait(self.town.engine.create(self.town.drafts(channels=SMS), "j.operator", "key-1"))
        self.action = created.action.id
        try:
            self.town.wait(self.town.engine.start(self.action, "j.operator"))
        except Conflict:
            assert self.town.sees(self.action).action.state is ActionState.ACTIVE

    def _close(self) -> None:
        assert self.action is not None
        try:
            self.town.wait(self.town.engine.close(self.action, ClosingOutcome.UNSOLVED, None, "j.operator"))
        except Conflict:
            assert self.town.sees(self.action).action.state is not ActionState.ACTIVE

    def _pass_on(self) -> None:
        self.town.passes(200)

    def check(self) -> None:
        assert self.action is not None
        assert self.town.sees(self.action).action.state is ActionState.CLOSED
        found = self.town.deliveries(self.action)
        alerts = {each.number.e164: each.outcome for each in found if each.message is MessageKind.ALERT}
        told = Counter(each.number.e164 for each in found if each.message is MessageKind.CLOSING)
        assert told == Counter(number for number, outcome in alerts.items() if outcome in REACHED)
        assert alerts[STAYS] in REACHED
        left = Counter(self.town.sms.numbers(MessageKind.CLOSING))
        assert set(left) <= set(told)
        assert set(self.town.sms.recalled) <= {TAKEN, STAYS}


def test_killed_at_every_boundary_of_taking_back(tmp_path: Path) -> None:
    whole = Story(tmp_path / "whole", None)
    whole.tell()
    whole.check()
    names = whole.town.fuse.names
    assert {"before a recall", "after a recall"} <= set(names)
    for at in range(len(names)):
        story = Story(tmp_path / str(at), at)
        try:
            story.tell()
            story.check()
        except AssertionError as error:
            raise AssertionError(f"killed at boundary {at}, {names[at]}: {error}") from error
        finally:
            story.town.database.close()


def test_what_could_not_be_read_is_read_a_little_later_and_an_end_leaves_no_timer(town: TextTown) -> None:
    town.texts.person(PERSON).is_taken_back(True)
    recalls = town.engine._recalls
    read, refusals = recalls._reader.read, iter([True])

    def refused_at_first(query: Callable[..., object]) -> object:
        if next(refusals, False):
            return fail(StoreUnavailable("the server is gone"))
        return read(query)

    recalls._reader = SimpleNamespace(read=refused_at_first)  # type: ignore[assignment]  # a server that comes back
    action = town.acts(channels=SMS)
    town.passes(5)
    town.closes(action)
    town.passes(1)
    assert _outcomes(town, action) == {MessageKind.ALERT: Outcome.SENT}
    town.passes(3)
    assert _outcomes(town, action) == {MessageKind.ALERT: Outcome.STOPPED}

    town.texts.person(PERSON).is_taken_back(None)
    second = town.acts(channels=SMS)
    town.passes(5)
    town.closes(second)
    town.passes(1)
    town.engine.end()
    town.asking.stopService()
    town.passes(1)
    assert town.clock.getDelayedCalls() == []
