"""The child process around Piper: neural voices on the CPU. `voice` in a request is the path of a voice file (.onnx)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from piper import PiperVoice, SynthesisConfig

from prompts.engines.worker import CannotSay, serve

_NATURAL_WORDS_PER_MINUTE = 160.0


class Piper:
    """Voices are loaded when they are first asked for, and kept."""

    def __init__(self) -> None:
        self._voices: dict[str, PiperVoice] = {}

    def speak(self, request: dict[str, Any]) -> tuple[bytes, int]:
        voice = self._voice(str(request["voice"]))
        scale = _NATURAL_WORDS_PER_MINUTE / int(request["words_per_minute"])
        chunks = list(voice.synthesize(str(request["text"]), SynthesisConfig(length_scale=scale)))
        if not chunks:
            raise CannotSay("piper found nothing to say")
        return b"".join(chunk.audio_int16_bytes for chunk in chunks), chunks[0].sample_rate

    def _voice(self, path: str) -> PiperVoice:
        if path not in self._voices:
            if not Path(path).is_file() or not Path(f"{path}.json").is_file():
                raise CannotSay("the piper voice was not found; a voice is a .onnx file with its .onnx.json beside it")
            self._voices[path] = PiperVoice.load(path)
        return self._voices[path]


if __name__ == "__main__":
    serve(Piper().speak)
