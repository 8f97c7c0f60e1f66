"""The child process that makes sound files: it shapes pieces, joins, encodes, saves and reads recordings.

In a process of its own, for the daemon's reactor would wait up to 50 ms for numpy and G.722 in a thread (measured), and
because a recording is a file from outside, read by C code. Requests and answers are the frames of `prompts.sounds`.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy

from prompts import attention
from prompts.engines.worker import NICENESS
from prompts.files import SoundFiles
from prompts.frames import Frame, FrameReader
from prompts.pieces import BEFORE_MILLISECONDS, LEAD_MILLISECONDS, TAIL_MILLISECONDS, Piece, joined, piece
from prompts.recording import read_recording, recorded_piece
from prompts.speech import BadRecording
from prompts.waveform import waveform

_PIECES_BYTES = 64 * 1024 * 1024


class Workshop:
    """Pieces by name, the latest used of them kept in memory."""

    def __init__(self, files: SoundFiles) -> None:
        self._files = files
        self._pieces: OrderedDict[str, Piece] = OrderedDict()
        self._held = 0

    def answer(self, request: dict[str, Any], body: bytes) -> dict[str, Any]:
        work = {
            "piece": self._piece,
            "join": self._join,
            "recording": self._recording,
            "draw": self._draw,
            "tidy": self._tidy,
        }
        return work[request["do"]](request, body)

    def _piece(self, request: dict[str, Any], body: bytes) -> dict[str, Any]:
        made = piece(numpy.frombuffer(body, numpy.int16), int(request["rate"]))
        if made is None:
            return {"milliseconds": 0}
        self._keep(request["name"], made)
        return {"milliseconds": made.milliseconds}

    def _keep(self, name: str, made: Piece) -> None:
        self._pieces[name] = made
        self._held += made.size
        while self._held > _PIECES_BYTES and len(self._pieces) > 1:
            self._held -= self._pieces.popitem(last=False)[1].size

    def _join(self, request: dict[str, Any], _body: bytes) -> dict[str, Any]:
        found = self._files.find(request["name"])
        if found is not None:
            return {"milliseconds": found.milliseconds}
        parts: list[list[Any]] = request["parts"]
        if parts[0][0] == attention.NAME and attention.NAME not in self._pieces:
            self._keep(attention.NAME, attention.attention())
        missing = sorted({name for name, _ in parts if name not in self._pieces})
        if missing:
            return {"missing": missing}
        for name, _ in parts:
            self._pieces.move_to_end(name)
        sound = joined([(self._pieces[name], pause) for name, pause in parts])
        description = {**request["description"], "passages": self._passages(parts, request["passages"])}
        return {"milliseconds": self._files.write(request["name"], sound, description).milliseconds}

    def _passages(self, parts: list[list[Any]], words: list[str]) -> list[tuple[int, int, str]]:
        """From when to when each piece speaks."""
        passages: list[tuple[int, int, str]] = []
        start = LEAD_MILLISECONDS
        for (name, pause), said in zip(parts, words, strict=True):
            end = start + self._pieces[name].milliseconds - BEFORE_MILLISECONDS
            passages.append((start, end, said))
            start = end + pause
        return passages

    def _recording(self, request: dict[str, Any], _body: bytes) -> dict[str, Any]:
        try:
            data = read_recording(Path(request["path"]))
            name = request["prefix"] + _digest(data)
            found = self._files.find(name)
            if found is None:
                sound = joined([(recorded_piece(data), TAIL_MILLISECONDS)])
                found = self._files.write(name, sound, {"words": "", "engine": "recording"})
        except BadRecording as error:
            return {"refused": str(error)}
        return {"name": name, "milliseconds": found.milliseconds}

    def _draw(self, request: dict[str, Any], _body: bytes) -> dict[str, Any]:
        found = self._files.find(request["name"])
        return {"waveform": asdict(waveform(found, request["columns"])) if found is not None else None}

    def _tidy(self, _request: dict[str, Any], _body: bytes) -> dict[str, Any]:
        return {"removed": self._files.tidy()}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]


def main() -> None:
    """Arguments: the directory and how many bytes it may hold."""
    os.nice(NICENESS)
    answers = os.dup(1)
    os.dup2(2, 1)
    workshop = Workshop(SoundFiles(Path(sys.argv[1]), int(sys.argv[2])))
    reader = FrameReader()
    while data := os.read(0, 1 << 20):
        for request in reader.receive(data):
            try:
                head = workshop.answer(request.head, request.body)
            except OSError as error:
                head = {"failed": f"{error.strerror} ({Path(error.filename or '').name})"}
            os.write(answers, bytes(Frame({**head, "id": request.head["id"]})))


if __name__ == "__main__":
    main()
