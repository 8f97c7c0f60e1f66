"""The API's calls about participants: import of a CSV, and how many there are."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway.engine.interface import Engine
from gateway.http.access import EVERYONE, STAFF
from gateway.http.answers import CountAnswer, ImportAnswer
from gateway.http.routes import Answered, Asked, Query, Route, Upload
from gateway.http.site import MOST_BYTES

PROGRESS_TYPE = "application/x-ndjson"


class ImportQuery(Query):
    """`dry_run`: check every row, save nothing."""

    dry_run: bool = False


class ParticipantCalls:
    """An import's body goes from the network to a file and from there to the engine, never whole into memory.

    Asked with `Accept: application/x-ndjson` the answer is a line `{"done", "total"}` now and then, in bytes, and the
    report as the last line; a failure halfway is a last line with `status`.
    """

    def __init__(self, engine: Engine, reactor: IReactorFromThreads, threads: ThreadPool) -> None:
        self._engine = engine
        self._reactor = reactor
        self._threads = threads

    def routes(self) -> list[Route]:
        upload = Upload(("text/csv", "application/csv", "application/octet-stream"), MOST_BYTES)
        return [
            Route(
                "POST",
                "/api/v1/participants/import",
                self.take,
                STAFF,
                "Import a CSV of participants (UTF-8, with a header row).",
                ImportAnswer,
                query=ImportQuery,
                upload=upload,
            ),
            Route("GET", "/api/v1/participants/count", self.count, EVERYONE, "How many there are.", CountAnswer),
        ]

    async def count(self, asked: Asked[Any]) -> Answered:
        return CountAnswer(count=await self._engine.count_participants())

    async def take(self, asked: Asked[Any]) -> Answered:
        content: BinaryIO = asked.request.content
        path = await deferToThreadPool(self._reactor, self._threads, _kept, content)
        progress = self._progress(asked) if PROGRESS_TYPE in (asked.request.getHeader("accept") or "") else None
        try:
            report = await self._engine.import_participants(
                path, dry_run=cast(ImportQuery, asked.query).dry_run, actor=asked.person.name, progress=progress
            )
        finally:
            path.unlink(missing_ok=True)
        answer = ImportAnswer.of(report)
        if progress is None:
            return answer
        # Behind what was told from other threads: the report is the last line.
        told: Deferred[None] = Deferred()
        self._reactor.callFromThread(told.callback, None)
        await told
        asked.request.setHeader("content-type", PROGRESS_TYPE)
        asked.request.write(answer.model_dump_json().encode() + b"\n")
        return None

    def _progress(self, asked: Asked[Any]) -> Callable[[int, int], None]:
        request, last = asked.request, [-1]
        gone: list[object] = []
        request.notifyFinish().addBoth(gone.append)

        def write(line: bytes) -> None:
            if not gone:
                request.setHeader("content-type", PROGRESS_TYPE)
                request.write(line)

        def progress(done: int, total: int) -> None:
            share = 100 * done // max(total, 1)
            if share > last[0]:
                last[0] = share
                line = json.dumps({"done": done, "total": total}).encode() + b"\n"
                self._reactor.callFromThread(write, line)

        return progress


def _kept(content: BinaryIO) -> Path:
    """The body as a named file; runs in a thread."""
    content.seek(0)
    with tempfile.NamedTemporaryFile(prefix="burgernet-import-", suffix=".csv", delete=False) as file:
        shutil.copyfileobj(content, file, 1 << 20)
        return Path(file.name)
