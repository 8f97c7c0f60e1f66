"""`/healthz`, `/readyz` and `/metrics`: for supervisors, balancers and Prometheus. No token is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gateway.engine.interface import Engine
from gateway.http.answers import Answer
from gateway.http.problems import Problem
from gateway.http.routes import Answered, Asked, Query, Route, fixed
from gateway.observe import Metrics
from ivr.call import TrunkStatus
from sms.events import SmscStatus


class AliveAnswer(Answer):
    status: str


class HealthCalls:
    """Ready means: new work is begun, the database answers, and a trunk is up or a bind stands."""

    def __init__(
        self,
        engine: Engine,
        trunks: Callable[[], Iterable[TrunkStatus]],
        smscs: Callable[[], Iterable[SmscStatus]],
        metrics: Metrics,
    ) -> None:
        self._engine = engine
        self._trunks = trunks
        self._smscs = smscs
        self._metrics = metrics

    def routes(self) -> list[Route]:
        alive = "The process answers."
        ready = "New work is begun, the database answers, and a trunk is up or a bind stands."
        metrics = "text/plain; version=0.0.4; charset=utf-8"
        return [
            Route("GET", "/healthz", self.alive, None, alive, AliveAnswer),
            Route("GET", "/readyz", self.ready, None, ready, AliveAnswer, problems=(503,)),
            Route("GET", "/metrics", self.metrics, None, "Prometheus.", query=Query, produces=metrics),
        ]

    async def alive(self, asked: Asked[Any]) -> Answered:
        return AliveAnswer(status="alive")

    async def ready(self, asked: Asked[Any]) -> Answered:
        if self._engine.draining():
            raise Problem(503, "The gateway is starting or stopping and begins nothing new.")
        words = await self._engine.healthy()
        if words is not None:
            raise Problem(503, f"The database does not answer: {words}")
        up = any(trunk.state == "up" for trunk in self._trunks())
        bound = any(smsc.state in ("bound", "throttled") for smsc in self._smscs())
        if not (up or bound):
            raise Problem(503, "No trunk is up and no SMSC is bound.")
        return AliveAnswer(status="ready")

    async def metrics(self, asked: Asked[Any]) -> Answered:
        return fixed(self._metrics.text(), "text/plain; version=0.0.4; charset=utf-8")
