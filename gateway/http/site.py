"""The web server's own limits: how large a body may be, what every answer carries, what is logged of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.protocols.policies import WrappingFactory
from twisted.web.http import Request
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource
from twisted.web.server import Request as ServerRequest
from twisted.web.server import Site

from gateway.http.problems import Problem

MOST_ANONYMOUS_BYTES = 65_536
"""Nobody signed in: enough for a sign-in form."""
MOST_BYTES = 268_435_456
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
NO_FORM = "Send the file itself, not a form: curl --data-binary @FILE -H 'Content-Type: text/csv' (or audio/wav)."
_MOST_DISCARDED_BYTES = 16_777_216
"""So much beyond the limit is read and thrown away, so that the sender gets a clear answer; then the line is cut."""


def security_headers(tiles: str | None) -> Mapping[str, str]:
    """Of every answer. Pictures come from here, and from the host of the map's tiles where there is one."""
    pictures = "" if tiles is None else f" {tiles.split('/', 3)[0]}//{tiles.split('/', 3)[2]}"
    return {
        "Server": "burgernet",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"img-src 'self' data:{pictures}; connect-src 'self'; media-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    }


class LimitedRequest(ServerRequest):
    """Refuses a body that is too large before it is kept anywhere, and sets the headers of every answer."""

    _limit = MOST_ANONYMOUS_BYTES
    _received = 0
    _too_large = False

    def gotLength(self, length: int | None) -> None:
        self._limit = cast(Any, self.channel).site.most_bytes(self.requestHeaders)
        self._too_large = length is not None and length > self._limit
        if self._too_large and length is not None and length > self._limit + _MOST_DISCARDED_BYTES:
            self._cut_off()
        # With no length Twisted keeps the body in a file, with a small one in memory.
        untyped(super()).gotLength(0 if self._too_large else length)

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        self._too_large = self._too_large or self._received > self._limit
        if not self._too_large:
            untyped(super()).handleContentChunk(data)
        elif self._received > self._limit + _MOST_DISCARDED_BYTES:
            self._cut_off()

    def render(self, resrc: IResource) -> None:
        for name, value in cast(Any, self.channel).site.headers.items():
            untyped(self).setHeader(name, value)
        if not self._is_text():
            self._write_problem(Problem(400, "The path or the Host header is not UTF-8; check what was sent."))
            return
        if not self._too_large:
            untyped(super()).render(resrc)
            return
        media = (self.getHeader("content-type") or "").split(";")[0].strip().lower()
        if media in FORMS:
            self._write_problem(Problem(415, f"A form this large is not taken. {NO_FORM}"))
            return
        self._write_problem(Problem(413, f"The body is larger than {self._limit:,} bytes, the most for this sender."))

    def _is_text(self) -> bool:
        """Klein decodes these as UTF-8, and logs each failure as a mistake of its own."""
        request = untyped(self)
        try:
            for part in (unquote_to_bytes(request.path), request.getRequestHostname(), request.method):
                part.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return True

    def _write_problem(self, problem: Problem) -> None:
        answer = untyped(self)
        answer.setResponseCode(problem.details.status)
        answer.setHeader("content-type", "application/problem+json; charset=utf-8")
        answer.write(bytes(problem.details))
        answer.finish()

    def _cut_off(self) -> None:
        channel = untyped(self.channel)
        channel.transport.write(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        channel.loseConnection()


class GatewaySite(Site):
    """`signed_in` says of a request's headers whether their token or session is known; `tiles` as in the settings."""

    requestFactory = LimitedRequest
    noisy = False

    def __init__(
        self, resource: IResource, signed_in: Callable[[Headers], bool], tiles: str | None = None, **options: Any
    ) -> None:
        self.headers = security_headers(tiles)
        untyped(super()).__init__(resource, requestFactory=LimitedRequest, timeout=60, **options)
        self._signed_in = signed_in
        self._log = Logger()

    def most_bytes(self, headers: Headers) -> int:
        form = (headers.getRawHeaders("content-type") or [""])[0].lower()
        # Twisted parses forms in memory.
        if form.startswith(("multipart/", "application/x-www-form-urlencoded")):
            return MOST_ANONYMOUS_BYTES
        return MOST_BYTES if self._signed_in(headers) else MOST_ANONYMOUS_BYTES

    def startFactory(self) -> None:
        """No access log in a file: `log` tells the daemon's own log."""

    def stopFactory(self) -> None:
        """As `startFactory`."""

    def log(self, request: Request) -> None:
        """Method, path and status; never the query, which may hold a number."""
        path = request.path.decode("utf-8", "replace")
        self._log.debug(
            "request {method} {path} {status}", method=request.method.decode("latin-1"), path=path, status=request.code
        )


class Connections(WrappingFactory):
    """The site's open connections, so that a stop can cut them: event streams and idle browsers never end by
    themselves."""

    noisy = False

    def __init__(self, site: Site) -> None:
        untyped(super()).__init__(site)
        self._emptied: Deferred[None] | None = None

    def unregisterProtocol(self, p: Any) -> None:
        untyped(super()).unregisterProtocol(p)
        if self._emptied is not None and not self.protocols:
            emptied, self._emptied = self._emptied, None
            emptied.callback(None)

    async def close(self) -> None:
        """Cut every connection; returns when none is left."""
        if not self.protocols:
            return
        emptied = self._emptied = Deferred()
        for connection in list(self.protocols):
            untyped(connection).abortConnection()
        await emptied


def untyped(thing: object) -> Any:
    """twisted.web's server classes carry no types."""
    return thing
