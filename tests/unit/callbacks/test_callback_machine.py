"""The machine of one callback: its tables enumerated, and each race by name."""

from __future__ import annotations

import itertools
import random

import pytest

from gateway.callbacks.machine import (
    CALLBACK,
    DESK,
    Callback,
    CallerGone,
    Connect,
    DeskAccepted,
    DeskAnswered,
    DeskGone,
    Effect,
    Event,
    Greet,
    Greeted,
    HangUpCaller,
    InvalidEvent,
    LetGo,
    OwnerChanged,
    Phase,
    RecordTip,
    Ring,
    Ringback,
    RingDesk,
    RingId,
    RingState,
    Stage,
    TipOver,
    Whisper,
    WhisperOver,
    begin,
    decide,
)
from gateway.domain.identifiers import DeskId

OWNER, DEPUTY, ANN, BOB = DeskId("owner"), DeskId("deputy"), DeskId("ann"), DeskId("bob")
STAGES: tuple[Stage, ...] = ((OWNER,), (DEPUTY,), (ANN, BOB))
R0, R1, R2, R3 = RingId(0), RingId(1), RingId(2), RingId(3)


def run(
    events: list[Event], stages: tuple[Stage, ...] = STAGES, **options: bool
) -> tuple[Callback, list[list[Effect]]]:
    """The state after these events, and what was to be done after each (the beginning first)."""
    state, effects = begin(stages, **options)
    done = [effects]
    for event in events:
        state, effects = decide(state, event)
        done.append(effects)
    return state, done


def test_the_first_desk_rings_while_the_caller_is_greeted() -> None:
    assert run([])[1] == [[Greet(), RingDesk(R0, OWNER)]]


def test_who_was_told_before_hears_it_ring_at_once() -> None:
    assert run([], greeting=False)[1] == [[Ringback(), RingDesk(R0, OWNER)]]


def test_owner_takes_the_call() -> None:
    state, done = run([Greeted(), DeskAnswered(R0), DeskAccepted(R0)])
    assert done[1:] == [[Ringback()], [Whisper(R0)], [Connect(R0)]]
    assert state.phase is Phase.TALKING


def test_the_key_works_while_the_caller_is_still_greeted() -> None:
    state, done = run([DeskAnswered(R0), DeskAccepted(R0), Greeted()])
    assert done[2:] == [[Connect(R0)], []]
    assert state.phase is Phase.TALKING


def test_busy_owner_then_deputy_then_the_room_at_once_then_a_tip() -> None:
    state, done = run([Greeted(), DeskGone(R0), DeskGone(R1), DeskGone(R2), DeskGone(R3), TipOver()])
    assert done[2:] == [
        [RingDesk(R1, DEPUTY)],
        [RingDesk(R2, ANN), RingDesk(R3, BOB)],
        [],
        [RecordTip()],
        [HangUpCaller()],
    ]
    assert state.phase is Phase.OVER


def test_a_desk_that_never_presses_the_key_is_let_go_and_the_next_is_rung() -> None:
    _, done = run([Greeted(), DeskAnswered(R0), WhisperOver(R0), DeskGone(R0)])
    assert done[3:] == [[LetGo(R0), RingDesk(R1, DEPUTY)], []]


def test_a_desk_that_hangs_up_in_the_whisper_has_declined() -> None:
    state, done = run([Greeted(), DeskAnswered(R0), DeskGone(R0)])
    assert done[3] == [RingDesk(R1, DEPUTY)]
    assert state.refused == {OWNER}


def test_a_desk_that_declined_is_not_rung_again_in_a_later_stage() -> None:
    _, done = run([Greeted(), DeskGone(R0), DeskGone(R1)], ((OWNER,), (ANN,), (OWNER, ANN, BOB)))
    assert done[3] == [RingDesk(R2, BOB)]


def test_the_desk_that_calls_is_not_rung() -> None:
    state, effects = begin(((OWNER,), (ANN,)), frozenset({OWNER}))
    assert effects == [Greet(), RingDesk(R0, ANN)]
    assert state.stages == ()


