"""What goes wrong on the far side, and what people do that was not asked for."""

from __future__ import annotations

from datetime import UTC, datetime, time
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import ActionState, ClosingOutcome, Kind, Postcodes
from gateway.domain.attempt import PeerFault, Wire
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.domain.quiet import QuietHours
from gateway.engine.interface import Conflict, Invalid, NotFound
from gateway.engine.rules import EngineRules
from gateway.store.schema import deliveries
from tests.acceptance.scripted_channels import (
    accepted_and,
    connection_lost,
    hears,
    says,
    trunk_fault,
)
from tests.acceptance.town import BOTH, SMS, Town

QUIET = EngineRules(quiet=QuietHours(time(22), time(7), ZoneInfo("Europe/Amsterdam")))


ONE, TWO = "+31612345601", "+31612345602"


def test_a_trunks_fault_goes_to_the_next_trunk_at_once_and_uses_no_attempt(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.peers = frozenset({"kpn", "voip"})
    town.voice.scripts[ONE] = [trunk_fault("kpn"), hears()]
    action = town.acts()
    town.passes(30)
    first, second = town.voice.left
    assert second.at - first.at < 1.0
    assert second.attempt.avoid == {"kpn"}
    assert [each.attempts for each in town.deliveries(action)] == [1]
    assert town.counts(action) == {"voice": {"heard": 1}}


def test_when_every_trunk_fails_it_is_tried_again_later_and_ends_as_trunk_failure(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.scripts[ONE] = [trunk_fault("kpn")]
    action = town.acts()
    town.passes(400)
    times = [left.at for left in town.voice.left]
    assert len(times) == 3
    assert all(60.0 <= later - earlier <= 62.0 for earlier, later in pairwise(times))
    assert town.counts(action) == {"voice": {"trunk_failure": 1}}


def test_the_only_trunk_that_asks_to_come_back_later_is_tried_then_and_no_attempt_is_used(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    later = PeerFault(Wire(peer="kpn", sip_code=503), retry_after=20.0)
    town.voice.scripts[ONE] = [[(0.1, later)], hears()]
    action = town.acts()
    town.passes(0.05)
    town.voice.places = 0
    town.passes(20)
    town.voice.places = 1000
    town.passes(15)
    assert [each.attempts for each in town.deliveries(action)] == [1]
    assert town.counts(action) == {"voice": {"heard": 1}}


def test_a_trunk_that_asks_to_come_back_for_ever_ends_as_trunk_failure(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.scripts[ONE] = [[(1.0, PeerFault(Wire(peer="kpn", sip_code=503), retry_after=1.0))]]
    action = town.acts()
    town.passes(400)
    assert len(town.voice.left) < 20
    assert town.counts(action) == {"voice": {"trunk_failure": 1}}


def test_a_channel_that_does_not_name_its_peers_is_seen_to_have_none_left(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    whole = town.voice.capacity
    town.voice.capacity = lambda now: type(whole(now))(whole(now).free)  # type: ignore[method-assign]  # says less
    town.voice.scripts[ONE] = [trunk_fault("kpn")]
    action = town.acts()
    town.passes(400)
    assert town.counts(action) == {"voice": {"trunk_failure": 1}}


@pytest.mark.parametrize(
    "outcome", [Outcome.DECLINED, Outcome.HEARD_PART, Outcome.INVALID_NUMBER, Outcome.HEARD, Outcome.HEARD_CONFIRMED]
)
def test_some_answers_are_never_asked_for_twice(tmp_path: Path, outcome: Outcome) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.scripts[ONE] = [says(outcome)]
    action = town.acts()
    town.passes(3_600)
    assert len(town.voice.left) == 1
    assert town.counts(action) == {"voice": {outcome.value: 1}}


def test_one_cap_holds_whatever_the_causes(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.scripts[ONE] = [says(Outcome.BUSY), says(Outcome.NO_ANSWER), says(Outcome.UNREACHABLE), hears()]
    action = town.acts()
    town.passes(7_200)
    assert len(town.voice.left) == 3
    assert town.counts(action) == {"voice": {"unreachable": 1}}


def test_a_doubtful_text_is_sent_once_more_and_marked(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE, channels=SMS)
    town.starts_up()
    town.sms.scripts[ONE] = [connection_lost(), accepted_and(Outcome.DELIVERED)]
    action = town.acts(channels=SMS)
    town.passes(30)
    assert town.counts(action) == {"sms": {"unknown": 1}}
    town.passes(60)
    first, second = town.sms.left
    assert second.at - first.at >= 60.0
    assert not first.attempt.possible_duplicate
    assert second.attempt.possible_duplicate
    assert town.counts(action) == {"sms": {"delivered": 1}}
    assert town.sees(action).possible_duplicates == 1


def test_a_doubtful_text_whose_receipt_comes_is_not_sent_again(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE, channels=SMS)
    town.starts_up()
    town.sms.scripts[ONE] = [[*connection_lost(), accepted_and(Outcome.DELIVERED, 20.0)[1]]]
    action = town.acts(channels=SMS)
    town.passes(300)
    assert len(town.sms.left) == 1
    assert town.counts(action) == {"sms": {"delivered": 1}}


def test_a_receipt_after_the_close_still_counts(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE, channels=SMS)
    town.starts_up()
    town.sms.scripts[ONE] = [accepted_and(Outcome.DELIVERED, 500.0), accepted_and(None)]
    action = town.acts(channels=SMS)
    town.passes(10)
    town.closes(action)
    town.passes(60)
    assert town.sees(action).action.state is ActionState.CLOSED
    assert town.counts(action) == {"sms": {"sent": 1}}
    town.passes(500)
    assert town.counts(action) == {"sms": {"delivered": 1}}


def test_a_receipt_after_a_restart_finds_its_delivery(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE, channels=SMS)
    town.starts_up()
    action = town.acts(channels=SMS)
    town.passes(10)
    attempt = town.sms.left[0].attempt.id
    town.restarts()
    receipt = accepted_and(Outcome.DELIVERED)[1][1]
    town.engine.attempt_event(attempt, receipt)  # type: ignore[arg-type]  # a receipt is an attempt event
    town.passes(1)
    assert town.counts(action) == {"sms": {"delivered": 1}}


def test_expiry_is_a_close_by_the_clock(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE, 10)
    town.lives(TWO, 20)
    town.starts_up()
    town.voice.scripts[TWO] = [says(Outcome.BUSY)]
    action = town.acts(expires_in=90.0)
    town.passes(200)
    assert town.counts(action) == {"voice": {"heard": 1, "expired": 1}}
    view = town.sees(action)
    assert (view.action.state, view.action.closing_outcome) == (ActionState.CLOSED, ClosingOutcome.EXPIRED)
    assert town.voice.numbers(MessageKind.CLOSING) == [ONE]


def test_what_expired_while_the_daemon_was_down_does_not_leave(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.scripts[ONE] = [says(Outcome.BUSY)]
    action = town.acts(expires_in=100.0)
    town.passes(10)
    town.dies()
    town.clock.advance(600)
    town.restarts()
    town.passes(300)
    assert len(town.voice.left) == 1
    assert town.counts(action) == {"voice": {"expired": 1}}
    assert town.sees(action).action.state is ActionState.CLOSED


def test_quiet_hours_hold_all_but_those_who_said_night(tmp_path: Path) -> None:
    town = Town(tmp_path, rules=QUIET, begin=datetime(2026, 11, 24, 22, 0, tzinfo=UTC))
    town.lives(ONE, 10)
    town.lives(TWO, 20, night=True)
    town.starts_up()
    action = town.acts(kind=Kind.MISSING_PERSON)
    town.passes(600)
    assert town.voice.numbers() == [TWO]
    assert town.counts(action) == {"voice": {"heard": 1, "held_quiet_hours": 1}}
    town.passes(8 * 3_600)
    assert town.voice.numbers() == [TWO, ONE]
    assert town.counts(action) == {"voice": {"heard": 2}}


def test_what_the_quiet_hours_held_is_final_at_the_close(tmp_path: Path) -> None:
    town = Town(tmp_path, rules=QUIET, begin=datetime(2026, 11, 24, 22, 0, tzinfo=UTC))
    town.lives(ONE)
    town.starts_up()
    action = town.acts()
    town.passes(60)
    town.closes(action)
    town.passes(60)
    assert town.counts(action) == {"voice": {"held_quiet_hours": 1}}
    assert town.sees(action).action.state is ActionState.CLOSED


def test_a_retry_that_falls_into_quiet_hours_waits_for_their_end(tmp_path: Path) -> None:
    town = Town(tmp_path, rules=QUIET, begin=datetime(2026, 11, 24, 20, 59, tzinfo=UTC))
    town.lives(ONE)
    town.starts_up()
    town.voice.scripts[ONE] = [says(Outcome.BUSY), hears()]
    action = town.acts()
    town.passes(3_600)
    assert town.counts(action) == {"voice": {"held_quiet_hours": 1}}
    town.passes(9 * 3_600)
    assert [left.at for left in town.voice.left][1] >= 9 * 3_600
    assert town.counts(action) == {"voice": {"heard": 1}}


def test_a_closing_message_waits_for_the_morning_and_the_action_ends_then(tmp_path: Path) -> None:
    town = Town(tmp_path, rules=QUIET, begin=datetime(2026, 11, 24, 20, 50, tzinfo=UTC))
    town.lives(ONE)
    town.starts_up()
    action = town.acts()
    town.passes(1_200)
    town.closes(action)
    town.passes(1_200)
    assert town.counts(action, MessageKind.CLOSING) == {"voice": {"held_quiet_hours": 1}}
    assert town.sees(action).action.state is ActionState.CLOSING
    town.passes(10 * 3_600)
    assert town.counts(action, MessageKind.CLOSING) == {"voice": {"heard": 1}}
    assert town.sees(action).action.state is ActionState.CLOSED


def test_who_opts_out_is_left_alone_in_all_actions_until_they_sign_up_again(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE, 10, channels=BOTH)
    town.lives(TWO, 20, channels=BOTH)
    town.starts_up()
    town.voice.scripts[ONE] = [says(Outcome.BUSY)]
    first = town.acts(channels=BOTH)
    town.passes(10)
    town.wait(town.engine.opt_out(PhoneNumber(ONE), ChannelName.VOICE))
    town.passes(300)
    assert town.counts(first)["voice"] == {"heard": 1, "opted_out": 1}
    second = town.acts(channels=BOTH)
    town.passes(60)
    assert town.counts(second) == {"voice": {"heard": 1, "opted_out": 1}, "sms": {"sent": 2}}
    town.lives(ONE, 10, channels=BOTH)
    town.settles()
    third = town.acts(channels=BOTH)
    town.passes(60)
    assert town.counts(third)["voice"].get("opted_out") is None


def test_an_action_that_reaches_nobody_can_not_start(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    action = town.composes(area=Postcodes(("9999",)))
    with pytest.raises(Conflict, match="nobody"):
        town.wait(town.engine.start(action, "j.operator"))
    assert town.sees(action).action.state is ActionState.DRAFT


def test_an_expired_action_can_not_start(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    action = town.composes(expires_in=10.0)
    town.passes(20)
    with pytest.raises(Conflict, match="expiry"):
        town.wait(town.engine.start(action, "j.operator"))


def test_wrong_requests_say_what_is_wrong(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    with pytest.raises(Invalid, match="postcode"):
        town.composes(area=Postcodes(("nowhere",)))
    with pytest.raises(NotFound):
        town.sees("none")  # type: ignore[arg-type]  # no such action
    action = town.acts()
    with pytest.raises(Conflict, match="runs"):
        town.wait(town.engine.start(action, "j.operator"))
    with pytest.raises(Conflict, match="runs"):
        town.wait(town.engine.edit(action, town.drafts(), "j.operator"))
    town.closes(action)
    with pytest.raises(Conflict):
        town.closes(action)


def test_a_message_that_could_not_be_rendered_is_tried_again(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.prepare_fails = 2
    action = town.acts()
    town.passes(4)
    assert town.voice.left == []
    town.passes(30)
    assert town.counts(action) == {"voice": {"heard": 1}}


def test_who_opts_out_while_it_rings_is_not_called_again(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.scripts[ONE] = [says(Outcome.BUSY, 10.0)]
    action = town.acts()
    town.passes(2)
    town.wait(town.engine.opt_out(PhoneNumber(ONE), ChannelName.VOICE))
    town.passes(600)
    assert len(town.voice.left) == 1
    assert town.counts(action) == {"voice": {"opted_out": 1}}
    town.closes(action)
    town.passes(10)
    assert town.sees(action).action.state is ActionState.CLOSED


def test_a_write_under_a_lost_lease_lets_nothing_leave(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.places = 0
    town.acts()
    town.passes(1)
    with town.database.writing.begin() as connection:
        connection.execute(update(deliveries).values(lease_epoch=99))
    town.voice.places = 5
    town.engine.capacity_changed(ChannelName.VOICE)
    town.passes(5)
    assert town.voice.left == []
    assert town.voice.in_use == 0
