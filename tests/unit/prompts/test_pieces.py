"""Pieces: shaped like telephones want them, and joined without a seam."""

from __future__ import annotations

import numpy
import pytest

from foundation.sound import Codec
from prompts.audio import fitted
from prompts.codecs import NARROW, WIDE, decode, encode
from prompts.pieces import BEFORE_MILLISECONDS, CODECS, joined, piece
from prompts.speech import Samples


def voice(seconds: float, pitch: float, rate: int = 22050) -> Samples:
    """A vowel-like tone with syllables, silent before and after."""
    times = numpy.arange(int(seconds * rate)) / rate
    tone = sum(numpy.sin(2 * numpy.pi * pitch * part * times) / part for part in range(1, 30))
    syllables = 0.55 + 0.45 * numpy.sin(2 * numpy.pi * 4 * times)
    quiet = numpy.zeros(rate // 5)
    return numpy.concatenate([quiet, 4000 * tone * syllables, quiet]).astype(numpy.int16)


def share_outside(samples: Samples, rate: int, low: float, high: float) -> float:
    power = numpy.abs(numpy.fft.rfft(samples.astype(float))) ** 2
    frequencies = numpy.fft.rfftfreq(len(samples), 1 / rate)
    return float(power[(frequencies < low) | (frequencies > high)].sum() / power.sum())


def test_silence_around_is_cut_and_both_rates_agree_in_length() -> None:
    made = fitted(voice(1.0, 120), 22050)
    assert 1000 <= len(made.narrow) / 8 <= 1045
    assert len(made.wide) == 2 * len(made.narrow)


def test_the_band_of_a_telephone() -> None:
    made = fitted(voice(1.0, 120), 22050)
    assert share_outside(made.narrow, NARROW, 180, 3700) < 1e-4
    assert share_outside(made.wide, WIDE, 60, 7600) < 1e-4


def test_nothing_to_say_is_no_piece() -> None:
    assert piece(numpy.zeros(22050, numpy.int16), 22050) is None
    assert piece(numpy.zeros(0, numpy.int16), 22050) is None


def test_no_click_at_the_ends() -> None:
    made = fitted(voice(1.0, 120), 22050)
    for samples in (made.narrow, made.wide):
        assert abs(int(samples[0])) < 30
        assert abs(int(samples[-1])) < 30


@pytest.mark.parametrize("codec", CODECS)
def test_joined_pieces_sound_as_one_run_of_the_encoder(codec: Codec) -> None:
    voices = [voice(0.8, 110), voice(0.5, 190), voice(0.9, 140)]
    pauses = [300, 450, 300]
    parts = []
    for samples, pause in zip(voices, pauses, strict=True):
        made = piece(samples, 22050)
        assert made is not None
        parts.append((made, pause))
    data = joined(parts).encoded[codec]

    rate = WIDE if codec == "G722" else NARROW
    run = [numpy.zeros(rate // 2, numpy.int16)]
    for samples, pause in zip(voices, pauses, strict=True):
        fit = fitted(samples, 22050)
        run += [fit.wide if codec == "G722" else fit.narrow, numpy.zeros(pause * rate // 1000, numpy.int16)]
    original = numpy.concatenate(run)
    once = decode(encode(original, codec), codec).astype(float)
    heard = decode(data, codec).astype(float)
    assert len(once) == len(heard)
    delay = 22 if codec == "G722" else 0
    wanted = original[: len(once) - delay].astype(float)
    error_once = numpy.sqrt(numpy.mean((once[delay:] - wanted) ** 2))
    error_joined = numpy.sqrt(numpy.mean((heard[delay:] - wanted) ** 2))
    assert error_joined <= 1.05 * error_once


def test_all_codecs_of_a_joined_sound_have_one_length() -> None:
    part = piece(voice(0.7, 120), 22050)
    assert part is not None
    made = joined([(part, 700), (part, 300)])
    assert {len(data) for data in made.encoded.values()} == {made.milliseconds * 8}
    assert made.milliseconds == 500 + 2 * (part.milliseconds - BEFORE_MILLISECONDS) + 700 + 300


def test_a_pause_that_is_too_short_for_the_codec_is_a_fault_of_ours() -> None:
    part = piece(voice(0.7, 120), 22050)
    assert part is not None
    with pytest.raises(ValueError, match="no pause"):
        joined([(part, 100), (part, 300)])
