"""One callback: a caller, the desks that are rung for them, the bridge. Pure; no I/O, no clock.

The caller hears the greeting while the first desks ring, then ringback. Desks are rung in stages (owner, deputy, room);
one that answers hears a whisper and takes the call with a key. The first to take it is bridged, all others are let go.
When nobody is left the caller records a tip. Whoever ends first, no leg outlives the bridge.

Two tables say everything: `DESK` moves one ringing of a desk, `CALLBACK` the whole. What is absent can't happen and raises
`InvalidEvent`. The shell is `gateway.callbacks.line`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import NewType

from gateway.domain.identifiers import DeskId

RingId = NewType("RingId", int)
"""One ringing of one desk within a callback; a desk that is rung again has another."""

Stage = tuple[DeskId, ...]
"""Desks that are rung together."""


class Phase(StrEnum):
    """`GREETING` and `WAITING`: desks ring or hear the whisper, the caller hears the greeting or ringback.
    `GREETING_ALONE`: the greeting is still being said and no desk is left. `RECORDING`: the caller leaves a tip."""

    GREETING = "greeting"
    WAITING = "waiting"
    GREETING_ALONE = "greeting_alone"
    TALKING = "talking"
    RECORDING = "recording"
    OVER = "over"


class RingState(StrEnum):
    """`RELEASED`: we hang up and its end is not told yet. `REFUSED`: it ended or was let go without taking the call."""

    RINGING = "ringing"
    WHISPERED = "whispered"
    TAKEN = "taken"
    RELEASED = "released"
    REFUSED = "refused"
    GONE = "gone"


OPEN = frozenset({RingState.RINGING, RingState.WHISPERED})


# ---- events


@dataclass(frozen=True, slots=True)
class Greeted:
    """The greeting was said to its end, or a key cut it short."""


@dataclass(frozen=True, slots=True)
class DeskAnswered:
    ring: RingId


@dataclass(frozen=True, slots=True)
class DeskAccepted:
    """The desk pressed the accept key."""

    ring: RingId


@dataclass(frozen=True, slots=True)
class WhisperOver:
    """The whisper and the wait after it passed without the key: a voicemail, or nobody at the desk."""

    ring: RingId


@dataclass(frozen=True, slots=True)
class DeskGone:
    """The desk's leg is over, whoever ended it: busy, declined, no answer, failed, hung up."""

    ring: RingId


@dataclass(frozen=True, slots=True)
class CallerGone:
    pass


@dataclass(frozen=True, slots=True)
class OwnerChanged:
    """The action was handed over: these are to be rung now, in this order."""

    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class TipOver:
    """The recording ended and the caller was thanked, or hung up."""


Event = Greeted | DeskAnswered | DeskAccepted | WhisperOver | DeskGone | CallerGone | OwnerChanged | TipOver


# ---- effects


@dataclass(frozen=True, slots=True)
class Greet:
    """Say the greeting to the caller; `Greeted` follows."""


@dataclass(frozen=True, slots=True)
class Ringback:
    """Let the caller hear it ring."""


@dataclass(frozen=True, slots=True)
class RingDesk:
    ring: RingId
    desk: DeskId


@dataclass(frozen=True, slots=True)
class Whisper:
    """Tell the desk who calls and wait for its key; `DeskAccepted` or `WhisperOver` follows, or its end."""

    ring: RingId


@dataclass(frozen=True, slots=True)
class LetGo:
    """Hang the desk up, or cancel its ringing; `DeskGone` follows."""

    ring: RingId


@dataclass(frozen=True, slots=True)
class Connect:
    """End what the caller hears and bridge the two."""

    ring: RingId


@dataclass(frozen=True, slots=True)
class RecordTip:
    """End what the caller hears, say that nobody is there, record; `TipOver` follows."""


@dataclass(frozen=True, slots=True)
class HangUpCaller:
    pass


Effect = Greet | Ringback | RingDesk | Whisper | LetGo | Connect | RecordTip | HangUpCaller


# ---- state


@dataclass(frozen=True, slots=True)
class Ring:
    desk: DeskId
    state: RingState = RingState.RINGING


@dataclass(frozen=True, slots=True)
class Callback:
    """`stages` are still to be rung; `refused` are desks that had their chance with this caller."""

    phase: Phase
    stages: tuple[Stage, ...]
    rings: Mapping[RingId, Ring] = field(default_factory=lambda: MappingProxyType({}))
    refused: frozenset[DeskId] = frozenset()

    def in_state(self, *states: RingState) -> list[RingId]:
        return [ring for ring, details in self.rings.items() if details.state in states]


class InvalidEvent(Exception):
    """An event that the table does not know in this state: our own fault, never a peer's."""


Step = tuple[Callback, list[Effect]]


