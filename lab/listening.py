"""What a handset hears and says, as numbers: how long there was sound, how loud, and whether it was a given tone. No I/O
but the WAV file of `Ear.save`."""

from __future__ import annotations

import io
import math
import threading
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8000
"""Samples a second."""
FRAME = 160
"""Samples a packet of 20 ms."""
FRAME_MS = 20

Samples = NDArray[np.int16]

_SOUND_RMS = 260.0
"""Above this (of 32,767; -42 dBFS) a frame holds sound: 20 dB under speech at its usual level, 30 over a codec's noise."""
_TONE_SHARE = 0.6
"""So much of a frame's energy at one frequency makes it a tone; of speech no frame of 20 ms reaches it for long."""

_PIECE_MS = 400
_PIECE = RATE * _PIECE_MS // 1000
_ANCHORS = 4
_ALIKE = 0.9


class Ear:
    """All that one leg of a call heard, in the order of arrival. Written by the receiving thread, read by any."""

    def __init__(self) -> None:
        self._frames: list[Samples] = []
        self._lock = threading.Lock()

    def hear(self, samples: Samples) -> None:
        with self._lock:
            self._frames.append(samples)

    def samples(self) -> Samples:
        with self._lock:
            return np.concatenate(self._frames) if self._frames else np.zeros(0, np.int16)

    @property
    def received_ms(self) -> int:
        """Milliseconds of packets, silent ones too."""
        return len(self.samples()) * 1000 // RATE

    @property
    def sound_ms(self) -> int:
        return sound_ms(self.samples())

    def tone_ms(self, hertz: float) -> int:
        return tone_ms(self.samples(), hertz)

    def save(self, path: Path) -> None:
        """As WAV, 16 bits, mono, 8 kHz."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(self.samples().tobytes())


def sound_ms(samples: Samples) -> int:
    """Milliseconds in which there was sound at all, speech or tone."""
    return int(np.count_nonzero(_levels(_frames(samples)) > _SOUND_RMS)) * FRAME_MS


def level(samples: Samples) -> float:
    """The RMS of what is not silence (of 32,767); 0 where all is."""
    levels = _levels(_frames(samples))
    loud = levels[levels > _SOUND_RMS]
    return float(np.sqrt(np.mean(loud**2))) if loud.size else 0.0


def tone_ms(samples: Samples, hertz: float) -> int:
    """Milliseconds in which nearly all the energy lay at one frequency (±25 Hz, the width of a 20 ms frame)."""
    frames = _frames(samples)
    turns = np.exp(-2j * np.pi * hertz / RATE * np.arange(FRAME))
    at_tone = 2 * np.abs(frames @ turns) ** 2 / FRAME
    energy = np.sum(frames**2, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(energy > 0, at_tone / energy, 0.0)
    return int(np.count_nonzero((share > _TONE_SHARE) & (_levels(frames) > _SOUND_RMS))) * FRAME_MS


def share_heard(reference: Samples, heard: Samples) -> float:
    """How much of a reference was really in what was heard (0 to 1): of its pieces of 400 ms that hold sound, the share
    that is found, in the same wave form, where it belongs. The beginning of the reference is looked for everywhere."""
    pieces = [
        begin
        for begin in range(0, len(reference) - _PIECE + 1, _PIECE)
        if sound_ms(reference[begin : begin + _PIECE]) >= _PIECE_MS // 2
    ]
    if not pieces or len(heard) < _PIECE:
        return 0.0
    places = [_place(reference[begin : begin + _PIECE], heard) - begin for begin in pieces[:_ANCHORS]]
    found = [
        max(_likeness(reference[begin : begin + _PIECE], heard, begin + place) for place in set(places))
        for begin in pieces
    ]
    return sum(likeness > _ALIKE for likeness in found) / len(pieces)


def _place(piece: Samples, heard: Samples) -> int:
    """Where a piece fits best (cross-correlation over the Fourier transform)."""
    size = 1 << (len(piece) + len(heard) - 1).bit_length()
    spectrum = np.fft.rfft(heard.astype(np.float64), size) * np.conj(np.fft.rfft(piece.astype(np.float64), size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(heard)]))


def _likeness(piece: Samples, heard: Samples, at: int) -> float:
    """The cosine between a piece and what was heard at a place; 0 where that lies outside."""
    if not 0 <= at <= len(heard) - len(piece):
        return 0.0
    one, other = piece.astype(np.float64), heard[at : at + len(piece)].astype(np.float64)
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length else 0.0


def tone(hertz: float, seconds: float, amplitude: float = 0.4) -> bytes:
    """A sine as pyVoIP takes sound: unsigned 8-bit at 8 kHz."""
    count = math.floor(seconds * RATE / FRAME) * FRAME
    wave_form = np.sin(2 * np.pi * hertz / RATE * np.arange(count))
    octets: bytes = (128 + np.rint(wave_form * amplitude * 127)).astype(np.uint8).tobytes()
    return octets


def read_wav(content: bytes) -> Samples:
    """The samples of a mono 16-bit WAV, every second one dropped at 16 kHz. Raises ValueError at any other."""
    with wave.open(io.BytesIO(content), "rb") as file:
        if file.getnchannels() != 1 or file.getsampwidth() != 2 or file.getframerate() % RATE:
            raise ValueError("expected 16 bits, mono, 8 kHz or a multiple of it")
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return samples[:: file.getframerate() // RATE]


def _frames(samples: Samples) -> NDArray[np.float64]:
    whole = len(samples) // FRAME
    return samples[: whole * FRAME].astype(np.float64).reshape(whole, FRAME)


def _levels(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    levels: NDArray[np.float64] = np.sqrt(np.mean(frames**2, axis=1)) if len(frames) else np.zeros(0)
    return levels
