"""The four transaction machines of RFC 3261 §17 with RFC 6026's Accepted state, as tables. No I/O.

Rule: what stands in a table happens; whatever a peer sends that is absent is ignored. `ivr.sip.transactions` runs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ivr.sip.timers import Timer


class Kind(StrEnum):
    INVITE_CLIENT = "INVITE client"
    CLIENT = "non-INVITE client"
    INVITE_SERVER = "INVITE server"
    SERVER = "non-INVITE server"


class State(StrEnum):
    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class Received(StrEnum):
    """What came from the wire."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    REQUEST = "request"
    ACK = "ACK"
    TRANSPORT_ERROR = "transport error"


class Asked(StrEnum):
    """What our own side wants."""

    START = "start"
    PROVISIONAL = "send 1xx"
    SUCCESS = "send 2xx"
    FAILURE = "send 300-699"
    STOP_RESENDING = "stop resending"


Event = Received | Asked | Timer


class Effect(StrEnum):
    SEND = "send what our side made last"
    ACK = "acknowledge the failure"
    DELIVER = "pass it to the user"
    TIMED_OUT = "tell the user that no answer came"
    BROKEN = "tell the user that the transport failed"


@dataclass(frozen=True, slots=True)
class Start:
    timer: Timer


@dataclass(frozen=True, slots=True)
class Again:
    """The timer's next, longer interval."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class Longest:
    """The timer at T2: a provisional response came, the request is known there (RFC 3261 §17.1.2.2)."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class Stop:
    timer: Timer


@dataclass(frozen=True, slots=True)
class Transition:
    state: State
    effects: tuple[Effect | Start | Again | Longest | Stop, ...] = ()


Table = Mapping[tuple[State, Event], Transition]

_NO_ANSWER_YET = (Stop(Timer.A), Stop(Timer.B))

INVITE_CLIENT: Table = {
    (State.CALLING, Asked.START): Transition(State.CALLING, (Effect.SEND, Start(Timer.A), Start(Timer.B))),
    (State.CALLING, Timer.A): Transition(State.CALLING, (Effect.SEND, Again(Timer.A))),
    (State.CALLING, Timer.B): Transition(State.TERMINATED, (Effect.TIMED_OUT,)),
    (State.CALLING, Asked.STOP_RESENDING): Transition(State.CALLING, (Stop(Timer.A),)),
    (State.CALLING, Received.PROVISIONAL): Transition(State.PROCEEDING, (*_NO_ANSWER_YET, Effect.DELIVER)),
    (State.CALLING, Received.SUCCESS): Transition(State.ACCEPTED, (*_NO_ANSWER_YET, Start(Timer.M), Effect.DELIVER)),
    (State.CALLING, Received.FAILURE): Transition(
        State.COMPLETED, (*_NO_ANSWER_YET, Effect.ACK, Start(Timer.D), Effect.DELIVER)
    ),
    (State.CALLING, Received.TRANSPORT_ERROR): Transition(State.TERMINATED, (Effect.BROKEN,)),
    (State.PROCEEDING, Received.PROVISIONAL): Transition(State.PROCEEDING, (Effect.DELIVER,)),
    (State.PROCEEDING, Received.SUCCESS): Transition(State.ACCEPTED, (Start(Timer.M), Effect.DELIVER)),
    (State.PROCEEDING, Received.FAILURE): Transition(State.COMPLETED, (Effect.ACK, Start(Timer.D), Effect.DELIVER)),
    (State.COMPLETED, Received.FAILURE): Transition(State.COMPLETED, (Effect.ACK,)),
    (State.COMPLETED, Timer.D): Transition(State.TERMINATED),
    (State.COMPLETED, Received.TRANSPORT_ERROR): Transition(State.TERMINATED, (Effect.BROKEN,)),
    (State.ACCEPTED, Received.SUCCESS): Transition(State.ACCEPTED, (Effect.DELIVER,)),
    (State.ACCEPTED, Timer.M): Transition(State.TERMINATED),
}

_ANSWERED = (Stop(Timer.E), Stop(Timer.F), Start(Timer.K), Effect.DELIVER)

