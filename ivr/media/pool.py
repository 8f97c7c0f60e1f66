"""Media workers as a Twisted service: spawned, spread over, watched, replaced. Does I/O."""

from __future__ import annotations

import os
import random
import socket
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, ProcessProtocol, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

import ivr
from foundation.clock import Clocks
from foundation.endpoints import Address
from ivr.media.framing import FramingError, Reader, encode
from ivr.media.handle import LegHandle, Numbers
from ivr.media.messages import CloseLeg, FromWorker, LegClosed, LegFailed, LegOpened, MediaLegId, OpenLeg, ToWorker
from ivr.media.port import MediaLeg, MediaLost
from ivr.settings import RtpSettings

_CONTROL_FD = 3
_END_SECONDS = 3.0
_REPLACE_SECONDS = 0.2
_REPLACE_SECONDS_AT_MOST = 10.0
_HEALTHY_SECONDS = 30.0


class _Ended(ProcessProtocol):
    """The child's end, and what it prints when it breaks."""

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker

    def errReceived(self, data: bytes) -> None:
        self._worker.complained(data)

    def processEnded(self, reason: Failure) -> None:
        self._worker.process_ended(reason)


class _Control(TwistedProtocol):
    """The daemon's end of the socket pair."""

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self._reader = Reader()

    def dataReceived(self, data: bytes) -> None:
        try:
            for message in self._reader.feed(data):
                self._worker.heard(cast(FromWorker, message))
        except FramingError:
            self._worker.kill()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._worker.kill()


class WorkerProcess:
    """One child with its slice of ports and the legs that live in it."""

    log = Logger()

    def __init__(
        self, reactor: Any, host: str, ports: tuple[int, int], python: str, ended: Callable[[WorkerProcess], None]
    ) -> None:
        self.ports = ports
        self.legs: dict[MediaLegId, LegHandle] = {}
        self.opening: dict[tuple[MediaLegId, int], Deferred[LegOpened]] = {}
        self.numbers = Numbers()
        self.gone: Deferred[None] = Deferred()
        self.alive = True
        self._abandoned: set[MediaLegId] = set()
        self._ended = ended
        self._reactor = reactor
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            self.process = reactor.spawnProcess(
                _Ended(self),
                python,
                [python, "-m", "ivr.media.worker", str(_CONTROL_FD), host, f"{ports[0]}-{ports[1]}"],
                env=_environment(),
                childFDs={0: "w", 1: "r", 2: "r", _CONTROL_FD: theirs.fileno()},
            )
        with ours:
            self._control = _Control(self)
            factory = Factory.forProtocol(lambda: self._control)
            factory.noisy = False
            reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, factory)

    @property
    def pid(self) -> int | None:
        return cast("int | None", self.process.pid)

    @property
    def load(self) -> int:
        return len(self.legs) + len(self.opening)

    def tell(self, message: ToWorker) -> None:
        transport = self._control.transport
        if self.alive and transport is not None:
            transport.write(encode(message))

    def heard(self, message: FromWorker) -> None:
        if isinstance(message, (LegOpened, LegFailed)):
            waiting = self.opening.pop((message.leg, message.generation), None)
            if waiting is not None:
                if waiting.called:
                    self._abandon(message)
                elif isinstance(message, LegOpened):
                    waiting.callback(message)
                else:
                    self.numbers.give_back(message.leg)
                    waiting.errback(MediaLost(message.reason))
                return
            if isinstance(message, LegFailed):
                self.log.warn("media leg failed {reason}", reason=message.reason, leg=message.leg)
                return
        if isinstance(message, LegClosed) and message.leg in self._abandoned:
            self._abandoned.discard(message.leg)
            self.numbers.give_back(message.leg)
            return
        leg = self.legs.get(message.leg)
        if leg is None or leg.generation != message.generation:
            return
        if isinstance(message, LegClosed):
            del self.legs[message.leg]
            self.numbers.give_back(message.leg)
        try:
            leg.hear(message)
        except Exception:  # noqa: BLE001 a listener's fault must not take the other legs' connection down
            self.log.failure("listener of a media leg failed", leg=message.leg)

    def _abandon(self, message: LegOpened | LegFailed) -> None:
        """Whoever asked for this leg has given up waiting."""
        if isinstance(message, LegOpened):
            self._abandoned.add(message.leg)
            self.tell(CloseLeg(message.leg, message.generation))
        else:
            self.numbers.give_back(message.leg)

    def end(self) -> None:
        """Ask the child to end, by closing its socket; `gone` fires when it has."""
        if self._control.transport is not None:
            self._control.transport.loseConnection()

    def kill(self) -> None:
        if self.process.pid is not None:
            self.process.signalProcess("KILL")

    def complained(self, data: bytes) -> None:
        self.log.error("media worker said {text}", text=data.decode(errors="replace")[-2000:], pid=self.pid)

    def process_ended(self, reason: Failure) -> None:
        self.alive = False
        self.log.info("media worker ended {reason}", reason=reason.getErrorMessage(), legs=len(self.legs))
        opening, self.opening = self.opening, {}
        for waiting in opening.values():
            if waiting.called:
                continue
            waiting.errback(MediaLost("the media worker died"))
        legs, self.legs = self.legs, {}
        for leg in legs.values():
            try:
                leg.lose()
            except Exception:  # noqa: BLE001 every leg must be told, whatever one listener does
                self.log.failure("listener of a lost media leg failed", leg=leg.number)
        if self._control.transport is not None:
            cast(ITCPTransport, self._control.transport).abortConnection()
        self._ended(self)
        self.gone.callback(None)


