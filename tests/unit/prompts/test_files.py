"""The directory of sounds: whole or absent, and bounded."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy

from foundation.sound import Sound
from prompts.files import SoundFiles
from prompts.pieces import Piece, joined, piece
from prompts.waveform import Passage, waveform


def sound() -> Piece:
    times = numpy.arange(16000) / 16000
    made = piece((8000 * numpy.sin(2 * numpy.pi * 700 * times)).astype(numpy.int16), 16000)
    assert made is not None
    return joined([(made, 300)])


def age(directory: Path, name: str, hours: float) -> None:
    then = time.time() - hours * 3600
    for path in directory.glob(f"{name}.*"):
        os.utime(path, (then, then))


def test_what_is_written_is_found(tmp_path: Path) -> None:
    files = SoundFiles(tmp_path / "new", 10**9)
    written = files.write("abc", sound(), {"words": "a", "engine": "e"})
    assert files.find("abc") == written == Sound(tmp_path / "new" / "abc", written.milliseconds)
    assert files.find("abd") is None
    assert sorted(path.suffix for path in (tmp_path / "new").iterdir()) == [".g722", ".json", ".pcma", ".pcmu", ".wav"]


def test_a_sound_that_is_not_whole_is_not_there(tmp_path: Path) -> None:
    files = SoundFiles(tmp_path, 10**9)
    made = files.write("abc", sound(), {})
    made.path("PCMU").write_bytes(b"short")
    assert files.find("abc") is None
    files.write("abc", sound(), {})
    made.wav.unlink()
    assert files.find("abc") is None
    files.write("abc", sound(), {})
    made.stem.with_name("abc.json").write_text("{}")
    assert files.find("abc") is None


def test_what_a_power_failure_harmed_is_rendered_again_after_the_next_start(tmp_path: Path) -> None:
    made = SoundFiles(tmp_path, 10**9).write("abc", sound(), {})
    assert SoundFiles(tmp_path, 10**9).find("abc") == made
    for path in (made.path("G722"), made.wav):
        whole = path.read_bytes()
        path.write_bytes(bytes(len(whole)))
        assert SoundFiles(tmp_path, 10**9).find("abc") is None
        path.write_bytes(whole)
    assert SoundFiles(tmp_path, 10**9).find("abc") == made


def test_a_description_of_another_kind_is_no_sound(tmp_path: Path) -> None:
    made = SoundFiles(tmp_path, 10**9).write("abc", sound(), {})
    for text in ("[]", '{"milliseconds": 1}', f'{{"milliseconds": {made.milliseconds}}}', "null"):
        made.stem.with_name("abc.json").write_text(text)
        assert SoundFiles(tmp_path, 10**9).find("abc") is None


def test_too_much_makes_the_longest_unused_go_but_nothing_of_the_last_two_days(tmp_path: Path) -> None:
    files = SoundFiles(tmp_path, 1)
    for name, hours in (("old", 100), ("older", 200), ("fresh", 1)):
        files.write(name, sound(), {})
        age(tmp_path, name, hours)
    assert files.tidy() == 2
    assert files.find("fresh") is not None
    assert {path.stem for path in tmp_path.iterdir()} == {"fresh"}


def test_only_as_much_goes_as_must(tmp_path: Path) -> None:
    size = sum(len(data) for data in sound().encoded.values()) * 2
    files = SoundFiles(tmp_path, size)
    for name, hours in (("old", 100), ("older", 200)):
        files.write(name, sound(), {})
        age(tmp_path, name, hours)
    assert files.tidy() == 1
    assert files.find("old") is not None


def test_use_keeps_a_sound_young(tmp_path: Path) -> None:
    files = SoundFiles(tmp_path, 1)
    files.write("used", sound(), {})
    age(tmp_path, "used", 100)
    files.find("used")
    assert files.tidy() == 0


def test_what_a_crash_left_half_written_goes(tmp_path: Path) -> None:
    part = tmp_path / "abc.pcma.77.part"
    part.write_bytes(b"half")
    os.utime(part, (1, 1))
    SoundFiles(tmp_path, 10**9).tidy()
    assert list(tmp_path.iterdir()) == []
    assert SoundFiles(tmp_path / "nowhere", 1).tidy() == 0


def test_the_waveform_of_a_sound(tmp_path: Path) -> None:
    made = SoundFiles(tmp_path, 10**9).write("abc", sound(), {"engine": "e", "passages": [[500, 1500, "Een"]]})
    drawn = waveform(made, columns=100)
    assert len(drawn.peaks) == 100
    assert drawn.peaks[0] == (0.0, 0.0)
    assert drawn.peaks[50][0] < -0.05 < 0.05 < drawn.peaks[50][1]
    assert -20.5 <= drawn.active_dbm0 <= -18
    assert drawn.passages == (Passage(500, 1500, "Een"),)
    assert (drawn.milliseconds, drawn.engine) == (made.milliseconds, "e")
