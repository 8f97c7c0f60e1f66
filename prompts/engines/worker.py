"""The loop of a speech worker: frames with a request on stdin, frames with samples on stdout. Ends when its stdin ends.

A request is `{"id", "text", "voice", "words_per_minute"}`; an answer `{"id", "rate"}` with 16-bit samples, or
`{"id", "error"}`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from prompts.frames import Frame, FrameReader

NICENESS = 5
"""Rendering yields to calls that are up where a machine has no core left."""


class CannotSay(Exception):
    """The request is understood and will never succeed; the message says why."""


def serve(speak: Callable[[dict[str, Any]], tuple[bytes, int]]) -> None:
    """`speak` gives samples and their rate for a request, or raises CannotSay."""
    os.nice(NICENESS)
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not land between two frames
    reader = FrameReader()
    while data := os.read(0, 65536):
        for request in reader.receive(data):
            _write(answers, bytes(_answer(speak, request.head)))


def _answer(speak: Callable[[dict[str, Any]], tuple[bytes, int]], request: dict[str, Any]) -> Frame:
    try:
        samples, rate = speak(request)
    except CannotSay as error:
        return Frame({"id": request.get("id"), "error": str(error)})
    return Frame({"id": request.get("id"), "rate": rate}, samples)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
