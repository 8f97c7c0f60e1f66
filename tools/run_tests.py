"""`make test`: lint, types, import rules and the tests of a tier; the first step that is red ends it.

The first tier needs nothing but Python: unit, acceptance, loopback. `--all` adds interop, fuzz and package, and installs
from Debian what they need where this runs as root. What a tier lacks it does not collect; nothing is skipped.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("foundation", "gateway", "ivr", "sms", "prompts", "config", "lab")
FIRST_TIER = ("tests/unit", "tests/acceptance", "tests/loopback")
FULL_TIER = (*FIRST_TIER, "tests/interop", "tests/fuzz", "tests/package")

# The command that shows that a package is there, and the package.
SYSTEM_PACKAGES = {
    "sipp": "sip-tester",
    "node": "nodejs",
    "npm": "npm",
    "chromium": "chromium",
    "cc": "gcc",
    "ps": "procps",
    "baresip": "baresip-core",
    "kamailio": "kamailio",
    "rtpengine": "rtpengine-daemon",
    "openssl": "openssl",
    "bearerbox": "kannel",
}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--all", action="store_true", help="the full tier, with software that nobody here wrote")
    arguments.add_argument("--only-lint", action="store_true", help="lint, types and import rules, no test")
    options, for_pytest = arguments.parse_known_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if options.all:
        _install_system_packages()
    # The type checker needs a minute from a cold start and one core: the quick checks and the first tests run beside it.
    types = ("mypy", *(word for package in PACKAGES for word in ("-p", package)))
    checking = subprocess.Popen(types, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    steps: list[Sequence[str]] = [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "--quiet", "."),
        ("lint-imports", "--no-cache"),
        (sys.executable, "tools/draw_architecture.py", "--check"),
        (sys.executable, "tools/check_newsfragment.py"),
    ]
    if not options.only_lint:
        steps.append(("pytest", *(FULL_TIER if options.all else FIRST_TIER), *for_pytest))
    code = next((code for step in steps if (code := _run(step))), 0)
    said, _ = checking.communicate()
    print(f"— mypy\n{said.rstrip()}\n  {'red' if checking.returncode else 'green'}", flush=True)
    return code or checking.returncode


def _run(step: Sequence[str]) -> int:
    name = " ".join(Path(word).name if word == sys.executable else word for word in step[:3])
    print(f"— {name}", flush=True)
    begin = time.monotonic()
    code = subprocess.run(step, cwd=ROOT, check=False).returncode
    print(f"  {'red' if code else 'green'} after {time.monotonic() - begin:.1f} s", flush=True)
    return code


def _install_system_packages() -> None:
    """What the full tier needs and lacks; without root the names are told and the run ends."""
    missing = sorted({package for program, package in SYSTEM_PACKAGES.items() if shutil.which(program) is None})
    # Debian keeps a server's programs off the path, one directory a version.
    if not any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        missing.append("postgresql")
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"The full tier needs more of the system; as root: apt-get install {' '.join(missing)}")
    print(f"installing {' '.join(missing)}", flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
    subprocess.run(("apt-get", "update"), check=True, **quiet)
    subprocess.run(("apt-get", "install", "-y", "--no-install-recommends", *missing), check=True, **quiet)


if __name__ == "__main__":
    sys.exit(main())
