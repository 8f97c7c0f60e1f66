"""The daemon's side of the sound worker: pieces in, sound files out. Talks to a child process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foundation.sound import Sound
from prompts.child import Child, ChildFailed
from prompts.speech import BadRecording, SpeechFailed, Spoken
from prompts.waveform import Passage, Waveform

_TIMEOUT_SECONDS = 30.0


class Sounds:
    """`directory` holds the files; beyond `maximum_bytes` the longest unused go."""

    def __init__(self, directory: Path, maximum_bytes: int, reactor: Any) -> None:
        self._directory = directory
        arguments = (str(directory), str(maximum_bytes))
        self.child = Child("prompts.sound_worker", reactor, _TIMEOUT_SECONDS, arguments)

    async def piece(self, name: str, spoken: Spoken) -> None:
        """Make a piece of what an engine spoke. Raises SpeechFailed, for silence too."""
        request = {"do": "piece", "name": name, "rate": spoken.sample_rate}
        answer = await self._ask(request, spoken.samples.tobytes())
        if not answer["milliseconds"]:
            raise SpeechFailed(f"{spoken.engine}: it said nothing")

    async def join(
        self, name: str, parts: Sequence[tuple[str, int]], passages: Sequence[str], description: dict[str, Any]
    ) -> Sound | tuple[str, ...]:
        """The sound of that name, made of (piece, pause in ms) where it is not there yet; or the pieces that are missing.
        `passages` are the words of each piece. Raises SpeechFailed."""
        request = {"do": "join", "name": name, "parts": parts, "passages": passages, "description": description}
        answer = await self._ask(request)
        if "missing" in answer:
            return tuple(answer["missing"])
        return Sound(self._directory / name, int(answer["milliseconds"]))

    async def recording(self, path: Path, prefix: str) -> Sound:
        """Raises BadRecording, also for a file that makes the worker crash."""
        try:
            answer = await self._ask({"do": "recording", "path": str(path), "prefix": prefix})
        except SpeechFailed as error:
            raise BadRecording(f"the recording could not be worked on ({error}); send it as WAV") from error
        if "refused" in answer:
            raise BadRecording(answer["refused"])
        return Sound(self._directory / answer["name"], int(answer["milliseconds"]))

    async def waveform(self, name: str, columns: int) -> Waveform | None:
        """The picture of a sound; None where it is not kept. Raises SpeechFailed."""
        drawn = (await self._ask({"do": "draw", "name": name, "columns": columns}))["waveform"]
        if drawn is None:
            return None
        passages = tuple(Passage(**passage) for passage in drawn.pop("passages"))
        return Waveform(**{**drawn, "peaks": tuple(map(tuple, drawn["peaks"])), "passages": passages})

    def path(self, name: str) -> Path:
        """Of the WAV that a telephone hears, where it is kept."""
        return self._directory / f"{name}.wav"

    async def tidy(self) -> int:
        """Remove what is too much; how many sounds went. Raises SpeechFailed."""
        return int((await self._ask({"do": "tidy"}))["removed"])

    async def _ask(self, head: dict[str, Any], body: bytes = b"") -> dict[str, Any]:
        try:
            answer = await self.child.ask(head, body)
        except ChildFailed as error:
            raise SpeechFailed(f"sound worker: {error}") from error
        if "failed" in answer.head:
            raise SpeechFailed(f"sound worker: {answer.head['failed']}")
        return answer.head
