"""The real daemon as a child process, for tests: a configuration, `burgernet run`, its API, and kill -9.

Blocking on purpose: tests that use it stand outside the daemon and see it as the world does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

OPERATOR_SECRET = "operator-secret-of-the-tests"


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(ask: Callable[[], Any], seconds: float, what: str, every: float = 0.1) -> Any:
    """Ask until the answer is true; the assertion that fails names what never came."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        time.sleep(every)


class Daemon:
    """`burgernet run` in a directory of its own. `kill` is SIGKILL; `start` again is a restart on the same database."""

    def __init__(
        self,
        directory: Path,
        trunks: str,
        smscs: str = "",
        voice: str = "",
        more: str = "",
        desk: str | None = None,
        database: str | None = None,
    ) -> None:
        """`desk` is the URI of desk-7's phone; without it nobody is there. `database` is SQLite in the directory unless
        one is given."""
        self.directory = directory
        self.http_port, self.sip_port = free_port(), free_port(socket.SOCK_DGRAM)
        # Below the ports that the kernel gives out by itself, so that nobody else's is among them.
        rtp_first = 12000 + os.getpid() % 10 * 2000
        self.configuration = directory / "gateway.toml"
        self.configuration.write_text(
            f"""
[gateway]
node = "gw1"
drain_seconds = 1
database = "{database or f"sqlite:///{directory / 'burgernet.db'}"}"
[http]
listen = "tcp:{self.http_port}:interface=127.0.0.1"
[[http.token]]
name = "t.operator"
role = "operator"
secret = "{OPERATOR_SECRET}"
[sip]
listen = ["udp:{self.sip_port}:interface=127.0.0.1"]
[rtp]
address = "127.0.0.1"
ports = "{rtp_first}-{rtp_first + 1999}"
{trunks}
[[operator]]
id = "desk-7"
name = "Meldkamer Oost 7"
uri = "{desk or f"sip:desk-7@127.0.0.1:{free_port(socket.SOCK_DGRAM)}"}"
room = "oost"
[callback]
default_room = "oost"
numbers = ["+318000011", "08000011", "+31343529850"]
[voice]
{voice}
{smscs}
[speech]
cache = "{directory / "prompts"}"
{more}
"""
        )
        self.log = directory / "daemon.log"
        self._client = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {OPERATOR_SECRET}"}, timeout=30, verify=False
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "run", "-c", str(self.configuration)], stderr=log, stdout=log
            )
        eventually(self._answers, 60, f"the daemon answers; its log: {self.log}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the daemon ended by itself:\n{self.log.read_text()[-4000:]}"
        with contextlib.suppress(httpx.TransportError):
            return self._client.get("/healthz").status_code == 200
        return False

    def kill(self) -> None:
        """As the kernel does it: no word of farewell."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> int:
        """SIGTERM, and the exit code after the drain."""
        if self._process is None or self._process.poll() is not None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(20)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    # the API, in the few words that tests need

    def call(self, method: str, path: str, **parts: Any) -> Any:
        answer = self._client.request(method, f"/api/v1{path}", **parts)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def import_participants(self, rows: list[str]) -> None:
        text = "phone,channel,postcode,lat,lon\n" + "\n".join(rows) + "\n"
        self.call("POST", "/participants/import", content=text.encode(), headers={"Content-Type": "text/csv"})

    def start_action(self, channels: list[str], message: str = "Let op een rode fiets.", **more: Any) -> str:
        body = {
            "kind": "theft",
            "title": "Test",
            "message": message,
            "closing": "De fiets is gevonden.",
            "area": {"circle": {"lat": 52.09, "lon": 5.12, "radius_m": 5000}},
            "channels": channels,
            "owner": "desk-7",
            **more,
        }
        action = str(self.call("POST", "/actions", json=body)["id"])
        self.call("POST", f"/actions/{action}/start")
        return action

    def counts(self, action: str, channel: str = "voice") -> dict[str, int]:
        return dict(self.call("GET", f"/actions/{action}")["counts"].get(channel, {}))

    def deliveries(self, action: str) -> Iterator[dict[str, Any]]:
        after = ""
        while True:
            page = self.call("GET", f"/actions/{action}/deliveries" + (f"?after={after}" if after else ""))
            yield from page["items"]
            if not page["next"]:
                return
            after = page["next"]
