"""A real listening HTTP service over the recording engine, and a client that speaks to it over a socket."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.web.client import Agent, HTTPConnectionPool

from foundation.clock import Clocks
from gateway.engine.interface import Engine
from gateway.http.service import HttpService
from gateway.observe import Metrics
from gateway.settings import HttpSettings, TokenSettings
from ivr.call import TrunkStatus
from prompts.library import Library
from prompts.settings import SpeechSettings
from sms.events import SmscStatus
from tests.unit.http.recording_engine import RecordingEngine

TOKENS = tuple(
    TokenSettings(name=name, role=role, secret=f"{name}-secret")
    for name, role in (("anna", "operator"), ("erik", "engineer"), ("rob", "reader"))
)
ACTION = {
    "kind": "missing_person",
    "title": "Vermist kind",
    "message": "Wilt u uitkijken naar een jongen van zes.",
    "area": {"circle": {"lat": 52.09, "lon": 5.12, "radius_m": 1000}},
    "channels": ["voice", "sms"],
    "owner": "desk-7",
}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """`engine` is what the service asks; `trunks` and `smscs` what it is told of them."""

    def __init__(self, folder: Path, listen: str = "tcp:0:interface=127.0.0.1") -> None:
        self.engine = RecordingEngine(folder)
        self.trunks = [TrunkStatus("kpn", "up", 50, 12, 10, 3, 20.0)]
        self.smscs = [SmscStatus("main", "bound", 50, 4, 300.0)]
        self.clock_offset = 0.0
        self.clocks = Clocks(lambda: time.monotonic() + self.clock_offset, lambda: datetime.now(UTC))
        self.settings = HttpSettings(listen=listen, token=TOKENS)
        self.library = Library(SpeechSettings(cache=folder / "prompts"), reactor, self.clocks)
        self.serve(self.engine)
        self.pool = HTTPConnectionPool(reactor)
        self.agent = Agent(reactor, pool=self.pool)
        self.url = ""

    def serve(self, engine: Engine) -> None:
        """Another engine than the recording one, before the start."""
        metrics = Metrics(lambda: self.trunks, lambda: self.smscs, engine.running)
        self.service = HttpService(
            self.settings, engine, self.library, lambda: self.trunks, lambda: self.smscs, reactor, self.clocks, metrics
        )

    async def start(self) -> None:
        self.service.startService()
        port = await self.service.listening()
        self.port = port.getHost().port
        self.url = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        await self.service.stopService()
        await self.library.stopService()
        await self.pool.closeCachedConnections()

    async def turn(self) -> None:
        """Let the reactor run once."""
        await deferLater(reactor, 0)

    async def ask(self, method: str, path: str, who: str | None = "anna", body: Any = None, **headers: str) -> Answer:
        """`body`: a value to send as JSON, or bytes. Underscores in header names stand for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            sent["Authorization"] = f"Bearer {who}-secret"
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        full = path if path.startswith("/") else f"/api/v1/{path}"
        response = await treq.request(
            method, self.url + full, data=data, headers=sent, agent=self.agent, allow_redirects=False
        )
        content = await response.content()
        found = {name.decode().lower(): values[0].decode() for name, values in response.headers.getAllRawHeaders()}
        return Answer(response.code, found, content)
