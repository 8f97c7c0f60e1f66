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

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.media.core import MediaCore
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
from ivr.media.pacing import Bank
from ivr.media.sockets import LegSocket, NoPort, PortPairs, Send
from ivr.media.watching import Watched

_EVENTS_A_TURN = 256
_LONGEST_DATAGRAM = 2048
_LONGEST_WAIT = 1.0
_MOST_UNSENT = 8 << 20
_MOST_WAITING = 1024  # more datagrams than a receive buffer holds
_GATHER_SECONDS = 0.001
"""While bridges pass packets they are gathered for so long: a turn costs 60 µs, a packet in it 10."""


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
        self._sends: dict[int, Send] = {}
        self._rows: dict[Bank, tuple[int, list[Send]]] = {}
        self._buffer = memoryview(bytearray(_LONGEST_DATAGRAM))
        self._watched = Watched()
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
            self._send_bank(bank)

    def _send_bank(self, bank: Bank) -> None:
        """One `send` a packet. A refused one (the other side's port is closed) is that call's matter alone: the
        iteration goes on behind it."""
        version, sends = self._rows.get(bank, (-1, []))
        if version != bank.version:
            sends = [self._sends[leg] for leg in bank.legs]
            self._rows[bank] = (bank.version, sends)
        packets = iter(zip(sends, bank.views))  # noqa: B905 views are longer: rows in reserve
        while True:
            try:
                for send, data in packets:
                    send(data)
                return
            except OSError:
                continue

    def _take_what_came(self) -> None:
        """One datagram each; epoll tells of the next. Flat, with its names at hand: it is the way of every bridged packet
        (measured: 2 µs of 12)."""
        legs, sends, buffer, receive = self._watched.legs, self._sends, self._buffer, self._core.receive
        now, relaying = self._now(), False
        for fd, events in self._watched.epoll.poll(0, _EVENTS_A_TURN):
            leg = legs.get(fd)
            if leg is None:
                self._other_ready(fd, events)
                continue
            # Nothing may be there after all, or the far port may have refused an earlier packet.
            try:
                if not leg.plain:
                    self._receive(leg)
                    continue
                length = leg.receive_into(buffer)
                target = receive(leg.number, buffer, length, None, now)
                if target >= 0:
                    relaying = True
                    sends[target](buffer[:length])
                else:
                    self._obey()
            except OSError:
                continue
        self._relaying = relaying

    def _other_ready(self, fd: int, events: int) -> None:
        reporting = self._watched.reporting.get(fd)
        if reporting is not None:
            self._receive_report(reporting)
        elif fd == self._control.fileno():
            self._control_ready(events)
        elif fd == self._woken:
            os.eventfd_read(self._woken)

    def _receive(self, leg: LegSocket) -> None:
        """A datagram of a leg that is protected, or not yet connected."""
        buffer = self._buffer
        if leg.connected:
            self._take(leg, buffer, leg.receive_into(buffer), None)
        else:
            length, sender = leg.rtp.recvfrom_into(buffer)
            self._take(leg, buffer, length, Address(sender[0], sender[1]))

    def _take_waiting(self, leg: LegSocket, source: Address) -> None:
        """What came before the socket is connected: the kernel vouches for none of it."""
        buffer = self._buffer
        for _ in range(_MOST_WAITING):
            try:
                length, sender = leg.rtp.recvfrom_into(buffer)
            except ConnectionRefusedError:
                continue
            except OSError:
                return
            if (sender[0], sender[1]) == (source.host, source.port):
                self._take(leg, buffer, length, source)

    def _take(self, leg: LegSocket, buffer: memoryview, length: int, source: Address | None) -> None:
        if leg.protection is not None:
            length = leg.protection.unprotect_in_place(buffer, length)
        target = self._core.receive(leg.number, buffer, length, source, self._now())
        if target >= 0:
            self._sends[target](buffer[:length])
        else:
            self._obey()

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
        for leg in self._watched.due("digits", now):
            self._drain(leg)
        # One packet each: sound comes half as often as it is looked for.
        for leg in self._watched.due("sound", now):
            with contextlib.suppress(OSError):
                self._receive(leg)

    def _drain(self, leg: LegSocket) -> None:
        """All that waits on a latched leg; a few of many, should it be flooded."""
        buffer = self._buffer
        for _ in range(64):
            try:
                length = leg.rtp.recv_into(buffer)
            except ConnectionRefusedError:
                continue
            except OSError:
                return
            self._take(leg, buffer, length, None)

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
            self._send(number, data)
        if messages := self._core.events():
            self._write(b"".join(map(encode, messages)))

    def _send(self, number: int, data: bytes) -> None:
        send = self._sends.get(number)
        if send is not None:
            try:
                send(memoryview(data))
            except OSError:
                return

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
            self._take_waiting(leg, order.address)
            leg.connect(order.address)
            self._set_send(leg)
        elif isinstance(order, ListenToDigits):
            self._watched.remove(leg)
            leg.listen_to_digits(order.telephone_event)
            self._watch(leg)
            self._drain(leg)  # what came before the filter was there
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
            self._set_send(leg)
        elif isinstance(order, CountUnheard):
            self._core.unheard(leg.number, leg.dropped())
        elif isinstance(order, Release):
            self._watched.remove(leg)
            self._watched.remove_reports(leg)
            del self._legs[leg.number], self._sends[leg.number]
            self._ports.give_back(leg)

    def _watch(self, leg: LegSocket) -> None:
        self._watched.add(leg)
        self._set_send(leg)

    def _report_to(self, leg: LegSocket, address: Address) -> None:
        self._watched.remove_reports(leg)
        with contextlib.suppress(OSError):
            leg.report_to(address)
            self._watched.add_reports(leg)

    def _set_send(self, leg: LegSocket) -> None:
        self._sends[leg.number] = leg.send
        self._rows.clear()

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
    # The packet clock goes before other work where the service may say so (systemd LimitNICE, CAP_SYS_NICE).
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
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
