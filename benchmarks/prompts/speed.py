"""How fast words become sound: normalising, one message of 20 s, and a thousand personal ones beside a busy reactor.

`python benchmarks/prompts/speed.py`. The reactor's lateness is that of a timer of 10 ms while messages are rendered.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from twisted.internet import reactor, task
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults

from foundation.clock import Clocks
from prompts.library import Library
from prompts.normalise import normalise
from prompts.settings import SpeechSettings

MESSAGE = (
    "Wilt u uitkijken naar dhr. {name} (82), ca. 1,75 m lang, met een blauwe jas? "
    "Hij is om 14:30 uur het laatst gezien in de {name}str. 12a. "
    "Bel bij het zien van {name} 0800-0011."
)
PERSONAL = (
    "Burgernet.\nHier volgt een oproep voor Burgernet.\nVermist: een jongen van 12 jaar, met een blauwe jas.\n"
    "Kijkt u ook in uw eigen schuur of tuin in de {name}straat?\nBel gratis 0800-0011.\nIk herhaal: 0800-0011."
)


def normalising() -> None:
    text = MESSAGE.format(name="Jansen")
    times = []
    for _ in range(300):
        begin = time.perf_counter()
        normalise(text)
        times.append(time.perf_counter() - begin)
    print(
        f"normalising a message of 20 s: median {statistics.median(times) * 1e3:.2f} ms, p95 {quantile(times):.2f} ms"
    )


def quantile(times: list[float], share: float = 0.95) -> float:
    return sorted(times)[int(len(times) * share)] * 1e3


def cpu_seconds(pid: int | None) -> float:
    """Of a process so far, itself only; on Linux."""
    fields = Path(f"/proc/{pid or os.getpid()}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def one_by_one(library: Library) -> None:
    times, length = [], 0
    processes = {"daemon": None} | library.processes()
    before = {name: cpu_seconds(pid) for name, pid in processes.items()}
    for number in range(40):
        begin = time.perf_counter()
        sound = await library.speech(
            MESSAGE.format(name=f"Van {'abcdefghij'[number % 10]}oren{'uvwxyzaeio'[number // 10]}en")
        )
        times.append(time.perf_counter() - begin)
        length = sound.milliseconds
    print(
        f"text to ready audio, message of {length / 1000:.1f} s: "
        f"median {statistics.median(times) * 1e3:.1f} ms, fastest {min(times) * 1e3:.1f} ms, p95 {quantile(times):.1f} ms"
    )
    used = {name: (cpu_seconds(pid) - before[name]) / len(times) * 1e3 for name, pid in processes.items()}
    print("  CPU a message: " + ", ".join(f"{name} {spent:.1f} ms" for name, spent in used.items()))


async def thousand(library: Library) -> None:
    late: list[float] = []
    last = [time.perf_counter()]

    def tick() -> None:
        now = time.perf_counter()
        late.append(now - last[0] - 0.01)
        last[0] = now

    ticking = task.LoopingCall(tick)
    ticking.start(0.01)
    begin, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    gate = DeferredSemaphore(4)
    texts = [PERSONAL.format(name=f"{first}{second}{third}") for first in STEMS for second in STEMS for third in STEMS]

    def speak(text: str) -> Deferred[object]:
        return Deferred.fromCoroutine(library.speech(text))

    await gatherResults([gate.run(speak, text) for text in texts])
    seconds = time.perf_counter() - begin
    used = resource.getrusage(resource.RUSAGE_SELF)
    ticking.stop()
    busy = used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime
    print(
        f"{len(texts)} personal messages: {seconds:.1f} s ({len(texts) / seconds * 60:.0f} a minute), "
        f"{busy / len(texts) * 1e3:.1f} ms CPU each in the daemon; "
        f"reactor late median {statistics.median(late) * 1e3:.1f} ms, p99 {quantile(late, 0.99):.1f} ms, "
        f"max {max(late) * 1e3:.1f} ms"
    )


STEMS = ("Ber", "ken", "lin", "den", "mo", "ven", "ros", "haze", "wil", "eik")


async def main() -> None:
    normalising()
    with tempfile.TemporaryDirectory() as directory:
        clocks = Clocks(time.monotonic, lambda: datetime.now(UTC))
        library = Library(SpeechSettings(cache=Path(directory)), reactor, clocks)
        library.startService()
        await library.speech("Een, twee.")
        await one_by_one(library)
        if "--short" not in sys.argv:
            await thousand(library)
        await library.stopService()


if __name__ == "__main__":
    task.react(lambda _: Deferred.fromCoroutine(main()))
