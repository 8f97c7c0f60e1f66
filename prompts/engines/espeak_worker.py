"""The child process around espeak-ng, which crashes when two threads use it and is GPLv3: both reasons for a process."""

from __future__ import annotations

import ctypes
from typing import Any

import espeakng_loader

from prompts.engines.worker import CannotSay, serve

_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_RATE = 1
_POSITION_CHARACTER = 1
_UTF8 = 1
_PHONEMES = 0x100
"""What stands in double square brackets is phonemes; a text has no brackets left when it comes here."""

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

    def speak(self, request: dict[str, Any]) -> tuple[bytes, int]:
        """16-bit samples and their rate."""
        voice = str(request["voice"])
        if voice != self._voice:
            if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
                raise CannotSay(f"espeak-ng has no voice {voice!r}")
            self._voice = voice
        self._library.espeak_SetParameter(_RATE, int(request["words_per_minute"]), 0)
        self._parts.clear()
        data = str(request["text"]).encode() + b"\0"
        failed = self._library.espeak_Synth(data, len(data), 0, _POSITION_CHARACTER, 0, _UTF8 | _PHONEMES, None, None)
        if failed:
            raise CannotSay(f"espeak-ng refused the text (error {failed})")
        return b"".join(self._parts), self.rate

    def _receive(self, samples: int | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._parts.append(ctypes.string_at(samples, 2 * count))
        return 0


if __name__ == "__main__":
    serve(Espeak().speak)
