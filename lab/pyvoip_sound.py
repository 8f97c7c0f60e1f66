"""pyVoIP's RTP with what a telephone must do: sound at an even pace, A-law where A-law was agreed, digits by RFC 4733.

Each override names the defect of pyVoIP 1.6.8 that it mends; the codecs, the parsing and the sockets stay pyVoIP's.
"""

from __future__ import annotations

import audioop
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from pyVoIP import RTP

from lab.listening import FRAME, Ear

_DIGITS = "0123456789*#ABCD"
_EVENT_FRAMES = 8
"""A key is held for 160 ms."""
_FRAME_SECONDS = 0.02
_MOST_BEHIND_SECONDS = 0.2


class Sound(RTP.RTPClient):
    """One leg's RTP. `taken` is its socket, bound by the handset; `ear` gets all that is heard."""

    def __init__(
        self, assoc: dict[int, Any], taken: socket.socket, remote: tuple[str, int], ear: Ear, key: Callable[[str], None]
    ) -> None:
        address, port = taken.getsockname()
        super().__init__(assoc, address, port, *remote, RTP.TransmitType.SENDRECV, dtmf=key)
        self._taken = taken
        self._ear = ear
        self._events: deque[tuple[bool, bytes, int]] = deque()
        self._started = False

    def start(self) -> None:
        """pyVoIP binds its port here, again at a re-INVITE; the socket is bound once, to an even port, and blocks
        instead of being polled a hundred times a second."""
        if self._started:
            return
        self._started = True
        self.sin = self.sout = self._taken
        self.sin.settimeout(0.25)
        for name, work in (("RTP in", self.recv), ("RTP out", self.trans)):
            threading.Thread(target=work, name=name, daemon=True).start()

    def _running(self) -> bool:
        return bool(self.NSD)

    def stop(self) -> None:
        self.NSD = False
        self._taken.close()

    def recv(self) -> None:
        """pyVoIP's loop dies of any packet shorter than a header."""
        while self.NSD:
            try:
                self.parse_packet(self.sin.recv(2048))
            except TimeoutError:
                continue
            except OSError:
                return
            except (RTP.RTPParseError, IndexError, ValueError):
                continue

    def trans(self) -> None:
        """pyVoIP sleeps 20 ms after each packet, so that its sound runs slow; this keeps to a clock. Its sequence
        numbers break at 65,536 as well."""
        due = time.monotonic()
        while self._running():
            try:
                self.sout.sendto(self._packet(), (self.outIP, self.outPort))
            except OSError:
                if not self._running():
                    return
            due += _FRAME_SECONDS
            late = time.monotonic() - due
            if late > _MOST_BEHIND_SECONDS:
                due += late
            elif late < 0:
                time.sleep(-late)

    def _packet(self) -> bytes:
        sequence, self.outSequence = self.outSequence, (self.outSequence + 1) & 0xFFFF
        timestamp, self.outTimestamp = self.outTimestamp, (self.outTimestamp + FRAME) & 0xFFFFFFFF
        if self._events:
            first, payload, frames = self._events.popleft()
            marker, kind, timestamp = first, self._event_type(), (timestamp - frames * FRAME) & 0xFFFFFFFF
        else:
            marker, kind, payload = False, int(self.preference), self.encode_packet(self.pmout.read(FRAME))
        header = bytes((0x80, marker << 7 | kind)) + sequence.to_bytes(2, "big") + timestamp.to_bytes(4, "big")
        return header + self.outSSRC.to_bytes(4, "big") + payload

    def press(self, digit: str) -> None:
        """Send a key as RFC 4733 §2.5 has it: one timestamp, growing duration, the end said three times. pyVoIP has
        no way to send digits. Raises ValueError where the other side did not offer telephone-event."""
        self._event_type()
        event = _DIGITS.index(digit)
        steps = [(frame, False) for frame in range(_EVENT_FRAMES)] + [(_EVENT_FRAMES - 1, True)] * 3
        for place, (frame, end) in enumerate(steps):
            duration = ((frame + 1) * FRAME).to_bytes(2, "big")
            self._events.append((place == 0, bytes((event, end << 7 | 10)) + duration, place))

    def _event_type(self) -> int:
        for number, kind in self.assoc.items():
            if kind is RTP.PayloadType.EVENT:
                return number
        raise ValueError("the other side does not take telephone-event")

    def encode_packet(self, payload: bytes) -> bytes:
        """pyVoIP sends µ-law where A-law was agreed."""
        if self.preference is RTP.PayloadType.PCMA:
            return self.encode_pcma(payload)
        return super().encode_packet(payload)

    def parse_pcmu(self, packet: Any) -> None:
        """pyVoIP keeps 8 bits a sample, too coarse to measure by, in a buffer that fills any jump of the timestamps
        with memory; the ear gets 16."""
        self._ear.hear(np.frombuffer(audioop.ulaw2lin(packet.payload, 2), np.int16))

    def parse_pcma(self, packet: Any) -> None:
        self._ear.hear(np.frombuffer(audioop.alaw2lin(packet.payload, 2), np.int16))
