"""node-smpp as an SMSC in a child process, and what it saw of the wire."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.daemon import eventually

_SCRIPT = Path(__file__).with_name("node_smpp") / "crowd.js"


class Crowd:
    """`response` and `slow_response` (to a part of a long message) in milliseconds."""

    def __init__(self, directory: Path, node_modules: Path, *, response: int, slow_response: int) -> None:
        node = shutil.which("node")
        assert node is not None, "node is needed for these tests: install nodejs"
        self._news = directory / "crowd.jsonl"
        with self._news.open("wb") as news:
            self._process = subprocess.Popen(
                [node, str(_SCRIPT), str(response), str(slow_response)],
                stdin=subprocess.PIPE,
                stdout=news,
                env={**os.environ, "NODE_PATH": str(node_modules / "node_modules")},
            )
        self.port: int = eventually(lambda: self._told("port"), 20, "node-smpp listens")[0]

    def stop(self) -> None:
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(10)

    @property
    def submitted(self) -> list[dict[str, Any]]:
        return [news for news in self._all() if "number" in news]

    def lateness(self) -> float:
        """The longest that this child was kept from reading, in seconds; ends it."""
        self.stop()
        return float(self._told("late")[0])

    def _all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._news.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def _told(self, key: str) -> list[Any]:
        return [news[key] for news in self._all() if key in news]


def busiest(moments: list[float], seconds: float) -> int:
    """The most that any span of so many seconds holds, wherever it begins."""
    most = begin = 0
    for index, moment in enumerate(moments):
        while moment - moments[begin] >= seconds:
            begin += 1
        most = max(most, index - begin + 1)
    return most
