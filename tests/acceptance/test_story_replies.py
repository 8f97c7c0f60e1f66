"""People write back: after the close they are told so once, STOP is confirmed once, and no crash makes it twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select
from twisted.internet.defer import Deferred

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.identifiers import ActionId
from gateway.domain.outcomes import ChannelName
from gateway.store.records import lift_opt_outs
from gateway.store.schema import opt_outs, participants, reply_answers
from prompts import texts
from tests.acceptance.crashes import Fuse
from tests.acceptance.texting_town import PERSON, TextTown
from tests.acceptance.town import SMS

OTHER = "+31612345609"


@pytest.fixture
def town(tmp_path: Path) -> TextTown:
    made = TextTown(tmp_path)
    made.lives(PERSON, channels=SMS, language="pl")
    made.starts_up()
    return made


def _closed(town: TextTown) -> ActionId:
    action = town.acts(channels=SMS)
    town.passes(5)
    town.receipts("1")
    town.closes(action)
    town.passes(5)
    return action


def _answers(town: TextTown, text: str, number: str = PERSON) -> int:
    return [sent.text for sent in town.texts.sent_to(number)].count(text)


AFTER_CLOSE, STOPPED = texts.written_after_close("pl"), texts.written_stop("pl")


def test_a_reply_while_the_action_runs_is_kept_and_not_answered(town: TextTown) -> None:
    action = town.acts(channels=SMS)
    town.passes(5)
    assert town.writes("Ik zag hem").called
    assert len(town.texts.sent) == 1
    page = town.wait(town.engine.replies(action))
    assert [reply.text for reply in page.items] == ["Ik zag hem"]


def test_replies_after_the_close_get_one_answer_in_the_persons_language(town: TextTown) -> None:
    action = _closed(town)
    for text in ("Ik zag hem", "Bij de brug"):
        assert town.writes(text).called
    town.restarts()
    town.writes("Nog steeds")
    assert _answers(town, AFTER_CLOSE) == 1
    assert len(town.wait(town.engine.replies(action)).items) == 3


def test_each_action_has_an_answer_of_its_own_and_a_running_one_none(town: TextTown) -> None:
    _closed(town)
    town.writes("Ik zag hem")
    second = town.acts(channels=SMS)
    town.passes(5)
    town.receipts("4")
    town.writes("Waar dan?")
    assert _answers(town, AFTER_CLOSE) == 1
    town.closes(second)
    town.passes(5)
    town.writes("Nu weet ik het")
    town.writes("Echt")
    assert _answers(town, AFTER_CLOSE) == 2


def test_who_was_in_no_action_is_not_answered(town: TextTown) -> None:
    _closed(town)
    assert town.writes("Wie bent u?", OTHER).called
    assert town.texts.sent_to(OTHER) == []


def test_stop_after_the_close_is_confirmed_and_nothing_more_is_said(town: TextTown) -> None:
    _closed(town)
    for text in ("STOP", "STOP", "Hallo?"):
        town.writes(text)
    town.restarts()
    town.writes("stop")
    assert (_answers(town, STOPPED), _answers(town, AFTER_CLOSE)) == (1, 0)


def test_a_new_stop_after_signing_up_again_is_confirmed_again(town: TextTown) -> None:
    _closed(town)
    town.writes("STOP")
    with town.database.writing.begin() as connection:
        lift_opt_outs(connection, [PERSON], ChannelName.SMS)
    town.writes("STOP")
    assert _answers(town, STOPPED) == 2


def test_what_was_answered_is_forgotten_with_the_recipients(town: TextTown) -> None:
    _closed(town)
    town.writes("Ik zag hem")
    town.dies()
    town.clock.advance(timedelta(days=8).total_seconds())
    town.restarts()
    town.passes(3700)
    with town.database.reading.connect() as connection:
        assert connection.execute(select(reply_answers)).all() == []
    town.writes("Nog steeds")
    assert _answers(town, AFTER_CLOSE) == 1


class FragileTextTown(TextTown):
    """Dies before or after a commit, or before or after a text leaves."""

    def lights(self, at: int | None) -> None:
        self.fuse = Fuse(at)

    def builds(self) -> None:
        super().builds()
        flush = self.writer.flush

        def guarded_flush() -> None:
            if not self.fuse.boundary("before a commit"):
                return
            told = [job.deferred for job in self.writer._waiting]
            for deferred in told:
                deferred.pause()
            flush()
            if self.fuse.boundary("after a commit"):
                for deferred in told:
                    deferred.unpause()

        self.writer.flush = guarded_flush  # type: ignore[method-assign]  # stands between the engine and the disk

    def arms_wire(self) -> None:
        submit = self.texts.submit

        def guarded(request: object) -> None:
            if self.fuse.boundary("before it leaves"):
                submit(request)  # type: ignore[arg-type]  # what it was called with
                self.fuse.boundary("after it left")

        self.texts.submit = guarded  # type: ignore[method-assign,assignment]  # as above


def _killed(path: Path, at: int | None, text: str, saved: Callable[[FragileTextTown], bool]) -> FragileTextTown:
    """Somebody writes after the close, the process dies at one boundary, and the SMSC delivers again what was not
    answered."""
    path.mkdir()
    town = FragileTextTown(path)
    town.lights(None)
    town.lives(PERSON, channels=SMS, language="pl")
    town.starts_up()
    _closed(town)
    town.arms_wire()
    before = len(town.texts.sent)
    town.lights(at)
    answered: Deferred[None] = town.writes(text)
    if len(town.texts.sent) > before:
        assert saved(town), "it left before it was saved"
    if not answered.called:
        assert town.fuse.burnt
    town.fuse.at, town.fuse.burnt = None, False
    town.restarts()
    for _ in range(2):
        assert town.writes(text).called
    town.passes(10)
    return town


def _answer_saved(town: FragileTextTown) -> bool:
    with town.database.reading.connect() as connection:
        return len(connection.execute(select(reply_answers)).all()) == 1


def _stop_saved(town: FragileTextTown) -> bool:
    with town.database.reading.connect() as connection:
        return len(connection.execute(select(opt_outs)).all()) == 1


@pytest.mark.parametrize(
    ("text", "answer", "saved"),
    [
        pytest.param("Ik zag hem", AFTER_CLOSE, _answer_saved, id="reply"),
        pytest.param("STOP", STOPPED, _stop_saved, id="stop"),
    ],
)
def test_killed_at_every_boundary_nobody_gets_an_answer_twice(
    tmp_path: Path, text: str, answer: str, saved: Callable[[FragileTextTown], bool]
) -> None:
    whole = _killed(tmp_path / "whole", None, text, saved)
    assert _answers(whole, answer) == 1
    names = whole.fuse.names
    assert {"before a commit", "after a commit", "before it leaves", "after it left"} <= set(names)
    for at in range(len(names)):
        town = _killed(tmp_path / str(at), at, text, saved)
        assert _answers(town, answer) <= 1, names[at]
        assert len(town.wait(town.engine.replies()).items) >= 2
        town.database.close()


def test_the_language_is_the_persons_else_the_last_actions_else_dutch(town: TextTown) -> None:
    _closed(town)
    assert town.wait(town.engine.language_of(PhoneNumber(PERSON))) == "pl"
    with town.database.writing.begin() as connection:
        connection.execute(delete(participants))
    assert town.wait(town.engine.language_of(PhoneNumber(PERSON))) == "pl"
    assert town.wait(town.engine.language_of(PhoneNumber(OTHER))) == "nl"
