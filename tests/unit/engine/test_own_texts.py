"""Answers of the gateway's own: in the writer's language, behind no rate's back, and none of them twice."""

import pytest

from foundation.telephone_numbers import PhoneNumber
from prompts import texts
from sms.segments import segment
from tests.unit.engine.test_texts import PERSON, Story


@pytest.fixture
def story() -> Story:
    return Story()


def _sent(story: Story) -> list[str]:
    return [sent.text for sent in story.texts.sent_to(PERSON)]


def test_who_writes_after_the_close_is_answered_in_their_language(story: Story) -> None:
    story.engine.answers[PhoneNumber(PERSON)] = "tr"
    story.texts.writes(PERSON, "Ik zag hem")
    story.texts.writes(PERSON, "Bij de brug")
    story.clock.advance(1)
    assert _sent(story) == [texts.written_after_close("tr")]
    assert story.engine.replies == ["Ik zag hem", "Bij de brug"]


def test_stop_is_only_confirmed_whatever_else_could_be_answered(story: Story) -> None:
    story.engine.answers[PhoneNumber(PERSON)] = "nl"
    story.texts.writes(PERSON, "STOP")
    story.clock.advance(1)
    assert _sent(story) == [texts.written_stop("nl")]


def test_an_answer_waits_for_room_and_is_sent_when_there_is_some(story: Story) -> None:
    story.texts.down.add("main")
    story.texts.writes(PERSON, "STOP")
    story.clock.pump([1] * 60)
    assert _sent(story) == []
    story.texts.down.clear()
    story.clock.pump([1] * 10)
    assert _sent(story) == [texts.written_stop("nl")]
    story.clock.pump([1] * 60)
    assert len(_sent(story)) == 1


def test_what_never_left_waits_again_and_what_left_is_not_sent_twice(story: Story) -> None:
    leaving = story.channel.leaving
    refused = iter([True, False])

    def not_at_first(reference: int, smsc: str) -> object:
        if next(refused):
            raise ValueError("the bind went down in between")
        return leaving(reference, smsc)

    story.channel.leaving = not_at_first  # type: ignore[method-assign,assignment]  # an SMSC's fault, played here
    story.texts.person(PERSON).is_never_answered()
    story.texts.writes(PERSON, "STOP")
    story.clock.pump([1] * 120)
    assert _sent(story) == [texts.written_stop("nl")]


def test_one_that_found_no_room_for_ten_minutes_is_given_up_and_leaves_no_timer(story: Story) -> None:
    story.texts.down.add("main")
    story.texts.writes(PERSON, "STOP")
    story.clock.pump([5] * 125)
    story.texts.down.clear()
    story.channel.capacity_changed()
    story.clock.advance(1)
    assert _sent(story) == []
    assert story.clock.getDelayedCalls() == []


def test_stopping_leaves_no_timer(story: Story) -> None:
    story.texts.down.add("main")
    story.texts.writes(PERSON, "STOP")
    story.channel.stop()
    assert story.clock.getDelayedCalls() == []


def test_it_takes_its_place_in_the_window(story: Story) -> None:
    reserved = []
    reserve = story.texts.reserve

    def seen(*words: object) -> bool:
        reserved.append(words[1])
        return reserve(*words)  # type: ignore[arg-type]  # what it was called with

    story.texts.reserve = seen  # type: ignore[method-assign,assignment]  # watched, not changed
    story.texts.writes(PERSON, "STOP")
    assert reserved == [1]


@pytest.mark.parametrize("language", sorted(texts.LANGUAGES))
def test_each_costs_one_segment_in_every_language(language: str) -> None:
    for text in (texts.written_after_close(language), texts.written_stop(language)):
        assert len(segment(text).segments) == 1


def test_a_reply_is_acknowledged_whether_or_not_its_answer_can_leave(story: Story) -> None:
    story.texts.down.add("main")
    answered = story.texts.writes(PERSON, "STOP")
    assert answered.called
