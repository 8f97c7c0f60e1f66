"""What the lab's ears measure: sound, levels and tones."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from lab.listening import RATE, Ear, level, read_wav, share_heard, sound_ms, tone, tone_ms


def samples_of(unsigned: bytes) -> np.ndarray:
    return ((np.frombuffer(unsigned, np.uint8).astype(np.int16) - 128) * 256).astype(np.int16)


def test_a_tone_is_known_by_its_frequency_and_no_other() -> None:
    heard = samples_of(tone(1100, 2.0))
    assert tone_ms(heard, 1100) == 2000
    assert tone_ms(heard, 550) == 0
    assert tone_ms(heard, 1200) == 0


def test_noise_as_loud_as_speech_is_sound_and_no_tone() -> None:
    heard = np.random.default_rng(7).normal(0, 2600, RATE).astype(np.int16)
    assert sound_ms(heard) == 1000
    assert tone_ms(heard, 1100) == 0


def test_two_tones_together_are_neither() -> None:
    heard = (samples_of(tone(697, 1.0)) // 2 + samples_of(tone(1209, 1.0)) // 2).astype(np.int16)
    assert tone_ms(heard, 697) == tone_ms(heard, 1209) == 0


def test_silence_and_the_noise_of_a_codec_are_no_sound() -> None:
    silence = np.zeros(RATE, np.int16)
    assert sound_ms(silence) == 0
    assert sound_ms(silence + 8) == 0
    assert level(silence) == 0


def test_the_level_is_that_of_the_sound_alone() -> None:
    loud = np.full(RATE, 2600, np.int16)
    half_silent = np.concatenate([loud, np.zeros(RATE, np.int16)])
    assert level(half_silent) == pytest.approx(2600)


def test_an_ear_keeps_what_it_heard_and_saves_it(tmp_path: Path) -> None:
    ear = Ear()
    assert ear.received_ms == ear.sound_ms == 0
    heard = samples_of(tone(440, 1.0))
    for begin in range(0, len(heard), 160):
        ear.hear(heard[begin : begin + 160])
    ear.save(tmp_path / "heard.wav")
    assert ear.received_ms == ear.sound_ms == ear.tone_ms(440) == 1000
    assert (read_wav((tmp_path / "heard.wav").read_bytes()) == heard).all()


def test_a_wide_band_wav_is_thinned_and_a_stereo_one_refused() -> None:
    wide = np.repeat(samples_of(tone(440, 1.0)), 2)
    assert len(read_wav(wav(wide, rate=16000))) == RATE
    with pytest.raises(ValueError, match="mono"):
        read_wav(wav(wide, rate=8000, channels=2))


MESSAGE = np.random.default_rng(7).normal(0, 2500, 4 * RATE).astype(np.int16)
SILENCE = np.zeros(RATE, np.int16)


def test_a_message_is_found_in_the_middle_of_what_was_heard() -> None:
    heard = np.concatenate([SILENCE[:3333], MESSAGE, SILENCE])
    heard = heard + np.random.default_rng(8).normal(0, 100, len(heard))
    assert share_heard(MESSAGE, heard.astype(np.int16)) == 1.0


def test_half_a_message_is_half_of_it_and_another_one_is_none() -> None:
    assert share_heard(MESSAGE, MESSAGE[: 2 * RATE]) == pytest.approx(0.5)
    assert share_heard(MESSAGE, np.random.default_rng(9).normal(0, 2500, 4 * RATE).astype(np.int16)) == 0
    assert share_heard(MESSAGE, SILENCE) == share_heard(MESSAGE, SILENCE[:0]) == share_heard(SILENCE, MESSAGE) == 0


def wav(samples: np.ndarray, rate: int, channels: int = 1) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return content.getvalue()
