"""The life of one bind as a table of (state, event) → state; anything absent changes nothing. Pure; no I/O.

SMPP 3.4 §2.2, with what an ESME needs around it: a bind that was asked for, one that drains before it is given up.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class BindState(StrEnum):
    """`draining`: nothing new leaves, responses are waited for; `over`: the connection is of no more use."""

    UNOPENED = "unopened"
    BINDING = "binding"
    BOUND = "bound"
    DRAINING = "draining"
    UNBINDING = "unbinding"
    OVER = "over"


class BindEvent(StrEnum):
    """`stopped` is our own wish, `unbound_by_peer` the SMSC's; `broken`: its octets make no sense any more."""

    OPENED = "opened"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    STOPPED = "stopped"
    DRAINED = "drained"
    UNBIND_ANSWERED = "unbind_answered"
    UNBOUND_BY_PEER = "unbound_by_peer"
    TIMED_OUT = "timed_out"
    BROKEN = "broken"
    LOST = "lost"


_S, _E = BindState, BindEvent
_ENDS = (_E.UNBOUND_BY_PEER, _E.TIMED_OUT, _E.BROKEN, _E.LOST)

TABLE: Mapping[tuple[BindState, BindEvent], BindState] = {
    (_S.UNOPENED, _E.OPENED): _S.BINDING,
    (_S.UNOPENED, _E.STOPPED): _S.OVER,
    (_S.UNOPENED, _E.LOST): _S.OVER,
    (_S.BINDING, _E.ACCEPTED): _S.BOUND,
    (_S.BINDING, _E.REFUSED): _S.OVER,
    (_S.BINDING, _E.STOPPED): _S.OVER,
    (_S.BOUND, _E.STOPPED): _S.DRAINING,
    (_S.DRAINING, _E.DRAINED): _S.UNBINDING,
    (_S.UNBINDING, _E.UNBIND_ANSWERED): _S.OVER,
    **{(state, end): _S.OVER for state in (_S.BINDING, _S.BOUND, _S.DRAINING, _S.UNBINDING) for end in _ENDS},
}

CAN_RECEIVE = frozenset({_S.BOUND, _S.DRAINING, _S.UNBINDING})
"""Where the SMSC may deliver."""
