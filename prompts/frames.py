"""How the daemon and a speech worker talk: length-framed records over pipes. No I/O.

A frame is two lengths (big endian, 32 bits), a JSON head and a binary body. The worker imports nothing else of ours.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

_LENGTHS = struct.Struct("!II")

MAXIMUM_BODY = 256 * 1024 * 1024
MAXIMUM_HEAD = 1024 * 1024


class BadFrame(Exception):
    """What came is no frame: the other side is not ours or has lost its place."""


@dataclass(frozen=True, slots=True)
class Frame:
    head: dict[str, Any]
    body: bytes = b""

    def __bytes__(self) -> bytes:
        head = json.dumps(self.head).encode()
        return _LENGTHS.pack(len(head), len(self.body)) + head + self.body


@dataclass(slots=True)
class FrameReader:
    """Bytes in, whole frames out."""

    _chunks: bytearray = field(default_factory=bytearray)

    def receive(self, data: bytes) -> list[Frame]:
        """Raises BadFrame."""
        self._chunks += data
        frames: list[Frame] = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        if len(self._chunks) < _LENGTHS.size:
            return None
        head_length, body_length = _LENGTHS.unpack_from(self._chunks)
        if head_length > MAXIMUM_HEAD or body_length > MAXIMUM_BODY:
            raise BadFrame(f"a frame of {head_length} and {body_length} bytes is too long")
        body_at = _LENGTHS.size + head_length
        end = body_at + body_length
        if len(self._chunks) < end:
            return None
        try:
            head = json.loads(self._chunks[_LENGTHS.size : body_at])
        except ValueError as error:
            raise BadFrame("the head of a frame is no JSON") from error
        if not isinstance(head, dict):
            raise BadFrame("the head of a frame is no object")
        frame = Frame(head, bytes(self._chunks[body_at:end]))
        del self._chunks[:end]
        return frame
