"""Server-sent events: what happens, as it happens, for the console and for others. HTML Living Standard §9.2."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from foundation.telephone_numbers import NumberFault, PhoneNumber
from gateway.engine.interface import Engine
from gateway.engine.views import Event
from gateway.http.access import EVERYONE, Person
from gateway.http.problems import FieldFault, Problem
from gateway.http.routes import Answered, Asked, Query, Route, WebRequest

HEARTBEAT_SECONDS = 15.0
"""Shorter than the idle time-outs of proxies."""
_MOST_LISTENERS = 200
_E164 = re.compile(r"\+[1-9]\d{7,14}")


class EventsQuery(Query):
    """`after`: the id of the last event seen, where a client can't send Last-Event-ID."""

    after: int | None = None


class EventCalls:
    """`GET /events`."""

    def __init__(self, engine: Engine, reactor: IReactorTime) -> None:
        self._engine = engine
        self._reactor = reactor
        self._listeners = 0

    def routes(self) -> list[Route]:
        summary = "Events as they happen: action, delivery (batched counts), call, trunk, smsc, reply, tip."
        return [
            Route(
                "GET",
                "/api/v1/events",
                self.listen,
                EVERYONE,
                summary,
                query=EventsQuery,
                produces="text/event-stream",
                problems=(503,),
                streams=True,
            )
        ]

    async def listen(self, asked: Asked[Any]) -> Answered:
        if self._listeners >= _MOST_LISTENERS:
            raise Problem(503, "Too many listen already; try again in a minute.", headers={"Retry-After": "60"})
        after = _last_seen(asked)
        stream = EventStream(asked.request, asked.person, self._reactor)
        self._listeners += 1
        stream.start()
        events = self._engine.events(after)
        try:
            async for event in events:
                await stream.ready()
                stream.send(event)
        finally:
            self._listeners -= 1
            stream.stop()
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()
        return None


@implementer(IPushProducer)
class EventStream:
    """One listener. One that stops reading is cut off after two heartbeats; it reconnects with its last id."""

    def __init__(self, request: WebRequest, person: Person, reactor: IReactorTime) -> None:
        self._request = cast(Any, request)
        self._person = person
        self._waiting: Deferred[None] | None = None
        self._missed = 0
        self._heart = LoopingCall(self._beat)
        self._heart.clock = reactor
        self._log = Logger()

    def start(self) -> None:
        self._request.setHeader("content-type", "text/event-stream; charset=utf-8")
        self._request.setHeader("x-accel-buffering", "no")
        self._request.registerProducer(self, True)
        self._request.write(b"retry: 2000\n\n")
        beating = self._heart.start(HEARTBEAT_SECONDS, now=False)
        beating.addErrback(lambda failure: self._log.failure("heartbeat failed", failure=failure))

    def stop(self) -> None:
        if self._heart.running:
            self._heart.stop()
        # Twisted takes the channel away from a request whose connection is lost.
        if self._request.channel is not None:
            self._request.unregisterProducer()

    async def ready(self) -> None:
        """Wait until the connection takes more."""
        if self._waiting is not None:
            await self._waiting

    def send(self, event: Event) -> None:
        data = event.data if self._person.sees_numbers else masked(event.data)
        text = json.dumps(data, default=str, ensure_ascii=False)
        self._request.write(f"id: {event.id}\nevent: {event.kind}\ndata: {text}\n\n".encode())

    def pauseProducing(self) -> None:
        if self._waiting is None:
            self._waiting = Deferred()

    def resumeProducing(self) -> None:
        self._missed = 0
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def stopProducing(self) -> None:
        """The connection is gone; the handler is cancelled by it."""

    def _beat(self) -> None:
        if self._waiting is None:
            self._request.write(b": alive\n\n")
            return
        self._missed += 1
        if self._missed >= 2:
            self._request.channel.abortConnection()


def _last_seen(asked: Asked[Any]) -> int | None:
    given = asked.request.getHeader("last-event-id")
    if given is None:
        return cast(EventsQuery, asked.query).after
    if not re.fullmatch(r"\d{1,18}", given):
        raise Problem(422, "Last-Event-ID is a number.", [FieldFault("Last-Event-ID", "send the id of an event")])
    return int(given)


def masked(value: Any) -> Any:
    """The same data with every whole number in it masked."""
    if isinstance(value, Mapping):
        return {key: masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner) for inner in value]
    if isinstance(value, PhoneNumber):
        return value.masked
    return _E164.sub(_mask, value) if isinstance(value, str) else value


def _mask(match: re.Match[str]) -> str:
    try:
        return PhoneNumber(match.group()).masked
    except NumberFault:
        return match.group()