def test_two_desks_take_the_call_and_one_wins() -> None:
    room: tuple[Stage, ...] = ((ANN, BOB),)
    state, done = run([Greeted(), DeskAnswered(R0), DeskAnswered(R1), DeskAccepted(R1), DeskAccepted(R0)], room)
    assert done[4:] == [[Connect(R1), LetGo(R0)], []]
    state, effects = decide(state, DeskGone(R0))
    assert (state.phase, effects) == (Phase.TALKING, [])


def test_a_desk_that_answers_after_another_took_the_call_hears_no_whisper() -> None:
    _, done = run([Greeted(), DeskAnswered(R0), DeskAccepted(R0), DeskAnswered(R1), DeskGone(R1)], ((ANN, BOB),))
    assert done[3:] == [[Connect(R0), LetGo(R1)], [], []]


def test_one_of_the_room_declines_while_the_other_hears_the_whisper() -> None:
    state, done = run([Greeted(), DeskAnswered(R0), DeskGone(R1), DeskAccepted(R0)], ((ANN, BOB),))
    assert done[3:] == [[], [Connect(R0)]]
    assert state.phase is Phase.TALKING


@pytest.mark.parametrize(
    ("events", "released"),
    [
        ([], [LetGo(R0)]),
        ([Greeted()], [LetGo(R0)]),
        ([Greeted(), DeskAnswered(R0)], [LetGo(R0)]),
        ([Greeted(), DeskAnswered(R0), DeskAccepted(R0)], [LetGo(R0)]),
        ([Greeted(), DeskGone(R0), DeskGone(R1)], [LetGo(R2), LetGo(R3)]),
        ([Greeted(), DeskGone(R0), DeskGone(R1), DeskGone(R2), DeskGone(R3)], []),
        ([DeskGone(R0), DeskGone(R1), DeskGone(R2), DeskGone(R3)], []),
    ],
)
def test_the_caller_hangs_up_at_each_step(events: list[Event], released: list[Effect]) -> None:
    state, _ = run(events)
    state, effects = decide(state, CallerGone())
    assert state.phase is Phase.OVER
    assert effects == released


def test_the_caller_hangs_up_and_the_desk_presses_the_key_at_the_same_time() -> None:
    state, done = run([Greeted(), DeskAnswered(R0), CallerGone(), DeskAccepted(R0), DeskGone(R0)])
    assert done[3:] == [[LetGo(R0)], [], []]
    assert state.phase is Phase.OVER


def test_the_desk_hangs_up_and_the_caller_is_let_go() -> None:
    state, done = run([Greeted(), DeskAnswered(R0), DeskAccepted(R0), DeskGone(R0), CallerGone()])
    assert done[4:] == [[HangUpCaller()], []]
    assert state.phase is Phase.OVER


def test_nobody_is_there_and_the_greeting_is_said_to_its_end() -> None:
    state, done = run([DeskGone(R0), Greeted()], ((OWNER,),))
    assert done[1:] == [[], [RecordTip()]]
    assert state.phase is Phase.RECORDING


def test_without_any_desk_a_tip_follows_the_greeting() -> None:
    assert run([Greeted()], ())[1] == [[Greet()], [RecordTip()]]
    assert run([], (), greeting=False)[1] == [[RecordTip()]]


def test_a_hand_over_rings_the_new_owner_and_lets_the_old_one_go() -> None:
    state, done = run([Greeted(), OwnerChanged(((BOB,), (ANN,))), DeskGone(R0), DeskGone(R1)])
    assert done[2:] == [[LetGo(R0), RingDesk(R1, BOB)], [], [RingDesk(R2, ANN)]]
    assert OWNER not in state.refused


def test_a_hand_over_there_and_back_rings_the_first_owner_again() -> None:
    _, done = run([Greeted(), OwnerChanged(((BOB,),)), DeskGone(R0), OwnerChanged(((OWNER,),))])
    assert done[4] == [LetGo(R1), RingDesk(R2, OWNER)]


def test_a_hand_over_to_a_desk_that_rings_already_changes_nothing_for_it() -> None:
    state, done = run([Greeted(), OwnerChanged(((OWNER,), (BOB,)))])
    assert done[2] == []
    assert state.stages == ((BOB,),)


