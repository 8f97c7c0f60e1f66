"""The media worker without its sockets: messages, datagrams and time in; datagrams, messages and orders out. No I/O.

A datagram endpoint with two liberties for speed: what leaves by the clock comes as whole banks (`packets`), and bridged
packets are rewritten where they lie (`receive_batch` returns the legs to send them to). RFC 3550, 3551, 4733; symmetric
RTP as RFC 4961, with the source fixed by the first valid packet so that nobody can bleed it away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from foundation.clock import Monotonic
from foundation.deadlines import Deadlines
from foundation.endpoints import Address
from ivr.media import relaying
from ivr.media.batch import Batch, Numbers
from ivr.media.dtmf import Press
from ivr.media.flows import Flows
from ivr.media.hearing import Heard, Hearing, KeyHeard, told
from ivr.media.keeping import Keeping
from ivr.media.leg import TRANSITIONS, Leg, Line, LineEvent, asides, line_event, literal, usable
from ivr.media.messages import (
    Bridge,
    CloseLeg,
    Connect,
    Digit,
    FromWorker,
    LegOpened,
    Listen,
    MediaFlowing,
    MediaLegId,
    OpenLeg,
    Play,
    PlayTone,
    Record,
    SendDigit,
    StopPlaying,
    StopRecording,
    ToWorker,
    Unbridge,
)
from ivr.media.orders import Attend, Latch, ListenToAll, ListenToDigits, Order, Protect, Release, SendTo
from ivr.media.pacing import TICK_MILLISECONDS, Bank, Pacer
from ivr.media.reporting import Reporting
from ivr.media.rtp import Header, is_rtcp, parse
from ivr.media.sending import Sending, SoundLoader, Timer

_LONGEST_STALL_SECONDS = 0.2
"""Ticks missed by more are not made up for: a burst of old packets helps nobody."""


class MediaCore:
    """All legs of one worker."""

    def __init__(self, load: SoundLoader, tick_milliseconds: int = TICK_MILLISECONDS) -> None:
        self._legs: dict[int, Leg] = {}
        self._messages: list[FromWorker] = []
        self._datagrams: list[tuple[int, bytes]] = []
        self._orders: list[Order] = []
        self._timers: Deadlines[Timer] = Deadlines()
        self._tick_seconds = tick_milliseconds / 1000
        self._next_tick: Monotonic | None = None
        self._pacer = Pacer(tick_milliseconds)
        self._sending = Sending(load, self._pacer, self._timers, self._messages, self._datagrams)
        self._keeping = Keeping(self._timers, self._messages, self._orders)
        self._reporting = Reporting(self._timers, self._messages, self._orders, self._sending.packets_sent)
        self._hearing = Hearing()
        self._flows = Flows(self._hearing)

    # ---- messages

    def open(self, message: OpenLeg, port: int, now: Monotonic) -> None:
        """The shell has bound `port`."""
        self._legs[message.leg] = Leg(
            number=message.leg,
            generation=message.generation,
            ssrc=message.ssrc,
            sequence=message.first_sequence,
            first_timestamp=message.first_timestamp,
            opened_at=now,
        )
        self._messages.append(LegOpened(message.leg, message.generation, port))

    def handle(self, message: ToWorker, now: Monotonic) -> None:
        """Anything but OpenLeg; a word about a leg that is gone is passed over."""
        leg = self._legs.get(message.leg)
        if leg is None or leg.generation != message.generation:
            return
        peer = leg.peer
        for side in (leg, peer):
            if side is not None:
                self._flows.leave(side)
        _HANDLERS[type(message)](self, leg, message, now)
        for touched in {leg, peer, leg.peer}:
            if touched is not None:
                self._settle(touched, now)

    def _connect(self, leg: Leg, message: Connect, now: Monotonic) -> None:
        before, remote = leg.remote, usable(message.remote)
        leg.line = TRANSITIONS[leg.line, line_event(remote)]
        leg.remote = remote
        possible = map(literal, (remote.address.host, *remote.sources))
        hosts = frozenset(host for host in possible if host is not None)
        nowhere = literal(remote.address.host) is None or remote.address.port == 0
        if not nowhere and (before is None or before.address != remote.address or leg.hosts != hosts):
            leg.hosts = hosts
            leg.latched = None
            self._orders.append(SendTo(leg.number, remote.address))
            self._reporting.peer_at(leg, remote.address)
        elif nowhere and before is not None:
            # Hold in the old way names no address: where sound went and came from stays as it was.
            leg.remote = replace(remote, address=before.address)
        if before is not None and asides(before) != asides(remote):
            # Listening is arranged anew by `_settle`.
            self._reporting.peer_at(leg, leg.latched or leg.remote.address)
            if not leg.listens_fully:
                leg.listens_fully = True
                self._orders.append(ListenToAll(leg.number))
        if remote.srtp != (None if before is None else before.srtp):
            self._orders.append(Protect(leg.number, remote.srtp))
        if before is None or before.codec != remote.codec:
            self._sending.codec_changed(leg)
        self._reporting.connected(leg, now)

    def _bridge(self, leg: Leg, message: Bridge, now: Monotonic) -> None:
        other = self._legs.get(message.other)
        if other is None or other is leg or other.generation != message.other_generation:
            return
        for side in (leg, other):
            self._part(side, now)
        leg.peer, other.peer = other, leg

    def _unbridge(self, leg: Leg, message: Unbridge, now: Monotonic) -> None:
        self._part(leg, now)

    def _part(self, leg: Leg, now: Monotonic) -> None:
        peer = leg.peer
        if peer is None:
            return
        leg.peer = peer.peer = None
        self._settle(peer, now)

    def recording_finished(self, path: str, fault: str | None, now: Monotonic) -> None:
        """The shell has given the file its name, or could not write it."""
        self._keeping.finished(path, fault)

    def end(self, now: Monotonic) -> None:
        """The worker ends: recordings under way are finished, so that what a caller said is not lost."""
        for leg in self._legs.values():
            self._keeping.end(leg, now)

    def _close(self, leg: Leg, message: CloseLeg, now: Monotonic) -> None:
        for press in leg.digits.finish():
            self._messages.append(Digit(message.leg, leg.generation, press.digit, press.milliseconds))
        self._sending.end(leg, complete=False)
        path = self._keeping.end(leg, now)
        self._part(leg, now)
        leg.line = TRANSITIONS[leg.line, LineEvent.CLOSE]
        self._sending.route(leg, now)
        self._hearing.listen(leg.number, "PCMA", frozenset(), now)
        for timer in ("digit heard", "send digit"):
            self._timers.cancel((timer, leg.number))
        del self._legs[leg.number]
        closed = self._reporting.close(leg, now)
        self._orders.append(Release(leg.number))
        if path is None:
            self._messages.append(closed)
        else:
            self._keeping.close_after(path, closed)

    def _settle(self, leg: Leg, now: Monotonic) -> None:
        """After a change: what the leg sends, how its packets pass the bridge, what it listens to."""
        if leg.line is Line.CLOSED:
            return
        self._listen_as_wanted(leg, now)
        # First how the two would be joined, then what this one sends of its own, then what passes between them.
        sides = [leg] if leg.peer is None else [leg, leg.peer]
        for side in sides:
            self._flows.leave(side)
            relaying.join(side)
        self._sending.route(leg, now)
        for side in sides:
            relaying.settle(side)
        if len(self._pacer) and self._next_tick is None:
            self._next_tick = Monotonic(now + self._tick_seconds)
        # Under SRTP every packet is looked at: its index is counted along with the sequence (RFC 3711 §3.3.1).
        protected = leg.remote is not None and leg.remote.srtp is not None
        fully = leg.latched is None or leg.peer is not None or leg.recording is not None or leg.analysed or protected
        if fully and not leg.listens_fully:
            leg.reception.restart()
            self._orders.append(ListenToAll(leg.number))
        elif leg.listens_fully and not fully:
            assert leg.remote is not None
            self._orders.append(ListenToDigits(leg.number, leg.remote.telephone_event, leg.remote.rtcp_mux))
        leg.listens_fully = fully
        at_once = leg.latched is None or leg.peer is not None
        if at_once != leg.attended_at_once:
            leg.attended_at_once = at_once
            self._orders.append(Attend(leg.number, at_once))
        for side in sides:
            self._flows.enter(side)

    def _listen_as_wanted(self, leg: Leg, now: Monotonic) -> None:
        wanted = leg.wanted
        if leg.remote is not None and (wanted or leg.analysed):
            self._hearing.listen(leg.number, leg.remote.codec, wanted, now)
            leg.analysed = bool(wanted)

    # ---- datagrams

    def receive(self, number: int, data: bytes | memoryview, source: Address | None, now: Monotonic) -> None:
        """A datagram that came for a leg at `now`; `source` None where the kernel has vouched for it (after `Latch`)."""
        leg = self._legs.get(number)
        if leg is None:
            return
        if source is not None and leg.latched is not None and source != leg.latched:
            return
        if leg.remote is not None and leg.remote.rtcp_mux and leg.latched is not None and is_rtcp(data):
            self._reporting.take(leg, bytes(data), now)
            return
        header = parse(data)
        if header is not None and leg.remote is not None and self._is_expected(leg, header, source, now):
            self._flows.leave(leg)
            self._take(leg, header, bytes(data[header.start : header.end]), now)
            self._flows.enter(leg)

    def receive_batch(self, batch: Batch) -> tuple[Numbers, Numbers]:
        """Datagrams of many legs that the kernel has vouched for. Returns the places in the batch of those that were
        rewritten for a bridge, and the legs to send them to."""
        places, targets, others = self._flows.take(batch)
        for at in others:
            data = batch.rows[batch.slots[at]][: batch.lengths[at]]
            self.receive(int(batch.legs[at]), data, None, Monotonic(float(batch.arrived[at])))
        return places, targets

    def unheard(self, number: int, packets: int) -> None:
        """So many packets of a leg came that the kernel kept away."""
        leg = self._legs.get(number)
        if leg is not None:
            leg.reception.count_unheard(packets)

    def _is_expected(self, leg: Leg, header: Header, source: Address | None, now: Monotonic) -> bool:
        """Whether it comes from where it may; the first that does fixes the source for as long as the agreement."""
        assert leg.remote is not None
        remote = leg.remote
        known = header.payload_type in (remote.payload_type, remote.telephone_event, remote.comfort_noise)
        if leg.latched is not None:
            return known
        if source is None or source.host not in leg.hosts or not known:
            return False
        leg.latched = source
        self._orders.append(Latch(leg.number, source))
        self._reporting.peer_at(leg, source)
        if not leg.flowing:
            leg.flowing = True
            self._messages.append(MediaFlowing(MediaLegId(leg.number), leg.generation))
        self._settle(leg, now)
        return True

    def receive_report(self, number: int, data: bytes, now: Monotonic) -> None:
        """A datagram that came from the leg's RTCP peer."""
        leg = self._legs.get(number)
        if leg is not None:
            self._reporting.take(leg, data, now)

    def _take(self, leg: Leg, header: Header, payload: bytes, now: Monotonic) -> None:
        assert leg.remote is not None
        if leg.relay is not None:
            self._datagrams.extend(relaying.forward(leg, header, payload, now))
        if header.payload_type == leg.remote.telephone_event:
            leg.reception.count_unheard(1)
            self._pressed(leg, leg.digits.receive(header, payload, now), now)
            self._watch_digit(leg)
            return
        if leg.listens_fully:
            leg.reception.count(header.sequence, header.timestamp, header.ssrc, now)
        else:
            leg.reception.count_unheard(1)
        if header.payload_type == leg.remote.comfort_noise:
            return
        if leg.analysed:
            self._hearing.take(leg.number, payload)
        if leg.recording is not None and self._keeping.take(leg, header, payload, now):
            self._settle(leg, now)

    def _heard(self, heard: Heard, now: Monotonic) -> None:
        leg = self._legs.get(heard.leg)
        if leg is None:
            return
        if isinstance(heard, KeyHeard):
            self._pressed(leg, [Press(heard.digit, heard.milliseconds)], now, as_tone=True)
        else:
            self._messages.append(told(heard, leg.generation))

    def _pressed(self, leg: Leg, presses: list[Press], now: Monotonic, *, as_tone: bool = False) -> None:
        self._flows.leave(leg)
        peer = leg.peer
        passed_on = as_tone or relaying.takes_events(leg)
        for press in presses:
            if peer is not None and not passed_on:
                self._sending.send_digit(peer, press.digit, press.milliseconds, now)
                self._settle(peer, now)
            self._messages.append(Digit(MediaLegId(leg.number), leg.generation, press.digit, press.milliseconds))
            self._sending.stop_by_digit(leg, press.digit)
        if presses:
            self._settle(leg, now)

    def _watch_digit(self, leg: Leg) -> None:
        deadline = leg.digits.next_deadline()
        if deadline is None:
            self._timers.cancel(("digit heard", leg.number))
        else:
            self._timers.set(("digit heard", leg.number), deadline)

    # ---- time

    def next_deadline(self) -> Monotonic | None:
        deadlines = (self._next_tick, self._timers.next(), self._hearing.next_deadline())
        return min((moment for moment in deadlines if moment is not None), default=None)

    def packets(self, now: Monotonic) -> Iterator[Bank]:
        """The banks that are due, on an absolute schedule. The shell sends each one's `views` to its `legs`, row by
        row, before it takes the next; it runs the iteration to its end."""
        while self._next_tick is not None and self._next_tick <= now:
            late = now - self._next_tick
            if late > _LONGEST_STALL_SECONDS:
                ticks = int(late / self._tick_seconds)
                self._pacer.skip(ticks)
                self._next_tick = Monotonic(self._next_tick + ticks * self._tick_seconds)
            self._next_tick = Monotonic(self._next_tick + self._tick_seconds)
            yield from self._sending.tick(self._legs, now)
            if not len(self._pacer):
                self._next_tick = None

    def handle_deadline(self, now: Monotonic) -> None:
        """Everything that waits beside the packet clock."""
        for kind, number in self._timers.due(now):
            leg = self._legs.get(number)
            if leg is None:
                continue
            if kind == "digit heard":
                self._pressed(leg, leg.digits.handle_deadline(now), now)
                self._watch_digit(leg)
            elif kind == "recording":
                self._keeping.end(leg, now)
                self._settle(leg, now)
            elif kind == "report":
                for side in (leg, leg.peer):
                    if side is not None:
                        self._flows.save(side)
                self._reporting.due(leg, now)
            elif kind == "comfort noise":
                self._sending.noise_due(leg, now)
            elif self._sending.digit_due(leg, now):
                self._settle(leg, now)
        for heard in self._hearing.handle_deadline(now):
            self._heard(heard, now)

    # ---- what came of it

    def events(self) -> list[FromWorker]:
        return _drained(self._messages)

    def outgoing(self) -> list[tuple[int, bytes]]:
        """Datagrams beside the banks, by leg."""
        return _drained(self._datagrams)

    def reports(self) -> list[tuple[int, bytes]]:
        """Datagrams for the RTCP ports, by leg."""
        return _drained(self._reporting.reports)

    def orders(self) -> list[Order]:
        return _drained(self._orders)


def _drained(items: list) -> list:  # type: ignore[type-arg]
    taken = items[:]
    items.clear()
    return taken


_HANDLERS: dict[type, Callable[..., None]] = {
    Connect: MediaCore._connect,
    Play: lambda core, leg, message, now: core._sending.play(leg, message),
    PlayTone: lambda core, leg, message, now: core._sending.play_tone(leg, message),
    StopPlaying: lambda core, leg, message, now: core._sending.stop(leg, message.play),
    Bridge: MediaCore._bridge,
    Unbridge: MediaCore._unbridge,
    Record: lambda core, leg, message, now: core._keeping.begin(leg, message, now),
    StopRecording: lambda core, leg, message, now: core._keeping.end(leg, now),
    SendDigit: lambda core, leg, message, now: core._sending.send_digit(leg, message.digit, message.milliseconds, now),
    Listen: lambda core, leg, message, now: leg.listen_for(message),
    CloseLeg: MediaCore._close,
}