CLIENT: Table = {
    (State.TRYING, Asked.START): Transition(State.TRYING, (Effect.SEND, Start(Timer.E), Start(Timer.F))),
    (State.TRYING, Timer.E): Transition(State.TRYING, (Effect.SEND, Again(Timer.E))),
    (State.TRYING, Timer.F): Transition(State.TERMINATED, (Effect.TIMED_OUT,)),
    (State.TRYING, Received.PROVISIONAL): Transition(State.PROCEEDING, (Effect.DELIVER,)),
    (State.TRYING, Received.SUCCESS): Transition(State.COMPLETED, _ANSWERED),
    (State.TRYING, Received.FAILURE): Transition(State.COMPLETED, _ANSWERED),
    (State.TRYING, Received.TRANSPORT_ERROR): Transition(State.TERMINATED, (Effect.BROKEN,)),
    (State.PROCEEDING, Timer.E): Transition(State.PROCEEDING, (Effect.SEND, Longest(Timer.E))),
    (State.PROCEEDING, Timer.F): Transition(State.TERMINATED, (Effect.TIMED_OUT,)),
    (State.PROCEEDING, Received.PROVISIONAL): Transition(State.PROCEEDING, (Effect.DELIVER,)),
    (State.PROCEEDING, Received.SUCCESS): Transition(State.COMPLETED, _ANSWERED),
    (State.PROCEEDING, Received.FAILURE): Transition(State.COMPLETED, _ANSWERED),
    (State.PROCEEDING, Received.TRANSPORT_ERROR): Transition(State.TERMINATED, (Effect.BROKEN,)),
    (State.COMPLETED, Timer.K): Transition(State.TERMINATED),
}

INVITE_SERVER: Table = {
    (State.PROCEEDING, Asked.START): Transition(State.PROCEEDING, (Effect.DELIVER,)),
    (State.PROCEEDING, Received.REQUEST): Transition(State.PROCEEDING, (Effect.SEND,)),
    (State.PROCEEDING, Asked.PROVISIONAL): Transition(State.PROCEEDING, (Effect.SEND,)),
    (State.PROCEEDING, Asked.SUCCESS): Transition(State.ACCEPTED, (Effect.SEND, Start(Timer.L))),
    (State.PROCEEDING, Asked.FAILURE): Transition(State.COMPLETED, (Effect.SEND, Start(Timer.G), Start(Timer.H))),
    (State.PROCEEDING, Received.TRANSPORT_ERROR): Transition(State.TERMINATED, (Effect.BROKEN,)),
    (State.COMPLETED, Received.REQUEST): Transition(State.COMPLETED, (Effect.SEND,)),
    (State.COMPLETED, Timer.G): Transition(State.COMPLETED, (Effect.SEND, Again(Timer.G))),
    (State.COMPLETED, Timer.H): Transition(State.TERMINATED),
    (State.COMPLETED, Received.ACK): Transition(State.CONFIRMED, (Stop(Timer.G), Stop(Timer.H), Start(Timer.I))),
    (State.CONFIRMED, Received.ACK): Transition(State.CONFIRMED),
    (State.CONFIRMED, Timer.I): Transition(State.TERMINATED),
    (State.ACCEPTED, Received.REQUEST): Transition(State.ACCEPTED),
    (State.ACCEPTED, Asked.SUCCESS): Transition(State.ACCEPTED, (Effect.SEND,)),
    (State.ACCEPTED, Received.ACK): Transition(State.ACCEPTED, (Effect.DELIVER,)),
    (State.ACCEPTED, Timer.L): Transition(State.TERMINATED),
}

SERVER: Table = {
    (State.TRYING, Asked.START): Transition(State.TRYING, (Effect.DELIVER,)),
    (State.TRYING, Received.REQUEST): Transition(State.TRYING),
    (State.TRYING, Asked.PROVISIONAL): Transition(State.PROCEEDING, (Effect.SEND,)),
    (State.TRYING, Asked.SUCCESS): Transition(State.COMPLETED, (Effect.SEND, Start(Timer.J))),
    (State.TRYING, Asked.FAILURE): Transition(State.COMPLETED, (Effect.SEND, Start(Timer.J))),
    (State.PROCEEDING, Received.REQUEST): Transition(State.PROCEEDING, (Effect.SEND,)),
    (State.PROCEEDING, Asked.PROVISIONAL): Transition(State.PROCEEDING, (Effect.SEND,)),
    (State.PROCEEDING, Asked.SUCCESS): Transition(State.COMPLETED, (Effect.SEND, Start(Timer.J))),
    (State.PROCEEDING, Asked.FAILURE): Transition(State.COMPLETED, (Effect.SEND, Start(Timer.J))),
    (State.PROCEEDING, Received.TRANSPORT_ERROR): Transition(State.TERMINATED, (Effect.BROKEN,)),
    (State.COMPLETED, Received.REQUEST): Transition(State.COMPLETED, (Effect.SEND,)),
    (State.COMPLETED, Timer.J): Transition(State.TERMINATED),
}

TABLES: Mapping[Kind, Table] = {
    Kind.INVITE_CLIENT: INVITE_CLIENT,
    Kind.CLIENT: CLIENT,
    Kind.INVITE_SERVER: INVITE_SERVER,
    Kind.SERVER: SERVER,
}

FIRST: Mapping[Kind, State] = {
    Kind.INVITE_CLIENT: State.CALLING,
    Kind.CLIENT: State.TRYING,
    Kind.INVITE_SERVER: State.PROCEEDING,
    Kind.SERVER: State.TRYING,
}
