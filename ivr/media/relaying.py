"""Packets of one bridged leg become packets of the other: own SSRC, sequence and time; transcoded where codecs differ.

No I/O. Loss and order are passed on as they came: the far phone's jitter buffer knows best.
"""

from __future__ import annotations

from foundation.clock import Monotonic
from ivr.media.codecs import Transcoder
from ivr.media.jitter import Ordered
from ivr.media.leg import Leg, Line, Relay, hears
from ivr.media.rtp import HEADER, Header, packet, sequence_step

_NEW_STREAM_STEP = 1000
_unpack, _pack = HEADER.unpack_from, HEADER.pack_into


def join(leg: Leg) -> None:
    """Make or renew the way from this leg to its peer, after either's agreement or bridge changed."""
    peer = leg.peer
    if peer is None or leg.remote is None or peer.remote is None:
        leg.relay = None
        return
    source, target = leg.remote, peer.remote
    kept = leg.relay
    if kept is None or kept.target is not peer:
        kept = leg.relay = Relay(peer, target.payload_type, source.payload_type)
    kept.payload_type, kept.source_payload_type = target.payload_type, source.payload_type
    if source.codec == target.codec:
        kept.transcoder = None
    elif kept.codecs != (source.codec, target.codec):
        kept.transcoder = Transcoder(source.codec, target.codec)
    kept.codecs = (source.codec, target.codec)
    settle(leg)


def settle(leg: Leg) -> None:
    """Whether packets may take the short path: rewritten where they lie, nobody listening in."""
    relay = leg.relay
    if relay is None:
        return
    if not passes(relay.target):
        relay.source_ssrc = None
    relay.fast = (
        relay.transcoder is None
        and leg.recording is None
        and leg.latched is not None
        and leg.remote is not None
        and hears(leg.remote)
        and passes(relay.target)
    )


def passes(target: Leg) -> bool:
    """Whether the target takes relayed packets now: its line is open and it sends nothing of its own."""
    return target.line is Line.OPEN and target.bank is None and target.sender is None


def rewrite(leg: Leg, relay: Relay, data: bytearray | memoryview, length: int, now: Monotonic) -> int:
    """The short path (`relay.fast`): an ordinary sound packet gets its new header in place. The leg to send it to, or
    -1 when the packet needs a closer look."""
    if length <= 12:
        return -1
    flags, second, sequence, timestamp, ssrc = _unpack(data)
    if flags != 0x80 or second & 0x7F != relay.source_payload_type or ssrc != relay.source_ssrc:
        return -1
    step = (sequence - relay.last_sequence) & 0xFFFF
    if _NEW_STREAM_STEP < step < 0x10000 - _NEW_STREAM_STEP:
        return -1
    relay.last_sequence = sequence
    leg.reception.count(sequence, timestamp, ssrc, now)
    target = relay.target
    sequence = (sequence + relay.sequence_offset) & 0xFFFF
    timestamp = (timestamp + relay.timestamp_offset) & 0xFFFFFFFF
    _pack(data, 0, 0x80, second & 0x80 | relay.payload_type, sequence, timestamp, target.ssrc)
    target.sequence = sequence + 1
    target.last_timestamp = timestamp
    target.packets_sent += 1
    return target.number


def forward(leg: Leg, header: Header, payload: bytes, *, is_event: bool, now: Monotonic) -> list[tuple[int, bytes]]:
    """Any packet, by the long path: what to send, by the leg's number."""
    relay = leg.relay
    if relay is None or leg.remote is None or not passes(relay.target) or relay.target.remote is None:
        return []
    if not is_event and not hears(leg.remote):
        return []
    fresh = (
        header.ssrc != relay.source_ssrc or abs(sequence_step(header.sequence, relay.last_sequence)) >= _NEW_STREAM_STEP
    )
    if fresh:
        target = relay.target
        relay.source_ssrc = header.ssrc
        relay.sequence_offset = (target.sequence - header.sequence) & 0xFFFF
        relay.timestamp_offset = (target.timestamp_at(now) - header.timestamp) & 0xFFFFFFFF
    relay.last_sequence = header.sequence
    if relay.transcoder is None:
        entries = [Ordered(header.sequence, header.timestamp, payload, is_event)]
    else:
        entries = relay.order.push(header.sequence, header.timestamp, payload, is_event=is_event)
    return [datagram for entry in entries for datagram in _rewritten(relay, entry, header.marker or fresh)]


def _rewritten(relay: Relay, entry: Ordered, marker: bool) -> list[tuple[int, bytes]]:
    target = relay.target
    remote = target.remote
    payload_type = None if remote is None else (remote.telephone_event if entry.is_event else relay.payload_type)
    if payload_type is None:
        return []
    octets = entry.payload
    if relay.transcoder is not None and not entry.is_event:
        octets = relay.transcoder.convert(octets)
    sequence = (entry.sequence + relay.sequence_offset) & 0xFFFF
    timestamp = (entry.timestamp + relay.timestamp_offset) & 0xFFFFFFFF
    data = packet(
        octets, payload_type=payload_type, sequence=sequence, timestamp=timestamp, ssrc=target.ssrc, marker=marker
    )
    target.sequence = (sequence + 1) & 0xFFFF
    target.last_timestamp = timestamp
    target.packets_sent += 1
    return [(target.number, data)]
