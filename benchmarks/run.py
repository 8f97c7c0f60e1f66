"""`make bench`: every benchmark once, with its short defaults, one after the other.

Names as arguments choose some (`make bench ARGS="media/bench_send calls/bench_alert_call"`). Figures are of this machine
and of this moment; what they are compared with stands in docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    "media/bench_send",
    "media/bench_relay",
    "media/bench_pacing",
    "calls/bench_alert_call",
    "calls/bench_flood",
    "calls/bench_memory",
    "calls/bench_running",
    "calls/bench_agent",
    "calls/bench_telephone",
    "engine/run",
    "sms/bench_codec",
    "sms/bench_route",
    "prompts/clarity",
    "prompts/speed",
)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=SCRIPTS, help=f"of: {', '.join(SCRIPTS)}")
    unknown = sorted(set(arguments.parse_args().names) - set(SCRIPTS))
    if unknown:
        arguments.error(f"there is no benchmark {unknown[0]}; choose of {', '.join(SCRIPTS)}")
    root = HERE.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    code = 0
    for name in arguments.parse_args().names:
        print(f"— {name}", flush=True)
        code |= subprocess.run(
            [sys.executable, str(HERE / f"{name}.py")], cwd=root, env=environment, check=False
        ).returncode
    return code


if __name__ == "__main__":
    sys.exit(main())
