"""From a request to its handler and back: access, content checks, bodies, and problems for everything that fails. The
shell around the handlers, on Klein.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast
from urllib.parse import parse_qs

from klein import Klein
from pydantic import BaseModel, ValidationError
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from foundation.clock import Clocks
from foundation.telephone_numbers import NumberFault
from gateway.engine.interface import Conflict, Invalid, NotFound
from gateway.http.access import Person, Session, Sessions, Tokens, same
from gateway.http.problems import FieldFault, Problem, from_validation, pointer
from gateway.http.routes import Answered, Asked, Query, Route, WebRequest
from gateway.http.site import FORMS, NO_FORM
from gateway.observe import Metrics
from prompts.speech import BadRecording, SpeechFailed

MOST_JSON_BYTES = 1_000_000
COOKIE = "burgernet_session"
_SAFE = frozenset({"GET", "HEAD"})


class Dispatch:
    """Every route on one Klein application."""

    def __init__(self, routes: Iterable[Route], tokens: Tokens, clocks: Clocks, metrics: Metrics) -> None:
        self.tokens = tokens
        self.sessions = Sessions(lambda: secrets.token_urlsafe(32))
        self.clocks = clocks
        self.app = Klein()
        self._metrics = metrics
        self._log = Logger()
        for route in routes:
            self.add(route)
        self.app.handle_errors(HTTPException)(self._unrouted)

    def add(self, route: Route) -> None:
        def endpoint(request: WebRequest, **path: str) -> Deferred[object]:
            return self._respond(route, request, path)

        self.route(route.method, route.path, endpoint)

    def route(self, method: str, path: str, handler: Callable[..., object], *, branch: bool = False) -> None:
        """Klein tells endpoints apart by name; method and path make one that is unique and says what it is."""
        name = f"{method} {path}"
        route: Any = self.app.route(path, methods=[method], branch=branch, endpoint=name)
        route(handler)

    def session(self, request: WebRequest) -> Session | None:
        """The console's session that a request's cookie belongs to."""
        cookie = request.getCookie(COOKIE.encode())
        return self.sessions.find(cookie.decode("latin-1"), self.clocks.now()) if cookie else None

    def person(self, request: WebRequest) -> Person | None:
        """Who asks, by token, else by session; a session's call that changes something must carry its CSRF token."""
        authorization = request.getHeader("authorization")
        if authorization is not None:
            return self.tokens.bearer(authorization)
        session = self.session(request)
        if session is None:
            return None
        changes = request.method.decode("latin-1") not in _SAFE
        if changes and not same(request.getHeader("x-csrf-token") or "", session.csrf):
            raise Problem(403, "This page is out of date or the call came from elsewhere; load the page again.")
        return session.person

    def _respond(self, route: Route, request: WebRequest, path: Mapping[str, str]) -> Deferred[object]:
        running: Deferred[object] = Deferred.fromCoroutine(self._answer(route, request, path))
        if route.streams:
            return running
        answered: Deferred[object] = Deferred(lambda _: None)
        running.addBoth(lambda result: None if answered.called else answered.callback(result))
        return answered

    async def _answer(self, route: Route, request: WebRequest, path: Mapping[str, str]) -> object:
        began = self.clocks.now()
        status = route.status
        try:
            answer = await self._handle(route, request, path)
            return render(request, answer, route)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the shell: whatever a handler raises becomes an answer
            problem = self._problem(error, route)
            status = problem.details.status
            return write_problem(request, problem)
        finally:
            seconds = None if route.streams else self.clocks.now() - began
            self._metrics.request(route.method, route.path, status, seconds)

    async def _handle(self, route: Route, request: WebRequest, path: Mapping[str, str]) -> Answered:
        person = self._allowed(route, request)
        query = _query(route, request)
        body: object = None
        if route.body is not None:
            body = _json(request, route.body)
        elif route.upload is not None:
            _check_upload(request, route)
        return await route.handler(Asked(request, person, path, query, body))

    def _allowed(self, route: Route, request: WebRequest) -> Person:
        if route.roles is None:
            return Person("", "reader")
        person = self.person(request)
        if person is None:
            headers = {"WWW-Authenticate": 'Bearer realm="burgernet"'}
            raise Problem(401, "Send a token of the configuration: Authorization: Bearer SECRET.", headers=headers)
        if person.role not in route.roles:
            needed = " or ".join(sorted(route.roles))
            raise Problem(403, f"{person.name} has the role {person.role}; this needs {needed}.")
        return person

    def _problem(self, error: Exception, route: Route) -> Problem:
        for kind, make in _PROBLEMS:
            if isinstance(error, kind):
                problem: Problem = make(error)
                return problem
        self._log.failure("request failed {route}", route=f"{route.method} {route.path}")
        return Problem(500, "The gateway made a mistake; its log says more.")

    def _unrouted(self, request: WebRequest, failure: Failure) -> bytes:
        """No route: what werkzeug raised, as a problem."""
        error = cast(HTTPException, failure.value)
        status = error.code or 500
        headers = {}
        detail = "There is nothing here; /api/v1/docs lists every call."
        if isinstance(error, MethodNotAllowed):
            allowed = ", ".join(sorted(error.valid_methods or ()))
            headers["Allow"] = allowed
            detail = f"This takes {allowed}."
        elif status < 400:
            location = error.get_response().headers.get("Location", "/")
            headers["Location"] = location
            detail = f"See {location}."
        elif status != 404:
            detail = error.description or "This can't be done."
        self._metrics.request("", "", status, 0.0)
        return write_problem(request, Problem(status, detail, headers=headers))


