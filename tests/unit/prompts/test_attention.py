"""The tone before a message: at the level of speech, short, and in the place of the name."""

from __future__ import annotations

import numpy
import pytest

from prompts import texts
from prompts.attention import attention
from prompts.codecs import NARROW, decode
from prompts.level import measure
from prompts.pieces import BEFORE_MILLISECONDS


def test_the_tone_is_short_at_the_level_of_speech_and_clear_of_the_telephones_own() -> None:
    made = attention()
    assert 400 <= made.milliseconds - BEFORE_MILLISECONDS <= 600
    samples = decode(made.encoded["PCMA"], "PCMA").astype(numpy.float32)
    level = measure(samples, NARROW)
    assert level.active_dbm0 == pytest.approx(-19, abs=1)
    assert level.peak_dbfs < -3
    spectrum = numpy.abs(numpy.fft.rfft(samples))
    hertz = numpy.fft.rfftfreq(len(samples), 1 / NARROW)
    loudest = spectrum.max()
    for signal in (425, 950, 1400, 1800):
        assert spectrum[numpy.abs(hertz - signal) < 15].max() < loudest / 30


@pytest.mark.parametrize("language", sorted(texts.LANGUAGES))
def test_each_kind_of_message_begins_with_the_name_in_each_language(language: str) -> None:
    for text in (
        texts.alert("x", language, exercise=True),
        texts.closing("x", language),
        texts.correction("x", language),
    ):
        rest = texts.without_name(text, language)
        assert rest is not None
        assert text.endswith(rest)
    assert texts.without_name("Goedemorgen.\nDag.", language) is None
