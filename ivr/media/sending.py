"""What each leg sends by the clock: a sound, a tone, a digit, or stillness while it listens. No I/O.

An open line always carries packets, so that NAT and session border controllers keep the call alive; only a bridged leg
sends what the other side says instead. A held line carries none, and what was playing waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy

from foundation.clock import Monotonic
from foundation.deadlines import Deadlines
from foundation.sound import BYTES_A_MILLISECOND, Codec
from ivr.media.codecs import Octets, silence
from ivr.media.dtmf import EVENTS, DigitSender
from ivr.media.leg import Leg, Line, Playing, hears
from ivr.media.messages import FromWorker, LegFailed, MediaLegId, Play, Played, PlayEnded, PlayId, PlayTone
from ivr.media.pacing import Bank, Pacer, Track
from ivr.media.relaying import feed_of
from ivr.media.rtp import CLOCK_RATE, packet
from ivr.media.tones import PATTERNS, key, rendered

SoundLoader = Callable[[str, Codec, int], Octets]
"""Stem, codec and expected milliseconds to encoded bytes; raises OSError when the file can't be read."""

Timer = tuple[Literal["digit heard", "send digit", "recording", "report", "comfort noise"], int]

_BETWEEN_DIGITS_SECONDS = 0.06
_NOISE_SECONDS = 0.4
_NOISE_LEVEL = bytes((70,))  # -70 dBov: a quiet room
_KEY_TONE_MILLISECONDS = (80, 1000)


