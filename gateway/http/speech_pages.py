"""The console's pages about speech: how a text sounds, an operator's own voice, and the lexicon. Made here; what changes
something goes through the API.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from jinja2 import Environment
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from gateway.domain.action import ActionState
from gateway.engine.interface import Engine
from gateway.http.access import STAFF, Session
from gateway.http.answers import ActionAnswer
from gateway.http.dispatch import Dispatch
from gateway.http.routes import WebRequest
from prompts.library import Library
from prompts.texts import LANGUAGES

_NAMES = {
    "nl": "Dutch", "en": "English", "de": "German", "fr": "French", "pl": "Polish", "tr": "Turkish", "ar": "Arabic",
}  # fmt: skip


class SpeechPages:
    """`/console/sound` and `/console/lexicon`, on the console's Klein application; for operators and engineers."""

    def __init__(self, dispatch: Dispatch, engine: Engine, library: Library, pages: Environment) -> None:
        self._dispatch = dispatch
        self._engine = engine
        self._library = library
        self._pages = pages
        self._log = Logger()
        self._add("/console/sound", self._sound)
        self._add("/console/lexicon", self._lexicon)

    def _add(self, path: str, page: Callable[[WebRequest, Session], Coroutine[Any, Any, bytes]]) -> None:
        def endpoint(request: WebRequest) -> Deferred[bytes]:
            request.setHeader("content-type", "text/html; charset=utf-8")
            return Deferred.fromCoroutine(self._guarded(request, page))

        self._dispatch.route("GET", path, endpoint)

    async def _guarded(
        self, request: WebRequest, page: Callable[[WebRequest, Session], Coroutine[Any, Any, bytes]]
    ) -> bytes:
        session = self._dispatch.session(request)
        if session is None:
            request.setResponseCode(303)
            request.setHeader("location", "/")
            return b""
        if session.person.role not in STAFF:
            return self._page(request, "message.html", 403, words="This page is for operators and engineers.")
        try:
            return await page(request, session)
        except Exception:  # noqa: BLE001 - the shell: a page that fails is a page that says so
            self._log.failure("page failed {path}", path=request.path.decode("utf-8", "replace"))
            return self._page(request, "message.html", 500, words="The gateway made a mistake; its log says more.")

    async def _sound(self, request: WebRequest, session: Session) -> bytes:
        drafts = await self._engine.actions(ActionState.DRAFT, None)
        return self._page(
            request,
            "sound.html",
            session=session,
            voices=self._library.voices,
            words_per_minute=self._library.words_per_minute,
            languages=[(code, _NAMES[code]) for code in LANGUAGES],
            drafts=[ActionAnswer.of(view) for view in drafts.items],
        )

    async def _lexicon(self, request: WebRequest, session: Session) -> bytes:
        return self._page(request, "lexicon.html", session=session)

    def _page(self, request: WebRequest, template: str, status: int = 200, **values: object) -> bytes:
        request.setResponseCode(status)
        return self._pages.get_template(template).render(**values).encode()
