"""A child process that answers one request at a time, restarted when it crashes or hangs. The Twisted shell of a worker.

A request is tried twice, the second time in a new process: a text that was lost in a crash is rendered again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import count
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from prompts.frames import BadFrame, Frame, FrameReader

_TRIES = 2
_END_SECONDS = 2.0
_KEPT_COMPLAINT = 2000


class ChildFailed(Exception):
    """No answer came, twice; the message says why."""


class Child:
    """Runs `python -m MODULE ARGUMENTS`. Started by the first request or by `start`; one request at a time, in order.

    `timeout_seconds` is for a request with its second try: each try may take half of it.
    """

    _log = Logger()

    def __init__(self, module: str, reactor: Any, timeout_seconds: float, arguments: Sequence[str] = ()) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._module = module
        self._reactor = reactor
        self._try_seconds = timeout_seconds / _TRIES
        self._turn = DeferredLock()
        self._ids = count(1)
        self._running: _Running | None = None
        self._stopped = False
        self.started = 0
        """How many processes were started so far; more than one means crashes or hangs."""

    @property
    def pid(self) -> int | None:
        """The process that runs now, for operators and tests."""
        if self._running is None or self._running.ended:
            return None
        return cast("int | None", getattr(self._running.transport, "pid", None))

    def start(self) -> None:
        """Start the process now, so that the first request finds it warm."""
        self._stopped = False
        self._process()

    async def stop(self) -> None:
        """Close its stdin, which ends it; kill it when it has not ended after 2 s."""
        self._stopped = True
        if self._running is not None:
            await self._running.end()

    async def ask(self, head: dict[str, Any], body: bytes = b"") -> Frame:
        """The answer to a request. Raises ChildFailed."""
        await self._turn.acquire()
        try:
            reasons: list[str] = []
            for _ in range(_TRIES):
                if self._stopped:
                    raise ChildFailed("the gateway is stopping")
                request = next(self._ids)
                answer = await self._process().ask(Frame({**head, "id": request}, body), request, self._try_seconds)
                if isinstance(answer, Frame):
                    return answer
                reasons.append(answer)
                self._log.warn("speech worker failed {module} {reason}", module=self._module, reason=answer)
            raise ChildFailed(", then ".join(reasons))
        finally:
            self._turn.release()

    def _process(self) -> _Running:
        if self._running is None or self._running.ended:
            self._running = _Running(self._reactor)
            self.started += 1
            command = self._command
            self._reactor.spawnProcess(self._running, command[0], command, env=None)
        return self._running


class _Running(ProcessProtocol):
    """One life of the process."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._reader = FrameReader()
        self._waiting: Deferred[Frame | str] | None = None
        self._request = 0
        self._timer: IDelayedCall | None = None
        self._complaint = b""
        self._at_end: list[Deferred[None]] = []
        self.ended = False

    @property
    def _process(self) -> IProcessTransport:
        return cast(IProcessTransport, self.transport)

    def ask(self, frame: Frame, request: int, seconds: float) -> Deferred[Frame | str]:
        """The answer, or in words why there is none."""
        waiting: Deferred[Frame | str] = Deferred(lambda _: self._give_up("cancelled"))
        self._waiting = waiting
        self._request = request
        self._timer = self._reactor.callLater(seconds, self._give_up, f"no answer within {seconds:g} s")
        try:
            self._process.writeToChild(0, bytes(frame))
        except KeyError:  # Twisted forgets a pipe that broke, before it tells that the process ended
            self._give_up("its input is closed")
        return waiting

    def end(self) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        if self.ended:
            done.callback(None)
            return done
        self._at_end.append(done)
        self._process.closeStdin()
        killing = self._reactor.callLater(_END_SECONDS, self._kill)
        done.addBoth(lambda result: (killing.cancel() if killing.active() else None, result)[1])
        return done

    def outReceived(self, data: bytes) -> None:
        try:
            frames = self._reader.receive(data)
        except BadFrame as error:
            self._give_up(f"it answered nonsense: {error}")
            return
        for frame in frames:
            if frame.head.get("id") == self._request:
                self._settle(frame)

    def errReceived(self, data: bytes) -> None:
        self._complaint = (self._complaint + data)[-_KEPT_COMPLAINT:]

    def processEnded(self, reason: Failure) -> None:
        self.ended = True
        last_line = self._complaint.decode(errors="replace").strip().rpartition("\n")[2]
        self._settle(f"it crashed ({last_line or reason.getErrorMessage()})")
        waiting, self._at_end = self._at_end, []
        for done in waiting:
            done.callback(None)

    def _give_up(self, reason: str) -> None:
        self.ended = True
        self._settle(reason)
        self._kill()

    def _kill(self) -> None:
        try:
            self._process.signalProcess("KILL")
        except ProcessExitedAlready:
            return

    def _settle(self, answer: Frame | str) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(answer)
