"""The child process around espeak-ng: frames of text on stdin, frames of samples on stdout. Ends when its stdin ends.

espeak-ng crashes when two threads use it and is GPLv3: both reasons to keep it in a process of its own.
A request is `{"id", "text", "voice", "words_per_minute"}`; an answer `{"id", "rate"}` with 16-bit samples, or `{"id", "error"}`.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

import espeakng_loader

from prompts.frames import Frame, FrameReader

_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_RATE = 1
_POSITION_CHARACTER = 1
_UTF8 = 1

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The library, set up once in this process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DO_NOT_EXIT))
        if self.rate <= 0:
            raise RuntimeError("espeak-ng does not start: its data was not found")
        self._parts: list[bytes] = []
        self._callback = _Callback(self._receive)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)
        self._voice = ""

    def speak(self, text: str, voice: str, words_per_minute: int) -> bytes:
        """16-bit samples at `rate`; raises ValueError for a voice that is not there."""
        if voice != self._voice:
            if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
                raise ValueError(f"espeak-ng has no voice {voice!r}")
            self._voice = voice
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._parts.clear()
        data = text.encode() + b"\0"
        failed = self._library.espeak_Synth(data, len(data), 0, _POSITION_CHARACTER, 0, _UTF8, None, None)
        if failed:
            raise ValueError(f"espeak-ng refused the text (error {failed})")
        return b"".join(self._parts)

    def _receive(self, samples: int | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._parts.append(ctypes.string_at(samples, 2 * count))
        return 0


def answer(espeak: Espeak, request: dict[str, Any]) -> Frame:
    try:
        samples = espeak.speak(str(request["text"]), str(request["voice"]), int(request["words_per_minute"]))
    except (ValueError, KeyError) as error:
        return Frame({"id": request.get("id"), "error": str(error)})
    return Frame({"id": request.get("id"), "rate": espeak.rate}, samples)


def main() -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not land between two frames
    espeak = Espeak()
    reader = FrameReader()
    while data := os.read(0, 65536):
        for request in reader.receive(data):
            with os.fdopen(os.dup(answers), "wb") as out:
                out.write(bytes(answer(espeak, request.head)))


if __name__ == "__main__":
    main()
