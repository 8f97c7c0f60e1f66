"""The people of a town at their telephones: each call is held as its person's script says. Blocking, a thread a call."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

from smpplib import consts

from lab.desk import DESK_TONE
from lab.events import CallReport, Did, Event, Told, plain
from lab.handset import Handset, HandsetCall
from lab.listening import level
from lab.smsc import Fate, Submitted
from lab.town import Does, Person, TextFate, Town

CALLER_TONE = 550.0
"""Hertz that a caller talks in, so that a desk can be shown to hear this caller."""

_LONGEST_CALL_SECONDS = 180.0
_HALF_WAY_MS = 3000
_BEFORE_A_KEY_MS = 2000
_BEFORE_NEXT_KEY_SECONDS = 1.5
_CONNECT_SECONDS = 45.0
_SURE_MS = 800
_REFUSALS = {
    Does.BUSY: (486, "Busy Here", 17),
    Does.DECLINES: (603, "Decline", 21),
    Does.PHONE_OFF: (480, "Temporarily Unavailable", 20),
    Does.UNKNOWN_NUMBER: (404, "Not Found", 1),
}
_FATES = {
    TextFate.DELIVERED: Fate(),
    TextFate.UNDELIVERABLE: Fate(state="UNDELIV"),
    TextFate.REFUSED: Fate(command_status=consts.SMPP_ESME_RINVDSTADR, state=None),
}


class People:
    """Give `talk` to the trunk's handset, `fate` and `text_came` to the message centre, then `phone` for calls back.

    `reports` holds each call that is over, in the order in which they ended."""

    def __init__(self, town: Town, told: Told) -> None:
        self.town = town
        self.reports: list[CallReport] = []
        self.phone: Handset | None = None
        self._told = told
        self._answered: Counter[str] = Counter()
        self._called: Counter[str] = Counter()
        self._called_back: set[str] = set()
        self._replied: set[str] = set()

    def talk(self, call: HandsetCall) -> None:
        """Hold one call of the gateway to somebody, from the first ring."""
        began, number = time.monotonic(), plain(call.number)
        person = self.town.person(number)
        self._called[number] += 1
        if person is None or person.does is None:
            call.refuse(404, "Not Found", 1)
        else:
            self._meet(call, person, number)
        self._report(call, number, began, 0)
        if call.was_up:
            self._told(Event(Did.HEARD, number, call.ended_by or "", call.ear.sound_ms))
        if call.was_up and person is not None and person.calls_back and number not in self._called_back:
            self._called_back.add(number)
            self._call_back(person, person.calls_back)

    def _meet(self, call: HandsetCall, person: Person, number: str) -> None:
        does = person.does
        if does is Does.BUSY_ONCE:
            does = Does.BUSY if self._called[number] == 1 else Does.LISTENS
        if does in _REFUSALS and does is not Does.DECLINES:
            self._refuse(call, number, does)
            return
        self._told(Event(Did.RANG, number))
        rings = 60 if does is Does.NO_ANSWER else person.rings
        if not call.ring(rings * self.town.ring_seconds):
            self._told(Event(Did.GIVEN_UP, number))
        elif does is Does.DECLINES:
            self._refuse(call, number, does)
        elif call.pick_up():
            self._told(Event(Did.PICKED_UP, number))
            first = not self._answered[number]
            self._answered[number] += 1
            self._listen(call, number, person, does if first else Does.LISTENS)

    def _refuse(self, call: HandsetCall, number: str, does: Does) -> None:
        code, phrase, cause = _REFUSALS[does]
        call.refuse(code, phrase, cause)
        self._told(Event(Did.REFUSED, number, str(code)))

    def _listen(self, call: HandsetCall, number: str, person: Person, does: Does | None) -> None:
        match does:
            case Does.HANGS_UP:
                if call.wait_heard(_HALF_WAY_MS, _LONGEST_CALL_SECONDS):
                    call.hang_up()
            case Does.PRESSES:
                if call.wait_heard(_BEFORE_A_KEY_MS, _LONGEST_CALL_SECONDS):
                    for key in person.press:
                        call.press(key)
                        self._told(Event(Did.PRESSED, number, key))
                        call.wait_ended(_BEFORE_NEXT_KEY_SECONDS)
        call.wait_ended(_LONGEST_CALL_SECONDS)

    def _call_back(self, person: Person, number: str) -> None:
        """Call one of the gateway's numbers and talk to whoever answers with a desk's tone."""
        assert self.phone is not None
        began = time.monotonic()
        self._told(Event(Did.CALLS_BACK, person.phone, number))
        call = self.phone.call(number, person.phone)
        if call.wait_answered(_CONNECT_SECONDS):
            connected = call.wait_until(lambda: call.ear.tone_ms(DESK_TONE) >= _SURE_MS, _CONNECT_SECONDS)
            if connected:
                call.say_tone(CALLER_TONE, 3.0)
                self._told(Event(Did.CONNECTED, person.phone, milliseconds=call.ear.tone_ms(DESK_TONE)))
                call.wait_ended(30.0)
            else:
                self._told(Event(Did.NOT_CONNECTED, person.phone))
        else:
            self._told(Event(Did.REFUSED, person.phone, str(call.code or "")))
        call.hang_up()
        self._report(call, number, began, call.ear.tone_ms(DESK_TONE), outgoing=True)

    def _report(self, call: HandsetCall, number: str, began: float, tone_ms: int, *, outgoing: bool = False) -> None:
        self.reports.append(
            CallReport(
                moment=began,
                number=number,
                caller=plain(call.caller),
                outgoing=outgoing,
                answered=call.was_up,
                code=call.code,
                ended_by=call.ended_by,
                sound_ms=call.ear.sound_ms,
                tone_ms=tone_ms,
                level=level(call.ear.samples()),
                heard=call.ear.samples(),
            )
        )

    # texts

    def fate(self, number: str) -> Fate:
        """What becomes of a text; who answers texts answers the first."""
        person = self.town.person(plain(number))
        if person is None or person.text is None:
            return _FATES[TextFate.REFUSED]
        reply = None if person.phone in self._replied else person.reply
        return replace(_FATES[person.text], reply=reply)

    def text_came(self, what: str, message: Submitted) -> None:
        number = plain(message.number)
        match what:
            case "accepted":
                self._told(Event(Did.TEXT, number, message.part.text))
            case "refused":
                self._told(Event(Did.TEXT_REFUSED, number, str(message.command_status)))
            case "replied":
                self._replied.add(number)
                person = self.town.person(number)
                self._told(Event(Did.REPLIED, number, "" if person is None else person.reply or ""))
            case state:
                self._told(Event(Did.RECEIPT, number, state))
