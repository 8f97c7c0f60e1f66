"""The gateway as the lab sees it from outside: a child process, and the HTTP API."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

_TIMEOUT_SECONDS = 20.0
_PATIENCE_SECONDS = 0.1


class GatewayFailed(Exception):
    """The daemon did not do what was asked of it; the words say what."""


class Gateway:
    """`burgernet run` on a configuration file. Everything is blocking. Raises GatewayFailed."""

    def __init__(self, configuration: Path, url: str, token: str) -> None:
        self.url = url
        self.log = configuration.with_name("gateway.log")
        self._configuration = configuration
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT_SECONDS, trust_env=False
        )

    def start(self, seconds: float = 40.0) -> None:
        """Returns when a trunk is up and the message centre is bound."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "run", "-c", str(self._configuration)],
                stdout=log,
                stderr=log,
                cwd=self._configuration.parent,
                env={**os.environ, "BURGERNET_TRACEBACK": "1"},
            )
        self.wait_until(self._ready, seconds, "the gateway was not ready")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not end in 15 s."""
        self._client.close()
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)

    def ask(self, method: str, path: str, **parts: Any) -> Any:
        """The JSON answer of an API call."""
        answer = self._request(method, f"/api/v1{path}", **parts)
        return answer.json() if answer.content else None

    def sound(self, path: str) -> bytes:
        return self._request("GET", f"/api/v1{path}").content

    def every(self, path: str) -> Iterator[dict[str, Any]]:
        """Each item of a list, page after page."""
        after: str | None = None
        while True:
            page = self.ask("GET", path, params={"after": after} if after else {})
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def wait_until(
        self, true: Callable[[], bool], seconds: float, otherwise: str, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        end = time.monotonic() + seconds
        while not true():
            if self._process is not None and self._process.poll() is not None:
                raise GatewayFailed(
                    f"the gateway ended by itself (exit code {self._process.returncode}); {self._last()}"
                )
            if time.monotonic() > end:
                raise GatewayFailed(f"{otherwise} after {seconds:.0f} s; {self._last()}")
            meanwhile()
            time.sleep(_PATIENCE_SECONDS)

    def _request(self, method: str, path: str, **parts: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, self.url + path, **parts)
        except httpx.HTTPError as error:
            raise GatewayFailed(f"{method} {path}: {error or type(error).__name__}; {self._last()}") from error
        if answer.is_error:
            raise GatewayFailed(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def _ready(self) -> bool:
        with contextlib.suppress(GatewayFailed, httpx.HTTPError):
            if self._client.get(f"{self.url}/readyz").is_success:
                return all(item["state"] in ("up", "bound") for item in [*self._list("/trunks"), *self._list("/smscs")])
        return False

    def _list(self, path: str) -> list[dict[str, Any]]:
        return list(self.every(path))

    def _last(self) -> str:
        """The end of the daemon's log, where the reason usually stands."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "its log ends with:\n  " + "\n  ".join(lines[-12:]) if lines else "its log is empty"
