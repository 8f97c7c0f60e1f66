"""A trunk's health: what OPTIONS, calls and silence say of it."""

from datetime import UTC, datetime

from foundation.clock import Monotonic, saved
from foundation.telephone_numbers import PhoneNumber
from ivr.settings import TrunkSettings
from ivr.sip.health import PROBE_SECONDS, Health
from ivr.sip.trunk import PrefixLimits, Trunk, TrunkGroup

AT = saved(datetime(2026, 11, 24, 22, 0, tzinfo=UTC))
NOW = Monotonic(100.0)
NUMBER = PhoneNumber("+31612345678")


def _missed(health: Health, times: int) -> None:
    for _ in range(times):
        health.missed("no answer to OPTIONS", AT)


def test_one_missed_options_takes_nothing_down_three_do_and_one_answer_brings_it_back() -> None:
    health = Health()
    health.answered(0.01)
    _missed(health, 2)
    assert health.word(NOW) == "up"
    _missed(health, 1)
    assert health.word(NOW) == "down"
    health.answered(0.01)
    assert health.word(NOW) == "up"


def test_a_trunk_that_takes_calls_and_ignores_options_stays_up() -> None:
    health = Health()
    health.call_answered()
    _missed(health, 10)
    assert health.word(NOW) == "up"
    assert health.last_error == "no answer to OPTIONS; it takes calls all the same"


def test_where_options_are_answered_a_call_says_nothing_of_them() -> None:
    health = Health()
    health.answered(0.01)
    _missed(health, 3)
    health.call_answered()
    assert health.word(NOW) == "down"


def test_silent_calls_take_a_trunk_down_that_never_answered_options() -> None:
    health = Health()
    health.call_answered()
    for _ in range(3):
        health.call_unanswered(AT)
    assert health.word(NOW) == "down"


def test_a_trunk_that_was_always_silent_is_tried_with_one_call_now_and_then_and_comes_back_by_it() -> None:
    trunk = Trunk(TrunkSettings.model_validate({"name": "kpn", "proxy": "sip:127.0.0.1", "caller_id": "+31343529850"}))
    group = TrunkGroup([trunk], PrefixLimits({}))
    _missed(trunk.health, 3)

    assert group.alert_capacity(NOW) == (1, None)
    assert group.reserve_alert(NUMBER, frozenset(), NOW) == "kpn"
    assert group.alert_capacity(NOW) == (0, NOW + PROBE_SECONDS)
    assert group.reserve_alert(NUMBER, frozenset(), NOW) is None

    later = Monotonic(NOW + PROBE_SECONDS)
    assert group.reserve_alert(NUMBER, frozenset(), later) == "kpn"
    trunk.health.call_answered()
    assert group.alert_capacity(later)[0] > 1
