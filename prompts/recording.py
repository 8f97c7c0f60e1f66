"""An operator's own voice: a sound file read, checked and made fit for a telephone. Reads the file; no other I/O."""

from __future__ import annotations

from pathlib import Path

import miniaudio
import numpy

from prompts.level import measure
from prompts.pieces import BEFORE_MILLISECONDS, Piece, piece
from prompts.speech import BadRecording, Samples

MAXIMUM_BYTES = 50 * 1024 * 1024
MAXIMUM_SECONDS = 180
MINIMUM_SECONDS = 0.3

_SEND = "send a WAV, MP3, OGG (Vorbis) or FLAC file"
_SILENT_DBM0 = -60.0
_LOWEST_RATE = 8000
_READERS = (
    (b"RIFF", miniaudio.wav_get_info),
    (b"OggS", miniaudio.vorbis_get_info),
    (b"fLaC", miniaudio.flac_get_info),
    (b"ID3", miniaudio.mp3_get_info),
    (b"\xff", miniaudio.mp3_get_info),
)


def read_recording(path: Path) -> bytes:
    """The file's bytes. Raises BadRecording."""
    try:
        size = path.stat().st_size
        if size > MAXIMUM_BYTES:
            raise BadRecording(
                f"the recording is {size // 1_000_000} MB long; at most {MAXIMUM_BYTES // 1_000_000} MB go"
            )
        return path.read_bytes()
    except OSError as error:
        raise BadRecording(f"the recording cannot be read: {error.strerror}") from error


def recorded_piece(data: bytes) -> Piece:
    """A sound file's bytes as a piece of speech. Raises BadRecording."""
    samples, rate = decoded(data)
    _check_length(len(samples) / rate)
    if measure(samples.astype(numpy.float32), rate).active_dbm0 < _SILENT_DBM0:
        raise BadRecording("nothing is to be heard in the recording; look at the microphone and record again")
    made = piece(samples, rate)
    if made is None or made.milliseconds - BEFORE_MILLISECONDS < MINIMUM_SECONDS * 1000:
        raise BadRecording("the recording is too short to be a message; record again")
    return made


def decoded(data: bytes) -> tuple[Samples, int]:
    """Mono 16-bit samples and their rate. Raises BadRecording."""
    if not data:
        raise BadRecording(f"the recording is empty; {_SEND}")
    try:
        rate = _rate(data)
        sound = miniaudio.decode(data, miniaudio.SampleFormat.SIGNED16, nchannels=1, sample_rate=rate)
    except BadRecording:
        raise
    except (miniaudio.MiniaudioError, ValueError, MemoryError) as error:
        raise BadRecording(f"this is no sound file that we can read; {_SEND}") from error
    return numpy.array(sound.samples, dtype=numpy.int16), rate


def _rate(data: bytes) -> int:
    """The file's own rate: soxr resamples later, better than the decoder would. The length is looked at before it is
    unpacked, for a small file may hold hours."""
    for begins, read in _READERS:
        if data.startswith(begins):
            information = read(data)
            _check_length(information.duration)
            return max(int(information.sample_rate), _LOWEST_RATE)
    raise BadRecording(f"this is no sound file that we can read; {_SEND}")


def _check_length(seconds: float) -> None:
    if seconds > MAXIMUM_SECONDS:
        raise BadRecording(f"the recording lasts {seconds:.0f} s; keep it under {MAXIMUM_SECONDS} s")
