"""The SMS channel: attempts to messages, events back, receipts matched, STOP heard."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from foundation.clock import Clocks, Monotonic, Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.attempt import (
    Accepted,
    Attempt,
    AttemptEvent,
    Ended,
    NotSent,
    PeerFault,
    Receipted,
    Sent,
    Uncertain,
)
from gateway.domain.identifiers import ActionId, AttemptId, DeliveryKey
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.engine.attempt_news import message_ids
from gateway.engine.channel import Message, NothingMayLeave
from gateway.engine.receipt_parts import ReceiptParts
from gateway.engine.stop_words import wants_stop
from gateway.engine.texts import PreparedText, TextChannel, TextHooks
from gateway.store.receipts import FoundText
from sms import events
from tests.acceptance.scripted_smsc import ScriptedTexts

PERSON = "+31612345678"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Engine:
    """The listener, the hooks and the lookup in one, all remembered."""

    def __init__(self) -> None:
        self.events: list[tuple[int, AttemptEvent]] = []
        self.opted_out: list[PhoneNumber] = []
        self.replies: list[str] = []
        self.answers: dict[PhoneNumber, str] = {}
        self.known: dict[str, int] = {}
        self.looked_up: list[tuple[str, int | None]] = []
        self.parts: dict[int, int] = {}
        self.kept: list[tuple[int, str]] = []
        self.closed = False
        self.saves = True

    def attempt_event(self, attempt: AttemptId, event: AttemptEvent) -> Deferred[None]:
        if isinstance(event, Sent) and self.closed:
            return fail(NothingMayLeave("closed"))
        if not self.saves:
            return fail(OSError("disk full"))
        self.events.append((attempt, event))
        return succeed(None)

    def capacity_changed(self, channel: ChannelName) -> None: ...

    def find(
        self, smsc: str, message_id: str, number: PhoneNumber | None, user_message_reference: int | None
    ) -> Deferred[FoundText | None]:
        self.looked_up.append((message_id, user_message_reference))
        found = self.known.get(message_id)
        parts = self.parts.get(found or 0, 1)
        kept = frozenset(part for attempt, part in self.kept if attempt == found)
        return succeed(None if found is None else FoundText(AttemptId(found), parts, kept))

    def keep_part(self, attempt: AttemptId, message_id: str) -> Deferred[None]:
        self.kept.append((attempt, message_id))
        return succeed(None)

    async def opt_out(self, number: PhoneNumber) -> str | None:
        self.opted_out.append(number)
        return "nl" if self.opted_out.count(number) == 1 else None

    async def answer_due(self, number: PhoneNumber) -> str | None:
        return self.answers.pop(number, None)

    async def save_reply(self, number: PhoneNumber | None, text: str, received_at: Saved) -> None:
        self.replies.append(text)

    def kinds(self) -> list[type]:
        return [type(event) for _, event in self.events]


class Story:
    def __init__(self) -> None:
        self.clock = Clock()
        clocks = Clocks(self.clock.seconds, lambda: START + timedelta(seconds=self.clock.seconds()))
        self.texts = ScriptedTexts(self.clock, clocks)
        self.engine = Engine()
        hooks = TextHooks(self.engine.opt_out, self.engine.save_reply, self.engine.answer_due)
        self.channel = TextChannel(self.texts, self.engine, hooks, self.clock)
        self.channel.listen(self.engine)

    def send(self, attempt: int, text: str = "Wilt u uitkijken", **others: Any) -> None:
        key = DeliveryKey(ActionId("a"), PhoneNumber(PERSON), ChannelName.SMS, MessageKind.ALERT)
        prepared = PreparedText({"nl": self.texts.segment(text)})
        assert self.channel.reserve(key.recipient, frozenset(), Monotonic(0.0))
        self.channel.send(Attempt(AttemptId(attempt), key, 1, **others), prepared)


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_text_is_saved_as_sent_then_accepted_then_delivered(story: Story) -> None:
    story.send(1)
    story.clock.pump([0.1, 2.0])
    assert story.engine.kinds() == [Sent, Accepted, Receipted]
    _, receipted = story.engine.events[-1]
    assert isinstance(receipted, Receipted)
    assert receipted.outcome is Outcome.DELIVERED
    assert receipted.wire.receipt_status == "DELIVRD"


def test_the_first_parts_receipt_is_not_the_whole_messages(story: Story) -> None:
    story.texts.person(PERSON).is_receipted("DELIVRD", None)
    story.send(1, "lang " * 60)
    story.clock.pump([0.1, 2.0])
    assert story.engine.kinds() == [Sent, Accepted]


@pytest.mark.parametrize("receipts", [("UNDELIV", "DELIVRD"), ("DELIVRD", "UNDELIV")])
def test_one_part_that_failed_fails_the_message_whatever_the_other_says(
    story: Story, receipts: tuple[str, str]
) -> None:
    story.texts.person(PERSON).is_receipted(*receipts)
    story.send(1, "lang " * 60)
    story.clock.pump([0.1, 2.0])
    outcomes = [event.outcome for _, event in story.engine.events if isinstance(event, Receipted)]
    assert outcomes[0] is Outcome.UNDELIVERABLE


def test_a_receipt_before_its_response_waits_for_it(story: Story) -> None:
    story.send(1)
    saved = story.texts.receipted("1", "DELIVRD", PERSON)
    assert not saved.called
    story.clock.advance(0.1)
    assert saved.called
    assert story.engine.kinds() == [Sent, Accepted, Receipted]
    assert story.engine.looked_up == []


def test_a_receipt_that_no_response_comes_for_is_looked_up_by_reference(story: Story) -> None:
    story.texts.person(PERSON).is_never_answered()
    story.texts.person(PERSON).is_receipted(None)
    story.engine.known["77"] = 5
    story.send(1)
    saved = story.texts.receipted("77", "DELIVRD", PERSON, reference=5)
    story.clock.pump([0.1, 30.0])
    assert saved.called
    assert story.engine.looked_up == [("77", 5)]
    assert story.engine.kinds() == [Sent, Uncertain, Receipted]


def test_a_receipt_of_an_earlier_process_is_found_in_the_store(story: Story) -> None:
    story.engine.known["old"] = 9
    story.texts.receipted("old", "EXPIRED", PERSON)
    ((attempt, event),) = story.engine.events
    assert attempt == 9
    assert isinstance(event, Receipted)
    assert event.outcome is Outcome.UNDELIVERABLE


def test_a_part_that_was_receipted_before_a_restart_is_not_waited_for_again(story: Story) -> None:
    story.engine.known = {"one": 8, "two": 8, "three": 8}
    story.engine.parts = {8: 3}
    story.engine.kept = [(8, "one")]
    story.texts.receipted("two", "DELIVRD", PERSON)
    assert story.engine.events == []
    assert story.engine.kept == [(8, "one"), (8, "two")]
    story.texts.receipted("three", "DELIVRD", PERSON)
    assert story.engine.kinds() == [Receipted]


def test_receipts_that_say_nothing_of_the_end_change_nothing(story: Story) -> None:
    story.engine.known["old"] = 9
    for status in ("ENROUTE", "ACCEPTD", "UNKNOWN"):
        story.texts.receipted("old", status, PERSON)
    assert story.engine.events == []


def test_a_receipt_that_was_not_saved_fails_so_that_it_comes_again(story: Story) -> None:
    story.engine.known["old"] = 9
    story.engine.saves = False
    failures: list[object] = []
    story.texts.receipted("old", "DELIVRD", PERSON).addErrback(failures.append)
    assert len(failures) == 1


def test_nothing_leaves_after_a_close_between_pick_and_wire(story: Story) -> None:
    story.engine.closed = True
    story.send(1)
    assert story.texts.sent == []
    assert story.engine.kinds() == [NotSent]


@pytest.mark.parametrize(
    ("command_status", "expected"),
    [
        (0x0B, Ended(Outcome.REJECTED)),
        (0x400, Ended(Outcome.UNDELIVERABLE)),
        (0x08, PeerFault),
        (0x58, PeerFault),
        (0x0A, PeerFault),
    ],
)
def test_whose_fault_a_refusal_is_decides_what_follows(story: Story, command_status: int, expected: Any) -> None:
    story.texts.person(PERSON).is_refused(command_status)
    story.send(1)
    story.clock.advance(0.1)
    _, event = story.engine.events[-1]
    if isinstance(expected, Ended):
        assert isinstance(event, Ended)
        assert event.outcome is expected.outcome
    else:
        assert isinstance(event, PeerFault)
        assert event.wire.command_status == command_status


@pytest.mark.parametrize(
    "text", ["STOP", "stop.", " Stop aub ", "AFMELDEN", "Uit!", "stoppen", "end", "Unsubscribe", "meld mij af a.u.b."]
)
def test_stop_in_its_forms_opts_out_and_is_confirmed_once(story: Story, text: str) -> None:
    story.texts.writes(PERSON, text)
    story.texts.writes(PERSON, text)
    assert story.engine.opted_out == [PhoneNumber(PERSON)] * 2
    assert story.engine.replies == [text, text]
    assert len(story.texts.sent_to(PERSON)) == 1


@pytest.mark.parametrize("text", ["De man staat bij de bushalte stop", "Ik kom eruit", "stop die dief", "uitgang", ""])
def test_a_sentence_that_holds_the_word_is_only_a_reply(story: Story, text: str) -> None:
    assert not wants_stop(text)
    story.texts.writes(PERSON, text)
    assert story.engine.opted_out == []
    assert story.engine.replies == [text]


def test_prepare_cuts_each_language_and_a_reservation_counts_the_longest(story: Story) -> None:
    message = Message(ActionId("a"), MessageKind.ALERT, {"nl": "kort", "en": "long " * 100})
    prepared: list[PreparedText] = []
    Deferred.fromCoroutine(story.channel.prepare(message)).addCallback(prepared.append)
    assert len(prepared[0].text("en").segments) == 4
    assert prepared[0].text("fr") == prepared[0].text("nl")
    before = story.channel.capacity(Monotonic(0.0)).free
    assert before == 50 // 4
    assert story.channel.reserve(PhoneNumber(PERSON), frozenset(), Monotonic(0.0))
    assert story.channel.capacity(Monotonic(0.0)).free == (50 - 4) // 4
    story.channel.release(PhoneNumber(PERSON))
    assert story.channel.capacity(Monotonic(0.0)).free == before


def test_stopping_leaves_no_timer_and_no_receipt_answered(story: Story) -> None:
    story.send(1)
    failures: list[object] = []
    story.texts.receipted("unheard of", "DELIVRD", PERSON).addErrback(failures.append)
    story.channel.stop()
    story.clock.advance(0.1)
    assert len(failures) == 1
    story.clock.advance(2.0)
    assert story.clock.getDelayedCalls() == []


def test_parts_remember_only_the_newest() -> None:
    parts = ReceiptParts(most=1)
    parts.expect(AttemptId(1), 2)
    parts.expect(AttemptId(2), 2)
    assert parts.add(AttemptId(1), "a", Outcome.DELIVERED) is Outcome.DELIVERED
    assert parts.add(AttemptId(2), "c", Outcome.DELIVERED) is None
    assert parts.add(AttemptId(2), "c", Outcome.DELIVERED) is None
    assert parts.add(AttemptId(2), "d", Outcome.DELIVERED) is Outcome.DELIVERED


def test_the_smscs_own_names_are_kept_beside_those_that_receipts_have(story: Story) -> None:
    story.send(1)
    story.channel.text_event(events.Accepted(1, "main", ("161",), ("00A1",)))
    _, accepted = story.engine.events[-1]
    assert isinstance(accepted, Accepted)
    assert (accepted.wire.reference, accepted.message_ids) == ("00A1", ("161",))
    assert message_ids(accepted) == (("main", "161"),)
    story.send(2)
    story.channel.text_event(events.Accepted(2, "main", ("b", "c")))
    _, accepted = story.engine.events[-1]
    assert isinstance(accepted, Accepted)
    assert message_ids(accepted) == (("main", "b"), ("main", "c"))
