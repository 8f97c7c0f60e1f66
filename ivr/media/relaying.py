"""Packets of one bridged leg become packets of the other: own SSRC, sequence and time. No I/O.

Between legs of one packet time and one codec, or the two laws of G.711, a packet becomes a packet: loss and order are
passed on as they came, the far phone's jitter buffer knows best. Else a `Playout` makes an even stream of them.
"""

from __future__ import annotations

from foundation.clock import Monotonic
from ivr.media.codecs import Transcoder
from ivr.media.leg import Leg, Line, Relay, hears
from ivr.media.messages import Remote
from ivr.media.playout import Playout
from ivr.media.rtp import NEW_STREAM_STEP, Header, packet, sequence_step


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
    codecs = (source.codec, target.codec)
    if not _packet_for_packet(source, target):
        if kept.playout is None or kept.codecs != codecs:
            kept.playout = Playout(*codecs)
        kept.transcoder = None
    else:
        kept.playout = None
        kept.transcoder = None if source.codec == target.codec else Transcoder(*codecs)
    kept.codecs = codecs


def _packet_for_packet(source: Remote, target: Remote) -> bool:
    laws = source.codec != "G722" and target.codec != "G722"
    same_form = laws or source.codec == target.codec
    noise_understood = source.comfort_noise is None or target.comfort_noise is not None
    return same_form and source.packet_milliseconds == target.packet_milliseconds and noise_understood


def feed_of(leg: Leg) -> Playout | None:
    """What the leg's packets are cut from while its peer is heard; None where packets become packets."""
    peer = leg.peer
    return None if peer is None or peer.relay is None else peer.relay.playout


def takes_events(leg: Leg) -> bool:
    """Whether the leg's peer gets telephone events packet by packet; else each key is sent anew once it is over."""
    relay = leg.relay
    if relay is None or relay.playout is not None or relay.target.remote is None:
        return False
    return relay.target.remote.telephone_event is not None


def settle(leg: Leg) -> None:
    """Whether packets may flow (`ivr.media.flows`): rewritten where they lie, nobody listening in."""
    relay = leg.relay
    if relay is None:
        return
    if not passes(relay.target):
        relay.source_ssrc = None
    relay.fast = (
        relay.transcoder is None
        and relay.playout is None
        and leg.recording is None
        and not leg.analysed
        and leg.latched is not None
        and leg.remote is not None
        and hears(leg.remote)
        and passes(relay.target)
    )


def passes(target: Leg) -> bool:
    """Whether the target takes relayed packets now: its line is open and it sends nothing of its own."""
    return target.line is Line.OPEN and target.bank is None and target.sender is None


def forward(leg: Leg, header: Header, payload: bytes, now: Monotonic) -> list[tuple[int, bytes]]:
    """A packet that is looked at alone: what to send, by the leg's number."""
    relay, remote = leg.relay, leg.remote
    if relay is None or remote is None:
        return []
    is_event = header.payload_type == remote.telephone_event
    if not is_event and not hears(remote):
        return []
    if relay.playout is not None:
        if header.payload_type == remote.comfort_noise:
            relay.playout.push_noise(payload[0] & 0x7F if payload else 127)
        elif not is_event:
            relay.playout.push(header.ssrc, header.timestamp, payload)
        return []
    if not passes(relay.target):
        return []
    fresh = (
        header.ssrc != relay.source_ssrc or abs(sequence_step(header.sequence, relay.last_sequence)) >= NEW_STREAM_STEP
    )
    if fresh:
        target = relay.target
        relay.source_ssrc = header.ssrc
        relay.sequence_offset = (target.sequence - header.sequence) & 0xFFFF
        relay.timestamp_offset = (target.timestamp_at(now) - header.timestamp) & 0xFFFFFFFF
    relay.last_sequence = header.sequence
    return _rewritten(relay, remote, header, payload, header.marker or fresh)


def _rewritten(relay: Relay, source: Remote, header: Header, octets: bytes, marker: bool) -> list[tuple[int, bytes]]:
    target = relay.target
    remote = target.remote
    if remote is None:
        return []
    payload_type: int | None = relay.payload_type
    if header.payload_type == source.telephone_event:
        payload_type = remote.telephone_event
    elif header.payload_type == source.comfort_noise:
        payload_type = remote.comfort_noise
    elif relay.transcoder is not None:
        octets = relay.transcoder.convert(octets)
    if payload_type is None:
        return []
    sequence = (header.sequence + relay.sequence_offset) & 0xFFFF
    timestamp = (header.timestamp + relay.timestamp_offset) & 0xFFFFFFFF
    data = packet(
        octets, payload_type=payload_type, sequence=sequence, timestamp=timestamp, ssrc=target.ssrc, marker=marker
    )
    target.sequence = (sequence + 1) & 0xFFFF
    target.last_timestamp = timestamp
    target.packets_sent += 1
    return [(target.number, data)]
