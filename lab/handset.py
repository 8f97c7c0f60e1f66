"""Telephones of the lab: pyVoIP behind one SIP address, for any number of people at once. Threads and sockets.

A call is a conversation in plain blocking steps (`ring`, `pick_up`, `press`, `wait_ended`), each person on a thread.
"""

from __future__ import annotations

import itertools
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from pyVoIP import RTP
from pyVoIP.VoIP import CallState, VoIPCall, VoIPPhone
from twisted.logger import Logger

from lab.delays import Delays
from lab.listening import Ear, tone
from lab.pyvoip_signalling import Signalling
from lab.pyvoip_sound import Sound

log = Logger()

Talk = Callable[["HandsetCall"], None]

_OFFERED = {8: RTP.PayloadType.PCMA, 0: RTP.PayloadType.PCMU, 101: RTP.PayloadType.EVENT}
_T1, _T2, _GIVE_UP = 0.5, 4.0, 32.0
_POLL_SECONDS = 0.02


class HandsetCall(VoIPCall):
    """One leg, in or out. `ear` is what was heard; `code` the SIP code that refused it; `ended_by` who ended it
    ("us", "them" or "cancel"); `was_up` that it was answered."""

    phone: Any
    sip: Any

    def __init__(self, phone: Handset, state: CallState, request: Any, session: int, media: Any = None) -> None:
        self.ear = Ear()
        self.keys: list[str] = []
        self.code: int | None = None
        self.ended_by: str | None = None
        self.ringing = False
        self.was_up = False
        self._change = threading.Condition(threading.RLock())
        self._acknowledged = False
        self._sounds: list[Sound] = []
        super().__init__(phone, state, request, session, phone.myIP, media, sendmode=phone.sendmode)

    def __del__(self) -> None:
        """pyVoIP gives ports back when the garbage is collected, if ever; here `_over` closes the sockets."""

    @property
    def number(self) -> str:
        """Whom the call is for: the user part of the Request-URI."""
        found = re.search(rb"^\w+ (?:sips?|tel):([^@;\s]+)", self.request.heading)
        return found[1].decode() if found else ""

    @property
    def caller(self) -> str:
        return str(self.request.headers["From"]["number"] or "")

    @property
    def up(self) -> bool:
        return bool(self.state is CallState.ANSWERED)

    @property
    def over(self) -> bool:
        return bool(self.state is CallState.ENDED)

    # what the person does

    def ring(self, seconds: float) -> bool:
        """Let it ring; False where the caller gave up meanwhile."""
        self.sip.send(self.sip.gen_ringing(self.request))
        self.ringing = True
        return not self.wait_ended(seconds)

    def pick_up(self) -> bool:
        """False where the call is over already or no codec fits. The 200 is repeated until its ACK comes (RFC 3261
        §13.3.1.4), which pyVoIP does not do."""
        with self._change:
            if self.state is not CallState.RINGING:
                return False
            if not self.RTPClients:
                self.refuse(488, "Not Acceptable Here")
                return False
            if self.request.headers["Call-ID"] not in self.sip.tagLibrary:
                self.sip.tagLibrary[self.request.headers["Call-ID"]] = self.sip.gen_tag()
            self.answer()
            self.was_up = True
            self._repeat_answer(_T1, time.monotonic() + _GIVE_UP)
            self._change.notify_all()
        return True

    def refuse(self, code: int, phrase: str, q850: int | None = None) -> None:
        """End a call that rings: 486, 480, 404, 603 … with a Q.850 cause where the network gives one."""
        with self._change:
            if self.state is CallState.RINGING:
                self.code = code
                self.sip.send(self.sip.gen_refusal(self.request, code, phrase, q850))
                self._over("us")

    def press(self, digit: str) -> None:
        """Press a key; does nothing on a call that is over."""
        if self.up:
            self._sounds[0].press(digit)

    def say_tone(self, hertz: float, seconds: float) -> None:
        """Talk: a tone that the other end can be measured by. Returns at once."""
        if self.up:
            self.write_audio(tone(hertz, seconds))

    def hang_up(self) -> None:
        """End it from this side, whatever it is doing."""
        with self._change:
            if self.state is CallState.ANSWERED:
                self.sip.send(self.sip.gen_bye(self.request))
                self._over("us")
            elif self.state is CallState.DIALING:
                self.sip.send(self.sip.gen_cancel(self.request))

    # what the person waits for; each returns False where the time or the call ran out first

    def wait_answered(self, seconds: float) -> bool:
        return self._wait(lambda: self.up or self.over, seconds) and self.up

    def wait_ended(self, seconds: float) -> bool:
        return self._wait(lambda: self.over, seconds)

    def wait_heard(self, milliseconds: int, seconds: float) -> bool:
        return self.wait_until(lambda: self.ear.sound_ms >= milliseconds, seconds)

    def wait_until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Look every 20 ms whether something is true of a call that is up."""
        end = time.monotonic() + seconds
        while not (done := true()) and time.monotonic() < end and not self.wait_ended(_POLL_SECONDS):
            pass
        return done or true()

    def _wait(self, true: Callable[[], bool], seconds: float) -> bool:
        with self._change:
            return self._change.wait_for(true, seconds)

    # what the wire does (the SIP thread)

    def acknowledged(self) -> None:
        self._acknowledged = True

    def cancelled(self) -> None:
        with self._change:
            if self.state is CallState.RINGING:
                self.sip.send(self.sip.gen_refusal(self.request, 487, "Request Terminated"))
                self._over("cancel")

    def progress(self, code: int) -> None:
        with self._change:
            self.ringing = self.ringing or code in (180, 183)
            self._change.notify_all()

    def refused(self, code: int) -> None:
        with self._change:
            self.code = code
            self._over("them")

    def answered(self, request: Any) -> None:
        with self._change:
            super().answered(request)
            self.was_up = self.up
            self._change.notify_all()

    def bye(self) -> None:
        with self._change:
            self._over("them")

    def renegotiate(self, request: Any) -> None:
        """pyVoIP starts the running sound a second time and fails at its own port."""
        media = {client.inPort: client.assoc for client in self.RTPClients}
        self.sip.send(self.sip.gen_answer(request, self.session_id, media, self.sendmode))
        for client, part in zip(self.RTPClients, request.body.get("m", ()), strict=False):
            client.outIP, client.outPort = request.body["c"][0]["address"], part["port"]

    def create_rtp_clients(self, codecs: Any, ip: str, port: int, request: Any, baseport: int) -> None:
        """pyVoIP answers with no codec at all where none fits; without clients `pick_up` refuses with 488."""
        if not any(kind in (RTP.PayloadType.PCMA, RTP.PayloadType.PCMU) for kind in codecs.values()):
            return
        taken = self.phone.take_socket(port)
        remote = (request.body["c"][0]["address"], baseport)
        sound = Sound(codecs, taken, remote, self.ear, self.dtmf_callback)
        self._sounds.append(sound)
        self.RTPClients.append(sound)

    def dtmf_callback(self, code: str) -> None:
        with self._change:
            self.keys.append(code)
            self._change.notify_all()

    def _repeat_answer(self, interval: float, until: float) -> None:
        def again() -> None:
            if self.up and not self._acknowledged and time.monotonic() < until:
                self.renegotiate(self.request)
                self._repeat_answer(min(2 * interval, _T2), until)

        self.phone.delays.after(interval, again)

    def _over(self, by: str) -> None:
        if self.over:
            return
        self.state, self.ended_by = CallState.ENDED, by
        for client in self.RTPClients:
            client.stop()
        self.phone.forget(self)
        self._change.notify_all()


class Handset(VoIPPhone):
    """One SIP address that takes calls for any number and holds each as `talk` says, on a thread of its own; and calls
    out. `server` is where its own calls go: the gateway."""

    def __init__(self, talk: Talk, server: tuple[str, int], address: str, port: int, delays: Delays, name: str) -> None:
        super().__init__(*server, name, "", address, None, port)
        self.sip: Any = Signalling(
            *server, name, "", self, address, port, callCallback=self.callback, fatalCallback=self.fatal
        )
        self.delays = delays
        self._talk = talk
        self._bound: dict[int, socket.socket] = {}
        self._sessions = itertools.count(1)
        self._calls_lock = threading.RLock()
        self.calls: dict[str, Any] = {}

    @property
    def sip_port(self) -> int:
        return int(self.sip.myPort)

    @property
    def calls_up(self) -> int:
        return len(self.calls)

    def start(self) -> None:
        """Raises OSError, with the port, where it is in use."""
        try:
            super().start()
        except OSError as error:
            raise OSError(f"SIP port {self.sip_port} cannot be had: {error.strerror}") from error

    def stop(self, failed: bool = False) -> None:
        """Hang up what is up and give back the port."""
        for call in list(self.calls.values()):
            call.hang_up()
        self.sip.stop()
        for call in list(self.calls.values()):
            call.bye()

    def call(self, number: str, caller: str = "") -> HandsetCall:
        """Call a number as `caller`. pyVoIP waits here for a 100 or 180, and for ever where a 200 or 486 comes at once."""
        port = self.request_port()
        text = self.sip.gen_call(number, caller or self.username, {port: _OFFERED}, self.sip.gen_call_id())
        request = self.sip.read(text)
        call = HandsetCall(self, CallState.DIALING, request, next(self._sessions), {port: _OFFERED})
        self._remember(call)
        self.sip.send(text)
        return call

    def call_of(self, call_id: str) -> HandsetCall | None:
        call: HandsetCall | None = self.calls.get(call_id)
        return call

    def forget(self, call: HandsetCall) -> None:
        with self._calls_lock:
            self.calls.pop(call.call_id, None)

    def _remember(self, call: HandsetCall) -> None:
        with self._calls_lock:
            self.calls[call.call_id] = call

    def _callback_MSG_Invite(self, request: Any) -> None:
        """pyVoIP tells of a call a second late, from a timer, and rings before anybody has decided to."""
        call = self.call_of(request.headers["Call-ID"])
        if call is not None:
            if call.up and request.headers["To"]["tag"]:
                call.renegotiate(request)
            return
        call = HandsetCall(self, CallState.RINGING, request, next(self._sessions))
        self._remember(call)
        threading.Thread(target=self._begin, args=(call,), name="a call", daemon=True).start()

    def _begin(self, call: HandsetCall) -> None:
        try:
            self._talk(call)
        except Exception:  # noqa: BLE001 - a shell boundary: one faulty person must not end the lab
            log.failure("a person of the lab failed")
        finally:
            call.refuse(500, "Server Internal Error")
            call.hang_up()

    def request_port(self, blocking: bool = True) -> int:
        """A port that is even, as RFC 3550 §11 asks, and really free; pyVoIP takes any of a range and gives few back."""
        while True:
            candidate = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            candidate.bind((self.myIP, 0))
            port = int(candidate.getsockname()[1])
            if port % 2 == 0:
                self._bound[port] = candidate
                return port
            candidate.close()

    def take_socket(self, port: int) -> socket.socket:
        return self._bound.pop(port)

    def release_ports(self, call: Any = None) -> None:
        """Nothing to do: a call closes its own socket."""