def begin(stages: tuple[Stage, ...], never: frozenset[DeskId] = frozenset(), *, greeting: bool = True) -> Step:
    """A caller is on the line. `never` are desks that must not be rung for it (the one that calls).
    Without `greeting` the caller goes straight to ringback (they were told so before)."""
    phase = Phase.GREETING if greeting else Phase.WAITING
    heard: Effect = Greet() if greeting else Ringback()
    state, effects = _ring_next(Callback(phase, stages, refused=never))
    return state, ([heard, *effects] if state.phase is not Phase.RECORDING else effects)


def decide(state: Callback, event: Event) -> Step:
    """What an event changes and what is to be done, in order. Raises InvalidEvent."""
    transition = CALLBACK.get((state.phase, type(event)))
    if transition is None:
        raise InvalidEvent(f"{type(event).__name__} in {state.phase}")
    if isinstance(event, DeskAnswered | DeskAccepted | WhisperOver | DeskGone):
        return _desk_event(state, event, transition)
    return transition(state, event)


Transition = Callable[[Callback, Event], Step]


def _desk_event(
    state: Callback, event: DeskAnswered | DeskAccepted | WhisperOver | DeskGone, after: Transition
) -> Step:
    """Move the one ringing by `DESK`, then let the whole follow if that changed anything."""
    ring = state.rings[event.ring]
    following = DESK.get((ring.state, type(event)))
    if following is None:
        raise InvalidEvent(f"{type(event).__name__} of a desk that is {ring.state}")
    if following is ring.state:
        return state, []
    moved = replace(ring, state=following)
    refused = state.refused | {ring.desk} if following is RingState.REFUSED else state.refused
    state = replace(state, rings=MappingProxyType({**state.rings, event.ring: moved}), refused=refused)
    return after(state, event) if ring.state is not RingState.RELEASED else (state, [])


# ---- transitions


def _ring_next(state: Callback) -> Step:
    """Ring the next stage that has a desk left in it; with none left the caller leaves a tip."""
    ringing = {state.rings[ring].desk for ring in state.in_state(*OPEN)}
    stages = state.stages
    while stages:
        desks = [desk for desk in dict.fromkeys(stages[0]) if desk not in state.refused | ringing]
        rings_already = not ringing.isdisjoint(stages[0])
        stages = stages[1:]
        if desks:
            first = len(state.rings)
            new = {RingId(first + offset): Ring(desk) for offset, desk in enumerate(desks)}
            rings = MappingProxyType({**state.rings, **new})
            phase = Phase.GREETING if state.phase is Phase.GREETING_ALONE else state.phase
            effects: list[Effect] = [RingDesk(ring, details.desk) for ring, details in new.items()]
            return replace(state, phase=phase, stages=stages, rings=rings), effects
        if rings_already:
            return replace(state, stages=stages), []
    state = replace(state, stages=())
    if ringing:
        return state, []
    if state.phase in (Phase.GREETING, Phase.GREETING_ALONE):
        return replace(state, phase=Phase.GREETING_ALONE), []
    return replace(state, phase=Phase.RECORDING), [RecordTip()]


def _let_go(state: Callback, rings: list[RingId]) -> Step:
    released = {ring: replace(state.rings[ring], state=RingState.RELEASED) for ring in rings}
    return replace(state, rings=MappingProxyType({**state.rings, **released})), [LetGo(ring) for ring in rings]


def _greeted(state: Callback, event: Event) -> Step:
    return replace(state, phase=Phase.WAITING), [Ringback()]


def _greeted_alone(state: Callback, event: Event) -> Step:
    return replace(state, phase=Phase.RECORDING), [RecordTip()]


def _whisper(state: Callback, event: Event) -> Step:
    assert isinstance(event, DeskAnswered)
    return state, [Whisper(event.ring)]


def _connect(state: Callback, event: Event) -> Step:
    assert isinstance(event, DeskAccepted)
    state, others = _let_go(replace(state, phase=Phase.TALKING, stages=()), state.in_state(*OPEN))
    return state, [Connect(event.ring), *others]


def _not_taken(state: Callback, event: Event) -> Step:
    """The desk heard the whisper and did not take the call: let it go and look at who is left."""
    assert isinstance(event, WhisperOver)
    after, effects = _refused(state, event)
    return after, [LetGo(event.ring), *effects]


def _refused(state: Callback, event: Event) -> Step:
    return (state, []) if state.in_state(*OPEN) else _ring_next(state)


def _handed_over(state: Callback, event: Event) -> Step:
    """Stop ringing whom the new owner replaces; a desk that already hears the whisper may still take the call."""
    assert isinstance(event, OwnerChanged)
    first = frozenset(event.stages[0]) if event.stages else frozenset()
    replaced = [ring for ring in state.in_state(RingState.RINGING) if state.rings[ring].desk not in first]
    state, effects = _let_go(replace(state, stages=event.stages), replaced)
    state, rung = _ring_next(state)
    return state, [*effects, *rung]


