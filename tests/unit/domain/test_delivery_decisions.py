"""The table of a delivery: every state with every event, and the promises that no event may break."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from foundation.clock import saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.attempt import (
    Accepted,
    Ended,
    Heard,
    KeyPressed,
    NotSent,
    PeerFault,
    Receipted,
    Sent,
    Uncertain,
    Wire,
)
from gateway.domain.decisions import (
    TABLE,
    AwaitReceipt,
    DeliveryEvent,
    Finished,
    Ignored,
    Interrupted,
    NoReceipt,
    Owed,
    PeersExhausted,
    Picked,
    Reached,
    Wait,
    decide,
)
from gateway.domain.delivery import (
    Delivery,
    DeliveryRules,
    DeliveryState,
    Situation,
    attempt_id,
    delivery_of,
    ordinal_of,
)
from gateway.domain.identifiers import ActionId, DeliveryKey
from gateway.domain.outcomes import REACHED, ChannelName, MessageKind, Outcome

NOW = saved(datetime(2026, 11, 24, 12, tzinfo=UTC))
GOES_ON = Situation(NOW)
OVER = Situation(NOW, halted=Outcome.STOPPED)
RULES = DeliveryRules(
    attempts=3,
    retry_seconds={Outcome.BUSY: 120.0, Outcome.TRUNK_FAILURE: 60.0, Outcome.UNDELIVERABLE: 60.0},
    leave_unknown=frozenset({"other"}),
)
KPN = Wire(peer="kpn")
EVENTS: list[DeliveryEvent] = [
    Picked(),
    Sent(KPN),
    Heard(KPN),
    KeyPressed("seen"),
    Accepted(Wire(peer="main")),
    Receipted(Outcome.DELIVERED, Wire(peer="main")),
    Receipted(Outcome.UNDELIVERABLE, Wire(peer="main")),
    Uncertain(Wire(peer="main")),
    PeerFault(KPN),
    NotSent("closed"),
    Ended(Outcome.BUSY),
    Ended(Outcome.HEARD),
    Ended(Outcome.DECLINED),
    Interrupted(),
    PeersExhausted(),
    NoReceipt(),
]
HEARD = (Outcome.HEARD, Outcome.HEARD_CONFIRMED)


def delivery(
    state: DeliveryState = DeliveryState.WAITING,
    outcome: Outcome = Outcome.WAITING,
    channel: ChannelName = ChannelName.VOICE,
    **changes: object,
) -> Delivery:
    key = DeliveryKey(ActionId("a"), PhoneNumber("+31612345678"), channel, MessageKind.ALERT)
    return Delivery(7, key, state=state, outcome=outcome, **changes)  # type: ignore[arg-type]  # field names


@pytest.mark.parametrize(("state", "event"), list(product(DeliveryState, EVENTS)))
def test_what_the_table_does_not_name_changes_nothing(state: DeliveryState, event: DeliveryEvent) -> None:
    before = delivery(state, Outcome.IN_PROGRESS)
    after, effects = decide(before, event, RULES, GOES_ON)
    if (state, type(event)) not in TABLE:
        assert after is before
        assert isinstance(effects[0], Ignored)
    else:
        assert not any(isinstance(effect, Ignored) for effect in effects)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("outcome", HEARD)
def test_who_heard_it_never_has_less_than_heard(event: DeliveryEvent, outcome: Outcome) -> None:
    after, _ = decide(delivery(DeliveryState.HEARD, outcome), event, RULES, GOES_ON)
    assert after.outcome in HEARD
    assert not (outcome is Outcome.HEARD_CONFIRMED and after.outcome is Outcome.HEARD)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", [DeliveryState.STARTING, DeliveryState.SENT, DeliveryState.UNCERTAIN])
def test_after_the_actions_end_nothing_waits_again(state: DeliveryState, event: DeliveryEvent) -> None:
    for channel in ChannelName:
        before = delivery(state, Outcome.UNKNOWN if state is DeliveryState.UNCERTAIN else Outcome.IN_PROGRESS, channel)
        after, effects = decide(before, event, RULES, OVER)
        assert not any(isinstance(effect, (Wait, AwaitReceipt)) for effect in effects)
        assert after.state is not DeliveryState.WAITING


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("outcome", [Outcome.HEARD, Outcome.DECLINED, Outcome.HEARD_PART, Outcome.INVALID_NUMBER])
def test_what_is_done_is_never_tried_again(outcome: Outcome, event: DeliveryEvent) -> None:
    after, effects = decide(delivery(DeliveryState.DONE, outcome), event, RULES, GOES_ON)
    assert after.state is DeliveryState.DONE
    assert not any(isinstance(effect, Wait) for effect in effects)


@pytest.mark.parametrize("event", EVENTS)
def test_one_decision_is_one_version(event: DeliveryEvent) -> None:
    for state in DeliveryState:
        before = delivery(state, Outcome.IN_PROGRESS)
        after, _ = decide(before, event, RULES, GOES_ON)
        assert after is before or after.version == before.version + 1


def test_the_clock_of_a_retry_begins_at_the_end_of_the_attempt() -> None:
    after, effects = decide(delivery(DeliveryState.SENT), Ended(Outcome.BUSY), RULES, GOES_ON)
    assert effects == (Wait(saved(NOW + timedelta(seconds=120))),)
    assert (after.attempts, after.outcome) == (1, Outcome.WAITING)


def test_at_the_cap_the_last_cause_is_the_outcome() -> None:
    after, effects = decide(delivery(DeliveryState.SENT, attempts=2), Ended(Outcome.BUSY), RULES, GOES_ON)
    assert (after.state, after.outcome, after.attempts) == (DeliveryState.DONE, Outcome.BUSY, 3)
    assert effects == (Finished(),)


def test_a_peers_fault_and_an_interruption_count_as_no_attempt() -> None:
    for event in (PeerFault(KPN), Interrupted()):
        after, effects = decide(delivery(DeliveryState.SENT, attempts=1), event, RULES, GOES_ON)
        assert after.attempts == 1
        assert effects == (Wait(None),)


def test_what_was_not_sent_counts_as_no_attempt_and_is_not_offered_in_a_tight_loop() -> None:
    after, effects = decide(delivery(DeliveryState.STARTING, attempts=1), NotSent("no place"), RULES, GOES_ON)
    assert after.attempts == 1
    assert effects == (Wait(saved(NOW + timedelta(seconds=1))),)


def test_peers_to_avoid_add_up_and_are_forgotten_with_the_next_attempt_that_counts() -> None:
    after, _ = decide(delivery(DeliveryState.SENT, avoid=frozenset({"voip"})), PeerFault(KPN), RULES, GOES_ON)
    assert after.avoid == {"voip", "kpn"}
    again, effects = decide(after, PeersExhausted(), RULES, GOES_ON)
    assert again.avoid == frozenset()
    assert effects == (Wait(saved(NOW + timedelta(seconds=60))),)


def test_a_doubtful_text_waits_a_minute_and_is_resent_only_once() -> None:
    sms = delivery(DeliveryState.SENT, channel=ChannelName.SMS)
    doubtful, effects = decide(sms, Uncertain(Wire(peer="main")), RULES, GOES_ON)
    assert effects == (AwaitReceipt(saved(NOW + timedelta(seconds=60))),)
    waiting, _ = decide(doubtful, NoReceipt(), RULES, GOES_ON)
    assert (waiting.state, waiting.possible_duplicate) == (DeliveryState.WAITING, True)
    starting, _ = decide(waiting, Picked(), RULES, GOES_ON)
    sent, _ = decide(starting, Sent(Wire(peer="main")), RULES, GOES_ON)
    again, effects = decide(sent, Uncertain(Wire(peer="main")), RULES, GOES_ON)
    assert (again.state, again.outcome) == (DeliveryState.DONE, Outcome.UNKNOWN)
    assert effects == (Reached(), Owed(), Finished())


def test_an_smsc_set_to_leave_keeps_its_doubtful_texts_unknown() -> None:
    sms = delivery(DeliveryState.SENT, channel=ChannelName.SMS)
    after, _ = decide(sms, Uncertain(Wire(peer="other")), RULES, GOES_ON)
    assert (after.state, after.outcome) == (DeliveryState.DONE, Outcome.UNKNOWN)


def test_a_refused_resend_leaves_the_fate_unknown() -> None:
    sms = delivery(DeliveryState.SENT, channel=ChannelName.SMS, possible_duplicate=True)
    after, effects = decide(sms, Ended(Outcome.REJECTED), RULES, GOES_ON)
    assert after.outcome is Outcome.UNKNOWN
    assert Reached() in effects


def test_a_receipt_settles_what_was_only_sent_and_a_second_one_only_betters() -> None:
    for first, then, result in (
        (Outcome.SENT, Outcome.UNDELIVERABLE, Outcome.UNDELIVERABLE),
        (Outcome.SENT, Outcome.DELIVERED, Outcome.DELIVERED),
        (Outcome.DELIVERED, Outcome.UNDELIVERABLE, Outcome.DELIVERED),
        (Outcome.UNDELIVERABLE, Outcome.DELIVERED, Outcome.DELIVERED),
        (Outcome.OPTED_OUT, Outcome.UNDELIVERABLE, Outcome.OPTED_OUT),
    ):
        before = delivery(DeliveryState.DONE, first, ChannelName.SMS)
        after, _ = decide(before, Receipted(then, Wire()), RULES, GOES_ON)
        assert after.outcome is result


def test_the_closing_is_owed_once_the_line_is_free_and_only_once() -> None:
    first, effects = decide(delivery(DeliveryState.SENT, Outcome.IN_PROGRESS), Heard(KPN), RULES, GOES_ON)
    assert effects == (Reached(),)
    confirmed, effects = decide(first, KeyPressed("seen"), RULES, GOES_ON)
    assert effects == ()
    after, effects = decide(confirmed, Ended(Outcome.HEARD), RULES, GOES_ON)
    assert effects == (Owed(), Finished())
    assert after.attempts == 1


def test_a_call_that_was_heard_counts_though_the_daemon_died_in_it() -> None:
    after, effects = decide(delivery(DeliveryState.HEARD, Outcome.HEARD), Interrupted(), RULES, GOES_ON)
    assert (after.outcome, after.attempts, effects) == (Outcome.HEARD, 1, (Owed(), Finished()))


def test_quiet_hours_hold_a_retry_unless_night_is_welcome() -> None:
    quiet = Situation(NOW, quiet=True)
    held, _ = decide(delivery(DeliveryState.SENT), Ended(Outcome.BUSY), RULES, quiet)
    assert held.outcome is Outcome.HELD_QUIET_HOURS
    free, _ = decide(delivery(DeliveryState.SENT, night=True), Ended(Outcome.BUSY), RULES, quiet)
    assert free.outcome is Outcome.WAITING


def test_voicemail_is_tried_again_or_final_as_configured() -> None:
    again = DeliveryRules(3, {Outcome.VOICEMAIL: 600.0})
    after, _ = decide(delivery(DeliveryState.SENT), Ended(Outcome.VOICEMAIL), again, GOES_ON)
    assert after.state is DeliveryState.WAITING
    final = DeliveryRules(3, {}, voicemail_is_reached=True)
    after, effects = decide(delivery(DeliveryState.SENT), Ended(Outcome.VOICEMAIL), final, GOES_ON)
    assert (after.outcome, effects) == (Outcome.VOICEMAIL, (Reached(), Owed(), Finished()))


def test_a_machine_gets_the_closing_message_once() -> None:
    again = DeliveryRules(3, {Outcome.VOICEMAIL: 600.0})
    alert = delivery(DeliveryState.SENT)
    closing = replace(alert, key=replace(alert.key, message=MessageKind.CLOSING))
    after, effects = decide(closing, Ended(Outcome.VOICEMAIL), again, GOES_ON)
    assert (after.state, after.outcome, effects) == (DeliveryState.DONE, Outcome.VOICEMAIL, (Finished(),))


def test_every_reached_end_of_an_attempt_is_final() -> None:
    generous = DeliveryRules(9, dict.fromkeys(Outcome, 1.0))
    for outcome in REACHED:
        after, _ = decide(delivery(DeliveryState.SENT), Ended(outcome), generous, GOES_ON)
        assert after.state is DeliveryState.DONE


def test_an_attempts_id_tells_its_delivery_and_its_ordinal() -> None:
    found = attempt_id(123_456, 3)
    assert (delivery_of(found), ordinal_of(found)) == (123_456, 3)
    assert found & 0xFFFF == attempt_id(123_456, 4) & 0xFFFF
