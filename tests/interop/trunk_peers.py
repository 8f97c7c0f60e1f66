"""Trunks that SIPp can't play: sound that passes one way only, and SIP over TLS with a certificate of choice. Threads."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
import time
from pathlib import Path
from types import TracebackType

from tests.daemon import free_port

_OURS = 0x0BADCAFE
_TONE = bytes((0x1A, 0x9A)) * 80
"""20 ms of A-law at 4 kHz, loud enough to be no silence."""


class SoundPeer:
    """The far end's sound, at `port` of 127.0.0.1: RTP there, RTCP one above. `speaks`: it sends, as long as it hears.
    `reports` that it lost so great a share of what we send (0 to 1); None for no reports at all."""

    def __init__(self, *, speaks: bool, reports: float | None) -> None:
        self._speaks = speaks
        self._reports = reports
        self._rtp, self._rtcp, self.port = _pair()
        self._over = threading.Event()
        self.heard = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> SoundPeer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(5)
        self._rtp.close()
        self._rtcp.close()

    def _run(self) -> None:
        """A packet each 20 ms and a report each half second, to whoever was heard last."""
        them: tuple[str, int] | None = None
        theirs = first = highest = 0
        sent, next_report = 0, time.monotonic()
        while not self._over.is_set():
            try:
                data, them = self._rtp.recvfrom(2048)
                _, _, highest, _, theirs = struct.unpack_from("!BBHII", data)
                first = first if self.heard else highest
                self.heard += 1
            except TimeoutError:
                pass
            if them is None:
                continue
            if self._speaks:
                sent += 1
                head = struct.pack("!BBHII", 0x80, 8, sent & 0xFFFF, sent * 160, _OURS)
                self._rtp.sendto(head + _TONE, them)
            if self._reports is not None and time.monotonic() >= next_report:
                next_report = time.monotonic() + 0.5
                lost = round(self._reports * ((highest - first) & 0xFFFF))
                block = struct.pack("!IIIIII", theirs, round(self._reports * 255) << 24 | lost, highest, 3, 0, 0)
                self._rtcp.sendto(struct.pack("!BBHI", 0x81, 201, 7, _OURS) + block, (them[0], them[1] + 1))


def _pair() -> tuple[socket.socket, socket.socket, int]:
    while True:
        port = free_port(socket.SOCK_DGRAM) & ~1
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        try:
            rtp.bind(("127.0.0.1", port))
            rtcp.bind(("127.0.0.1", port + 1))
        except OSError:
            rtp.close()
            rtcp.close()
            continue
        rtp.settimeout(0.02)
        return rtp, rtcp, port


class TlsTrunk:
    """SIP over TLS on 127.0.0.1: OPTIONS, INVITE and BYE get 200, the INVITE with sound at `sound_port`. `seen` are the
    methods that came in; none comes where the other side does not take the certificate."""

    def __init__(self, certificate: Path, key: Path, sound_port: int = 9) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.seen: list[str] = []
        self._sound_port = sound_port
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> TlsTrunk:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # A close alone does not wake who waits in accept.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listening.accept()
            except OSError:
                return
            try:
                raw.settimeout(30)
                with self._context.wrap_socket(raw, server_side=True) as link:
                    self._talk(link)
            except OSError:
                raw.close()

    def _talk(self, link: ssl.SSLSocket) -> None:
        waiting = b""
        while data := link.recv(65536):
            waiting += data
            while b"\r\n\r\n" in waiting:
                head, _, rest = waiting.partition(b"\r\n\r\n")
                length = int((re.search(rb"(?im)^Content-Length: *(\d+)", head) or [b"", b"0"])[1])
                if len(rest) < length:
                    break
                waiting = rest[length:]
                if head.strip():
                    self._answer(link, head.strip().decode())

    def _answer(self, link: ssl.SSLSocket, head: str) -> None:
        method = head.split(" ", 1)[0]
        self.seen.append(method)
        if method == "ACK":
            return
        kept = [line for line in head.split("\r\n")[1:] if re.match(r"(?i)(via|from|call-id|cseq|record-route):", line)]
        to = next(line for line in head.split("\r\n") if line.lower().startswith("to:"))
        body = self._sound() if method == "INVITE" else ""
        lines = [
            "SIP/2.0 200 OK",
            *kept,
            to if ";tag=" in to else f"{to};tag=far",
            f"Contact: <sip:trunk@127.0.0.1:{self.port};transport=tls>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        link.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    def _sound(self) -> str:
        lines = ["v=0", "o=far 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        return "\r\n".join([*lines, f"m=audio {self._sound_port} RTP/AVP 8", "a=rtpmap:8 PCMA/8000", ""])
