"""The kernel's gate before a UDP socket: what strangers send is dropped before Python wakes for it. Does I/O.

`Sources` decides who may speak; the gate repeats it for the kernel, never more narrowly: what does not fit into a filter
leaves the socket open, and every datagram that passes is asked for again. Without it a flood fills the socket's buffer,
and the kernel loses what friends send among it (measured: docs/performance.md).
"""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import TypeVar

from twisted.internet.interfaces import IListeningPort
from twisted.internet.udp import Port
from twisted.logger import Logger

from ivr.sip.sources import Network

_log = Logger()

Family = TypeVar("Family", ipaddress.IPv4Network, ipaddress.IPv6Network)
Step = tuple[int, int, int, int]
"""One instruction of a classic filter: code, steps to skip where true, where false, and its number (linux/filter.h)."""

# socket(7) and linux/filter.h; Python names none of these.
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_LOAD_WORD, _LOAD_BYTE, _AND, _JUMP, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x30, 0x54, 0x05, 0x15, 0x06
_NETWORK_HEADER = 0xFFF00000  # what is loaded from here on counts from the IP header, whatever the socket's family
_IPV4_SOURCE, _IPV6_SOURCE = 12, 8
_PASS, _DROP = (_RETURN, 0, 0, 0xFFFFFFFF), (_RETURN, 0, 0, 0)
_MOST_STEPS = 1024
"""Every step costs a stranger's datagram about a nanosecond, and the kernel has room for some thousands."""


def program(networks: Sequence[Network]) -> list[Step] | None:
    """The filter that passes these alone, None where it would be too long. An IPv4 datagram is known by its header, on a
    socket for both families too."""
    fours = [step for net in _merged(networks, ipaddress.IPv4Network) for step in _block(net, _IPV4_SOURCE)]
    sixes = [step for net in _merged(networks, ipaddress.IPv6Network) for step in _block(net, _IPV6_SOURCE)]
    steps = [
        (_LOAD_BYTE, 0, 0, _NETWORK_HEADER),
        (_AND, 0, 0, 0xF0),
        (_JUMP_IF_EQUAL, 1, 0, 0x40),
        (_JUMP, 0, 0, len(fours) + 1),
        *fours,
        _DROP,
        *sixes,
        _DROP,
    ]
    return steps if len(steps) <= _MOST_STEPS else None


def _merged(networks: Sequence[Network], family: type[Family]) -> Iterator[Family]:
    return ipaddress.collapse_addresses(network for network in networks if isinstance(network, family))


def _block(network: Network, source: int) -> list[Step]:
    """Pass where the source is in this network, else go on behind the block."""
    size = network.max_prefixlen // 8
    words = (network.prefixlen + 31) // 32
    wanted = struct.unpack(f"!{size // 4}I", network.network_address.packed)
    masks = struct.unpack(f"!{size // 4}I", network.netmask.packed)
    steps: list[Step] = []
    for word in range(words):
        behind = 3 * (words - word - 1) + 1
        steps += [
            (_LOAD_WORD, 0, 0, _NETWORK_HEADER + source + 4 * word),
            (_AND, 0, 0, masks[word]),
            (_JUMP_IF_EQUAL, 0, behind, wanted[word]),
        ]
    return [*steps, _PASS]


def guard(port: IListeningPort, networks: Sequence[Network]) -> None:
    """Let the kernel pass to this UDP port what comes from these networks; from now on, in place of earlier ones."""
    if not isinstance(port, Port):  # only what has a socket has a gate
        return
    steps = program(networks)
    try:
        if steps is not None:
            code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
            attached = struct.pack("@HP", len(steps), ctypes.addressof(code))
            port.socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attached)
            return
    except OSError as error:
        _log.warn("the kernel takes no filter for the SIP port: {why}", why=str(error))
    _open(port.socket)


def _open(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
    except OSError:
        return  # there was none
