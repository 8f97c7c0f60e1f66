"""Admission: never more than channels, prefix limits and rate allow, nearly all of it used; health and choice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.clock import Monotonic, Saved
from foundation.telephone_numbers import PhoneNumber
from ivr.settings import TrunkSettings
from ivr.sip.health import TABLE, Event, Health, State
from ivr.sip.trunk import PrefixLimits, Trunk, TrunkGroup, Use

NUMBER = PhoneNumber("+31612345678")
AMSTERDAM = PhoneNumber("+31201234567")
NONE: frozenset[str] = frozenset()
AT = Saved(datetime(2026, 1, 1, tzinfo=UTC))


def _trunk(name: str = "a", **changes: Any) -> Trunk:
    values = {"name": name, "proxy": "sip:127.0.0.1", "caller_id": "+31343529850", "channels": 10, **changes}
    return Trunk(TrunkSettings.model_validate(values))


def _group(*trunks: Trunk, **limits: int) -> TrunkGroup:
    return TrunkGroup(trunks or (_trunk(),), PrefixLimits({"+" + key[1:]: limit for key, limit in limits.items()}))


def _fill(group: TrunkGroup, now: float, number: PhoneNumber = NUMBER) -> int:
    placed = 0
    while (name := group.reserve_alert(number, NONE, Monotonic(now))) is not None:
        group.trunks[name].turn(Monotonic(now))
        placed += 1
    return placed


def test_alerts_leave_the_reserve_and_callbacks_may_use_it() -> None:
    group = _group(_trunk(reserved_for_callbacks=3, calls_per_second=1000))
    assert _fill(group, 0) == 7
    assert [group.reserve_other(NUMBER, NONE, Monotonic(0)) for _ in range(4)] == ["a", "a", "a", None]
    assert not group.admit_incoming("a")
    status = group.trunks["a"].status(Monotonic(0))
    assert (status.channels_in_use, status.alert_channels_in_use, status.reserved_for_callbacks) == (10, 7, 3)


def test_the_reserve_is_five_per_cent_where_none_is_named() -> None:
    group = _group(_trunk(channels=200, calls_per_second=10_000))
    assert _fill(group, 0) == 190


def test_incoming_calls_beyond_the_reserve_leave_fewer_for_alerts() -> None:
    group = _group(_trunk(reserved_for_callbacks=2, calls_per_second=1000))
    assert all(group.admit_incoming("a") for _ in range(5))
    assert _fill(group, 0) == 5
    group.release_incoming("a")
    assert group.alert_capacity(Monotonic(1)) == (1, None)


def test_a_place_given_back_is_a_place() -> None:
    group = _group(_trunk(channels=2, reserved_for_callbacks=1))
    assert group.reserve_alert(NUMBER, NONE, Monotonic(0)) == "a"
    assert group.alert_capacity(Monotonic(0)) == (0, None)
    group.release_alert("a", NUMBER)
    assert group.alert_capacity(Monotonic(0)) == (1, None)


def test_few_places_wait_for_their_turn_at_once() -> None:
    group = _group(_trunk(channels=100, calls_per_second=10))
    taken = 0
    while group.reserve_alert(NUMBER, NONE, Monotonic(0)):
        taken += 1
    assert taken == 3
    places, again = group.alert_capacity(Monotonic(0))
    assert places == 0
    assert again is not None


@given(
    channels=st.integers(1, 40),
    per_second=st.integers(1, 60),
    hold=st.floats(0.1, 5),
    late=st.lists(st.floats(0, 0.004), min_size=1, max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_channels_and_rate_hold_and_are_used(channels: int, per_second: int, hold: float, late: list[float]) -> None:
    """A greedy engine: each call takes its turn when the rate says so, and frees its channel after `hold` seconds."""
    group = _group(_trunk(channels=channels, calls_per_second=per_second, reserved_for_callbacks=0))
    trunk = group.trunks["a"]
    waiting, up, sent, now, turn = 0, [], [], 0.0, 0
    while now < 20:
        while up and up[0] <= now:
            up.pop(0)
            group.release_alert("a", NUMBER, waiting=False)
        while group.reserve_alert(NUMBER, NONE, Monotonic(now)):
            waiting += 1
        while waiting and trunk.turn(Monotonic(now)) == 0.0:
            waiting -= 1
            sent.append(now)
            up.append(now + hold)
        assert trunk.in_use == waiting + len(up) <= channels
        wait = trunk._rate.wait(Monotonic(now)) if waiting else 20.0
        after = min([moment - now for moment in up[:1]] + ([wait] if waiting else []), default=0.01)
        now += max(after, 1e-6) + (late[turn % len(late)] if after == wait else 0.0)
        turn += 1
    first = 0
    for last, moment in enumerate(sent):
        while moment - sent[first] > 1.0:
            first += 1
        assert last - first + 1 <= per_second
    possible = min(channels / hold, per_second) * 20
    assert len(sent) >= 0.95 * possible - 2


def test_a_prefix_limit_counts_over_all_trunks() -> None:
    group = _group(_trunk("a", calls_per_second=1000), _trunk("b", calls_per_second=1000), p3120=3)
    assert _fill(group, 0, AMSTERDAM) == 3
    assert group.reserve_other(AMSTERDAM, NONE, Monotonic(0)) is None
    assert group.reserve_alert(NUMBER, NONE, Monotonic(0)) is not None
    group.release_alert("a", AMSTERDAM, waiting=False)
    assert group.reserve_alert(AMSTERDAM, NONE, Monotonic(0)) is not None


def test_priority_first_then_weight() -> None:
    group = _group(
        _trunk("main", priority=1, weight=3, channels=100, calls_per_second=1000),
        _trunk("second", priority=1, weight=1, channels=100, calls_per_second=1000),
        _trunk("spare", priority=2, channels=100, calls_per_second=1000),
    )
    chosen = [group.reserve_alert(NUMBER, NONE, Monotonic(0)) for _ in range(40)]
    assert (chosen.count("main"), chosen.count("second"), chosen.count("spare")) == (30, 10, 0)
    assert group.reserve_alert(NUMBER, frozenset({"main", "second"}), Monotonic(0)) == "spare"
    assert group.reserve_alert(NUMBER, frozenset({"main", "second", "spare"}), Monotonic(0)) is None


def test_one_missed_ping_takes_nothing_down_and_one_answer_brings_it_back() -> None:
    health = Health()
    for _ in range(2):
        health.missed("no answer", AT)
        assert health.usable(Monotonic(0))
    health.missed("no answer", AT)
    assert health.word(Monotonic(0)) == "down"
    health.missed("no answer", AT)
    assert health.last_error == "no answer"
    health.answered(0.02)
    assert health.word(Monotonic(0)) == "up"
    health.missed("no answer", AT)
    assert health.word(Monotonic(0)) == "up"


def test_retry_after_is_respected_and_told() -> None:
    group = _group()
    group.trunks["a"].health.refuse(30, Monotonic(0))
    assert group.alert_capacity(Monotonic(1)) == (0, 30)
    assert group.trunks["a"].status(Monotonic(1)).state == "refusing"
    assert group.alert_capacity(Monotonic(30))[0] > 0
    group.trunks["a"].health.refuse(1e9, Monotonic(0))
    assert group.trunks["a"].health.refusing_until == 600


def test_a_trunk_that_must_register_takes_no_calls_before_or_after() -> None:
    trunk = _trunk(register=True)
    assert trunk.status(Monotonic(0)).state == "unregistered"
    trunk.health.registered(60, Monotonic(0), AT)
    assert trunk.status(Monotonic(59)).state == "up"
    assert trunk.status(Monotonic(61)).state == "unregistered"
    trunk.health.registered(None, Monotonic(0), None)
    assert trunk.alert_capacity(Monotonic(0)).places == 0


@pytest.mark.parametrize("state", list(State))
def test_the_health_table_knows_every_ping(state: State) -> None:
    assert TABLE[state, Event.ANSWERED] is State.UP
    assert (state, Event.MISSED) in TABLE


def test_new_settings_keep_the_calls_that_are_up() -> None:
    group = _group(_trunk(calls_per_second=1000, reserved_for_callbacks=0))
    assert _fill(group, 0) == 10
    trunk = group.trunks["a"]
    trunk.reconfigure(_trunk(channels=4).settings)
    assert (trunk.in_use, trunk.places(Use.ALERT)) == (10, 0)


def test_a_trunk_that_is_taken_out_and_put_back_still_counts_its_calls() -> None:
    group = _group(_trunk(calls_per_second=1000, reserved_for_callbacks=0))
    assert _fill(group, 0) == 10
    group.reconfigure([_trunk("b").settings])
    assert list(group.trunks) == ["b"]
    group.release_alert("a", NUMBER, waiting=False)
    group.reconfigure([_trunk("b").settings, _trunk(calls_per_second=1000, channels=12).settings])
    assert [trunk.in_use for trunk in group.trunks.values()] == [0, 9]
    for _ in range(9):
        group.release_alert("a", NUMBER, waiting=False)
    assert group.trunks["a"].in_use == 0


def test_a_trunk_that_is_put_back_keeps_its_rate_and_not_its_health() -> None:
    group = _group(_trunk(calls_per_second=1))
    trunk = group.trunks["a"]
    assert trunk.turn(Monotonic(0)) == 0.0
    trunk.health.refuse(30, Monotonic(0))
    group.reconfigure([])
    group.reconfigure([_trunk(calls_per_second=1).settings])
    assert group.trunks["a"].turn(Monotonic(0.5)) > 0.5
    assert group.trunks["a"].health.word(Monotonic(0.5)) != "refusing"


def test_a_further_invite_counts_in_the_rate_and_frees_no_place() -> None:
    trunk = _trunk(calls_per_second=1)
    assert trunk.take(Use.ALERT)
    ahead = trunk.alert_capacity(Monotonic(0)).places
    assert trunk.turn_again(Monotonic(0)) == 0.0
    assert trunk.alert_capacity(Monotonic(0)).places == ahead
    assert trunk.turn(Monotonic(0.5)) > 0.5
