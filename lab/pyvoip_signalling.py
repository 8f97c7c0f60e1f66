"""pyVoIP's SIP with what a telephone must do. Each override names the defect of pyVoIP 1.6.8 that it mends; parsing,
messages and call states stay pyVoIP's, since the lab is there to be a second opinion on our own."""

from __future__ import annotations

import re
import socket
import threading
import uuid
from collections import OrderedDict
from typing import Any

import pyVoIP.VoIP  # first: pyVoIP.SIP by itself fails in a circle
from pyVoIP import RTP, SIP
from pyVoIP.VoIP.status import PhoneStatus
from twisted.logger import Logger

log = Logger()

Address = tuple[str, int]

if "OPTIONS" not in pyVoIP.SIPCompatibleMethods:
    pyVoIP.SIPCompatibleMethods.append("OPTIONS")
    # pyVoIP takes OPTIONS for no SIP at all and stays silent: a trunk that is asked would look dead.

_TARGET = re.compile(rb"^\w+ sips?:(?:[^@\s>;]*@)?(\d+\.\d+\.\d+\.\d+):(\d+)")
_BRANCH = re.compile(rb"^Via:[^\r\n]*?;branch=([^;\s,]+)", re.MULTILINE | re.IGNORECASE)
_MOST_SOURCES = 4096


