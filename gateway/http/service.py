"""HTTP as one service of the daemon: API, console, events, health and metrics on one port."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from foundation.clock import Clocks
from gateway.engine.interface import Engine
from gateway.http.access import Tokens
from gateway.http.actions import ActionCalls
from gateway.http.console import Console, templates
from gateway.http.describe import DescribeCalls
from gateway.http.dispatch import COOKIE, Dispatch
from gateway.http.events import EventCalls
from gateway.http.health import HealthCalls
from gateway.http.participants import ParticipantCalls
from gateway.http.reports import CallerCalls, DeskCalls, PeerCalls
from gateway.http.routes import Route
from gateway.http.site import Connections, GatewaySite, untyped
from gateway.http.speech import SpeechCalls
from gateway.http.speech_pages import SpeechPages
from gateway.observe import Metrics
from gateway.settings import HttpSettings
from ivr.call import TrunkStatus
from prompts.library import Library
from sms.events import SmscStatus


class PortTaken(Exception):
    """Somebody else listens there; the message says where, and what to do."""


class HttpService(Service):
    """`reactor` is the daemon's: time, TCP, threads. `listening()` tells how the start went."""

    def __init__(
        self,
        settings: HttpSettings,
        engine: Engine,
        library: Library,
        trunks: Callable[[], Iterable[TrunkStatus]],
        smscs: Callable[[], Iterable[SmscStatus]],
        reactor: Any,
        clocks: Clocks,
        metrics: Metrics,
    ) -> None:
        self.name = "http"
        self._settings = settings
        self._reactor = reactor
        self._log = Logger()
        self._port: Deferred[IListeningPort] | None = None
        pages = templates()
        routes: list[Route] = [
            *ActionCalls(engine).routes(),
            *CallerCalls(engine).routes(),
            *DeskCalls(engine).routes(),
            *PeerCalls(trunks, smscs).routes(),
            *ParticipantCalls(engine, reactor, reactor.getThreadPool()).routes(),
            *SpeechCalls(engine, library, reactor, reactor.getThreadPool()).routes(),
            *EventCalls(engine, reactor).routes(),
            *HealthCalls(engine, trunks, smscs, metrics).routes(),
        ]
        described = DescribeCalls(routes, pages).routes()
        self._dispatch = Dispatch([*routes, *described], Tokens(settings.token), clocks, metrics)
        Console(self._dispatch, engine, trunks, smscs, pages, settings)
        SpeechPages(self._dispatch, engine, library, pages)
        site = GatewaySite(self._dispatch.app.resource(), self._signed_in, settings.map_tiles, reactor=reactor)
        self._connections = Connections(site)

    def startService(self) -> None:
        untyped(super()).startService()
        self._port = untyped(serverFromString)(self._reactor, self._settings.listen).listen(self._connections)

    def listening(self) -> Deferred[IListeningPort]:
        """Fires with the port once it is open; fails with PortTaken where it can't be. One caller."""
        assert self._port is not None, "start the service first"
        opened: Deferred[IListeningPort] = Deferred()
        self._port.addCallbacks(lambda port: _tell(opened, port), lambda failure: self._refused(opened, failure))
        return opened

    def stopService(self) -> Deferred[None]:
        """Closes the port and every connection, event streams included."""
        untyped(super()).stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        port, self._port = self._port, None
        if port is None:
            return
        port.addErrback(lambda failure: self._log.warn("was not listening {reason}", reason=failure.getErrorMessage()))
        opened = await port
        if opened is not None:
            await maybeDeferred(opened.stopListening)
        await self._connections.close()

    def _refused(self, opened: Deferred[IListeningPort], failure: Failure) -> None:
        listen = self._settings.listen
        error = failure.value
        reason = str(error)
        if isinstance(error, CannotListenError):
            reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
        words = f"[http] listen = {listen!r} cannot be opened: {reason}. "
        opened.errback(PortTaken(words + "Stop what listens there, perhaps another daemon, or choose another port."))

    def reconfigure(self, settings: HttpSettings) -> None:
        """Other tokens from now on; browsers sign in again. Another `listen` needs a restart, which is logged."""
        if settings.listen != self._settings.listen:
            self._log.warn("listen changes only at a restart {listen}", listen=self._settings.listen)
        if settings.token != self._settings.token:
            self._dispatch.tokens = Tokens(settings.token)
            self._dispatch.sessions.clear()
        self._settings = settings.model_copy(update={"listen": self._settings.listen})

    def _signed_in(self, headers: Headers) -> bool:
        """Before a body is read: may this sender send a large one?"""
        authorization = headers.getRawHeaders("authorization")
        if authorization:
            return self._dispatch.tokens.bearer(authorization[0]) is not None
        for line in headers.getRawHeaders("cookie") or ():
            for cookie in line.split(";"):
                name, _, value = cookie.strip().partition("=")
                if name == COOKIE and self._dispatch.sessions.find(value, self._dispatch.clocks.now()) is not None:
                    return True
        return False


def _tell(opened: Deferred[IListeningPort], port: IListeningPort) -> IListeningPort:
    opened.callback(port)
    return port
