"""The RTP sockets of one worker: port pairs, latching by connect, and the kernel's filter for digits. Does I/O.

A connected socket sends faster, and the kernel drops every other source before Python sees it. Where only digits are
listened to, a socket filter passes nothing else (measured: 0.05 µs a dropped packet beside 4 µs to read it).
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections import deque
from collections.abc import Callable

from foundation.endpoints import Address
from ivr.media.messages import SrtpKeys
from ivr.media.srtp import Protection
from ivr.media.sweeping import Attention

# socket(7) and linux/filter.h; Python names none of these.
_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")
_LOAD_BYTE, _AND, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
_PASS = (_RETURN, 0, 0, 0xFFFF)
_SECOND_RTP_BYTE = 9  # behind the 8 bytes of the UDP header
_PAYLOAD_TYPE_MASK = 0x7F

_BIND_TRIES = 64
_RECEIVE_BUFFER = 1 << 16
_LONGEST_DATAGRAM = 2048
_SO_TIMESTAMPNS = 35
_STAMP = struct.Struct("@qq")
_STAMP_SPACE = socket.CMSG_SPACE(_STAMP.size)

Send = Callable[["memoryview | bytes"], int]


class NoPort(Exception):
    """Every port of the worker's slice is taken."""


def attach_filter(sock: socket.socket, payload_type: int | None, *, reports: bool = False) -> None:
    """Let the kernel pass RTP of one payload type only; None lets nothing pass. With `reports` RTCP passes too (packet
    types 192 to 223, RFC 5761 §4)."""
    program = [(_LOAD_BYTE, 0, 0, _SECOND_RTP_BYTE)]
    if reports:
        program += [(_AND, 0, 0, 0xE0), (_JUMP_IF_EQUAL, 0, 1, 0xC0), _PASS, (_LOAD_BYTE, 0, 0, _SECOND_RTP_BYTE)]
    if payload_type is not None:
        program += [(_AND, 0, 0, _PAYLOAD_TYPE_MASK), (_JUMP_IF_EQUAL, 0, 1, payload_type), _PASS]
    program.append((_RETURN, 0, 0, 0))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code)))


def receive_stamped(sock: socket.socket, buffer: memoryview) -> tuple[int, float | None, Address]:
    """Length, arrival on the wall clock in seconds (None where the kernel does not say) and source of the next datagram.
    Raises OSError."""
    length, ancillary, _, (host, port, *_) = sock.recvmsg_into([buffer], _STAMP_SPACE)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(data) >= _STAMP.size:
            seconds, nanoseconds = _STAMP.unpack_from(data)
            return length, seconds + nanoseconds / 1e9, Address(host, port)
    return length, None, Address(host, port)


