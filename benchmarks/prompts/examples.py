"""Ten messages as sound, and measured: `python benchmarks/prompts/examples.py DIRECTORY`.

For each: length, active level (P.56), peak, the pauses between passages, and the largest step between two samples at the
begin or end of a passage, as a share of the largest step within it: a click would stand out above 1.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred

from foundation.clock import Clocks
from foundation.sound import Sound
from prompts import texts
from prompts.codecs import decode
from prompts.library import Library
from prompts.settings import SpeechSettings
from prompts.waveform import Waveform, waveform

MESSAGES = (
    ("missing-person", "nl", texts.alert("Vermist: dhr. De Vries (78), ca. 1,75 m lang, kalend, bruine jas.")),
    (
        "stolen-car",
        "nl",
        texts.alert("Kijk uit naar een grijze Peugeot met kenteken 12-ABC-3 op de A27, om 14:30 uur."),
    ),
    ("keys", "nl", texts.keys_menu(texts.Keys())),
    ("closing", "nl", texts.closing("De jongen is gezond teruggevonden.")),
    ("record-a-tip", "nl", texts.DUTCH.record_tip),
    ("english", "en", texts.alert("Missing: a boy of 12 with a blue coat and white trainers.", "en")),
    ("german", "de", texts.alert("Vermisst wird ein Junge von 12 Jahren mit blauer Jacke.", "de")),
    ("french", "fr", texts.closing("Le garçon a été retrouvé.", "fr")),
    ("polish", "pl", texts.keys_menu(texts.Keys(), "pl")),
    ("arabic", "ar", texts.texts_for("ar").record_tip),
)


def steps(sound: Sound, drawn: Waveform) -> float:
    """The largest step within 3 ms of a passage's begin or end, beside the largest within the passage."""
    samples = decode(sound.path("PCMA").read_bytes(), "PCMA").astype(float)
    jumps = numpy.abs(numpy.diff(samples))
    worst = 0.0
    for passage in drawn.passages:
        begin, end = passage.start * 8, passage.end * 8
        edges = max(jumps[begin - 24 : begin + 24].max(), jumps[end - 24 : end + 24].max())
        worst = max(worst, float(edges / jumps[begin:end].max()))
    return worst


async def main(directory: Path) -> None:
    with tempfile.TemporaryDirectory() as cache:
        library = Library(SpeechSettings(cache=Path(cache)), reactor, Clocks(time.monotonic, lambda: datetime.now(UTC)))
        library.startService()
        print(f"{'message':16}{'s':>6}{'dBm0':>7}{'dBFS':>7}  pauses (ms)                     step at ends")
        for name, language, text in MESSAGES:
            sound = await library.speech(text, language)
            drawn = waveform(sound)
            shutil.copyfile(sound.wav, directory / f"{name}.wav")
            ends = [(a.end, b.start) for a, b in zip(drawn.passages, drawn.passages[1:], strict=False)]
            pauses = " ".join(str(start - end) for end, start in ends)
            print(
                f"{name:16}{drawn.milliseconds / 1000:6.1f}{drawn.active_dbm0:7.1f}{drawn.peak_dbfs:7.1f}  "
                f"{pauses[:40]:40}{steps(sound, drawn):6.3f}"
            )
        await library.stopService()


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "examples")
    target.mkdir(parents=True, exist_ok=True)
    task.react(lambda _: Deferred.fromCoroutine(main(target)))