class Sending:
    """Joins legs to the pacer. `messages` and `datagrams` are the core's output lists."""

    def __init__(
        self,
        load: SoundLoader,
        pacer: Pacer,
        timers: Deadlines[Timer],
        messages: list[FromWorker],
        datagrams: list[tuple[int, bytes]],
    ) -> None:
        self._load = load
        self._pacer = pacer
        self._timers = timers
        self._messages = messages
        self._datagrams = datagrams
        self._tracks: dict[int, Track] = {}

    # ---- what is to be sent

    def play(self, leg: Leg, message: Play) -> None:
        self.end(leg, complete=False)
        track = self._track_of_sound(leg, message.stem, message.milliseconds)
        if track is None:
            self._messages.append(PlayEnded(message.leg, message.generation, message.play, 0, complete=False))
            return
        report_at = None if message.report_at is None else message.report_at * BYTES_A_MILLISECOND
        leg.playing = Playing(
            play=message.play,
            stem=message.stem,
            tone=None,
            milliseconds=message.milliseconds,
            total=len(track.octets),
            repeats=False,
            report_at=report_at,
            stop_on_digits=message.stop_on_digits,
            lap=track,
            track=track,
        )

    def play_tone(self, leg: Leg, message: PlayTone) -> None:
        self.end(leg, complete=False)
        track = self._track(rendered(message.tone, self._codec(leg)))
        repeats = PATTERNS[message.tone].repeats
        limits = [] if message.milliseconds is None else [message.milliseconds * BYTES_A_MILLISECOND]
        if not repeats:
            limits.append(len(track.octets))
        leg.playing = Playing(
            play=message.play,
            stem=None,
            tone=message.tone,
            milliseconds=message.milliseconds or 0,
            total=min(limits, default=None),
            repeats=repeats,
            report_at=None,
            stop_on_digits="",
            lap=track,
            track=track,
        )

    def stop(self, leg: Leg, play: PlayId) -> None:
        if leg.playing is not None and leg.playing.play == play:
            self.end(leg, complete=False)

    def stop_by_digit(self, leg: Leg, digit: str) -> None:
        if leg.playing is not None and digit in leg.playing.stop_on_digits:
            self.end(leg, complete=False, digit=digit)

    def end(self, leg: Leg, *, complete: bool, digit: str | None = None) -> None:
        """What plays is over; `route` gives the leg something else to send."""
        playing = leg.playing
        if playing is None:
            return
        self._keep_position(leg)
        leg.playing = None
        milliseconds = playing.sent // BYTES_A_MILLISECOND
        self._messages.append(
            PlayEnded(MediaLegId(leg.number), leg.generation, playing.play, milliseconds, complete, digit)
        )

    def codec_changed(self, leg: Leg) -> None:
        """A new agreement: the same place of the same sound, in the other codec. A tone of a key is given up."""
        playing = leg.playing
        self._keep_position(leg)
        leg.keying = leg.in_row = None
        if playing is None:
            return
        if playing.tone is not None:
            track: Track | None = self._track(rendered(playing.tone, self._codec(leg)))
        else:
            track = self._track_of_sound(leg, playing.stem or "", playing.milliseconds)
        if track is None:
            self.end(leg, complete=False)
            return
        sent = playing.base + playing.position
        playing.lap = playing.track = track
        playing.position = sent % len(track.octets) if playing.repeats else min(sent, len(track.octets))
        playing.base = sent - playing.position
        leg.in_row = None

    # ---- in and out of the banks

    def route(self, leg: Leg, now: Monotonic) -> None:
        """Put the leg where its state says: into a bank with sound or stillness, or out of all."""
        if self._rests(leg):
            self._leave(leg)
            if self._timers.at(("comfort noise", leg.number)) is None:
                self._timers.set(("comfort noise", leg.number), now)
            return
        self._timers.cancel(("comfort noise", leg.number))
        passed_on = self.is_relayed(leg) and feed_of(leg) is None
        paced = leg.line is Line.OPEN and leg.sender is None and not passed_on
        remote = leg.remote
        if leg.bank is not None and (
            not paced or remote is None or leg.bank.size != remote.packet_milliseconds * BYTES_A_MILLISECOND
        ):
            self._leave(leg)
        if not paced or remote is None:
            return
        if leg.bank is None:
            self._enter(leg, now)
        else:
            leg.bank.set_payload_type(leg.number, remote.payload_type)
        self._arm(leg)

    def _rests(self, leg: Leg) -> bool:
        """Whether the leg has nothing to say and the other side can make the stillness itself (RFC 3389)."""
        busy = leg.playing is not None or leg.keying is not None or leg.sender is not None
        understood = leg.remote is not None and leg.remote.comfort_noise is not None
        return understood and leg.line is Line.OPEN and not busy and not self.is_relayed(leg)

    def noise_due(self, leg: Leg, now: Monotonic) -> None:
        """A word now and then that it is still here, for gateways and NAT as well (RFC 3389 §5)."""
        if leg.remote is None or leg.remote.comfort_noise is None or not self._rests(leg):
            return
        timestamp = leg.timestamp_at(now)
        data = packet(
            _NOISE_LEVEL,
            payload_type=leg.remote.comfort_noise,
            sequence=leg.take_sequence(),
            timestamp=timestamp,
            ssrc=leg.ssrc,
        )
        self._datagrams.append((leg.number, data))
        leg.packets_sent += 1
        leg.last_timestamp = timestamp
        self._timers.set(("comfort noise", leg.number), Monotonic(now + _NOISE_SECONDS))

    @staticmethod
    def is_relayed(leg: Leg) -> bool:
        """Whether what the leg sends is what its peer says; a sound or tone on the leg itself goes before."""
        peer = leg.peer
        if leg.playing is not None or leg.keying is not None:
            return False
        return peer is not None and peer.remote is not None and hears(peer.remote)

    @staticmethod
    def packets_sent(leg: Leg) -> int:
        """In all, those of the bank that it is in counted up to now."""
        return leg.packets_sent + (0 if leg.bank is None else leg.bank.ticks - leg.bank_ticks)

    def tick(self, legs: dict[int, Leg], now: Monotonic) -> Iterator[Bank]:
        """Each bank that is due, filled: its `views` go out to its `legs` before the next step of the iteration."""
        for bank in list(self._pacer.due()):
            bank.fill()
            yield bank
            for number in bank.advance():
                self._reached_limit(legs[number], now)

    def _enter(self, leg: Leg, now: Monotonic) -> None:
        assert leg.remote is not None
        bank = leg.bank = self._pacer.choose(leg.remote.packet_milliseconds)
        leg.bank_ticks = bank.ticks
        bank.add(
            leg.number,
            payload_type=leg.remote.payload_type,
            sequence=leg.sequence,
            timestamp=leg.timestamp_at(now),
            ssrc=leg.ssrc,
        )

    def _leave(self, leg: Leg) -> None:
        bank = leg.bank
        if bank is None:
            return
        self._keep_position(leg)
        leg.sequence, leg.last_timestamp = bank.remove(leg.number)
        leg.packets_sent += bank.ticks - leg.bank_ticks
        leg.bank = leg.in_row = None

    def _keep_position(self, leg: Leg) -> None:
        if leg.in_row is not None and leg.bank is not None:
            leg.in_row.position = leg.bank.position(leg.number)

    def _arm(self, leg: Leg) -> None:
        """Let the leg's row read what plays, up to the next byte at which something happens."""
        bank, playing = leg.bank, leg.keying or leg.playing
        assert bank is not None
        self._keep_position(leg)
        if playing is None:
            leg.in_row = None
            feed = feed_of(leg) if self.is_relayed(leg) else None
            if feed is None:
                bank.set_silence(leg.number, silence(self._codec(leg), 1))
            else:
                bank.set_feed(leg.number, feed.pull)
            return
        if len(playing.track.octets) - playing.position < bank.size:
            self._begin_tail(playing, bank.size, silence(self._codec(leg), bank.size))
        limit = len(playing.track.octets) - bank.size + 1
        for mark in (playing.total, playing.report_at):
            if mark is not None:
                limit = min(limit, mark - playing.base)
        bank.set_track(leg.number, playing.track, playing.position, limit)
        leg.in_row = playing

    @staticmethod
    def _begin_tail(playing: Playing, size: int, stillness: bytes) -> None:
        """The last bytes fill no packet: a track of one packet, filled up with stillness."""
        tail = numpy.frombuffer(stillness, dtype=numpy.uint8).copy()
        rest = playing.track.octets[playing.position :]
        tail[: len(rest)] = rest
        playing.base += playing.position
        playing.position = 0
        playing.track = Track(tail[:size])

    def _reached_limit(self, leg: Leg, now: Monotonic) -> None:
        playing = leg.keying or leg.playing
        assert playing is not None
        self._keep_position(leg)
        sent = playing.base + playing.position
        over = playing.total is not None and sent >= playing.total
        if playing.report_at is not None and (over or sent >= playing.report_at):
            playing.report_at = None
            self._messages.append(
                Played(MediaLegId(leg.number), leg.generation, playing.play, playing.sent // BYTES_A_MILLISECOND)
            )
        if over and playing is leg.keying:
            leg.keying = leg.in_row = None
            if leg.digits_to_send:
                self._begin_digit(leg, now)
        elif over:
            self.end(leg, complete=True)
        elif playing.repeats and playing.position >= len(playing.track.octets):
            playing.base, playing.position, playing.track = sent, 0, playing.lap
            leg.in_row = None
        self.route(leg, now)

    # ---- digits

    def send_digit(self, leg: Leg, digit: str, milliseconds: int, now: Monotonic) -> None:
        """As telephone events, or as a tone where the other side takes none; one after another."""
        if digit not in EVENTS or leg.remote is None:
            return
        leg.digits_to_send.append((digit, milliseconds))
        if leg.sender is None and leg.keying is None:
            self._begin_digit(leg, now)

    def _begin_digit(self, leg: Leg, now: Monotonic) -> None:
        remote = leg.remote
        if remote is None or leg.line is not Line.OPEN:
            leg.digits_to_send.clear()
            return
        digit, milliseconds = leg.digits_to_send.pop(0)
        if remote.telephone_event is None:
            self._begin_key_tone(leg, digit, milliseconds)
            return
        self._leave(leg)
        leg.sender = DigitSender(
            digit, milliseconds, remote.telephone_event, leg.timestamp_at(now), leg.ssrc, remote.packet_milliseconds
        )
        self._timers.set(("send digit", leg.number), now)

    def _begin_key_tone(self, leg: Leg, digit: str, milliseconds: int) -> None:
        shortest, longest = _KEY_TONE_MILLISECONDS
        octets = key(digit, min(max(milliseconds, shortest), longest), self._codec(leg))
        track = self._track(octets)
        self._keep_position(leg)
        leg.keying = Playing(
            play=PlayId(0),
            stem=None,
            tone=None,
            milliseconds=0,
            total=len(octets),
            repeats=False,
            report_at=None,
            stop_on_digits="",
            lap=track,
            track=track,
        )

    def digit_due(self, leg: Leg, now: Monotonic) -> bool:
        """The next packet of the digit, or the next digit; True when all are sent and the leg may be routed again."""
        sender = leg.sender
        if sender is None or leg.remote is None or leg.line is not Line.OPEN:
            leg.sender = None
            leg.digits_to_send.clear()
            return True
        if sender.over:
            leg.sender = None
            if leg.digits_to_send:
                self._begin_digit(leg, now)
            return leg.sender is None
        self._datagrams.append((leg.number, sender.next_packet(leg.take_sequence())))
        leg.packets_sent += 1
        leg.last_timestamp = (sender.timestamp + sender.milliseconds * CLOCK_RATE // 1000) & 0xFFFFFFFF
        pause = _BETWEEN_DIGITS_SECONDS if sender.over else leg.remote.packet_milliseconds / 1000
        self._timers.set(("send digit", leg.number), Monotonic(now + pause))
        return False

    # ---- tracks

    def _track_of_sound(self, leg: Leg, stem: str, milliseconds: int) -> Track | None:
        try:
            return self._track(self._load(stem, self._codec(leg), milliseconds))
        except (OSError, ValueError) as error:
            self._messages.append(LegFailed(MediaLegId(leg.number), leg.generation, f"no sound: {error}"))
            return None

    def _track(self, octets: Octets) -> Track:
        """One track an array, for as long as somebody plays it: equal sounds are copied together."""
        track = self._tracks.get(id(octets))
        if track is None or track.octets is not octets:
            if len(self._tracks) >= 256:
                self._tracks.clear()
            track = self._tracks[id(octets)] = Track(octets)
        return track

    @staticmethod
    def _codec(leg: Leg) -> Codec:
        return "PCMA" if leg.remote is None else leg.remote.codec
