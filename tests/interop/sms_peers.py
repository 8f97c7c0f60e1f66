"""SMSCs in child processes, as a test holds them: what they saw of the wire, and faults at its word."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from tests.daemon import eventually

_SCRIPTS = Path(__file__).with_name("node_smpp")


class NodeCentre:
    """node-smpp with one of the scripts beside this file; what it tells are lines of JSON."""

    def __init__(self, directory: Path, node_modules: Path, script: str, *arguments: str) -> None:
        node = shutil.which("node")
        assert node is not None, "node is needed for these tests: install nodejs"
        self._news = directory / f"{script}.jsonl"
        with self._news.open("wb") as news:
            self._process = subprocess.Popen(
                [node, str(_SCRIPTS / script), *arguments],
                stdin=subprocess.PIPE,
                stdout=news,
                env={**os.environ, "NODE_PATH": str(node_modules / "node_modules")},
            )
        self.port: int = eventually(lambda: self.told("port"), 20, "node-smpp listens")[0]

    def stop(self) -> None:
        _end(self._process)

    def order(self, **words: Any) -> None:
        orders = self._process.stdin
        assert orders is not None
        orders.write(json.dumps(words).encode() + b"\n")
        orders.flush()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._news.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def told(self, key: str) -> list[Any]:
        return [news[key] for news in self.all() if key in news]


class Crowd(NodeCentre):
    """`response` and `slow_response` (to a part of a long message) in milliseconds."""

    def __init__(self, directory: Path, node_modules: Path, *, response: int, slow_response: int) -> None:
        super().__init__(directory, node_modules, "crowd.js", str(response), str(slow_response))

    @property
    def submitted(self) -> list[dict[str, Any]]:
        return [news for news in self.all() if "number" in news]

    def lateness(self) -> float:
        """The longest that this child was kept from reading, in seconds; ends it."""
        self.stop()
        return float(self.told("late")[0])


class Centre:
    """`tests.interop.sms_centre`, which keeps its counts over every drop."""

    def __init__(self, directory: Path, window: int = 1000) -> None:
        self._report = directory / "centre.json"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.interop.sms_centre", "--window", str(window)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdout is not None
        self.port = int(json.loads(self._process.stdout.readline())["port"])

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        _end(self._process)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def drop(self) -> None:
        self._order("drop")

    def report(self) -> dict[str, Any]:
        """`accepted` and `discarded` by number (without plus), `owed` receipts, moments on the monotonic clock."""
        self._report.unlink(missing_ok=True)
        self._order(f"report {self._report}")
        eventually(self._report.exists, 30, "the SMSC reports")
        return dict(json.loads(self._report.read_text()))

    def _order(self, words: str) -> None:
        orders: IO[bytes] | None = self._process.stdin
        assert orders is not None
        orders.write(words.encode() + b"\n")
        orders.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)
