"""CPU a paced packet of the media worker, beside a C `send()` loop in the same run.

    python benchmarks/media/bench_send.py [--calls 2000] [--seconds 4]

Both send the same calls a 160-byte packet every 20 ms from connected sockets to one sink that the kernel keeps empty.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.media.bench_worker import BenchWorker, compiled, prompt, scratch, sink
from ivr.media.messages import MediaLegId, Play, PlayId
from ivr.media.sockets import dropped


def c_loop(program: str, calls: int, seconds: float, port: int, *, paced: bool) -> float:
    """Microseconds of CPU a packet."""
    ports = "\n".join([str(port)] * calls)
    done = subprocess.run(
        [program, str(calls), str(seconds), str(int(paced)), "0"],
        input=ports,
        text=True,
        capture_output=True,
        check=True,
    )
    sent, cpu = done.stdout.split()
    return float(cpu) / int(sent) * 1e6


def worker(folder: str, calls: int, seconds: float) -> float:
    """Microseconds of CPU a packet, digits only listened to."""
    media = BenchWorker("16400-16999" if calls <= 250 else "30000-59999")
    far = sink()
    try:
        ports = media.open_legs(calls)
        for leg in range(calls):
            media.connect(leg, far.getsockname()[1])
        media.latch(far, ports)
        stem = str(prompt(folder, int(seconds) + 10))
        media.tell(*(Play(MediaLegId(leg), 1, PlayId(1), stem, 1000 * int(seconds + 10)) for leg in range(calls)))
        time.sleep(0.5)
        before, began, sent_before = media.cpu_seconds(), time.monotonic(), dropped(far)
        time.sleep(seconds)
        used, took, sent = media.cpu_seconds() - before, time.monotonic() - began, dropped(far) - sent_before
        if sent < 0.99 * calls * 50 * took:
            print(
                f"only {sent / (calls * 50 * took):.0%} of the packets were sent: the machine has not enough time for it"
            )
        return used / sent * 1e6
    finally:
        media.close()
        far.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    with scratch() as folder, sink() as far:
        program = compiled("send_loop", folder)
        port = far.getsockname()[1]
        saturated = c_loop(program, options.calls, options.seconds, port, paced=False)
        paced = c_loop(program, options.calls, options.seconds, port, paced=True)
        ours = worker(folder, options.calls, options.seconds)
        paced_again = c_loop(program, options.calls, options.seconds, port, paced=True)
    yardstick = (paced + paced_again) / 2
    print(f"{options.calls} calls, {options.seconds} s       us CPU a packet")
    print(f"C send() loop, saturated    {saturated:6.2f}")
    print(f"C send() loop, paced        {yardstick:6.2f}   ({paced:.2f} before, {paced_again:.2f} after)")
    print(
        f"media worker                {ours:6.2f}   ratio {ours / yardstick:.2f} paced, {ours / saturated:.2f} saturated"
    )
    print(
        json.dumps(
            {
                "benchmark": "media.send",
                "calls": options.calls,
                "c_paced_us": round(yardstick, 3),
                "c_saturated_us": round(saturated, 3),
                "worker_us": round(ours, 3),
                "ratio": round(ours / yardstick, 3),
                "ratio_saturated": round(ours / saturated, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