class Outlet:
    """The sending side of the socket. pyVoIP sends all to one configured server; a response belongs where its request
    came from (RFC 3261 §18.2.2), a request in a dialog to the other side's contact (§12.2.1.1)."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._sources: OrderedDict[bytes, Address] = OrderedDict()

    def came_from(self, request: bytes, source: Address) -> None:
        if (branch := _BRANCH.search(request)) is not None:
            self._sources[branch[1]] = source
            if len(self._sources) > _MOST_SOURCES:
                self._sources.popitem(last=False)

    def sendto(self, data: bytes, address: Address) -> None:
        try:
            self._wire.sendto(data, self._destination(data, address))
        except OSError as error:
            log.info("a handset could not send: {error}", error=error)

    def _destination(self, data: bytes, address: Address) -> Address:
        if data.startswith(b"SIP/2.0"):
            branch = _BRANCH.search(data)
            return address if branch is None else self._sources.get(branch[1], address)
        target = _TARGET.search(data)
        return address if target is None else (target[1].decode(), int(target[2]))

    def close(self) -> None:
        self._wire.close()


class Signalling(SIP.SIPClient):
    """One SIP socket over UDP without a registrar. `phone` answers `call_of(call_id)` with the call, or None."""

    phone: Any
    out: Any
    callCallback: Any
    _listener: threading.Thread | None = None

    def register(self) -> bool:
        """Nobody to register with; pyVoIP's `start` would wait for an answer for ever."""
        self.phone._status = PhoneStatus.REGISTERED
        return True

    def start(self) -> None:
        """pyVoIP begins to listen a second late, and then polls a hundred times a second."""
        self.NSD = True
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.s.bind((self.myIP, self.myPort))
        self.s.settimeout(0.25)
        self.myPort = self.s.getsockname()[1]
        self.out = Outlet(self.s)
        self.register()
        self._listener = threading.Thread(target=self.recv_loop, name=f"SIP in {self.myPort}", daemon=True)
        self._listener.start()

    def stop(self) -> None:
        if self.NSD:
            self.NSD = False
            if self._listener is not None:
                self._listener.join()
            self._close_sockets()

    def recv_loop(self) -> None:
        while self.NSD:
            try:
                raw, source = self.s.recvfrom(65535)
            except TimeoutError:
                continue
            except OSError:
                continue  # ECONNREFUSED: an earlier packet met a closed port
            try:
                self._take(raw, source)
            except Exception as error:  # noqa: BLE001 - pyVoIP raises anything at what it does not understand
                log.info("pyVoIP did not understand a packet: {error}", error=repr(error))

    def _take(self, raw: bytes, source: Address) -> None:
        if not raw.strip():
            return  # keep-alive
        message = SIP.SIPMessage(raw)
        if message.type == SIP.SIPMessageType.MESSAGE:
            self.out.came_from(raw, source)
            self._request(message)
        else:
            self._response(message)

    @staticmethod
    def read(text: str) -> Any:
        """A message as pyVoIP keeps it."""
        return SIP.SIPMessage(text.encode("utf8"))

    def send(self, text: str) -> None:
        self.out.sendto(text.encode("utf8"), (self.server, self.port))

    # requests

    def _request(self, request: Any) -> None:
        call = self.phone.call_of(request.headers["Call-ID"])
        match request.method:
            case "ACK":
                if call is not None:
                    call.acknowledged()
            case "OPTIONS":
                self.send(self.gen_ok(request))
            case "INVITE":
                self.callCallback(request)
            case "BYE" if call is not None:
                self.send(self.gen_ok(request))
                self.callCallback(request)
            case "CANCEL" if call is not None:
                # pyVoIP answers the CANCEL and leaves the INVITE without its 487 (RFC 3261 §9.2)
                self.send(self.gen_ok(request))
                call.cancelled()
            case _:
                self.send(self.gen_refusal(request, 481, "Call/Transaction Does Not Exist"))

    def gen_ok(self, request: Any) -> str:
        return self._tagged(str(super().gen_ok(request)), request)

    def gen_ringing(self, request: Any) -> str:
        """pyVoIP's 180 shows the caller its own Contact."""
        text = super().gen_ringing(request)
        return re.sub(r"\r\nContact: [^\r]*", f"\r\nContact: {self._contact}", text, count=1)

    def gen_refusal(self, request: Any, code: int, phrase: str, q850: int | None = None) -> str:
        """Any final refusal; pyVoIP knows only 486, with the caller's own Contact and a tag that fits no dialog."""
        request.headers.setdefault("Contact", "")
        text = self.gen_busy(request).replace("486 Busy Here", f"{code} {phrase}", 1)
        reason = "" if q850 is None else f"\r\nReason: Q.850;cause={q850}"
        return self._tagged(re.sub(r"\r\nContact: [^\r]*", reason, text, count=1), request)

    def _tagged(self, response: str, request: Any) -> str:
        """pyVoIP makes a new To tag for each response; within a call it stays the same (RFC 3261 §8.2.6.2)."""
        tag = request.headers["To"]["tag"] or self.tagLibrary.get(request.headers["Call-ID"])
        return response if tag is None else re.sub(r"(\r\nTo: [^\r]*;tag=)[^\r]*", rf"\g<1>{tag}", response, count=1)

    @property
    def _contact(self) -> str:
        return f"<sip:{self.username}@{self.myIP}:{self.myPort}>"

    # our own calls

    def gen_call_id(self) -> str:
        """pyVoIP counts from one, so that each run repeats the Call-IDs of the last."""
        return f"{uuid.uuid4().hex}@{self.myIP}"

    def gen_call(self, number: str, caller: str, media: dict[int, Any], call_id: str) -> str:
        """An INVITE from `caller`; pyVoIP can only call as the one user that it is registered as."""
        branch = self.gen_branch()
        text = self.gen_invite(number, str(self.sessID.next()), media, RTP.TransmitType.SENDRECV, branch, call_id)
        identity = f"<sip:{caller}@{self.myIP}>"
        text = re.sub(r"\r\nFrom: <[^>]*>", f"\r\nFrom: {identity}", text, count=1)
        return re.sub(r"\r\nAllow:", f"\r\nP-Asserted-Identity: {identity}\r\nAllow:", text, count=1)

    def _response(self, response: Any) -> None:
        """pyVoIP takes any 200 for an answer to its INVITE, and knows neither 486, 487 nor 603."""
        call = self.phone.call_of(response.headers["Call-ID"])
        if call is None or response.headers["CSeq"]["method"] != "INVITE":
            return
        code = int(response.status)
        if code < 200:
            call.progress(code)
        elif code < 300:
            self.callCallback(response)
        else:
            self.send(self._ack_of_refusal(call.request, response))
            call.refused(code)

    def gen_ack(self, request: Any) -> str:
        """For a 200: a transaction of its own, to the contact, with the tag of the answer (RFC 3261 §13.2.2.4).
        pyVoIP repeats the INVITE's branch and makes up a tag."""
        target = _uri(request.headers["Contact"])
        return self._in_dialog("ACK", target, self._via(), request, int(request.headers["CSeq"]["check"]))

    def _ack_of_refusal(self, invite: Any, response: Any) -> str:
        """The INVITE's own transaction (RFC 3261 §17.1.1.3)."""
        target = str(invite.heading, "utf8").split(" ")[1]
        return self._in_dialog("ACK", target, self._own_via(invite), response, int(invite.headers["CSeq"]["check"]))

    def gen_cancel(self, invite: Any) -> str:
        target = str(invite.heading, "utf8").split(" ")[1]
        return self._in_dialog("CANCEL", target, self._own_via(invite), invite, int(invite.headers["CSeq"]["check"]))

    def gen_bye(self, request: Any) -> str:
        """pyVoIP's BYE reuses the caller's Via and branch, so that its response comes back to the caller."""
        target = _uri(request.headers["Contact"])
        ours = self.tagLibrary[request.headers["Call-ID"]]
        swap = request.headers["From"]["tag"] != ours
        return self._in_dialog("BYE", target, self._via(), request, int(request.headers["CSeq"]["check"]) + 1, swap)

    def _in_dialog(self, method: str, target: str, via: str, known: Any, number: int, swap: bool = False) -> str:
        """`known` has From and To as the caller of the dialog sees them; `swap` where that is the other side."""
        local, remote = (_party(known.headers[name]) for name in (("To", "From") if swap else ("From", "To")))
        if swap:
            local = f"{known.headers['To']['raw']};tag={self.tagLibrary[known.headers['Call-ID']]}"
        lines = [
            f"{method} {target} SIP/2.0",
            via,
            "Max-Forwards: 70",
            f"From: {local}",
            f"To: {remote}",
            f"Call-ID: {known.headers['Call-ID']}",
            f"CSeq: {number} {method}",
            f"Contact: {self._contact}",
            f"User-Agent: pyVoIP {pyVoIP.__version__}",
            "Content-Length: 0",
        ]
        return "\r\n".join(lines) + "\r\n\r\n"

    def _via(self) -> str:
        return f"Via: SIP/2.0/UDP {self.myIP}:{self.myPort};branch={self.gen_branch()};rport"

    def _own_via(self, invite: Any) -> str:
        return f"Via: SIP/2.0/UDP {self.myIP}:{self.myPort};branch={invite.headers['Via'][0]['branch']}"


def _party(header: dict[str, Any]) -> str:
    return f"{header['raw']};tag={header['tag']}" if header["tag"] else str(header["raw"])


def _uri(contact: str) -> str:
    """The URI of a Contact, with or without brackets and parameters behind them."""
    inside = re.search(r"<([^>]*)>", contact)
    return inside[1] if inside else contact.split(";")[0].strip()
