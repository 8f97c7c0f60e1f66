"""CPU of listening to the sound of calls: the analysis of frames alone, and a worker that plays to and listens to calls.

    python benchmarks/media/bench_hearing.py [--lines 4000] [--calls 200] [--seconds 4]

The second part sends each call a packet of noise every 20 ms, from ports 16000 on; the worker's lie behind them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.media.bench_relay import Ports, sender
from benchmarks.media.bench_worker import BenchWorker, compiled, prompt, scratch
from foundation.clock import Monotonic
from ivr.media.hearing import Hearing
from ivr.media.messages import Listen, MediaFlowing, MediaLegId, Play, PlayId


def analysis(lines: int, rounds: int = 50) -> float:
    """Microseconds of CPU a frame of 20 ms, all three kinds listened for."""
    hearing, now = Hearing(), Monotonic(0.0)
    for leg in range(lines):
        hearing.listen(leg, "PCMA", frozenset(("talking", "beep", "digits")), now)
    frames = [random.Random(seed).randbytes(160) for seed in range(16)]
    before = time.process_time()
    for step in range(rounds):
        for leg in range(lines):
            hearing.take(leg, frames[(leg + step) % 16])
        now = Monotonic(now + 0.02)
        hearing.handle_deadline(now)
    return (time.process_time() - before) / rounds / lines * 1e6


def worker(send: str, folder: str, calls: int, seconds: float, *, listen: bool) -> float:
    """Cores used."""
    layout = Ports(16000, calls)
    media = BenchWorker(f"{16000 + 2 * calls}-{16000 + 4 * calls + 64}")
    try:
        ports = media.open_legs(calls)
        for leg in range(calls):
            media.connect(leg, layout.far + leg)
        stem, milliseconds = str(prompt(folder, int(seconds) + 10)), 1000 * int(seconds + 10)
        for leg in range(calls):
            media.tell(Play(MediaLegId(leg), 1, PlayId(1), stem, milliseconds))
            if listen:
                media.tell(Listen(MediaLegId(leg), 1, talking=True, beep=True))
        source = sender(send, layout.far, ports, seconds)
        media.collect(MediaFlowing, calls)
        before, began = media.cpu_seconds(), time.monotonic()
        time.sleep(seconds - 1)
        used = (media.cpu_seconds() - before) / (time.monotonic() - began)
        source.wait()
        return used
    finally:
        media.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=4000)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    a_frame = analysis(options.lines)
    with scratch() as folder:
        send = compiled("send_loop", folder)
        used = {listen: worker(send, folder, options.calls, options.seconds, listen=listen) for listen in (False, True)}
    print(
        f"analysis of {options.lines} lines      {a_frame:6.2f} us a frame, {a_frame * options.lines * 50 / 1e6:.2f} cores"
    )
    for listen, cores in used.items():
        kind = "sound listened to" if listen else "only digits listened to"
        print(
            f"{options.calls} calls, {kind}: {cores:.3f} cores, {options.calls / cores:.0f} calls a core at this pace"
        )
    print(
        json.dumps(
            {
                "benchmark": "media.hearing",
                "lines": options.lines,
                "frame_us": round(a_frame, 3),
                "calls": options.calls,
                "digits_only_cores": round(used[False], 4),
                "listening_cores": round(used[True], 4),
            }
        )
    )


if __name__ == "__main__":
    main()
