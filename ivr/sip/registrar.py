"""The registrar for desk phones (RFC 3261 §10.3): who may register, and where each desk's phones are. No I/O.

One desk may have several phones. A phone is reached at the address that its REGISTER came from, which leads through NAT,
or at its Contact's port where that is on the same host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.sip.dialog import literal
from ivr.sip.message import Request
from ivr.sip.proving import Proof, Proving
from ivr.sip.values import NameAddress, ValueFault, uri

LEAST_SECONDS = 60
LONGEST_SECONDS = 3600
MOST_PHONES = 10
"""At one desk."""
MOST_GUESSES = 10
GUESSING_SECONDS = 60.0
_MOST_GUESSERS = 1024

Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Binding:
    """One phone. `target` is its Contact's URI, `destination` and `transport` where requests to it go."""

    target: str
    destination: Address
    transport: str
    until: Monotonic
    preference: float
    call_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    fields: Sequence[tuple[str, str]]


class Registrar:
    """`passwords` by desk; a desk that is not there can't register."""

    def __init__(self, proving: Proving, passwords: Mapping[str, str]) -> None:
        self._proving = proving
        self._passwords = dict(passwords)
        self._bindings: dict[str, dict[str, Binding]] = {}
        self._guessed: dict[str, tuple[int, Monotonic]] = {}

    def reconfigure(self, passwords: Mapping[str, str]) -> None:
        """Desks that are gone, or whose password is another now, are registered no more."""
        for desk in list(self._bindings):
            if passwords.get(desk) != self._passwords.get(desk):
                del self._bindings[desk]
        self._passwords = dict(passwords)

    def phones(self, desk: str, now: Monotonic) -> list[Binding]:
        """Where a desk's phones are now, the preferred one first; none where nobody is registered."""
        known = self._bindings.get(desk, {})
        for target in [target for target, binding in known.items() if binding.until <= now]:
            del known[target]
        return sorted(known.values(), key=lambda binding: (-binding.preference, -binding.until))

    def guesses(self, host: str, now: Monotonic) -> bool:
        """Whether this host has guessed too often: it gets silence until `GUESSING_SECONDS` after its last guess."""
        _, since = self._guessed.get(host, (0, now))
        if now - since > GUESSING_SECONDS:
            self._guessed.pop(host, None)
        return self._guessed.get(host, (0, now))[0] >= MOST_GUESSES

    def _guessed_wrong(self, host: str, now: Monotonic) -> None:
        count, _ = self._guessed.pop(host, (0, now))
        if len(self._guessed) >= _MOST_GUESSERS:
            del self._guessed[next(iter(self._guessed))]
        self._guessed[host] = (count + 1, now)

    def who(self, request: Request, source: Address, now: Monotonic) -> str | Answer:
        """The desk that proves who it is, or the 401 or 403 that the request deserves."""
        proof, user = self._proving.check(request, self._passwords, now)
        if proof is Proof.RIGHT:
            self._guessed.pop(source.host, None)
            return user
        if proof is Proof.WRONG:
            self._guessed_wrong(source.host, now)
            return Answer(403, ())
        return Answer(401, self._proving.challenges(now, stale=proof is Proof.STALE))

    def register(self, request: Request, source: Address, transport: str, now: Monotonic) -> Answer:
        """The answer to a REGISTER."""
        desk = self.who(request, source, now)
        if isinstance(desk, Answer):
            return desk
        parts = uri(request.essentials.recipient.uri)
        if parts is None or parts.user != desk:
            return Answer(403, ())
        try:
            contacts = request.values("Contact")
            wanted = [] if contacts == ["*"] else [NameAddress.parse(value) for value in contacts]
        except ValueFault:
            return Answer(400, ())
        if contacts == ["*"]:
            return self._leave(desk, request, now)
        return self._change(desk, wanted, request, source, transport, now)

    def _leave(self, desk: str, request: Request, now: Monotonic) -> Answer:
        if request.first("Expires") != "0":
            return Answer(400, ())
        self._bindings.pop(desk, None)
        return self._listed(desk, now)

    def _change(
        self, desk: str, wanted: list[NameAddress], request: Request, source: Address, transport: str, now: Monotonic
    ) -> Answer:
        """All of the contacts or none (RFC 3261 §10.3, step 7)."""
        self.phones(desk, now)
        changed = dict(self._bindings.get(desk, {}))
        essentials = request.essentials
        for contact in wanted:
            seconds = _seconds(contact.parameters.get("expires") or request.first("Expires"))
            if 0 < seconds < LEAST_SECONDS:
                return Answer(423, (("Min-Expires", str(LEAST_SECONDS)),))
            known = changed.get(contact.uri)
            older = known is not None and known.call_id == essentials.call_id
            if known is not None and older and essentials.cseq.number <= known.sequence:
                return Answer(500, (("Retry-After", "1"),))
            if not seconds:
                changed.pop(contact.uri, None)
                continue
            changed[contact.uri] = Binding(
                target=contact.uri,
                destination=_reached(contact.uri, source, transport),
                transport=transport,
                until=Monotonic(now + seconds),
                preference=_preference(contact),
                call_id=essentials.call_id,
                sequence=essentials.cseq.number,
            )
        if len(changed) > MOST_PHONES:
            return Answer(403, ())
        self._bindings[desk] = changed
        return self._listed(desk, now)

    def _listed(self, desk: str, now: Monotonic) -> Answer:
        return Answer(
            200, [("Contact", f"<{one.target}>;expires={int(one.until - now)}") for one in self.phones(desk, now)]
        )


def _reached(target: str, source: Address, transport: str) -> Address:
    found = literal(target)
    if transport == "udp" and found is not None and found[1] == "udp" and found[0].host == source.host:
        return found[0]
    return source


def _seconds(spelled: str | None) -> int:
    """What is granted of what is wished; an hour where no wish can be read."""
    if spelled is None or not (spelled.isascii() and spelled.isdigit() and len(spelled) <= 10):
        return LONGEST_SECONDS
    return min(int(spelled), LONGEST_SECONDS)


def _preference(contact: NameAddress) -> float:
    try:
        return min(max(float(contact.parameters.get("q", "1")), 0.0), 1.0)
    except ValueError:
        return 1.0
