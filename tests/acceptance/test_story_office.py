"""What the control room does beside alerting: callers, desks, hand-over, tips, replies, calls, participants, watching."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import ActionState, Circle, Desk, Municipality, Polygon, Postcodes
from gateway.domain.calls import CallView
from gateway.domain.identifiers import DeskId
from gateway.domain.outcomes import ChannelName, Outcome
from gateway.engine.interface import Conflict, Invalid, NotFound
from gateway.engine.views import Event
from tests.acceptance.scripted_channels import says
from tests.acceptance.town import BOTH, DEPUTY, DESK, SQUARE, Town

ONE, TWO = "+31612345601", "+31612345602"


def test_a_caller_reaches_the_newest_action_that_reached_them(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE, 300)
    town.lives(TWO, 20)
    town.starts_up()
    town.voice.scripts[TWO] = [says(Outcome.DECLINED)]
    first = town.acts()
    town.passes(30)
    second = town.acts()
    town.passes(30)
    found = town.wait(town.engine.actions_of(PhoneNumber(ONE), 3_600.0))
    assert [each.action for each in found] == [second, first]
    assert found[0].owner == DESK.id
    assert all(each.running for each in found)
    assert found[0].distance_metres == pytest.approx(300, abs=1)
    assert town.wait(town.engine.actions_of(PhoneNumber(TWO), 3_600.0)) == []


def test_after_the_grace_an_action_has_no_callers(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    action = town.acts()
    town.passes(30)
    town.closes(action)
    town.passes(600)
    (found,) = town.wait(town.engine.actions_of(PhoneNumber(ONE), 3_600.0))
    assert not found.running
    assert not town.wait(town.engine.actions_of(PhoneNumber(ONE), 60.0))


def test_a_hand_over_changes_who_callers_reach(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    action = town.acts()
    town.passes(30)
    view = town.wait(town.engine.hand_over(action, DEPUTY.id, "j.operator"))
    assert view.action.draft.owner == DEPUTY.id
    assert town.wait(town.engine.actions_of(PhoneNumber(ONE), 60.0))[0].owner == DEPUTY.id
    with pytest.raises(Invalid):
        town.wait(town.engine.hand_over(action, DeskId("nobody"), "j.operator"))


def test_who_is_rung_for_an_owner(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.starts_up()
    third = Desk(DeskId("desk-9"), "Meldkamer 9", None, "oost")
    other = Desk(DeskId("desk-1"), "Meldkamer 1", None, "west")
    for desk in (third, other):
        town.wait(town.engine.add_desk(desk, "j.operator"))
    rung = [desk.id for desk in town.wait(town.engine.desks_for(DESK.id, None))]
    assert rung == ["desk-7", "desk-8", "desk-9"]
    town.wait(town.engine.set_present(DESK.id, False, "j.operator"))
    assert [desk.id for desk in town.wait(town.engine.desks_for(DESK.id, None))] == ["desk-8", "desk-9"]
    assert [desk.id for desk in town.wait(town.engine.desks_for(None, "west"))] == ["desk-1"]
    town.restarts()
    assert [desk.id for desk in town.wait(town.engine.desks_for(DESK.id, None))] == ["desk-8", "desk-9"]
    with pytest.raises(NotFound):
        town.wait(town.engine.set_present(DeskId("desk-5"), True, "j.operator"))


def test_the_same_key_gives_the_same_action_and_no_other(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.starts_up()
    first = town.wait(town.engine.create(town.drafts(), "j.operator", "key"))
    again = town.wait(town.engine.create(town.drafts(), "j.operator", "key"))
    assert first.action.id == again.action.id
    with pytest.raises(Conflict, match="Idempotency-Key"):
        town.wait(town.engine.create(town.drafts(message="iets anders"), "j.operator", "key"))


def test_a_draft_is_edited_and_estimated(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE, channels=BOTH)
    town.lives(TWO, 2_000)
    town.starts_up()
    action = town.composes()
    assert town.sees(action).estimate.recipients == {ChannelName.VOICE: 2}
    draft = town.drafts(channels=BOTH, area=Circle(*SQUARE, 500.0), message="x" * 200)
    view = town.wait(town.engine.edit(action, draft, "j.operator"))
    assert view.estimate.recipients == {ChannelName.VOICE: 1, ChannelName.SMS: 1}
    assert view.estimate.sms_segments == 2
    town.wait(town.engine.start(action, "j.operator"))
    town.passes(30)
    assert town.counts(action) == {"voice": {"heard": 1}, "sms": {"sent": 1}}


@pytest.mark.parametrize(
    ("area", "reached"),
    [
        (Circle(*SQUARE, 500.0), 1),
        (Circle(*SQUARE, 5_000.0), 2),
        (Postcodes(("3511",)), 2),
        (Postcodes(("3511AB", "3511", "9999")), 2),
        (Postcodes(("3512",)), 0),
        (Municipality("utrecht"), 2),
        (Municipality("Ede"), 0),
        (Polygon((((5.0, 52.09), (5.2, 52.09), (5.2, 52.095), (5.0, 52.095), (5.0, 52.09)),)), 1),
    ],
)
def test_each_kind_of_area_estimates_and_freezes_the_same(tmp_path: Path, area: object, reached: int) -> None:
    town = Town(tmp_path)
    town.lives(ONE, 100)
    town.lives(TWO, 2_000)
    town.starts_up()
    action = town.composes(area=area)
    assert town.sees(action).estimate.recipients == {ChannelName.VOICE: reached}
    if reached:
        town.wait(town.engine.start(action, "j.operator"))
        assert len(town.deliveries(action)) == reached


def test_a_number_with_two_places_is_alerted_once_at_its_nearest(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE, 2_000)
    town.lives(ONE, 50)
    town.starts_up()
    town.acts()
    town.passes(30)
    assert town.voice.numbers() == [ONE]
    found = town.wait(town.engine.actions_of(PhoneNumber(ONE), 60.0))
    assert found[0].distance_metres == pytest.approx(50, abs=1)


def test_tips_replies_calls_and_callbacks_are_kept_and_paged(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    action = town.acts()
    town.passes(30)
    for number in range(103):
        town.wait(town.engine.save_tip(Path(f"{number}.wav"), 900, PhoneNumber(ONE), action))
        town.clock.advance(1)
    page = town.wait(town.engine.tips(action))
    assert len(page.items) == 100
    assert page.items[0].path == Path("102.wav")
    rest = town.wait(town.engine.tips(action, page.next))
    assert ([tip.path.name for tip in rest.items], rest.next) == (["2.wav", "1.wav", "0.wav"], None)
    assert town.wait(town.engine.tip(page.items[0].id)).milliseconds == 900
    reply = town.wait(town.engine.save_reply(PhoneNumber(ONE), "Ik zag hem", town.now()))
    assert reply.action == action
    assert [each.text for each in town.wait(town.engine.replies(action)).items] == ["Ik zag hem"]
    call = CallView("leg", "in", action, PhoneNumber(ONE), "kpn", "id", town.now(), None, None, None, None, None, None)
    town.wait(town.engine.save_call(call))
    ended = replace(call, ended_at=town.now(), cause="hung_up", ended_by="them")
    town.wait(town.engine.save_call(ended))
    assert town.wait(town.engine.calls("in")).items == (ended,)
    assert town.wait(town.engine.calls("out")).items == ()
    town.wait(town.engine.count_callback(action))
    assert town.sees(action).callbacks == 1
    with pytest.raises(Invalid):
        town.wait(town.engine.tips(action, "no cursor"))


def test_deliveries_come_in_pages_and_by_outcome(tmp_path: Path) -> None:
    town = Town(tmp_path)
    numbers = town.population(230)
    town.starts_up()
    town.voice.scripts[numbers[5]] = [says(Outcome.DECLINED)]
    action = town.acts()
    town.passes(30)
    assert len(town.deliveries(action)) == 230
    declined = town.wait(town.engine.deliveries(action, Outcome.DECLINED)).items
    assert [each.number.e164 for each in declined] == [numbers[5]]
    assert declined[0].history[0].peer == "kpn"
    assert declined[0].history[0].outcome is Outcome.DECLINED


def test_participants_come_from_a_file(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.starts_up()
    path = tmp_path / "people.csv"
    path.write_text("phone,channel,postcode\n06-12345601,voice,3511 AB\n112,voice,3511AB\n")
    seen: list[tuple[int, int]] = []
    dry = town.wait(town.engine.import_participants(path, dry_run=True, actor="j.operator"))
    assert (dry.imported, dry.refused_total) == (1, 1)
    assert town.wait(town.engine.count_participants()) == 0
    report = town.wait(
        town.engine.import_participants(
            path, dry_run=False, actor="j.operator", progress=lambda done, size: seen.append((done, size))
        )
    )
    assert (report.rows, report.imported) == (2, 1)
    assert (report.refused[0].line, report.refused[0].field) == (3, "phone")
    assert town.wait(town.engine.count_participants()) == 1
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)
    town.wait(town.engine.import_participants(path, dry_run=False, actor="j.operator"))
    assert town.wait(town.engine.count_participants()) == 1
    action = town.acts(area=Postcodes(("3511AB",)))
    assert len(town.deliveries(action)) == 1


def test_a_recording_stands_in_for_speech_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    action = town.composes()
    with pytest.raises(Invalid, match="WAV"):
        town.wait(town.engine.set_recording(action, b"short", "j.operator"))
    town.wait(town.engine.set_recording(action, b"RIFF" + bytes(60), "j.operator"))
    town.wait(town.engine.start(action, "j.operator"))
    town.passes(5)
    assert town.voice.prepared[0].recording is not None
    assert list((tmp_path / "recordings").iterdir()) == [town.voice.prepared[0].recording]


def test_watchers_see_what_was_committed(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    seen: list[Event] = []

    async def watch() -> None:
        async for event in town.engine.events():
            seen.append(event)

    watching = Deferred.fromCoroutine(watch())
    action = town.acts()
    town.passes(30)
    town.closes(action)
    town.passes(30)
    states = [event.data["state"] for event in seen if event.kind == "action"]
    assert states == ["draft", "active", "closing", "closed"]
    counts = [event.data["counts"] for event in seen if event.kind == "delivery"]
    assert counts[-1] == {"voice": {"heard": 1}}
    assert [event.id for event in seen] == sorted(event.id for event in seen)
    town.engine.end()
    assert watching.called


def test_the_seconds_until_half_and_nearly_all_were_reached(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.population(20)
    town.starts_up()
    town.voice.places = 1
    action = town.acts()
    town.passes(300)
    seconds = town.sees(action).reached_seconds
    assert seconds[50] == pytest.approx(120, abs=5)
    assert seconds[90] == pytest.approx(216, abs=5)
    assert set(seconds) == {50, 90, 95}


def test_who_heard_it_counts_as_reached_and_as_tried_before_the_call_ends(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    action = town.acts()
    town.passes(9)
    (heard,) = town.deliveries(action)
    assert (heard.outcome, heard.attempts) == (Outcome.HEARD, 1)
    assert town.sees(action).reached_seconds[95] == pytest.approx(8, abs=0.5)
    town.restarts()
    town.passes(30)
    assert town.sees(action).reached_seconds[95] == pytest.approx(8, abs=0.5)
    (done,) = town.deliveries(action)
    assert (done.outcome, done.attempts) == (Outcome.HEARD, 1)


def test_results_a_person_are_forgotten_and_the_counts_stay(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    action = town.acts()
    town.passes(30)
    town.closes(action)
    town.passes(60)
    assert town.sees(action).action.state is ActionState.CLOSED
    town.passes(8 * 86_400)
    assert town.deliveries(action) == []
    assert town.counts(action) == {"voice": {"heard": 1}}


def test_the_engine_leaves_no_timer_behind(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.scripts[ONE] = [says(Outcome.BUSY)]
    town.acts(expires_in=5_000.0)
    town.passes(30)
    town.engine.end()
    town.voice.die()
    assert [call for call in town.clock.getDelayedCalls() if call.active()] == []