def detach_filter(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


def dropped(sock: socket.socket) -> int:
    """Packets that the kernel kept away from this socket: by the filter, or for want of room."""
    return int(_MEMINFO.unpack(sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[8])


class LegSocket:
    """One leg's port pair. `send` goes to where the leg sends now; nothing is read from the RTCP port before it is
    connected. What is protected goes out through `Protection`."""

    def __init__(self, number: int, host: str, port: int, rtp: socket.socket, rtcp: socket.socket) -> None:
        self.number = number
        self.port = port
        self.rtp = rtp
        self.descriptor = rtp.fileno()
        self.connected = False
        self.plain = False
        """Connected and in the clear: what goes and comes needs nothing but the socket."""
        self.filtered = False
        self.wanted_at_once = True
        self.send: Send = _to_nowhere
        self.rtcp = rtcp
        self.reports_connected = False
        self.reports_with_sound = False
        self.protection: Protection | None = None
        self._last_protection: Protection | None = None
        self._host = host
        self._clear_send: Send = _to_nowhere
        self._counted = 0
        attach_filter(rtcp, None)

    @property
    def attention(self) -> Attention:
        if self.filtered:
            return "digits"
        return "at once" if self.wanted_at_once or not self.connected else "sound"

    def send_to(self, address: Address) -> LegSocket:
        """Send there unconnected and take from anywhere. A connected socket is bound anew, since Python can't
        dissolve a connection; returns the socket to use from now on."""
        if self.connected:
            self.rtp.close()
            self.rtp = _bound(self._host, self.port)
            self.descriptor = self.rtp.fileno()
            self.connected = self.plain = False
            self.filtered = False
            self._counted = 0
        sendto, target = self.rtp.sendto, (address.host, address.port)

        def send(data: memoryview | bytes) -> int:
            return sendto(data, target)

        self._set_send(send)
        return self

    def connect(self, address: Address) -> None:
        self.rtp.connect((address.host, address.port))
        self.connected = True
        self._set_send(self.rtp.send)

    def protect(self, keys: SrtpKeys | None) -> None:
        """Under these keys from now on, or in the clear."""
        self.protection = None if keys is None else Protection(keys, self._last_protection)
        self._last_protection = self.protection or self._last_protection
        self._set_send(self._clear_send)

    def _set_send(self, send: Send) -> None:
        self._clear_send = self.send = send
        protection = self.protection
        self.plain = self.connected and protection is None
        if protection is None:
            return

        def protected(data: memoryview | bytes) -> int:
            octets = protection.protect(data)
            return 0 if octets is None else send(octets)

        self.send = protected

    def report_to(self, address: Address | None) -> None:
        """RTCP goes there, and the kernel passes what comes from there; None: on the RTP port."""
        self.reports_with_sound = address is None
        if address is None:
            return
        if self.reports_connected:
            self.rtcp.close()
            self.rtcp = _bound(self._host, self.port + 1)
        self.rtcp.connect((address.host, address.port))
        if not self.reports_connected:
            detach_filter(self.rtcp)
        self.reports_connected = True

    def send_report(self, data: bytes) -> None:
        """Raises OSError when the far port refused an earlier one."""
        if not self.reports_connected and not self.reports_with_sound:
            return
        protected = data if self.protection is None else self.protection.protect_report(data)
        if protected is not None:
            (self._clear_send if self.reports_with_sound else self.rtcp.send)(protected)

    def receive_report(self) -> bytes | None:
        """A datagram of the RTCP peer; None for one that does not prove to be. Raises OSError."""
        data = self.rtcp.recv(_LONGEST_DATAGRAM)
        return data if self.protection is None else self.protection.unprotect_report(data)

    def listen_to_digits(self, payload_type: int | None, *, reports: bool) -> None:
        attach_filter(self.rtp, payload_type, reports=reports)
        self.filtered = True

    def listen_to_all(self) -> None:
        if self.filtered:
            detach_filter(self.rtp)
            self.filtered = False

    def dropped(self) -> int:
        """Packets that the kernel kept away since the last time."""
        count = dropped(self.rtp)
        new, self._counted = count - self._counted, count
        return new

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


class PortPairs:
    """Even ports with their odd neighbours. The one that was free the longest comes first, so that late packets of a
    call that ended seldom reach the next."""

    def __init__(self, host: str, first: int, last: int) -> None:
        self._host = host
        self._free = deque(range(first + first % 2, last, 2))

    def open(self, number: int) -> LegSocket:
        """Raises NoPort."""
        for _ in range(min(_BIND_TRIES, len(self._free))):
            port = self._free.popleft()
            try:
                rtp = _bound(self._host, port)
            except OSError:
                self._free.append(port)
                continue
            try:
                rtcp = _bound(self._host, port + 1)
            except OSError:
                rtp.close()
                self._free.append(port)
                continue
            return LegSocket(number, self._host, port, rtp, rtcp)
        raise NoPort(f"no free port pair on {self._host}; widen [rtp] ports")

    def give_back(self, leg: LegSocket) -> None:
        leg.close()
        self._free.append(leg.port)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        # The kernel says when a packet came, which we ask for only milliseconds later: jitter is of the line, not ours.
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        # DSCP EF (RFC 4594 §4.1), so that routers put speech first.
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xB8)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0xB8)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _to_nowhere(data: memoryview | bytes) -> int:
    return len(data)
