"""The web server's own limits: how large a body may be, what every answer carries, what is logged of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol
from twisted.logger import Logger
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from gateway.http.problems import Problem

MOST_ANONYMOUS_BYTES = 65_536
"""Nobody signed in: enough for a sign-in form."""
MOST_BYTES = 268_435_456
_MOST_DISCARDED_BYTES = 16_777_216
"""So much beyond the limit is read and thrown away, so that the sender gets a clear answer; then the line is cut."""

SECURITY_HEADERS: Mapping[str, str] = {
    "Server": "burgernet",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: https://service.pdok.nl; connect-src 'self'; media-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}


class LimitedRequest(Request):
    """Refuses a body that is too large before it is kept anywhere, and sets the headers of every answer."""

    _limit = MOST_ANONYMOUS_BYTES
    _received = 0
    _too_large = False

    def gotLength(self, length: int | None) -> None:
        self._limit = self.channel.site.most_bytes(self.requestHeaders)
        self._too_large = length is not None and length > self._limit
        if self._too_large and length is not None and length > self._limit + _MOST_DISCARDED_BYTES:
            self._cut_off()
        # With no length Twisted keeps the body in a file, with a small one in memory.
        super().gotLength(0 if self._too_large else length)

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        self._too_large = self._too_large or self._received > self._limit
        if not self._too_large:
            super().handleContentChunk(data)
        elif self._received > self._limit + _MOST_DISCARDED_BYTES:
            self._cut_off()

    def render(self, resrc: IResource) -> None:
        for name, value in SECURITY_HEADERS.items():
            self.setHeader(name, value)
        if not self._too_large:
            super().render(resrc)
            return
        self._write_problem(Problem(413, f"The body is larger than {self._limit:,} bytes, the most for this sender."))

    def _write_problem(self, problem: Problem) -> None:
        self.setResponseCode(problem.details.status)
        self.setHeader("content-type", "application/problem+json; charset=utf-8")
        self.write(bytes(problem.details))
        self.finish()

    def _cut_off(self) -> None:
        transport: Any = self.channel.transport
        transport.write(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.channel.loseConnection()


class GatewaySite(Site):
    """`signed_in` says of a request's headers whether their token or session is known."""

    requestFactory = LimitedRequest

    def __init__(self, resource: IResource, signed_in: Callable[[Headers], bool], **options: Any) -> None:
        super().__init__(resource, requestFactory=LimitedRequest, timeout=60, **options)
        self._signed_in = signed_in
        self._connections: set[IProtocol] = set()
        self._emptied: Deferred[None] | None = None
        self._log = Logger()

    def most_bytes(self, headers: Headers) -> int:
        form = (headers.getRawHeaders("content-type") or [""])[0].lower()
        # Twisted parses forms in memory.
        if form.startswith(("multipart/", "application/x-www-form-urlencoded")):
            return MOST_ANONYMOUS_BYTES
        return MOST_BYTES if self._signed_in(headers) else MOST_ANONYMOUS_BYTES

    def buildProtocol(self, addr: Any) -> Any:
        channel = super().buildProtocol(addr)
        self._connections.add(channel)
        lost = channel.connectionLost

        def connection_lost(reason: Any) -> None:
            self._connections.discard(channel)
            lost(reason)
            if self._emptied is not None and not self._connections:
                emptied, self._emptied = self._emptied, None
                emptied.callback(None)

        channel.connectionLost = connection_lost
        return channel

    async def close(self) -> None:
        """Cut every connection; returns when none is left."""
        if not self._connections:
            return
        emptied = self._emptied = Deferred()
        for channel in list(self._connections):
            cast(Any, channel).transport.abortConnection()
        await emptied

    def startFactory(self) -> None:
        """No access log in a file: `log` tells the daemon's own log."""

    def stopFactory(self) -> None:
        """As `startFactory`."""

    def log(self, request: IRequest) -> None:
        """Method, path and status; never the query, which may hold a number."""
        path = request.path.decode("utf-8", "replace")
        self._log.debug(
            "request {method} {path} {status}", method=request.method.decode("latin-1"), path=path, status=request.code
        )
