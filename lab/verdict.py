"""Whether everything really happened: what the gateway reports, against the script and against what handsets heard. No
I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.events import CallReport
from lab.listening import Samples, share_heard
from lab.smsc import Submitted
from lab.town import Person, Town

REACHED = frozenset({"heard_confirmed", "heard", "heard_part", "delivered", "sent", "unknown"})
_HEARD_SHARE = 0.8
_LEAST_CLOSING_MS = 1500
_SURE_MS = 800
_LEVELS = (1000.0, 6000.0)
"""RMS of active speech: around 2,600 of 32,767, the usual level of a telephone."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known at the end. `deliveries` as the API lists them; `closed_at` (monotonic seconds) parts the alert
    from the closing; `alert` is the message as the gateway says that a phone will hear it; `replies` the texts that the
    gateway keeps as answers."""

    town: Town
    owner: str
    deliveries: Sequence[dict[str, Any]]
    replies: Sequence[dict[str, Any]]
    calls: Sequence[CallReport]
    desks: dict[str, Sequence[CallReport]]
    texts: Sequence[Submitted]
    closed_at: float
    alert: Samples
    closing_words: str

    def outcome(self, person: Person, channel: str, message: str = "alert") -> str | None:
        found = [
            delivery["outcome"]
            for delivery in self.deliveries
            if (delivery["phone"], delivery["channel"], delivery["message"]) == (person.phone, channel, message)
        ]
        return " and ".join(found) if found else None

    def calls_of(self, person: Person, *, closing: bool) -> list[CallReport]:
        return [
            call
            for call in self.calls
            if not call.outgoing and call.number == person.phone and (call.moment > self.closed_at) == closing
        ]

    def texts_of(self, person: Person, *, closing: bool) -> list[Submitted]:
        return [
            text
            for text in self.texts
            if text.number.lstrip("+") == person.phone.lstrip("+") and (text.moment > self.closed_at) == closing
        ]

    def heard_ms(self, person: Person) -> int:
        return max((call.sound_ms for call in self.calls_of(person, closing=False)), default=0)

    def share(self, person: Person) -> float:
        """How much of the alert was really in what the handset heard, by its wave form."""
        calls = [call for call in self.calls_of(person, closing=False) if call.answered]
        return max((share_heard(self.alert, call.heard) for call in calls), default=0.0)


def differences(evidence: Evidence) -> list[str]:
    """One sentence for each thing that is not as scripted; none is a success."""
    found = [words for person in evidence.town.people for words in _person(evidence, person)]
    return found + list(_callbacks(evidence))


def _person(evidence: Evidence, person: Person) -> Iterable[str]:
    for channel, expected in (("voice", person.voice), ("sms", person.sms)):
        outcome = evidence.outcome(person, channel)
        if outcome != expected:
            yield f"{person.name}: {channel} is {outcome or 'not there'}, scripted was {expected or 'none at all'}"
    yield from _alert(evidence, person)
    yield from _closing_call(evidence, person)
    yield from _closing_text(evidence, person)
    kept = any((reply["phone"], reply["text"]) == (person.phone, person.reply) for reply in evidence.replies)
    if person.reply is not None and person.reply.upper() != "STOP" and not kept:
        yield f"{person.name}: the answer {person.reply!r} is not among the replies"


def _alert(evidence: Evidence, person: Person) -> Iterable[str]:
    """What the handset heard, as it measured it itself."""
    calls = evidence.calls_of(person, closing=False)
    if person.voice is None and calls:
        yield f"{person.name}: was called {len(calls)} times, and should not have been"
    if person.voice in {"heard", "heard_confirmed", "heard_part"}:
        answered = [call for call in calls if call.answered]
        if len(answered) != 1:
            yield f"{person.name}: picked up {len(answered)} alert calls, not one"
            return
        share = evidence.share(person)
        if person.voice == "heard" and share < _HEARD_SHARE:
            yield f"{person.name}: {share:.0%} of the message was in what the handset heard, not {_HEARD_SHARE:.0%}"
        if person.voice == "heard_part" and share >= _HEARD_SHARE:
            yield f"{person.name}: the handset heard {share:.0%} of the message, which is more than a part"
        if answered[0].sound_ms < _SURE_MS:
            yield f"{person.name}: the handset heard {answered[0].sound_ms} ms of sound"
        if not _LEVELS[0] <= answered[0].level <= _LEVELS[1]:
            yield f"{person.name}: the speech had a level of {answered[0].level:.0f}, outside of {_LEVELS}"
    if person.sms is None and evidence.texts_of(person, closing=False):
        yield f"{person.name}: got a text, and should not have"


def _closing_call(evidence: Evidence, person: Person) -> Iterable[str]:
    calls = evidence.calls_of(person, closing=True)
    if person.voice in REACHED:
        heard = max((call.sound_ms for call in calls if call.answered), default=0)
        if heard < _LEAST_CLOSING_MS:
            yield f"{person.name}: was reached, and heard {heard} ms of the closing message"
    elif calls:
        yield f"{person.name}: was not reached, and was called after the end"


def _closing_text(evidence: Evidence, person: Person) -> Iterable[str]:
    said = "".join(text.part.text for text in evidence.texts_of(person, closing=True))
    stopped = person.reply is not None and person.reply.upper() == "STOP"
    if person.sms in REACHED and not stopped:
        if evidence.closing_words not in said:
            yield f"{person.name}: was reached by text, and got no closing text"
        elif (outcome := evidence.outcome(person, "sms", "closing")) != "delivered":
            yield f"{person.name}: the closing text is {outcome}, not delivered"
    elif evidence.closing_words in said:
        yield f"{person.name}: got the closing text, and should not have"


def _callbacks(evidence: Evidence) -> Iterable[str]:
    callers = [person for person in evidence.town.people if person.calls_back is not None]
    for person in callers:
        calls = [call for call in evidence.calls if call.outgoing and call.caller == person.phone]
        heard = max((call.tone_ms for call in calls), default=0)
        if heard < _SURE_MS:
            yield f"{person.name}: called back and heard {heard} ms of the operator"
    owner = evidence.desks.get(evidence.owner, ())
    reached = sum(call.tone_ms >= _SURE_MS for call in owner)
    if reached != len(callers):
        yield f"{evidence.owner}: heard {reached} callers, scripted were {len(callers)}"
    for name, reports in evidence.desks.items():
        if name != evidence.owner and any(call.answered for call in reports):
            yield f"{name}: answered a caller who belonged to {evidence.owner}"
