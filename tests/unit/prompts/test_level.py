"""Loudness: the active level of P.56, and levelling that neither clips nor clicks."""

from __future__ import annotations

import numpy
import pytest

from prompts.level import Wave, levelled, measure

RATE = 8000


def noise(seconds: float, loudness: float, seed: int = 1) -> Wave:
    random = numpy.random.default_rng(seed)
    return (random.standard_normal(int(seconds * RATE)) * loudness).astype(numpy.float32)


def silence(seconds: float) -> Wave:
    return numpy.zeros(int(seconds * RATE), numpy.float32)


def test_the_rms_that_rfc_7874_names_is_minus_19() -> None:
    level = measure(noise(3, 2600), RATE)
    assert level.active_dbm0 == pytest.approx(-19, abs=0.15)
    assert level.activity == pytest.approx(1, abs=0.02)


def test_pauses_do_not_count() -> None:
    talk = numpy.concatenate([noise(2, 2600), silence(3), noise(2, 2600), silence(3)])
    level = measure(talk, RATE)
    assert level.active_dbm0 == pytest.approx(-19, abs=0.6)
    assert level.activity == pytest.approx(0.44, abs=0.03)  # 4 s of 10, and 200 ms of hangover twice


def test_silence_has_no_level_and_stays_silence() -> None:
    assert measure(silence(1), RATE).active_dbm0 == -numpy.inf
    assert not levelled(silence(1), RATE).any()
    assert measure(silence(0), RATE).peak_dbfs == -numpy.inf


@pytest.mark.parametrize("loudness", [20, 300, 2600, 12000])
@pytest.mark.parametrize("crest", [1.0, 6.0])
def test_levelled_meets_level_and_peak(loudness: float, crest: float) -> None:
    wave = numpy.concatenate([noise(1, loudness), silence(0.7), noise(1, loudness)])
    wave[::997] *= numpy.float32(crest)
    level = measure(levelled(wave, RATE), RATE)
    assert level.active_dbm0 == pytest.approx(-19, abs=1)
    assert level.peak_dbfs < -3


def test_a_peak_is_turned_down_smoothly_and_nothing_far_from_it() -> None:
    wave = noise(1, 2600)
    wave[4000] = 60000
    out = levelled(wave, RATE)
    gain = out / numpy.where(wave == 0, 1, wave)
    assert numpy.abs(numpy.diff(gain)).max() < 0.05
    assert gain[1000] == pytest.approx(gain[7000], abs=0.002)


def test_a_peak_is_limited_where_the_level_is_right_already() -> None:
    wave = noise(2, 2600)
    wave[8000:8003] = 26000
    wave *= numpy.float32(2600 / 10 ** ((measure(wave, RATE).active_dbm0 + 19) / 20) / 2600)
    assert measure(wave, RATE).active_dbm0 == pytest.approx(-19, abs=0.05)
    assert measure(levelled(wave, RATE), RATE).peak_dbfs < -3