def test_a_hand_over_lets_a_desk_in_its_whisper_still_take_the_call() -> None:
    state, done = run([Greeted(), DeskAnswered(R0), OwnerChanged(((BOB,),)), DeskAccepted(R0), DeskGone(R1)])
    assert done[3:] == [[RingDesk(R1, BOB)], [Connect(R0), LetGo(R1)], []]
    assert state.phase is Phase.TALKING


def test_a_hand_over_to_a_desk_that_declined_goes_on_to_the_next() -> None:
    _, done = run([Greeted(), DeskGone(R0), OwnerChanged(((OWNER,), (BOB,)))])
    assert done[3] == [LetGo(R1), RingDesk(R2, BOB)]


def test_a_hand_over_during_the_last_greeting_rings_the_new_owner() -> None:
    state, done = run([DeskGone(R0), OwnerChanged(((BOB,),))], ((OWNER,),))
    assert done[2] == [RingDesk(R1, BOB)]
    assert state.phase is Phase.GREETING


@pytest.mark.parametrize("phase_events", [[DeskAnswered(R0), DeskAccepted(R0)], [DeskGone(R0)]])
def test_a_hand_over_disturbs_no_talk_and_no_tip(phase_events: list[Event]) -> None:
    state, _ = run([Greeted(), *phase_events], ((OWNER,),))
    assert decide(state, OwnerChanged(((BOB,),))) == (state, [])


def test_a_released_desk_that_answered_too_late_is_no_news() -> None:
    state, done = run([Greeted(), OwnerChanged(((BOB,),)), DeskAnswered(R0), DeskAccepted(R0), DeskGone(R0)])
    assert done[3:] == [[], [], []]
    assert state.rings[R0] == Ring(OWNER, RingState.GONE)


def test_what_the_tables_do_not_name_is_our_fault() -> None:
    state, _ = begin(STAGES)
    with pytest.raises(InvalidEvent):
        decide(state, TipOver())
    with pytest.raises(InvalidEvent):
        decide(state, DeskAccepted(R0))


def test_every_phase_hears_of_every_end() -> None:
    for phase, event in itertools.product(Phase, (CallerGone, DeskGone, DeskAccepted, DeskAnswered, WhisperOver)):
        assert (phase, event) in CALLBACK
    for state in RingState:
        assert (state, DeskGone) in DESK or state is RingState.GONE


def _possible(state: Callback) -> list[Event]:
    """What could happen next: the far sides may do anything that their legs allow."""
    events: list[Event] = []
    for ring, details in state.rings.items():
        events += [kind(ring) for of, kind in DESK if of is details.state]
    if state.phase is not Phase.OVER:
        events += [CallerGone(), OwnerChanged(((BOB,), (ANN, OWNER)))]
    if state.phase in (Phase.GREETING, Phase.GREETING_ALONE):
        events.append(Greeted())
    if state.phase is Phase.RECORDING:
        events.append(TipOver())
    return events


@pytest.mark.parametrize("seed", range(300))
def test_no_leg_outlives_the_bridge_whatever_happens(seed: int) -> None:
    """A random walk: each desk is hung up or gone when the callback is over, one bridge at most, no desk rung twice
    after it declined, nobody rung who rings."""
    choose = random.Random(seed)
    state, effects = begin(STAGES, greeting=choose.random() < 0.8)
    bridged, live, done = 0, set[RingId](), list(effects)
    while True:
        for effect in done:
            if isinstance(effect, RingDesk):
                assert effect.desk not in state.refused
                live.add(effect.ring)
            elif isinstance(effect, LetGo):
                live.discard(effect.ring)
            elif isinstance(effect, Connect):
                bridged += 1
        ringing = [state.rings[ring].desk for ring in state.in_state(RingState.RINGING, RingState.WHISPERED)]
        assert len(ringing) == len(set(ringing))
        if state.phase is Phase.OVER:
            break
        event = choose.choice(_possible(state))
        if isinstance(event, DeskGone):
            live.discard(event.ring)
        state, done = decide(state, event)
    assert live == set()
    assert bridged <= 1
