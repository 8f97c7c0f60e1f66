"""The console: pages made here, a little JavaScript, and the API behind it. Signed in by a cookie that scripts can't
read; what changes something carries the session's CSRF token.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.static import File

from gateway.domain.action import ActionState, Kind
from gateway.domain.identifiers import ActionId
from gateway.domain.outcomes import REACHED, Outcome
from gateway.engine.interface import Engine, NotFound
from gateway.http.access import SESSION_SECONDS, same
from gateway.http.answers import ActionAnswer, Counts, DeskAnswer
from gateway.http.dispatch import COOKIE, Dispatch, write_problem
from gateway.http.problems import Problem
from gateway.http.routes import WebRequest
from gateway.http.site import untyped
from gateway.settings import HttpSettings
from ivr.call import TrunkStatus
from sms.events import SmscStatus


def templates() -> Environment:
    """The pages' templates; everything that is put in is escaped."""
    environment = Environment(
        loader=PackageLoader("gateway.http", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = lambda text: str(text).replace("_", " ")
    environment.filters["clock"] = lambda moment: moment.strftime("%d-%m %H:%M") if moment else ""
    environment.filters["span"] = span
    environment.filters["reached"] = lambda counts: _sum(counts, REACHED)
    environment.filters["unfinished"] = lambda counts: _sum(counts, _UNFINISHED)
    return environment


_UNFINISHED = frozenset({Outcome.WAITING, Outcome.IN_PROGRESS, Outcome.HELD_QUIET_HOURS})


def _sum(counts: Counts, outcomes: frozenset[Outcome]) -> int:
    """How many of an action have one of these outcomes, over its channels."""
    return sum(found.get(outcome.value, 0) for found in counts.values() for outcome in outcomes)


def span(seconds: float) -> str:
    """A length of time for people: `40 s`, `6 min`."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class Console:
    """Every page, on the same Klein application as the API."""

    def __init__(
        self,
        dispatch: Dispatch,
        engine: Engine,
        trunks: Callable[[], Iterable[TrunkStatus]],
        smscs: Callable[[], Iterable[SmscStatus]],
        pages: Environment,
        settings: HttpSettings,
    ) -> None:
        self._settings = settings
        self._dispatch = dispatch
        self._engine = engine
        self._trunks = trunks
        self._smscs = smscs
        self._pages = pages
        self._log = Logger()
        self._add("GET", "/", self._home)
        self._add("POST", "/sign-in", self._sign_in)
        self._add("POST", "/sign-out", self._sign_out)
        self._add("GET", "/console/actions/<action>", self._card)
        self._add("GET", "/console/peers", self._peers)
        self._static()

    def _add(self, method: str, path: str, handler: Callable[..., Coroutine[Any, Any, bytes]]) -> None:
        def endpoint(request: WebRequest, **parts: str) -> Deferred[bytes]:
            request.setHeader("content-type", "text/html; charset=utf-8")
            return Deferred.fromCoroutine(self._guarded(handler, request, parts))

        self._dispatch.route(method, path, endpoint)

    def _static(self) -> None:
        """Our own files, and Leaflet from where pip put it."""
        from xstatic.pkg import leaflet

        for path, folder in (("/static/", str(files("gateway.http") / "static")), ("/leaflet/", leaflet.BASE_DIR)):
            tree = StaticTree(folder)

            def serve(request: WebRequest, tree: File = tree) -> File:
                return tree

            self._dispatch.route("GET", path, serve, branch=True)

    async def _guarded(
        self, handler: Callable[..., Coroutine[Any, Any, bytes]], request: WebRequest, parts: dict[str, str]
    ) -> bytes:
        try:
            return await handler(request, **parts)
        except NotFound as error:
            return self._page(request, "message.html", 404, words=str(error))
        except Exception:  # noqa: BLE001 - the shell: a page that fails is a page that says so
            self._log.failure("page failed {path}", path=request.path.decode("utf-8", "replace"))
            return self._page(request, "message.html", 500, words="The gateway made a mistake; its log says more.")

    async def _home(self, request: WebRequest) -> bytes:
        session = self._dispatch.session(request)
        if session is None:
            return self._page(request, "sign_in.html", fault=None)
        running = [
            view
            for state in (ActionState.ACTIVE, ActionState.CLOSING)
            for view in (await self._engine.actions(state)).items
        ]
        shown = {view.action.id for view in running}
        newest = [view for view in (await self._engine.actions()).items if view.action.id not in shown]
        desks = await self._engine.desks()
        return self._page(
            request,
            "console.html",
            session=session,
            actions=[ActionAnswer.of(view) for view in (*running, *newest)],
            desks=[DeskAnswer.of(desk) for desk in desks],
            kinds=[kind.value for kind in Kind],
            trunks=list(self._trunks()),
            smscs=list(self._smscs()),
            participants=await self._engine.count_participants(),
            tiles=self._settings.map_tiles,
            credit=self._settings.map_credit,
        )

    async def _sign_in(self, request: WebRequest) -> bytes:
        if not _from_here(request):
            return self._page(request, "sign_in.html", 403, fault="Sign in from this page itself.")
        person = self._dispatch.tokens.person(_field(request, "token"))
        if person is None:
            self._log.warn("sign-in refused")
            return self._page(request, "sign_in.html", 401, fault="No token of the configuration is like that.")
        cookie = self._dispatch.sessions.open(person, self._dispatch.clocks.now())
        self._cookie(request, cookie, int(SESSION_SECONDS))
        self._log.info("signed in {name}", name=person.name)
        return _see_home(request)

    async def _sign_out(self, request: WebRequest) -> bytes:
        session = self._dispatch.session(request)
        if session is not None and same(_field(request, "csrf"), session.csrf):
            self._dispatch.sessions.close((request.getCookie(COOKIE.encode()) or b"").decode("latin-1"))
            self._cookie(request, "", 0)
        return _see_home(request)

    async def _card(self, request: WebRequest, action: str) -> bytes:
        session = self._dispatch.session(request)
        if session is None:
            return _signed_out(request)
        view = ActionAnswer.of(await self._engine.action(ActionId(action)))
        desks = [DeskAnswer.of(desk) for desk in await self._engine.desks()]
        return self._page(request, "card.html", action=view, desks=desks, session=session)

    async def _peers(self, request: WebRequest) -> bytes:
        if self._dispatch.session(request) is None:
            return _signed_out(request)
        return self._page(request, "peers.html", trunks=list(self._trunks()), smscs=list(self._smscs()))

    def _page(self, request: WebRequest, template: str, status: int = 200, **values: object) -> bytes:
        request.setResponseCode(status)
        return self._pages.get_template(template).render(**values).encode()

    def _cookie(self, request: WebRequest, value: str, seconds: int) -> None:
        secure = bool(request.isSecure())
        request.addCookie(
            COOKIE, value, path="/", max_age=str(seconds), secure=secure, httpOnly=True, sameSite="strict"
        )


class NotHere(Resource):
    """A file that is not there, told like everything else."""

    isLeaf = True

    def render(self, request: WebRequest) -> bytes:
        return write_problem(request, Problem(404, "There is no such file."))


class StaticTree(File):
    """Files that may be kept by the browser; folders are not listed."""

    childNotFound: Any = untyped(NotHere)()

    def __init__(self, path: str, *arguments: Any, **options: Any) -> None:
        super().__init__(path, *arguments, **options)
        self.contentTypes = {**self.contentTypes, ".js": "text/javascript"}

    def directoryListing(self) -> Any:
        return self.childNotFound

    def render_GET(self, request: WebRequest) -> Any:
        request.setHeader("cache-control", "public, max-age=3600")
        return untyped(super()).render_GET(request)


def _from_here(request: WebRequest) -> bool:
    """A form of another site can't sign a browser in as somebody else (login CSRF)."""
    origin = request.getHeader("origin")
    return origin is None or urlsplit(origin).netloc == (request.getHeader("host") or "")


def _field(request: WebRequest, name: str) -> str:
    values = (request.args or {}).get(name.encode(), [b""])
    return str(values[0].decode("utf-8", "replace").strip())


def _see_home(request: WebRequest) -> bytes:
    request.setResponseCode(303)
    request.setHeader("location", "/")
    return b""


def _signed_out(request: WebRequest) -> bytes:
    request.setResponseCode(401)
    return b""