_PROBLEMS: tuple[tuple[type[Exception], Any], ...] = (
    (Problem, lambda error: error),
    (NotFound, lambda error: Problem(404, str(error.args[0]) if error.args else "There is no such thing.")),
    (Conflict, lambda error: Problem(409, str(error))),
    (
        Invalid,
        lambda error: Problem(422, str(error), [FieldFault(pointer(_parts(error.field)), str(error))]),
    ),
    (BadRecording, lambda error: Problem(422, str(error))),
    (NumberFault, lambda error: Problem(422, str(error))),
    (SpeechFailed, lambda error: Problem(503, str(error))),
)


def _parts(field: str) -> list[str]:
    return [part for part in field.replace("[", ".").replace("]", "").split(".") if part]


def render(request: WebRequest, answer: Answered, route: Route) -> object:
    """What Klein writes: bytes, or a resource that renders itself, or nothing where the handler has done it."""
    if isinstance(answer, BaseModel):
        request.setResponseCode(route.status)
        request.setHeader("content-type", "application/json; charset=utf-8")
        for name, value in route.headers.items():
            request.setHeader(name, value)
        return answer.model_dump_json().encode()
    if isinstance(answer, Resource):
        return answer
    return b""


def write_problem(request: WebRequest, problem: Problem) -> bytes:
    # A streamed answer that has begun can only be cut off.
    if request.startedWriting:
        return b""
    request.setResponseCode(problem.details.status)
    request.setHeader("content-type", "application/problem+json; charset=utf-8")
    for name, value in problem.details.headers.items():
        request.setHeader(name, value)
    return bytes(problem.details)


def _query(route: Route, request: WebRequest) -> Query:
    given: dict[str, str] = {}
    # From the URI alone: Twisted puts the fields of a form's body among `request.args`.
    query = _text(request.uri.partition(b"?")[2])
    for name, values in parse_qs(query, keep_blank_values=True).items():
        if len(values) > 1:
            raise Problem(422, "A query parameter was given twice.", [FieldFault(name, "give it once")])
        given[name] = values[0]
    try:
        return route.query.model_validate(given)
    except ValidationError as error:
        faults = []
        for details in error.errors(include_url=False):
            unknown = details["type"] == "extra_forbidden"
            words = "unknown parameter; remove it" if unknown else details["msg"]
            faults.append(FieldFault(".".join(map(str, details["loc"])), words))
        raise Problem(422, "A query parameter is not right; see errors.", faults) from error


def _json(request: WebRequest, model: type[BaseModel]) -> BaseModel:
    media = media_type(request)
    if media != "application/json":
        raise Problem(415, f"Send JSON with Content-Type: application/json, not {media or 'without one'}.")
    content = request.content
    text = content.read(MOST_JSON_BYTES + 1)
    if len(text) > MOST_JSON_BYTES:
        raise Problem(413, f"A JSON body holds at most {MOST_JSON_BYTES:,} bytes.")
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise Problem(400, f"The body is no JSON: {first['ctx']['error']}.") from error
        raise from_validation(error) from error


def _check_upload(request: WebRequest, route: Route) -> None:
    assert route.upload is not None
    media = media_type(request)
    # A file without a type is looked at for what it is: whatever is no CSV or WAV is refused by its reader.
    if media and media not in route.upload.media_types:
        wanted = " or ".join(route.upload.media_types)
        hint = f" {NO_FORM}" if media in FORMS else ""
        raise Problem(415, f"Send Content-Type: {wanted}, not {media}.{hint}")
    content = request.content
    size = content.seek(0, 2)
    content.seek(0)
    if size > route.upload.most_bytes:
        raise Problem(413, f"At most {route.upload.most_bytes:,} bytes are taken here.")
    if size == 0:
        raise Problem(422, "The body is empty.")


def media_type(request: WebRequest) -> str:
    return (request.getHeader("content-type") or "").split(";")[0].strip().lower()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
