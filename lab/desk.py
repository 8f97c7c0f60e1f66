"""An operator's desk phone: answers, listens to who is calling, presses the key, talks. Blocking, a thread a call."""

from __future__ import annotations

import threading
import time

from lab.events import CallReport, Did, Event, Told
from lab.handset import HandsetCall
from lab.listening import level

DESK_TONE = 1100.0
"""Hertz that a desk talks in; no tone of a telephone network is near."""

_RING_SECONDS = 0.6
_WHISPER_MS = 1500
_WHISPER_SECONDS = 20.0
_CONNECT_SECONDS = 20.0
_SURE_MS = 800
_TALK_SECONDS = 4.0


class Desk:
    """Give `talk` to the desk's handset. It is at home for one caller at a time, engaged for a second.

    `caller_tone` is what a caller is known by; `reports` holds each call that is over."""

    def __init__(self, name: str, caller_tone: float, accept_key: str, told: Told) -> None:
        self.name = name
        self.reports: list[CallReport] = []
        self._caller_tone = caller_tone
        self._accept_key = accept_key
        self._told = told
        self._engaged = threading.Lock()

    def talk(self, call: HandsetCall) -> None:
        began = time.monotonic()
        if not self._engaged.acquire(blocking=False):
            call.refuse(486, "Busy Here")
            return
        try:
            self._told(Event(Did.RANG, self.name))
            if call.ring(_RING_SECONDS) and call.pick_up():
                self._told(Event(Did.PICKED_UP, self.name))
                self._converse(call)
            else:
                self._told(Event(Did.GIVEN_UP, self.name))
            self._report(call, began)
        finally:
            self._engaged.release()

    def _converse(self, call: HandsetCall) -> None:
        call.wait_heard(_WHISPER_MS, _WHISPER_SECONDS)
        self._told(Event(Did.WHISPERED, self.name, milliseconds=call.ear.sound_ms))
        call.press(self._accept_key)
        self._told(Event(Did.PRESSED, self.name, self._accept_key))
        # the key itself takes 220 ms; what is said under it would be lost
        call.wait_ended(0.3)
        call.say_tone(DESK_TONE, _CONNECT_SECONDS)
        if call.wait_until(lambda: call.ear.tone_ms(self._caller_tone) >= _SURE_MS, _CONNECT_SECONDS):
            self._told(Event(Did.CONNECTED, self.name, milliseconds=call.ear.tone_ms(self._caller_tone)))
            call.wait_ended(_TALK_SECONDS)
        else:
            self._told(Event(Did.NOT_CONNECTED, self.name))
        call.hang_up()

    def _report(self, call: HandsetCall, began: float) -> None:
        self.reports.append(
            CallReport(
                moment=began,
                number=self.name,
                caller=call.caller,
                outgoing=False,
                answered=call.was_up,
                code=call.code,
                ended_by=call.ended_by,
                sound_ms=call.ear.sound_ms,
                tone_ms=call.ear.tone_ms(self._caller_tone),
                level=level(call.ear.samples()),
            )
        )
