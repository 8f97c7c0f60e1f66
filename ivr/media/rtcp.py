"""RTCP as one call needs it: sender and receiver reports, a name, a goodbye. No I/O.

RFC 3550 §6.4 (SR and RR), §6.5 (SDES), §6.6 (BYE), §A.2 (what is valid). Unknown packets of a compound are passed over.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_SENDER_REPORT, _RECEIVER_REPORT, _DESCRIPTION, _GOODBYE = 200, 201, 202, 203
_HEAD = struct.Struct("!BBH")
_SENDER = struct.Struct("!IIIIII")
_BLOCK = struct.Struct("!IIIIII")
_NAME_ITEM = 1
_VERSION = 0x80


@dataclass(frozen=True, slots=True)
class Block:
    """What one side received of a stream: `lost_share` of the last stretch, 0 to 1; `lost` in all, which doubled
    packets make negative; `jitter` in RTP ticks; `last_report` and `delay` in 1/65536 s."""

    ssrc: int
    lost_share: float
    lost: int
    highest: int
    jitter: int
    last_report: int = 0
    delay: int = 0


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """`ntp` is 64 bits of seconds and fractions; any clock will do, its owner alone computes with it."""

    ntp: int
    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Report:
    """A compound packet as far as it concerns us."""

    ssrc: int
    sender: SenderInfo | None
    blocks: tuple[Block, ...]
    goodbye: bool = False


def ntp_of(seconds: float) -> int:
    return round(seconds * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def middle(ntp: int) -> int:
    """The 32 bits in the middle, as reports quote them."""
    return (ntp >> 16) & 0xFFFFFFFF


def encode(report: Report, name: str) -> bytes:
    """The compound packet: a report first, then the name (§6.1)."""
    sender = report.sender
    kind, body = (_RECEIVER_REPORT, b"") if sender is None else (_SENDER_REPORT, _sender_info(sender))
    packets = _packet(
        kind, len(report.blocks), struct.pack("!I", report.ssrc) + body + b"".join(map(_block, report.blocks))
    )
    text = name.encode()[:255]
    item = bytes((_NAME_ITEM, len(text))) + text
    packets += _packet(_DESCRIPTION, 1, struct.pack("!I", report.ssrc) + item + bytes(4 - len(item) % 4))
    if report.goodbye:
        packets += _packet(_GOODBYE, 1, struct.pack("!I", report.ssrc))
    return packets


def parse(data: bytes | memoryview) -> Report | None:
    """None for whatever is no valid compound that begins with a report."""
    view, found = memoryview(data), None
    goodbye = False
    while view:
        if len(view) < 8:
            return None
        first, kind, words = _HEAD.unpack_from(view)
        length = 4 * (words + 1)
        if first & 0xC0 != _VERSION or length > len(view) or length < 8:
            return None
        if found is None:
            if kind not in (_SENDER_REPORT, _RECEIVER_REPORT):
                return None
            found = _report(view[4:length], first & 0x1F, with_sender=kind == _SENDER_REPORT)
            if found is None:
                return None
        elif kind == _GOODBYE:
            goodbye = True
        view = view[length:]
    if found is None or not goodbye:
        return found
    return Report(found.ssrc, found.sender, found.blocks, goodbye=True)


def _report(body: memoryview, count: int, *, with_sender: bool) -> Report | None:
    start = 24 if with_sender else 4
    if len(body) < start + _BLOCK.size * count:
        return None
    sender = None
    ssrc = int.from_bytes(body[:4], "big")
    if with_sender:
        _, high, low, timestamp, packets, octets = _SENDER.unpack_from(body)
        sender = SenderInfo(high << 32 | low, timestamp, packets, octets)
    blocks = []
    for at in range(start, start + _BLOCK.size * count, _BLOCK.size):
        about, losses, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, at)
        lost = losses & 0xFFFFFF
        lost -= (lost & 0x800000) << 1
        blocks.append(Block(about, (losses >> 24) / 256, lost, highest, jitter, last_report, delay))
    return Report(ssrc, sender, tuple(blocks))


def _sender_info(info: SenderInfo) -> bytes:
    low = 0xFFFFFFFF
    return struct.pack("!IIIII", info.ntp >> 32, info.ntp & low, info.timestamp, info.packets & low, info.octets & low)


def _block(block: Block) -> bytes:
    lost = max(min(block.lost, 0x7FFFFF), -0x800000) & 0xFFFFFF
    share = min(max(int(block.lost_share * 256), 0), 255)
    return _BLOCK.pack(
        block.ssrc, share << 24 | lost, block.highest, block.jitter & 0xFFFFFFFF, block.last_report, block.delay
    )


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(_VERSION | count, kind, len(body) // 4) + body
