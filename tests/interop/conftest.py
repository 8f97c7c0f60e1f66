"""Software that nobody here wrote, set up once a run for the tests that meet it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.daemon import free_port
from tests.interop.sipp_people import SippPeople

NODE_SMPP = "0.5.1"

# Its wheel exists for x86-64 and Python up to 3.12 only.
collect_ignore = [] if find_spec("pjsua2") else ["test_pjsua2.py"]


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """A directory whose `node_modules` holds node-smpp; beside the virtual environment, so that it is fetched once."""
    home = Path(sys.prefix) / "node-peers"
    if not (home / "node_modules" / "smpp" / "package.json").exists():
        home.mkdir(exist_ok=True)
        command = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(home), f"smpp@{NODE_SMPP}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr
    return home


@pytest.fixture
def network(tmp_path: Path) -> Iterator[SippPeople]:
    """SIPp, which plays people by the last digit of their number."""
    people = SippPeople(tmp_path, free_port())
    yield people
    people.stop()
