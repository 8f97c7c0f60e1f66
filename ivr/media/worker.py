"""A media worker: the child process that owns sockets and the packet clock. `python -m ivr.media.worker FD HOST PORTS`.

FD is one end of a socket pair to the daemon; when the other end closes the worker ends, so that no orphan keeps
talking. The loop sleeps to the absolute time of the next packet, never for a period.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable

import numpy
from numpy.typing import NDArray

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.media.arriving import Arrivals
from ivr.media.batch import SLOTS, Numbers
from ivr.media.core import MediaCore
from ivr.media.departing import Departures
from ivr.media.files import PromptFiles, RecordingThread
from ivr.media.framing import FramingError, Reader, encode
from ivr.media.messages import CloseLeg, LegFailed, OpenLeg, ToWorker
from ivr.media.orders import (
    Attend,
    CountUnheard,
    FinishRecording,
    Latch,
    ListenToAll,
    ListenToDigits,
    Order,
    Protect,
    Release,
    ReportTo,
    SendTo,
    WriteRecording,
)
from ivr.media.priority import go_before_others
from ivr.media.ring import Ring
from ivr.media.sockets import LegSocket, NoPort, PortPairs
from ivr.media.watching import NOT_PLAIN, Watched

_LONGEST_DATAGRAM = 2048
_LONGEST_WAIT = 1.0
_MOST_UNSENT = 8 << 20
_MOST_WAITING = 1024  # more datagrams than a receive buffer holds
_MOST_AT_ONCE = 64  # of a leg that may be flooded
_GATHER_SECONDS = 0.003
"""While bridges pass packets they are gathered for so long: a turn costs 100 µs, twice that where the core was idle
before, a packet in it 4."""


class Worker:
    """The thin shell around `MediaCore`: epoll, sockets, files."""

    def __init__(self, control: socket.socket, ports: PortPairs, clock: Callable[[], float] = time.monotonic) -> None:
        self._control = control
        self._ports = ports
        self._clock = clock
        self._core = MediaCore(PromptFiles())
        self._reader = Reader()
        self._unsent = bytearray()
        self._alive = True
        self._legs: dict[int, LegSocket] = {}
        self._buffer = memoryview(bytearray(_LONGEST_DATAGRAM))
        self._watched = Watched()
        ring = Ring.opened()
        self._arrivals = Arrivals(ring, self._watched.legs, clock)
        self._departures = Departures(ring)
        self._relaying = False
        self._woken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._recordings = RecordingThread(lambda: os.eventfd_write(self._woken, 1))
        control.setblocking(False)
        self._watched.epoll.register(control, select.EPOLLIN)
        self._watched.epoll.register(self._woken, select.EPOLLIN)

    def run(self) -> None:
        """Until the daemon's end of the socket closes; recordings under way are kept."""
        while self._alive:
            something_came = self._sleep()
            self._send_by_the_clock()
            if something_came:
                self._take_what_came()
            self._sweep()
            self._core.handle_deadline(self._now())
            self._pass_on()
        self._end()

    def _now(self) -> Monotonic:
        return Monotonic(self._clock())

    def _sleep(self) -> bool:
        """Until the next deadline or until something comes; whether it did. select takes microseconds where epoll
        rounds up to whole milliseconds."""
        now = self._clock()
        deadline = self._core.next_deadline()
        wait = _LONGEST_WAIT if deadline is None else min(max(deadline - now, 0.0), _LONGEST_WAIT)
        wait = self._watched.wait(now, wait)
        if self._relaying:
            time.sleep(min(wait, _GATHER_SECONDS))
            return True
        return bool(select.select((self._watched.epoll.fileno(),), (), (), wait)[0])

    # ---- packets

    def _send_by_the_clock(self) -> None:
        for bank in self._core.packets(self._now()):
            self._departures.send_bank(bank)

    def _take_what_came(self) -> None:
        """One datagram each; epoll tells of the next."""
        events = self._watched.epoll.poll(0, SLOTS)
        self._relaying = self._take_batch([fd for fd, _ in events])
        # After the batch: a message may close a leg of it.
        for fd, event in events:
            if fd not in self._watched.legs:
                self._other_ready(fd, event)

    def _take_batch(self, ready: list[int]) -> bool:
        """One datagram of each of these; whether any passed a bridge."""
        descriptors = numpy.array(ready, dtype=numpy.int32)
        numbers = self._watched.plain_numbers(descriptors)
        plain = numbers != NOT_PLAIN
        if plain.all():
            return self._take(descriptors, numbers)
        relayed = self._take(descriptors[plain], numbers[plain])
        legs = [self._watched.legs[fd] for fd in descriptors[~plain].tolist() if fd in self._watched.legs]
        guarded = [leg for leg in legs if leg.connected]
        descriptors = numpy.array([leg.descriptor for leg in guarded], dtype=numpy.int32)
        numbers = numpy.array([leg.number for leg in guarded], dtype=numpy.intp)
        relayed |= self._take(descriptors, numbers, protected=True)
        for leg in legs:
            if not leg.connected:
                self._receive(leg)
                self._obey()
        return relayed

    def _take(self, descriptors: NDArray[numpy.int32], numbers: Numbers, *, protected: bool = False) -> bool:
        if not len(descriptors):
            return False
        batch = self._arrivals.fetch(descriptors, numbers)
        if protected:
            self._arrivals.unprotect(descriptors)
        places, targets = self._core.receive_batch(batch)
        self._departures.send_batch(batch, places, targets)
        self._obey()
        return len(places) > 0

    def _other_ready(self, fd: int, events: int) -> None:
        reporting = self._watched.reporting.get(fd)
        if reporting is not None:
            self._receive_report(reporting)
        elif fd == self._control.fileno():
            self._control_ready(events)
        elif fd == self._woken:
            os.eventfd_read(self._woken)

    def _receive(self, leg: LegSocket, only_from: Address | None = None) -> bool:
        """One datagram looked at alone; False when there is none."""
        try:
            length, arrived, source = self._arrivals.fetch_one(leg, self._buffer)
        except ConnectionRefusedError:  # an earlier packet was, by the far port
            return True
        except OSError:
            return False
        if only_from is None or source == only_from:
            self._core.receive(leg.number, self._buffer[:length], source, arrived)
        return True

    def _receive_waiting(self, leg: LegSocket, most: int, only_from: Address | None = None) -> None:
        for _ in range(most):
            if not self._receive(leg, only_from):
                return

    def _receive_report(self, leg: LegSocket) -> None:
        try:
            data = leg.receive_report()
        except OSError:
            return
        if data is not None:
            self._core.receive_report(leg.number, data, self._now())

    def _sweep(self) -> None:
        """Look after the legs whose packets can wait a little."""
        now = self._clock()
        for fd in self._watched.due("digits", now):
            leg = self._watched.legs.get(fd)
            if leg is not None:
                self._receive_waiting(leg, _MOST_AT_ONCE)
                self._obey()
        # One packet each: sound comes half as often as it is looked for. The packet clock goes before.
        ready = self._watched.due("sound", now)
        for start in range(0, len(ready), SLOTS):
            self._take_batch(ready[start : start + SLOTS])
            self._send_by_the_clock()

    # ---- messages

    def _control_ready(self, events: int) -> None:
        if events & select.EPOLLOUT:
            self._write(b"")
        if not events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            return
        try:
            data = self._control.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._alive = False
            return
        try:
            for message in self._reader.feed(data):
                self._handle(message)  # type: ignore[arg-type]  # the daemon sends nothing but ToWorker
        except FramingError:
            self._alive = False

    def _handle(self, message: ToWorker) -> None:
        if isinstance(message, OpenLeg):
            self._open(message)
            return
        if isinstance(message, CloseLeg) and message.leg in self._legs:
            self._core.unheard(message.leg, self._legs[message.leg].dropped())
        self._core.handle(message, self._now())
        self._report()
        self._obey()

    def _open(self, message: OpenLeg) -> None:
        try:
            leg = self._ports.open(message.leg)
        except NoPort as fault:
            self._write(encode(LegFailed(message.leg, message.generation, str(fault))))
            return
        self._legs[leg.number] = leg
        self._watch(leg)
        self._core.open(message, leg.port, self._now())

    def _pass_on(self) -> None:
        """What the core has to say and to send, once a turn."""
        while self._recordings.finished:
            path, fault = self._recordings.finished.popleft()
            self._core.recording_finished(path, fault, self._now())
        self._report()
        self._obey()
        for number, data in self._core.outgoing():
            self._departures.send(number, data)
        if messages := self._core.events():
            self._write(b"".join(map(encode, messages)))

    def _report(self) -> None:
        """Before orders are carried out: a goodbye goes while its socket is there."""
        for number, data in self._core.reports():
            with contextlib.suppress(OSError):
                self._legs[number].send_report(data)

    def _write(self, data: bytes) -> None:
        """Never waits: what the daemon does not take now goes later."""
        self._unsent += data
        if len(self._unsent) > _MOST_UNSENT:
            self._alive = False
            return
        try:
            sent = self._control.send(self._unsent)
            del self._unsent[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._alive = False
            return
        self._watched.epoll.modify(self._control, select.EPOLLIN | (select.EPOLLOUT if self._unsent else 0))

    # ---- orders

    def _obey(self) -> None:
        for order in self._core.orders():
            self._carry_out(order)

    def _carry_out(self, order: Order) -> None:
        if isinstance(order, WriteRecording):
            self._recordings.write(order.path, order.samples)
            return
        if isinstance(order, FinishRecording):
            self._recordings.finish(order.path)
            return
        leg = self._legs[order.leg]
        if isinstance(order, SendTo):
            self._watched.remove(leg)
            leg.send_to(order.address)
            self._watch(leg)
        elif isinstance(order, Latch):
            # What came before the socket is connected: the kernel vouches for none of it.
            self._receive_waiting(leg, _MOST_WAITING, order.address)
            leg.connect(order.address)
            self._changed(leg)
        elif isinstance(order, ListenToDigits):
            self._watched.remove(leg)
            leg.listen_to_digits(order.telephone_event, reports=order.reports)
            self._watch(leg)
            self._receive_waiting(leg, _MOST_AT_ONCE)  # what came before the filter was there
        elif isinstance(order, ListenToAll):
            self._watched.remove(leg)
            leg.listen_to_all()
            self._watch(leg)
        elif isinstance(order, Attend):
            self._watched.remove(leg)
            leg.wanted_at_once = order.at_once
            self._watch(leg)
        elif isinstance(order, ReportTo):
            self._report_to(leg, order.address)
        elif isinstance(order, Protect):
            leg.protect(order.keys)
            self._changed(leg)
        elif isinstance(order, CountUnheard):
            self._core.unheard(leg.number, leg.dropped())
        elif isinstance(order, Release):
            self._watched.remove(leg)
            self._watched.remove_reports(leg)
            del self._legs[leg.number]
            self._departures.forget(leg)
            self._ports.give_back(leg)

    def _watch(self, leg: LegSocket) -> None:
        self._watched.add(leg)
        self._departures.set(leg)

    def _changed(self, leg: LegSocket) -> None:
        """Connected, or under other keys."""
        self._watched.mark(leg)
        self._departures.set(leg)

    def _report_to(self, leg: LegSocket, address: Address | None) -> None:
        self._watched.remove_reports(leg)
        with contextlib.suppress(OSError):
            leg.report_to(address)
            if address is not None:
                self._watched.add_reports(leg)

    def _end(self) -> None:
        self._core.end(self._now())
        self._obey()
        self._recordings.stop()
        for leg in self._legs.values():
            leg.close()
        self._control.close()
        self._watched.epoll.close()
        os.close(self._woken)


def main(arguments: list[str]) -> int:
    """The daemon ends workers by closing the socket; a signal meant for the whole terminal group is its to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    go_before_others()
    fd, host, ports = arguments
    first, last = map(int, ports.split("-"))
    worker = Worker(socket.socket(fileno=int(fd)), PortPairs(host, first, last))
    # Start-up objects live as long as the process: the collector need not look at them between two packets.
    gc.freeze()
    gc.set_threshold(50_000)
    worker.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
