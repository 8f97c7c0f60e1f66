"""The codecs against the numbers of ITU-T G.711 and against each other."""

from __future__ import annotations

import math
import wave
from io import BytesIO

import numpy
import pytest

from foundation.sound import Codec
from prompts.codecs import decode, encode, wav

SINE = (9000 * numpy.sin(2 * numpy.pi * 1000 * numpy.arange(16000) / 16000)).astype(numpy.int16)


@pytest.mark.parametrize(("codec", "code", "sample"), [
    ("PCMA", 0xD5, 8), ("PCMA", 0x55, -8), ("PCMA", 0xAA, 32256), ("PCMA", 0x2A, -32256),
    ("PCMU", 0xFF, 0), ("PCMU", 0x80, 32124), ("PCMU", 0x00, -32124),
])  # fmt: skip
def test_corner_values_of_g711(codec: Codec, code: int, sample: int) -> None:
    assert decode(bytes([code]), codec)[0] == sample


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_every_code_round_trips(codec: Codec) -> None:
    codes = bytes(range(256))
    values = decode(codes, codec)
    again = decode(encode(values, codec), codec)
    assert (values == again).all()


@pytest.mark.parametrize(("codec", "digital_silence"), [("PCMA", {0xD5, 0x55}), ("PCMU", {0xFF, 0x7F})])
def test_silence_is_the_quietest_code(codec: Codec, digital_silence: set[int]) -> None:
    assert set(encode(numpy.zeros(160, numpy.int16), codec)) <= digital_silence


@pytest.mark.parametrize(("codec", "rate", "decibels"), [("PCMA", 8000, 36), ("PCMU", 8000, 36), ("G722", 16000, 30)])
def test_a_tone_survives(codec: Codec, rate: int, decibels: float) -> None:
    tone = SINE if rate == 16000 else SINE[::2].copy()
    heard = decode(encode(tone, codec), codec).astype(float)
    delay = 22 if codec == "G722" else 0  # of the two quadrature mirror filters
    wanted = tone.astype(float)[1000:-1000]
    got = heard[1000 + delay :][: len(wanted)]
    error = numpy.sqrt(numpy.mean((wanted[: len(got)] - got) ** 2))
    assert 20 * math.log10(numpy.sqrt(numpy.mean(wanted**2)) / error) > decibels


def test_all_make_64_kbit_a_second() -> None:
    assert len(encode(SINE, "G722")) == 8000
    assert len(encode(SINE[:8000], "PCMA")) == 8000
    assert len(encode(SINE[:15999], "G722")) == 8000


def test_wav_is_a_wav() -> None:
    with wave.open(BytesIO(wav(SINE, 16000))) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate(), reader.getnframes()) == (
            1,
            2,
            16000,
            16000,
        )
