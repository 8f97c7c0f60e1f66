"""What the field complained of in other gateways, where messages meet their receipts: complaint 4, by its reports."""

import pytest

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.attempt import Receipted
from gateway.domain.outcomes import Outcome
from gateway.engine.texts import TextChannel, TextHooks
from tests.unit.engine.test_texts import PERSON, Story


@pytest.fixture
def story() -> Story:
    return Story()


def test_complaint_4_no_parts_receipt_stands_for_the_whole_message(story: Story) -> None:
    story.engine.known = {"one": 8, "two": 8}
    story.engine.parts = {8: 2}
    story.texts.receipted("two", "DELIVRD", PERSON)
    assert story.engine.events == []
    story.texts.receipted("one", "DELIVRD", PERSON)
    ((attempt, event),) = story.engine.events
    assert attempt == 8
    assert isinstance(event, Receipted)
    assert event.outcome is Outcome.DELIVERED


def test_complaint_4_a_receipt_of_a_resent_message_is_not_lost(story: Story) -> None:
    story.send(1, possible_duplicate=True)
    story.clock.pump([0.1, 2.0])
    assert story.engine.kinds()[-1] is Receipted
    story.engine.known = {"first": 1}
    story.texts.receipted("first", "DELIVRD", PERSON)
    assert story.engine.kinds()[-2:] == [Receipted, Receipted]


def test_a_stop_that_was_confirmed_before_a_restart_is_not_confirmed_again(story: Story) -> None:
    async def known_before(number: PhoneNumber) -> None:
        return None

    hooks = TextHooks(known_before, story.engine.save_reply, story.engine.answer_due)
    story.channel = TextChannel(story.texts, story.engine, hooks, story.clock)
    story.texts.writes(PERSON, "STOP")
    story.clock.advance(1)
    assert story.texts.sent_to(PERSON) == []
    assert story.engine.replies == ["STOP"]
