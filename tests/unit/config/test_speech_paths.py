"""Files that `[speech]` names: beside the configuration, and told where they are missing or faulty."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.faults import ConfigurationFaults
from config.loader import load

GATEWAY = Path(__file__).parents[3] / "config" / "gateway.toml"


def configured(folder: Path, speech: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(GATEWAY.read_text("utf-8").replace("[speech]\n", f"[speech]\n{speech}\n"), "utf-8")
    return file


def test_every_path_is_beside_the_file(tmp_path: Path) -> None:
    for name in ("nl.onnx", "nl.onnx.json", "en.onnx", "en.onnx.json"):
        (tmp_path / name).touch()
    (tmp_path / "lexicon.csv").write_text("written,spoken,kind\n")
    wanted = (
        'engine = "piper"\nvoice = "nl.onnx"\nvoices = { en = "en.onnx" }\nlexicon = "lexicon.csv"\ncache = "sounds"'
    )
    speech = load(configured(tmp_path, wanted)).speech
    assert speech.voice == str(tmp_path / "nl.onnx")
    assert speech.voices == {"en": str(tmp_path / "en.onnx")}
    assert speech.lexicon == tmp_path / "lexicon.csv"
    assert speech.cache == tmp_path / "sounds"


def test_espeaks_voices_are_names(tmp_path: Path) -> None:
    speech = load(configured(tmp_path, 'voice = "nl+f2"\nvoices = { en = "en-us" }')).speech
    assert (speech.voice, speech.voices, speech.lexicon) == ("nl+f2", {"en": "en-us"}, None)


@pytest.mark.parametrize(
    ("speech", "field", "words"),
    [
        ('lexicon = "none.csv"', "speech.lexicon", "which is no file; make it with the one line"),
        ('lexicon = "bad.csv"', "speech.lexicon", "bad.csv, line 2: the kind is word or sound, not 'noise'"),
        ('engine = "piper"\nvoice = "none.onnx"', "speech.voice", "which is no file"),
        ('engine = "piper"\nvoice = "alone.onnx"', "speech.voice", "alone.onnx.json is missing"),
        ('engine = "piper"\nvoice = "nl.onnx"\nvoices = { en = "none.onnx" }', "speech.voices.en", "which is no file"),
        ('attention = "bell"', "speech.attention", "tone"),
    ],
)
def test_what_is_missing_or_faulty_is_told(tmp_path: Path, speech: str, field: str, words: str) -> None:
    for name in ("nl.onnx", "nl.onnx.json", "alone.onnx"):
        (tmp_path / name).touch()
    (tmp_path / "bad.csv").write_text("written,spoken,kind\na,b,noise\n")
    with pytest.raises(ConfigurationFaults) as raised:
        load(configured(tmp_path, speech))
    (fault,) = raised.value.faults
    assert fault.field == field
    assert words in fault.words
    assert fault.line is not None