def _talk_over(state: Callback, event: Event) -> Step:
    """The bridge's desk hung up. Others' ends are of no account here: they were released before."""
    return replace(state, phase=Phase.OVER), [HangUpCaller()]


def _caller_gone(state: Callback, event: Event) -> Step:
    return _let_go(replace(state, phase=Phase.OVER, stages=()), state.in_state(*OPEN, RingState.TAKEN))


def _tip_over(state: Callback, event: Event) -> Step:
    return replace(state, phase=Phase.OVER), [HangUpCaller()]


def _nothing(state: Callback, event: Event) -> Step:
    return state, []


DESK: Mapping[tuple[RingState, type[Event]], RingState] = MappingProxyType(
    {
        (RingState.RINGING, DeskAnswered): RingState.WHISPERED,
        (RingState.RINGING, DeskGone): RingState.REFUSED,
        (RingState.WHISPERED, DeskAccepted): RingState.TAKEN,
        (RingState.WHISPERED, WhisperOver): RingState.REFUSED,
        (RingState.WHISPERED, DeskGone): RingState.REFUSED,
        (RingState.TAKEN, DeskGone): RingState.GONE,
        # It answered, or pressed the key, while our CANCEL or BYE was on its way: too late.
        (RingState.RELEASED, DeskAnswered): RingState.RELEASED,
        (RingState.RELEASED, DeskAccepted): RingState.RELEASED,
        (RingState.RELEASED, WhisperOver): RingState.RELEASED,
        (RingState.RELEASED, DeskGone): RingState.GONE,
        (RingState.REFUSED, DeskGone): RingState.REFUSED,
        (RingState.REFUSED, DeskAccepted): RingState.REFUSED,
    }
)

CALLBACK: Mapping[tuple[Phase, type[Event]], Transition] = MappingProxyType(
    {
        (Phase.GREETING, Greeted): _greeted,
        (Phase.GREETING, DeskAnswered): _whisper,
        (Phase.GREETING, DeskAccepted): _connect,
        (Phase.GREETING, WhisperOver): _not_taken,
        (Phase.GREETING, DeskGone): _refused,
        (Phase.GREETING, CallerGone): _caller_gone,
        (Phase.GREETING, OwnerChanged): _handed_over,
        (Phase.WAITING, DeskAnswered): _whisper,
        (Phase.WAITING, DeskAccepted): _connect,
        (Phase.WAITING, WhisperOver): _not_taken,
        (Phase.WAITING, DeskGone): _refused,
        (Phase.WAITING, CallerGone): _caller_gone,
        (Phase.WAITING, OwnerChanged): _handed_over,
        (Phase.GREETING_ALONE, Greeted): _greeted_alone,
        (Phase.GREETING_ALONE, DeskAnswered): _nothing,
        (Phase.GREETING_ALONE, DeskAccepted): _nothing,
        (Phase.GREETING_ALONE, WhisperOver): _nothing,
        (Phase.GREETING_ALONE, DeskGone): _nothing,
        (Phase.GREETING_ALONE, CallerGone): _caller_gone,
        (Phase.GREETING_ALONE, OwnerChanged): _handed_over,
        (Phase.TALKING, Greeted): _nothing,
        (Phase.TALKING, DeskAnswered): _nothing,
        (Phase.TALKING, DeskAccepted): _nothing,
        (Phase.TALKING, WhisperOver): _nothing,
        (Phase.TALKING, DeskGone): _talk_over,
        (Phase.TALKING, CallerGone): _caller_gone,
        (Phase.TALKING, OwnerChanged): _nothing,
        (Phase.RECORDING, Greeted): _nothing,
        (Phase.RECORDING, DeskAnswered): _nothing,
        (Phase.RECORDING, DeskAccepted): _nothing,
        (Phase.RECORDING, WhisperOver): _nothing,
        (Phase.RECORDING, DeskGone): _nothing,
        (Phase.RECORDING, CallerGone): _caller_gone,
        (Phase.RECORDING, OwnerChanged): _nothing,
        (Phase.RECORDING, TipOver): _tip_over,
        (Phase.OVER, Greeted): _nothing,
        (Phase.OVER, DeskAnswered): _nothing,
        (Phase.OVER, DeskAccepted): _nothing,
        (Phase.OVER, WhisperOver): _nothing,
        (Phase.OVER, DeskGone): _nothing,
        (Phase.OVER, CallerGone): _nothing,
        (Phase.OVER, OwnerChanged): _nothing,
        (Phase.OVER, TipOver): _nothing,
    }
)
