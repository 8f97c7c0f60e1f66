"""A session joined to a connection, and a service that keeps one up. The thin shell: sockets and one timer."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.application.internet import ClientService, backoffPolicy
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from foundation.clock import Clocks
from sms.session import Session
from sms.session_events import Bound, Over, SessionEvent
from sms.settings import SmscSettings

_FIRST_RETRY_SECONDS = 0.5
_LONGEST_RETRY_SECONDS = 30.0
_ABORT_SECONDS = 2.0

Hear = Callable[["Link", SessionEvent], None]


class BindLost(Exception):
    """The connection ended before the SMSC took the bind; the message says why."""


class TcpConnection(ITCPTransport, IConsumer):
    """What a TCP connection's transport offers."""


@implementer(IPushProducer)
class Link(TwistedProtocol):
    """One connection. `ready` fires when it is bound, or fails with why it never was; `gone` fires at its end."""

    _log = Logger()

    def __init__(self, session: Session, clocks: Clocks, reactor: IReactorTime, hear: Hear) -> None:
        self.session = session
        self.ready: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self._clocks = clocks
        self._reactor = reactor
        self._hear = hear
        self._timer: IDelayedCall | None = None
        self._touched: IDelayedCall | None = None
        self._abort: IDelayedCall | None = None

    def connectionMade(self) -> None:
        transport = cast(TcpConnection, self.transport)
        # Without it each window waits for the peer's delayed acknowledgement, 40 ms.
        transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)
        self.session.opened(self._clocks.now())
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        self.session.received(data, self._clocks.now())
        self._flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.session.lost(f"connection lost: {reason.getErrorMessage()}", self._clocks.now())
        self._flush()
        for call in (self._timer, self._touched, self._abort):
            if call is not None and call.active():
                call.cancel()
        self.gone.callback(None)

    def stop(self) -> None:
        self.session.stop(self._clocks.now())
        self._flush()

    def touch(self) -> None:
        """The session was given something: write it, together with all else of this turn of the reactor."""
        if self._touched is None:
            self._touched = self._reactor.callLater(0, self._touch)

    def _touch(self) -> None:
        self._touched = None
        self._flush()

    def _flush(self) -> None:
        while events := self.session.events():
            for event in events:
                self._take(event)
        octets = self.session.outgoing()
        if octets and self.transport is not None:
            self.transport.write(octets)
        if self.session.over:
            self._close()
        else:
            self._arm()

    def _take(self, event: SessionEvent) -> None:
        try:
            self._hear(self, event)
        except Exception:  # noqa: BLE001 - a shell boundary: a fault of ours must not end the bind
            self._log.failure("an SMSC's event was not taken {event}", event=type(event).__name__)
        if isinstance(event, Bound) and not self.ready.called:
            self.ready.callback(None)
        elif isinstance(event, Over) and not self.ready.called:
            self.ready.errback(BindLost(event.reason))

    def _arm(self) -> None:
        deadline = self.session.next_deadline()
        if deadline is None:
            if self._timer is not None and self._timer.active():
                self._timer.cancel()
            return
        seconds = max(deadline - self._clocks.now(), 0.0)
        if self._timer is not None and self._timer.active():
            # An early timer looks again, which is cheaper than moving it for each PDU.
            if self._timer.getTime() <= self._reactor.seconds() + seconds:
                return
            self._timer.reset(seconds)
        else:
            self._timer = self._reactor.callLater(seconds, self._due)

    def _due(self) -> None:
        self.session.handle_deadline(self._clocks.now())
        self._flush()

    def _close(self) -> None:
        if self._abort is None and self.transport is not None:
            transport = cast(TcpConnection, self.transport)
            transport.loseConnection()
            self._abort = self._reactor.callLater(_ABORT_SECONDS, transport.abortConnection)

    def pauseProducing(self) -> None:
        self.session.paused = True

    def resumeProducing(self) -> None:
        self.session.resume(self._clocks.now())
        self._flush()

    def stopProducing(self) -> None:
        self.session.paused = True


def endpoint_for(settings: SmscSettings, reactor: object, trust: Certificate | None = None) -> IStreamClientEndpoint:
    """TCP, or TLS with the certificate checked against the host's name; `trust` instead of the system's
    authorities."""
    endpoint = HostnameEndpoint(reactor, settings.host, settings.port)
    if not settings.tls:
        return endpoint
    return wrapClientTLS(optionsForClientTLS(settings.host, trustRoot=trust), endpoint)


@implementer(IStreamClientEndpoint)
class _Watched:
    """An endpoint whose failures are told, for the status that an engineer reads."""

    def __init__(self, endpoint: IStreamClientEndpoint, failed: Callable[[str], None]) -> None:
        self._endpoint = endpoint
        self._failed = failed

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._endpoint.connect(protocolFactory).addErrback(self._note)

    def _note(self, failure: Failure) -> Failure:
        if not isinstance(failure.value, CancelledError):
            self._failed(f"no connection: {failure.getErrorMessage()}")
        return failure


class BindService(Service):
    """Keeps one bind up: connects, binds, connects again, each failure in a row a longer wait, a refusal among them."""

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        make: Callable[[], Link],
        failed: Callable[[str], None],
        reactor: IReactorTime,
        random: Callable[[], float],
    ) -> None:
        self.link: Link | None = None
        self._make = make
        self._client = ClientService(
            _Watched(endpoint, failed),
            Factory.forProtocol(self._build),
            retryPolicy=backoffPolicy(_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS, 1.5, random),
            clock=reactor,
            prepareConnection=self._prepare,
        )

    def startService(self) -> None:
        super().startService()
        self._client.startService()

    def stopService(self) -> Deferred[None]:
        """Unbinds after the responses to what left; leaves no connection and no timer."""
        super().stopService()
        link = self.link
        if link is None or link.gone.called:
            return self._client.stopService()
        stopped: Deferred[None] = Deferred()
        link.gone.addCallback(lambda _: self._client.stopService()).chainDeferred(stopped)
        link.stop()
        return stopped

    def _build(self) -> Link:
        self.link = self._make()
        return self.link

    def _prepare(self, protocol: object) -> Deferred[None]:
        assert self.link is not None
        return self.link.ready
