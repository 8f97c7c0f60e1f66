"""The voice channel as the engine uses it: reserve, send, its news in order, cancel; nothing leaks."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from foundation.clock import Monotonic, Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.attempt import Attempt, AttemptEvent, Ended, Heard, KeyPressed, NotSent, PeerFault, Sent
from gateway.domain.calls import CallView
from gateway.domain.identifiers import ActionId, AttemptId, DeliveryKey
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.engine.channel import Message, NothingMayLeave
from gateway.engine.voice import VoiceChannel
from gateway.engine.voice_attempt import VoiceHooks
from gateway.engine.voice_prompts import Prepared, VoicePrompts
from gateway.settings import VoiceSettings
from ivr.call import Call
from tests.acceptance.scripted_people import Neighbourhood, Person
from tests.acceptance.scripted_telephone import EPOCH, ScriptedTelephone, advance, clocks, scripted_trunk

NUMBER = PhoneNumber("+31612345678")
ACTION = ActionId("fiets")


class Engine:
    """A `ChannelListener` that saves at once, or when the test says so."""

    def __init__(self) -> None:
        self.news: dict[AttemptId, list[AttemptEvent]] = defaultdict(list)
        self.answer: Deferred[None] | None = None
        self.refusal: Exception | None = None
        self.rooms = 0

    def attempt_event(self, attempt: AttemptId, event: AttemptEvent) -> Deferred[None]:
        self.news[attempt].append(event)
        if isinstance(event, Sent) and self.refusal is not None:
            return fail(self.refusal)
        if isinstance(event, Sent) and self.answer is not None:
            return self.answer
        return succeed(None)

    def capacity_changed(self, channel: ChannelName) -> None:
        self.rooms += 1


class Story:
    def __init__(self, **trunk: Any) -> None:
        self.clock = Clock()
        self.people = Neighbourhood(self.clock)
        self.telephone = ScriptedTelephone(self.people, [scripted_trunk(**trunk)])
        self.engine = Engine()
        self.opted_out: list[PhoneNumber] = []
        self.connected: list[tuple[Call, DeliveryKey]] = []
        self.connection: Deferred[None] = Deferred()
        self.calls: dict[str, CallView] = {}
        settings = VoiceSettings()
        hooks = VoiceHooks(self._opt_out, self._connect, self._save_call)
        prompts = VoicePrompts(self.telephone.library, settings.keys)
        self.channel = VoiceChannel(self.telephone, prompts, settings, hooks, clocks(self.clock))
        self.channel.listen(self.engine)
        self._next = 0

    async def _opt_out(self, number: PhoneNumber) -> None:
        self.opted_out.append(number)

    async def _connect(self, call: Call, key: DeliveryKey) -> None:
        self.connected.append((call, key))
        await self.connection

    async def _save_call(self, call: CallView) -> None:
        self.calls[call.id] = call

    @property
    def person(self) -> Person:
        return self.people.person(NUMBER.e164)

    def prepare(self, kind: MessageKind = MessageKind.ALERT, **texts: str) -> Prepared:
        message = Message(ACTION, kind, texts or {"nl": "Kijk uit naar een rode fiets"})
        done: list[Prepared] = []
        Deferred.fromCoroutine(self.channel.prepare(message)).addCallback(done.append)
        return done[0]

    def send(
        self,
        number: PhoneNumber = NUMBER,
        *,
        kind: MessageKind = MessageKind.ALERT,
        deadline: Saved | None = None,
        language: str = "nl",
        prepared: Prepared | None = None,
    ) -> AttemptId:
        self._next += 1
        key = DeliveryKey(ACTION, number, ChannelName.VOICE, kind)
        attempt = Attempt(AttemptId(self._next), key, 1, language=language, deadline=deadline)
        assert self.channel.reserve(number, frozenset(), Monotonic(self.clock.seconds()))
        self.channel.send(attempt, prepared or self.prepare(kind))
        return attempt.id

    def kinds(self, attempt: AttemptId) -> list[type[AttemptEvent]]:
        return [type(event) for event in self.engine.news[attempt]]

    def end(self, attempt: AttemptId) -> AttemptEvent:
        return self.engine.news[attempt][-1]

    def outcome(self, attempt: AttemptId) -> Outcome:
        ended = self.end(attempt)
        assert isinstance(ended, Ended)
        return ended.outcome

    def nothing_leaked(self) -> bool:
        return all(trunk.channels_in_use == 0 for trunk in self.telephone.trunks()) and self.channel.in_progress == 0


@pytest.fixture
def story() -> Story:
    return Story()


def test_who_listens_has_heard_it(story: Story) -> None:
    attempt = story.send()
    advance(story.clock, 120)
    assert story.kinds(attempt) == [Sent, Heard, Ended]
    assert story.outcome(attempt) is Outcome.HEARD
    sent, _, ended = story.engine.news[attempt]
    assert isinstance(sent, Sent)
    assert isinstance(ended, Ended)
    assert (sent.wire.peer, ended.wire.sip_code) == ("kpn", 200)
    assert ended.wire.reference == "leg-1@scripted"
    assert ended.wire.answered_at is not None
    assert "rode fiets" in story.person.heard[0]
    assert "0800-0011" in story.person.heard[0]
    assert story.nothing_leaked()


def test_heard_is_told_while_the_call_is_still_up(story: Story) -> None:
    attempt = story.send()
    advance(story.clock, 30)
    assert story.kinds(attempt) == [Sent, Heard]
    assert story.person.is_on_the_phone


def test_a_key_confirms(story: Story) -> None:
    story.person.hears("fiets", share=0.3).presses("2").hears("Dank u")
    attempt = story.send()
    advance(story.clock, 60)
    assert story.kinds(attempt) == [Sent, KeyPressed, Ended]
    assert story.engine.news[attempt][1] == KeyPressed("seen")
    assert story.outcome(attempt) is Outcome.HEARD_CONFIRMED


def test_an_early_hang_up_is_heard_part(story: Story) -> None:
    story.person.hears("fiets", share=0.3).hangs_up()
    attempt = story.send()
    advance(story.clock, 60)
    assert story.outcome(attempt) is Outcome.HEARD_PART
    assert story.nothing_leaked()


def test_who_is_cancelled_while_holding_us_has_heard_nothing(story: Story) -> None:
    story.person.holds()
    attempt = story.send()
    advance(story.clock, 30)
    assert story.kinds(attempt) == [Sent]
    story.channel.cancel(attempt)
    advance(story.clock, 1)
    assert story.end(attempt) == NotSent("cancelled before a word was heard")


def test_who_holds_us_for_ever_is_let_go_and_tried_again_later(story: Story) -> None:
    story.person.holds()
    attempt = story.send()
    advance(story.clock, 90)
    assert story.outcome(attempt) is Outcome.NO_ANSWER
    assert story.nothing_leaked()


@pytest.mark.parametrize(
    ("fate", "outcome", "code"),
    [
        ("is_busy", Outcome.BUSY, 486),
        ("declines", Outcome.DECLINED, 603),
        ("is_unreachable", Outcome.UNREACHABLE, 480),
        ("does_not_exist", Outcome.INVALID_NUMBER, 404),
        ("does_not_answer", Outcome.NO_ANSWER, 487),
    ],
)
def test_what_the_person_or_network_says_is_the_outcome(story: Story, fate: str, outcome: Outcome, code: int) -> None:
    getattr(story.person, fate)()
    attempt = story.send()
    advance(story.clock, 40)
    assert story.outcome(attempt) is outcome
    ended = story.end(attempt)
    assert isinstance(ended, Ended)
    assert ended.wire.sip_code == code
    assert story.nothing_leaked()


def test_the_trunks_fault_is_told_as_such(story: Story) -> None:
    story.person.trunk_fails(503, retry_after=7)
    attempt = story.send()
    advance(story.clock, 5)
    fault = story.end(attempt)
    assert isinstance(fault, PeerFault)
    assert (fault.wire.peer, fault.wire.sip_code, fault.retry_after) == ("kpn", 503, 7)


def test_nothing_leaves_before_sent_is_saved(story: Story) -> None:
    story.engine.answer = Deferred()
    attempt = story.send()
    advance(story.clock, 10)
    assert story.telephone.placed == []
    story.engine.answer.callback(None)
    advance(story.clock, 1)
    assert len(story.telephone.placed) == 1
    assert story.kinds(attempt) == [Sent]


@pytest.mark.parametrize("refusal", [NothingMayLeave("closed"), OSError("disk full")])
def test_what_may_not_leave_does_not(story: Story, refusal: Exception) -> None:
    story.engine.refusal = refusal
    attempt = story.send()
    advance(story.clock, 10)
    assert story.telephone.placed == []
    assert story.kinds(attempt) == [Sent, NotSent]
    assert story.nothing_leaked()


def test_nothing_leaves_after_the_deadline(story: Story) -> None:
    attempt = story.send(deadline=Saved(EPOCH - timedelta(seconds=1)))
    advance(story.clock, 10)
    assert story.kinds(attempt) == [NotSent]
    assert story.telephone.placed == []
    assert story.nothing_leaked()


def test_a_cancel_while_sent_is_being_saved(story: Story) -> None:
    story.engine.answer = Deferred()
    attempt = story.send()
    story.channel.cancel(attempt)
    story.engine.answer.callback(None)
    advance(story.clock, 2)
    assert story.kinds(attempt) == [Sent, NotSent]
    assert story.telephone.placed == []
    assert story.nothing_leaked()


def test_a_cancel_while_it_waits_for_the_wire() -> None:
    story = Story(calls_per_second=1)
    first, second = story.send(), story.send(PhoneNumber("+31612345679"))
    advance(story.clock, 0.5)
    story.channel.cancel(second)
    advance(story.clock, 1)
    assert story.kinds(second) == [Sent, NotSent]
    assert len(story.telephone.placed) == 1
    story.channel.cancel(first)
    advance(story.clock, 2)
    assert story.nothing_leaked()


def test_a_cancel_while_it_rings(story: Story) -> None:
    story.person.rings(4)
    attempt = story.send()
    advance(story.clock, 5)
    story.channel.cancel(attempt)
    advance(story.clock, 2)
    assert story.kinds(attempt) == [Sent, NotSent]
    assert story.nothing_leaked()


def test_a_cancel_while_it_talks_leaves_what_was_heard(story: Story) -> None:
    attempt = story.send()
    advance(story.clock, 10)
    story.channel.cancel(attempt)
    advance(story.clock, 2)
    assert story.outcome(attempt) is Outcome.HEARD_PART
    assert not story.person.is_on_the_phone
    assert story.nothing_leaked()


def test_a_cancel_of_what_is_over_or_unknown_is_no_error(story: Story) -> None:
    attempt = story.send()
    advance(story.clock, 120)
    story.channel.cancel(attempt)
    story.channel.cancel(AttemptId(99))
    assert story.kinds(attempt) == [Sent, Heard, Ended]


def test_stop_twice_opts_out(story: Story) -> None:
    story.person.hears("fiets").presses("9").hears("bevestigen").presses("9").hears("geen oproepen meer")
    attempt = story.send()
    advance(story.clock, 60)
    assert story.people.unmet == []
    assert story.opted_out == [NUMBER]
    assert story.outcome(attempt) is Outcome.HEARD_CONFIRMED


def test_an_attempt_that_goes_on_to_an_operator_ends_with_that_talk(story: Story) -> None:
    """As long as it is not ended the number is not free: neither the closing nor another action calls into the talk."""
    story.person.hears("fiets").presses("3").hears("doorverbonden")
    attempt = story.send()
    advance(story.clock, 30)
    assert story.kinds(attempt) == [Sent, KeyPressed]
    ((_, key),) = story.connected
    assert key.recipient == NUMBER
    story.channel.cancel(attempt)
    advance(story.clock, 2)
    assert story.person.is_on_the_phone
    story.connection.callback(None)
    advance(story.clock, 1)
    assert not story.person.is_on_the_phone
    assert story.kinds(attempt) == [Sent, KeyPressed, Ended]
    assert story.outcome(attempt) is Outcome.HEARD_CONFIRMED
    assert story.nothing_leaked()


def test_a_connection_that_fails_still_ends_the_attempt(story: Story) -> None:
    story.person.hears("fiets").presses("3").hears("doorverbonden")
    attempt = story.send()
    advance(story.clock, 30)
    story.connection.errback(OSError("no desk"))
    advance(story.clock, 1)
    assert story.outcome(attempt) is Outcome.HEARD_CONFIRMED
    assert story.nothing_leaked()


def test_a_close_lets_be_whom_the_operator_key_was_pressed_by(story: Story) -> None:
    """From the key on, also while they are told that they are being connected."""
    story.person.hears("fiets").presses("3")
    attempt = story.send()
    while KeyPressed not in story.kinds(attempt):
        advance(story.clock, 0.1)
    assert story.connected == []
    story.channel.cancel(attempt)
    advance(story.clock, 10)
    assert story.person.is_on_the_phone
    assert len(story.connected) == 1
    story.connection.callback(None)
    advance(story.clock, 1)
    assert story.nothing_leaked()


def test_who_hangs_up_while_being_connected_has_confirmed(story: Story) -> None:
    story.person.hears("fiets").presses("3").hears("doorverbonden", share=0.3).hangs_up()
    attempt = story.send()
    advance(story.clock, 30)
    assert story.connected == []
    assert story.outcome(attempt) is Outcome.HEARD_CONFIRMED
    assert story.nothing_leaked()


def test_the_closing_message(story: Story) -> None:
    attempt = story.send(kind=MessageKind.CLOSING)
    advance(story.clock, 60)
    assert story.outcome(attempt) is Outcome.HEARD
    assert len(story.person.heard) == 1
    assert "beëindigd" in story.person.heard[0]


def test_each_hears_their_own_language_or_dutch(story: Story) -> None:
    prepared = story.prepare(nl="Rode fiets", en="Red bicycle")
    story.send(language="en", prepared=prepared)
    other = PhoneNumber("+31612345679")
    story.send(other, language="pl", prepared=prepared)
    advance(story.clock, 30)
    assert "Red bicycle" in story.person.heard[0]
    assert "Rode fiets" in story.people.person(other.e164).heard[0]


def test_a_recording_is_said_in_place_of_speech(story: Story) -> None:
    done: list[Prepared] = []
    message = Message(ACTION, MessageKind.ALERT, {"nl": "tekst"}, recording=Path("/uploads/stem.wav"))
    Deferred.fromCoroutine(story.channel.prepare(message)).addCallback(done.append)
    story.send(prepared=done[0])
    advance(story.clock, 30)
    assert story.person.heard[0] == "recording stem.wav"


def test_a_reservation_that_comes_to_nothing_is_given_back(story: Story) -> None:
    before = story.channel.capacity(Monotonic(0)).free
    assert story.channel.reserve(NUMBER, frozenset(), Monotonic(0))
    assert story.channel.capacity(Monotonic(0)).free <= before
    story.channel.release(NUMBER)
    assert story.channel.capacity(Monotonic(0)).free == before
    assert story.nothing_leaked()
    assert not story.channel.reserve(NUMBER, frozenset({"kpn"}), Monotonic(0))


def test_two_actions_may_reserve_the_same_number(story: Story) -> None:
    first, second = story.send(), story.send()
    advance(story.clock, 120)
    assert [story.outcome(first), story.outcome(second)] == [Outcome.HEARD, Outcome.HEARD]
    assert story.nothing_leaked()


def test_channels_are_never_exceeded_and_the_reserve_is_kept() -> None:
    story = Story(channels=4, reserved_for_callbacks=1)
    sent = 0
    for last in range(10):
        number = PhoneNumber(f"+3161234567{last}")
        if story.channel.capacity(Monotonic(story.clock.seconds())).free:
            story.send(number)
            sent += 1
    assert sent == 3
    advance(story.clock, 200)
    assert story.telephone.most_in_use == 3
    assert story.engine.rooms > 0


def test_a_refusal_of_the_telephone_is_not_sent(story: Story) -> None:
    prepared = story.prepare()
    assert story.channel.reserve(NUMBER, frozenset(), Monotonic(0))
    Deferred.fromCoroutine(story.telephone.drain(0.1))
    key = DeliveryKey(ACTION, NUMBER, ChannelName.VOICE, MessageKind.ALERT)
    story.channel.send(Attempt(AttemptId(1), key, 1), prepared)
    advance(story.clock, 1)
    assert story.kinds(AttemptId(1)) == [Sent, NotSent]
    assert story.nothing_leaked()


def test_call_records_are_kept(story: Story) -> None:
    story.send()
    advance(story.clock, 120)
    (view,) = story.calls.values()
    assert (view.direction, view.action, view.number, view.peer) == ("out", ACTION, NUMBER, "kpn")
    assert view.answered_at is not None
    assert view.ended_by == "us"
