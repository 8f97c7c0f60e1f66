"""An operator's own voice: what is taken, and what is refused with which words."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy
import pytest

from prompts.codecs import decode, wav
from prompts.level import measure
from prompts.recording import MAXIMUM_BYTES, decoded, read_recording, recorded_piece
from prompts.speech import BadRecording

SOUNDS = Path(__file__).parent / "sounds"


def tone(seconds: float, rate: int = 16000, loudness: float = 3000) -> numpy.ndarray:
    times = numpy.arange(int(seconds * rate)) / rate
    return numpy.asarray(loudness * numpy.sin(2 * numpy.pi * 440 * times), dtype=numpy.int16)


@pytest.mark.parametrize("name", ["tone.mp3", "tone.ogg", "tone.flac"])
def test_formats_that_browsers_and_telephones_make(name: str) -> None:
    made = recorded_piece((SOUNDS / name).read_bytes())
    assert 1400 <= made.milliseconds <= 1650
    assert measure(decode(made.encoded["PCMA"], "PCMA").astype(numpy.float32), 8000).active_dbm0 == pytest.approx(
        -19, abs=1
    )


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_wav_of_every_rate(rate: int) -> None:
    assert 1280 <= recorded_piece(wav(tone(1.0, rate), rate)).milliseconds <= 1310


def test_two_channels_become_one() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(16000)
        writer.writeframes(numpy.repeat(tone(1.0), 2).tobytes())
    samples, rate = decoded(file.getvalue())
    assert (len(samples), rate) == (16000, 16000)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"not a sound at all", "no sound file"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "no sound file"),
        (b"\xff\xfb" + bytes(20), "no sound file"),
        (b"OggS" + bytes(60), "no sound file"),
        (wav(numpy.zeros(16000, numpy.int16), 16000), "nothing is to be heard"),
        (wav(tone(0.1), 16000), "too short"),
        (wav(numpy.zeros(8000 * 181, numpy.int16), 8000), "under 180 s"),
    ],
)
def test_what_is_no_recording(data: bytes, words: str) -> None:
    with pytest.raises(BadRecording, match=words):
        recorded_piece(data)


def test_a_browser_that_does_not_know_the_length_yet_is_understood() -> None:
    honest = wav(tone(1.0), 16000)
    assert recorded_piece(honest[:40] + b"\xff\xff\xff\x7f" + honest[44:]).milliseconds > 1200


def test_a_file_that_is_too_large_or_not_there(tmp_path: Path) -> None:
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(MAXIMUM_BYTES + 1)
    with pytest.raises(BadRecording, match="at most"):
        read_recording(large)
    with pytest.raises(BadRecording, match="cannot be read"):
        read_recording(tmp_path / "nowhere.wav")
