"""Each trunk's daily test call: when and over what it leaves, what it takes, and what becomes an alarm."""

from __future__ import annotations

from datetime import timedelta

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from foundation.sound import Sound
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.calls import CallView
from gateway.engine.daily_calls import BUSY_SECONDS, LATE_SECONDS, TEXT, DailyCalls
from ivr.call import Call, SavedDialog, ToTrunk, TrunkStatus
from ivr.sip.trunk import Trunk
from prompts.speech import SpeechFailed
from tests.acceptance.scripted_people import Neighbourhood, Person, ScriptedLibrary
from tests.acceptance.scripted_telephone import EPOCH, ScriptedTelephone, advance, clocks, scripted_trunk

ECHO = "+31850001122"
OTHER_ECHO = "+31850003344"


class Voice(ScriptedLibrary):
    broken = False

    async def speech(self, text: str, language: str = "nl", *, repeat_pause: bool = False) -> Sound:
        if self.broken:
            raise SpeechFailed("espeak is gone")
        return await super().speech(text, language, repeat_pause=repeat_pause)


class Journal:
    """`hangs`: the save before an INVITE never comes back."""

    hangs = False

    async def save(self, dialog: SavedDialog) -> None:
        if self.hangs:
            await Deferred()


class Morning:
    """Trunks kpn, tested a minute after the begin, and voda, a minute later. kpn is the one that alerts prefer."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.people = Neighbourhood(self.clock)
        self.kpn = self.trunk("kpn", ECHO, 1, channels=2, reserved_for_callbacks=1)
        self.voda = self.trunk("voda", OTHER_ECHO, 2, priority=2)
        self.voice = Voice()
        self.journal = Journal()
        self.telephone = ScriptedTelephone(self.people, [self.kpn, self.voda], library=self.voice, journal=self.journal)
        self.saved: dict[str, CallView] = {}
        self.daily = DailyCalls(self.telephone, self.voice, self._save, clocks(self.clock), self.clock)
        self.daily.follow([self.kpn.settings, self.voda.settings])

    def trunk(self, name: str, number: str, minutes: int, **more: object) -> Trunk:
        at = (EPOCH + timedelta(minutes=minutes)).astimezone().strftime("%H:%M")
        return scripted_trunk(name, test_number=number, test_at=at, **more)

    async def _save(self, call: CallView) -> None:
        self.saved[call.id] = call

    @property
    def echo(self) -> Person:
        return self.people.person(ECHO)

    def passes(self, seconds: float) -> None:
        advance(self.clock, seconds)

    def status(self, name: str = "kpn") -> TrunkStatus:
        return next(trunk for trunk in self.telephone.trunks() if trunk.name == name)

    def left(self) -> list[tuple[float, str, str]]:
        """When, over which trunk and to whom calls went."""
        routes = [(placed.at, placed.route) for placed in self.telephone.placed]
        return [(round(at), to.trunk, to.number.e164) for at, to in routes if isinstance(to, ToTrunk)]


@pytest.fixture
def morning() -> Morning:
    return Morning()


def test_each_trunk_is_called_over_at_its_time_once_a_day(morning: Morning) -> None:
    morning.echo.hears(TEXT)
    morning.passes(59.9)
    assert morning.left() == []
    morning.passes(240)
    morning.clock.advance(86_400 - 300)
    morning.passes(300)
    day = 86_400
    assert morning.left() == [
        (60, "kpn", ECHO),
        (120, "voda", OTHER_ECHO),
        (day + 60, "kpn", ECHO),
        (day + 120, "voda", OTHER_ECHO),
    ]
    assert morning.people.unmet == []


def test_sound_both_ways_is_well_and_the_call_is_on_the_bill(morning: Morning) -> None:
    morning.passes(119)
    assert (morning.status().test_fault, morning.status().last_error) == (None, None)
    assert morning.status().tested_at is not None
    assert morning.status("voda").tested_at is None
    (call,) = morning.saved.values()
    assert (call.number, call.peer, call.action, call.ended_by) == (PhoneNumber(ECHO), "kpn", None, "us")
    assert morning.people.on_the_phone == []
    assert morning.status().channels_in_use == 0


@pytest.mark.parametrize(
    ("person", "words"),
    [
        (lambda echo: echo.is_busy(), "was not answered: busy (SIP 486)"),
        (lambda echo: echo.does_not_answer(), "was not answered: no answer (SIP 487)"),
        (lambda echo: echo.trunk_fails(), "was not answered: trunk fault (SIP 503)"),
        (lambda echo: echo.is_silent(), "was answered and no sound came from there"),
        (lambda echo: echo.reports_that_nothing_arrives(), "our sound does not arrive there, say their reports"),
    ],
)
def test_what_is_an_alarm(morning: Morning, person: object, words: str) -> None:
    assert callable(person)
    person(morning.echo)
    morning.passes(119)
    assert words in (morning.status().test_fault or "")
    assert morning.status().last_error == morning.status().test_fault
    morning.echo.next_time()
    morning.clock.advance(86_400 - 119)
    morning.passes(119)
    assert morning.status().test_fault is None, "a test that went well ends the alarm"


def test_who_answers_and_hangs_up_has_shown_that_the_trunk_works(morning: Morning) -> None:
    morning.echo.waits(1).hangs_up()
    morning.passes(119)
    assert morning.status().test_fault is None
    assert morning.status().tested_at is not None


def test_it_takes_an_alerts_channel_and_never_the_reserve(morning: Morning) -> None:
    alert = PhoneNumber("+31612345678")
    now = morning.clock.seconds()
    assert morning.telephone.reserve_alert(alert, frozenset(), now) == "kpn"
    morning.passes(100)
    assert morning.left() == []
    morning.telephone.release_alert("kpn", alert)
    morning.passes(1.1)
    assert [to[1:] for to in morning.left()] == [("kpn", ECHO)]
    morning.passes(5)
    assert morning.status().alert_channels_in_use == 1


def test_a_trunk_full_of_alerts_is_no_alarm_within_the_hour(morning: Morning) -> None:
    morning.telephone.reserve_alert(PhoneNumber("+31612345678"), frozenset(), 0.0)
    morning.passes(60)
    advance(morning.clock, BUSY_SECONDS - 2, 1.0)
    assert morning.status().tested_at is None
    advance(morning.clock, 5, 1.0)
    assert morning.status().test_fault == "the daily test call could not be placed: no channel came free in 60 minutes"


def test_a_trunk_that_stays_down_is_an_alarm(morning: Morning) -> None:
    morning.kpn.health.located = False
    morning.passes(60)
    advance(morning.clock, LATE_SECONDS - 2, 1.0)
    assert morning.status().tested_at is None
    advance(morning.clock, 5, 1.0)
    assert morning.status().test_fault == "the daily test call could not be placed: the trunk is down"
    assert [to[1:] for to in morning.left()] == [("voda", OTHER_ECHO)], "never over another trunk"


def test_a_call_that_hangs_is_an_alarm_and_leaves_nothing(morning: Morning) -> None:
    morning.journal.hangs = True
    morning.passes(60)
    advance(morning.clock, LATE_SECONDS + 2, 1.0)
    assert morning.status().test_fault == "the daily test call was not over after 5 minutes"
    assert morning.status().channels_in_use == 0
    assert morning.left() == []


def test_without_a_voice_a_tone_must_do(morning: Morning) -> None:
    morning.voice.broken = True
    morning.echo.hears("(test)").waits(30)
    morning.passes(119)
    assert morning.people.unmet == []
    assert morning.status().test_fault is None
    assert morning.status().tested_at is not None


@pytest.mark.parametrize("seconds", [30.0, 62.0, 67.0])
def test_a_stop_is_no_alarm_and_ends_what_is_under_way(morning: Morning, seconds: float) -> None:
    morning.passes(seconds)
    morning.daily.stop()
    morning.passes(1)
    assert morning.people.on_the_phone == []
    assert morning.status().tested_at is None
    assert morning.status().channels_in_use == 0
    before = morning.left()
    morning.clock.advance(86_400)
    assert morning.left() == before


def test_a_reload_changes_time_number_and_trunks(morning: Morning) -> None:
    later = morning.trunk("kpn", OTHER_ECHO, 3)
    morning.daily.follow([later.settings])
    morning.passes(300)
    assert morning.left() == [(180, "kpn", OTHER_ECHO)]


def test_a_trunk_without_a_test_number_is_left_alone(morning: Morning) -> None:
    morning.daily.follow([scripted_trunk("kpn").settings])
    morning.clock.advance(86_400)
    assert morning.left() == []
    assert morning.clock.getDelayedCalls() == []


def test_a_call_that_the_telephone_refuses_is_an_alarm(morning: Morning) -> None:
    draining = Deferred.fromCoroutine(morning.telephone.drain(1000))
    morning.passes(70)
    assert morning.status().test_fault == ("the daily test call could not be placed: the telephone takes no more calls")
    draining.addErrback(lambda _: None)


def test_a_mistake_of_our_own_is_an_alarm_too(morning: Morning, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dial(route: object, *, reserved: bool = False) -> Call:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(morning.telephone, "dial", dial)
    morning.passes(70)
    assert morning.status().test_fault == "the daily test call failed by our own fault"
