"""SIP messages on a stream (RFC 3261 §18.3): cut by Content-Length, keep-alives answered, limits kept. No I/O."""

from __future__ import annotations

import re

from ivr.sip.message import LARGEST_HEAD, LARGEST_MESSAGE

PING = b"\r\n\r\n"
PONG = b"\r\n"
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,6})[ \t]*\r\n", re.IGNORECASE)


class StreamFault(ValueError):
    """The stream can't be followed any further: it is to be closed."""


class Framer:
    """Bytes in, whole messages out. `pongs` counts the keep-alives that ask for an answer, `answers` those that answer
    ours (RFC 5626 §4.4.1); the side that opened the connection is the one that pings."""

    def __init__(self, *, opened_by_us: bool = False) -> None:
        self._opened_by_us = opened_by_us
        self._kept = bytearray()
        self.pongs = 0
        self.answers = 0

    def received(self, data: bytes) -> list[bytes]:
        """The messages that are whole now. Raises StreamFault; what was whole before is then lost with the stream."""
        self._kept += data
        messages: list[bytes] = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> bytes | None:
        self._skip_empty_lines()
        end = self._kept.find(b"\r\n\r\n")
        if end < 0:
            if len(self._kept) > LARGEST_HEAD:
                raise StreamFault(f"a header of more than {LARGEST_HEAD} bytes")
            return None
        length = _LENGTH.search(self._kept, 0, end + 2)
        if length is None:
            raise StreamFault("a message without Content-Length")
        whole = end + 4 + int(length[1])
        if whole > LARGEST_MESSAGE:
            raise StreamFault("a message of more than 65,535 bytes")
        if len(self._kept) < whole:
            return None
        message = bytes(self._kept[:whole])
        del self._kept[:whole]
        return message

    def _skip_empty_lines(self) -> None:
        while self._kept.startswith(PONG):
            if self._kept.startswith(PING):
                self.pongs += 1
                del self._kept[: len(PING)]
            elif PING.startswith(self._kept) and not self._opened_by_us:
                return
            else:
                self.answers += 1
                del self._kept[: len(PONG)]
