"""Being registered at a trunk (RFC 3261 §10.2): refresh, 423, back-off after failures, leaving. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from foundation.clock import Monotonic
from ivr.sip.core import Core
from ivr.sip.events import Registration, RegistrationChanged
from ivr.sip.legs import retry_after
from ivr.sip.message import Fields, Request, Response
from ivr.sip.values import NameAddress, ValueFault, uri

FIRST_BACK_OFF = 30.0
LONGEST_BACK_OFF = 1800.0
LONGEST_EXPIRES = 86_400


class State(StrEnum):
    REGISTERING = "registering"
    REGISTERED = "registered"
    REFRESHING = "refreshing"
    WAITING = "waiting to try again"
    LEAVING = "leaving"
    GONE = "gone"


class Event(StrEnum):
    ACCEPTED = "2xx"
    REFUSED = "refused, or no answer"
    DUE = "time to register"
    LEAVE = "our side leaves"


TABLE: Mapping[tuple[State, Event], State] = {
    (State.REGISTERING, Event.ACCEPTED): State.REGISTERED,
    (State.REGISTERING, Event.REFUSED): State.WAITING,
    (State.REGISTERING, Event.LEAVE): State.LEAVING,
    (State.REGISTERED, Event.DUE): State.REFRESHING,
    (State.REGISTERED, Event.LEAVE): State.LEAVING,
    (State.REFRESHING, Event.ACCEPTED): State.REGISTERED,
    (State.REFRESHING, Event.REFUSED): State.WAITING,
    (State.REFRESHING, Event.LEAVE): State.LEAVING,
    (State.WAITING, Event.DUE): State.REGISTERING,
    (State.WAITING, Event.LEAVE): State.LEAVING,
    (State.LEAVING, Event.ACCEPTED): State.GONE,
    (State.LEAVING, Event.REFUSED): State.GONE,
}


@dataclass(slots=True, eq=False)
class _Kept:
    """One registration. All its REGISTERs share Call-ID and tag, each has the next CSeq (§10.2); `asked` numbers the
    exchange whose answer counts, so that a late answer to an earlier one is ignored."""

    wanted: Registration
    state: State
    call_id: str
    tag: str
    sequence: int = 0
    asked: int = 0
    failures: int = 0
    until: Monotonic | None = None


class Registrations:
    """All registrations of a user agent, one a peer."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._kept: dict[str, _Kept] = {}

    def register(self, wanted: Registration, now: Monotonic) -> None:
        kept = _Kept(wanted, State.REGISTERING, self._core.token(), self._core.token())
        self._kept[wanted.peer.name] = kept
        self._ask(kept, now)

    def unregister(self, peer: str, now: Monotonic) -> None:
        kept = self._kept.get(peer)
        if kept is not None and self._step(kept, Event.LEAVE):
            self._core.deadlines.cancel(("peer", peer, "register"))
            kept.wanted = replace(kept.wanted, expires=0)
            self._ask(kept, now)

    def due(self, peer: str, now: Monotonic) -> None:
        kept = self._kept.get(peer)
        if kept is not None and self._step(kept, Event.DUE):
            self._ask(kept, now)

    def _step(self, kept: _Kept, event: Event) -> bool:
        state = TABLE.get((kept.state, event))
        if state is not None:
            kept.state = state
        return state is not None

    def _ask(self, kept: _Kept, now: Monotonic) -> None:
        kept.asked += 1
        number, wanted, core = kept.asked, kept.wanted, self._core
        peer = wanted.peer

        def make(credentials: Fields) -> Request:
            kept.sequence += 1
            fields = [
                ("Via", core.via(peer.transport, peer.destination)),
                ("Max-Forwards", "70"),
                ("From", f"<{wanted.address}>;tag={kept.tag}"),
                ("To", f"<{wanted.address}>"),
                ("Call-ID", kept.call_id),
                ("CSeq", f"{kept.sequence} REGISTER"),
                ("Contact", core.contact(peer.transport, peer.destination)),
                ("Expires", str(wanted.expires)),
            ]
            return Request("REGISTER", wanted.registrar, [*fields, *credentials])

        def heard(response: Response | None, at: Monotonic) -> None:
            if self._kept.get(peer.name) is kept and kept.asked == number:
                self._heard(kept, response, at)

        core.ask(make, peer, peer.destination, peer.transport, heard, now)

    def _heard(self, kept: _Kept, response: Response | None, now: Monotonic) -> None:
        peer = kept.wanted.peer.name
        if response is not None and response.status == 423 and self._longer(kept, response):
            self._ask(kept, now)
        elif response is not None and response.status < 300:
            self._step(kept, Event.ACCEPTED)
            if kept.state is State.REGISTERED:
                self._accepted(kept, response, now)
            else:
                self._gone(kept, response)
        else:
            self._step(kept, Event.REFUSED)
            if kept.state is State.WAITING:
                self._refused(kept, response, now)
            else:
                self._gone(kept, response)
        if kept.state is State.GONE:
            self._kept.pop(peer, None)

    def _longer(self, kept: _Kept, response: Response) -> bool:
        """Whether a 423 asks for more seconds than we did (§10.2.8); they are then our wish."""
        least = response.first("Min-Expires") or ""
        if not (least.isascii() and least.isdigit() and len(least) < 7):
            return False
        longer = kept.wanted.expires < int(least) <= LONGEST_EXPIRES and kept.state is not State.LEAVING
        if longer:
            kept.wanted = replace(kept.wanted, expires=int(least))
        return longer

    def _accepted(self, kept: _Kept, response: Response, now: Monotonic) -> None:
        granted = self._granted(kept, response)
        kept.failures = 0
        kept.until = Monotonic(now + granted)
        peer = kept.wanted.peer.name
        self._core.deadlines.set(("peer", peer, "register"), Monotonic(now + max(granted - 60.0, granted / 2, 1.0)))
        self._core.told.append(RegistrationChanged(peer, granted, response.status, response.phrase[:128]))

    def _granted(self, kept: _Kept, response: Response) -> float:
        """The seconds of our own binding among all that are listed, else Expires, else what we asked (§10.2.4)."""
        own = self._core.own_address(kept.wanted.peer.transport, kept.wanted.peer.destination)
        spelled = response.first("Expires") or ""
        try:
            bindings = [NameAddress.parse(value) for value in response.values("Contact")]
        except ValueFault:
            bindings = []
        for binding in bindings:
            parts = uri(binding.uri)
            if parts is not None and (parts.host.strip("[]"), parts.port or 5060) == (own.host, own.port):
                spelled = binding.parameters.get("expires", "") or spelled
        readable = spelled.isascii() and spelled.isdigit() and 0 < len(spelled) < 8
        return float(min(int(spelled), LONGEST_EXPIRES)) if readable else float(kept.wanted.expires)

    def _refused(self, kept: _Kept, response: Response | None, now: Monotonic) -> None:
        """Try again later: Retry-After where given, else from 30 s doubling to half an hour, spread over a half."""
        wait = None if response is None else retry_after(response)
        if wait is None:
            wait = min(FIRST_BACK_OFF * 2**kept.failures, LONGEST_BACK_OFF) * (0.5 + 0.5 * self._core.random.random())
        kept.failures = min(kept.failures + 1, 10)
        peer = kept.wanted.peer.name
        self._core.deadlines.set(("peer", peer, "register"), Monotonic(now + min(max(wait, 1.0), LONGEST_BACK_OFF)))
        left = None if kept.until is None or kept.until <= now else kept.until - now
        status, phrase = (None, "no answer") if response is None else (response.status, response.phrase[:128])
        self._core.told.append(RegistrationChanged(peer, left, status, phrase))

    def _gone(self, kept: _Kept, response: Response | None) -> None:
        status = None if response is None else response.status
        self._core.told.append(RegistrationChanged(kept.wanted.peer.name, None, status, "unregistered"))
