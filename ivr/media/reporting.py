"""RTCP of every leg, its quality for the call record, and the watch for lines on which nothing comes. No I/O.

Each leg reports every 4 to 6 s, spread by its SSRC (RFC 3550 §6.2 wants them uneven; the core has no randomness). NTP
time is our own clock: it only ever comes back to us (§6.4.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foundation.clock import Monotonic
from foundation.deadlines import Deadlines
from foundation.endpoints import Address
from ivr.media.leg import Leg, hears
from ivr.media.messages import FromWorker, LegClosed, MediaLegId, NoMedia
from ivr.media.orders import CountUnheard, Order, ReportTo
from ivr.media.quality import mean_opinion_score
from ivr.media.rtcp import Block, Report, SenderInfo, encode, middle, ntp_of, parse
from ivr.media.rtp import CLOCK_RATE
from ivr.media.sending import Timer

NO_MEDIA_SECONDS = 10.0
_INTERVAL_SECONDS = 4.0
_SPREAD_SECONDS = 2.0
_LONGEST_ROUND_TRIP_SECONDS = 10.0


@dataclass(slots=True)
class Quality:
    """What RTCP told about one leg, and when it last heard anything."""

    sent_at_last: int = 0
    expected_at_last: int = 0
    lost_at_last: int = 0
    received_at_last: int = 0
    silent_since: Monotonic | None = None
    silence_told: bool = False
    last_report: int = 0
    last_report_at: Monotonic | None = None
    remote_lost: int | None = None
    remote_jitter: float | None = None
    round_trip: float | None = None


class Reporting:
    """`messages` and `orders` are the core's output lists; `reports` goes to the RTCP sockets, by leg."""

    def __init__(
        self, timers: Deadlines[Timer], messages: list[FromWorker], orders: list[Order], sent: Callable[[Leg], int]
    ) -> None:
        self.reports: list[tuple[int, bytes]] = []
        self._timers = timers
        self._messages = messages
        self._orders = orders
        self._sent = sent
        self._legs: dict[int, Quality] = {}

    def connected(self, leg: Leg, now: Monotonic) -> None:
        """An agreement was made: from now on the leg reports and is watched."""
        if leg.number not in self._legs:
            self._legs[leg.number] = Quality(silent_since=now)
            self._timers.set(("report", leg.number), Monotonic(now + self._interval(leg)))

    def peer_at(self, leg: Leg, sound: Address) -> None:
        """Reports go to and come from the port above this RTP address (RFC 3550 §11), or where the agreement says
        (RFC 3605, RFC 5761). Known before any sound comes: who sends none may still report that ours arrives."""
        order = self._report_to(leg, sound)
        if order is not None and leg.reports_to != order:
            leg.reports_to = order
            self._orders.append(order)

    @staticmethod
    def _report_to(leg: Leg, sound: Address) -> ReportTo | None:
        agreed = None if leg.remote is None else leg.remote.rtcp_port
        if leg.remote is not None and leg.remote.rtcp_mux:
            return ReportTo(leg.number, None)
        port = sound.port + 1 if agreed is None else agreed
        return ReportTo(leg.number, Address(sound.host, port)) if 0 < port < 65536 else None

    def due(self, leg: Leg, now: Monotonic) -> None:
        """One report, and a look whether anything came since the last."""
        quality = self._legs[leg.number]
        self._timers.set(("report", leg.number), Monotonic(now + self._interval(leg)))
        self._watch(leg, quality, now)
        # The count of what the kernel kept away comes before the next look.
        self._orders.append(CountUnheard(leg.number))
        if leg.latched is not None:
            self._say(leg, quality, now, goodbye=False)

    def take(self, leg: Leg, data: bytes, now: Monotonic) -> None:
        """A datagram from the leg's RTCP peer."""
        quality, report = self._legs.get(leg.number), parse(data)
        if quality is None or report is None:
            return
        if report.sender is not None:
            quality.last_report, quality.last_report_at = middle(report.sender.ntp), now
        for block in report.blocks:
            if block.ssrc == leg.ssrc:
                self._heard_of(quality, block, now)

    def close(self, leg: Leg, now: Monotonic) -> LegClosed:
        """The leg is over: a goodbye, and its record."""
        quality = self._legs.pop(leg.number, None) or Quality()
        self._timers.cancel(("report", leg.number))
        if leg.latched is not None:
            self._say(leg, quality, now, goodbye=True)
        reception = leg.reception
        jitter = reception.jitter_milliseconds
        scores = []
        if reception.expected:
            scores.append(mean_opinion_score(reception.lost / reception.expected, jitter, quality.round_trip))
        if quality.remote_lost is not None:
            share = quality.remote_lost / max(leg.packets_sent, 1)
            scores.append(mean_opinion_score(share, quality.remote_jitter or 0.0, quality.round_trip))
        return LegClosed(
            MediaLegId(leg.number),
            leg.generation,
            leg.packets_sent,
            reception.received,
            reception.lost,
            round(jitter, 2),
            quality.remote_lost,
            quality.remote_jitter,
            quality.round_trip,
            min(scores, default=None),
        )

    @staticmethod
    def _interval(leg: Leg) -> float:
        return _INTERVAL_SECONDS + _SPREAD_SECONDS * (leg.ssrc % 1000) / 1000

    def _watch(self, leg: Leg, quality: Quality, now: Monotonic) -> None:
        if leg.reception.received != quality.received_at_last or leg.remote is None or not hears(leg.remote):
            quality.received_at_last = leg.reception.received
            quality.silent_since, quality.silence_told = now, False
            return
        silent = now - (quality.silent_since or now)
        if silent >= NO_MEDIA_SECONDS and not quality.silence_told:
            quality.silence_told = True
            self._messages.append(NoMedia(MediaLegId(leg.number), leg.generation, round(silent * 1000)))

    def _say(self, leg: Leg, quality: Quality, now: Monotonic, *, goodbye: bool) -> None:
        sent = self._sent(leg)
        sender = None
        if sent != quality.sent_at_last and leg.remote is not None:
            octets = sent * leg.remote.packet_milliseconds * CLOCK_RATE // 1000
            sender = SenderInfo(ntp_of(now), leg.timestamp_at(now), sent, octets)
        quality.sent_at_last = sent
        block = self._block(leg, quality, now)
        report = Report(leg.ssrc, sender, () if block is None else (block,), goodbye)
        self.reports.append((leg.number, encode(report, f"{leg.ssrc:08x}@burgernet")))

    @staticmethod
    def _block(leg: Leg, quality: Quality, now: Monotonic) -> Block | None:
        """None where only digits were listened to: of the rest nothing is known."""
        reception = leg.reception
        expected, lost = reception.expected - quality.expected_at_last, reception.lost - quality.lost_at_last
        if not leg.listens_fully or reception.ssrc < 0 or expected <= 0:
            return None
        quality.expected_at_last, quality.lost_at_last = reception.expected, reception.lost
        delay = 0 if quality.last_report_at is None else round((now - quality.last_report_at) * 65536)
        return Block(
            reception.ssrc,
            max(lost, 0) / expected,
            reception.lost,
            reception.highest,
            round(reception.jitter_ticks),
            quality.last_report,
            delay & 0xFFFFFFFF,
        )

    @staticmethod
    def _heard_of(quality: Quality, block: Block, now: Monotonic) -> None:
        quality.remote_lost = max(block.lost, 0)
        quality.remote_jitter = round(block.jitter * 1000 / CLOCK_RATE, 2)
        if block.last_report:
            gone = ((middle(ntp_of(now)) - block.last_report - block.delay) & 0xFFFFFFFF) / 65536
            if gone < _LONGEST_ROUND_TRIP_SECONDS:
                quality.round_trip = round(gone * 1000, 2)