class MediaPool(Service):
    """Implements `ivr.media.port.Media` over `settings.workers` processes; each has an even share of the ports."""

    name = "media"
    log = Logger()

    def __init__(
        self,
        settings: RtpSettings,
        reactor: Any,
        clocks: Clocks,
        random: random.Random,
        python: str = sys.executable,
    ) -> None:
        self._settings = settings
        self._reactor = reactor
        self._clocks = clocks
        self._random = random
        self._python = python
        self._workers: list[WorkerProcess] = []
        self._started: dict[WorkerProcess, float] = {}
        self._replacing: dict[tuple[int, int], Any] = {}
        self._patience: dict[tuple[int, int], float] = {}
        self.workers_lost = 0

    def startService(self) -> None:
        super().startService()
        for ports in slices(self._settings.ports, self._settings.workers):
            self._spawn(ports)

    def stopService(self) -> Deferred[None]:
        """Fires when every child has ended."""
        super().stopService()
        for call in self._replacing.values():
            call.cancel()
        self._replacing.clear()
        return Deferred.fromCoroutine(self._end_all())

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of the living workers."""
        return tuple(worker.pid for worker in self._workers if worker.pid is not None)

    @property
    def legs(self) -> int:
        """How many legs are open, or being opened, in all workers."""
        return sum(worker.load for worker in self._workers)

    async def open(self, near: MediaLeg | None = None) -> MediaLeg:
        """Raises MediaLost when no worker lives, the one of `near` died, or no port is left."""
        worker = self._worker_for(near)
        number, generation = worker.numbers.take()
        opened: Deferred[LegOpened] = Deferred()
        worker.opening[number, generation] = opened
        draw = self._random.getrandbits
        worker.tell(OpenLeg(number, generation, ssrc=draw(32), first_sequence=draw(15), first_timestamp=draw(32)))
        # The leg must be known before the next message of the worker is looked at, so it is made in the callback.
        return await opened.addCallback(self._made, worker)

    def _made(self, message: LegOpened, worker: WorkerProcess) -> LegHandle:
        host = self._settings.advertise or self._settings.address
        leg = LegHandle(message.leg, message.generation, Address(host, message.port), worker.tell, worker)
        worker.legs[message.leg] = leg
        return leg

    def _worker_for(self, near: MediaLeg | None) -> WorkerProcess:
        if isinstance(near, LegHandle):
            worker = near.worker
            if isinstance(worker, WorkerProcess) and worker.alive:
                return worker
            raise MediaLost("the media worker of the other leg died")
        living = [worker for worker in self._workers if worker.alive]
        if not living:
            raise MediaLost("no media worker is running")
        return min(living, key=lambda worker: worker.load)

    def _spawn(self, ports: tuple[int, int]) -> None:
        self._replacing.pop(ports, None)
        worker = WorkerProcess(self._reactor, self._settings.address, ports, self._python, self._ended)
        self._workers.append(worker)
        self._started[worker] = self._clocks.monotonic()

    def _ended(self, worker: WorkerProcess) -> None:
        self._workers.remove(worker)
        lived = self._clocks.monotonic() - self._started.pop(worker)
        if not self.running:
            return
        self.workers_lost += 1
        patience = _REPLACE_SECONDS if lived > _HEALTHY_SECONDS else self._patience.get(worker.ports, _REPLACE_SECONDS)
        self._patience[worker.ports] = min(patience * 2, _REPLACE_SECONDS_AT_MOST)
        self.log.error("media worker lost, replaced in {seconds} s", seconds=patience, ports=worker.ports)
        self._replacing[worker.ports] = self._reactor.callLater(patience, self._spawn, worker.ports)

    async def _end_all(self) -> None:
        workers = list(self._workers)
        for worker in workers:
            worker.end()
        late = self._reactor.callLater(_END_SECONDS, self._kill_all, workers)
        await DeferredList([worker.gone for worker in workers])
        if late.active():
            late.cancel()

    @staticmethod
    def _kill_all(workers: list[WorkerProcess]) -> None:
        for worker in workers:
            worker.kill()


def _environment() -> dict[str, str]:
    """The child finds the same packages; its folder stays the daemon's, since paths may be relative to it. Threads of
    numpy's would only take the cores of other workers."""
    here = str(Path(ivr.__file__).parents[1])
    known = os.environ.get("PYTHONPATH")
    path = here if not known else f"{here}{os.pathsep}{known}"
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}


def slices(ports: str, workers: int) -> list[tuple[int, int]]:
    """First and last port of each worker: even shares that begin on even ports (RFC 3550 §11). Raises ValueError when
    a share holds no pair."""
    first, last = map(int, ports.split("-"))
    first += first % 2
    pairs = (last - first + 1) // 2
    if pairs < workers:
        raise ValueError(f"rtp.ports {ports} hold {max(pairs, 0)} port pairs for {workers} workers; widen the range")
    bounds = [first + 2 * (pairs * share // workers) for share in range(workers + 1)]
    return [(low, high - 1) for low, high in pairwise(bounds)]
