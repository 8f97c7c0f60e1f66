"""The kernel's gate: it passes whoever `Sources` knows and nobody else, in both families, and follows every change."""

from __future__ import annotations

import ipaddress
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port

from foundation.endpoints import Address
from ivr.known import KnownSources
from ivr.listen import Listen
from ivr.sip.endpoint import UserAgent
from ivr.sip.gate import Step, guard, program
from ivr.sip.sources import Network, Sources, source
from ivr.sip.transport import SipTransport

_HEADER = 0xFFF00000


def _passes(steps: list[Step], host: str) -> bool:
    """What the kernel does with a datagram from this host, step by step (linux/filter.h)."""
    address = ipaddress.ip_address(host)
    start = b"\x45" + bytes(11) if address.version == 4 else b"\x60" + bytes(7)
    header, value, at = start + address.packed + bytes(16), 0, 0
    while True:
        code, if_true, if_false, number = steps[at]
        at += 1
        match code:
            case 0x20:
                value = int.from_bytes(header[number - _HEADER : number - _HEADER + 4], "big")
            case 0x30:
                value = header[number - _HEADER]
            case 0x54:
                value &= number
            case 0x05:
                at += number
            case 0x15:
                at += if_true if value == number else if_false
            case _:
                return number > 0


_ADDRESSES = st.one_of(
    st.sampled_from(["10.0.0.1", "10.1.2.3", "192.0.2.7", "2001:db8::1", "2001:db8:0:1::7", "::1"]),
    st.ip_addresses().map(str),
)
_NETWORKS = st.builds(
    lambda host, length: f"{host}/{min(length, 128 if ':' in host else 32)}", _ADDRESSES, st.integers(0, 128)
)


@given(st.lists(_NETWORKS, max_size=12), st.lists(_ADDRESSES, min_size=1, max_size=12))
def test_it_passes_whom_the_sources_know_and_nobody_else(networks: list[str], hosts: list[str]) -> None:
    sources = Sources([source("trunk", networks[:3]), source("desks", networks[3:])])
    steps = program(sources.networks)
    assert steps is not None
    for host in hosts:
        mapped = ":" in host and ipaddress.IPv6Address(host).ipv4_mapped is not None
        assert mapped or _passes(steps, host) == (sources.of(host) is not None)


def test_what_does_not_fit_into_a_filter_leaves_the_gate_open() -> None:
    scattered: list[Network] = [
        ipaddress.ip_network(f"10.{number // 100}.{number % 100}.0/32") for number in range(300)
    ]
    assert program(scattered) is None
    assert program(scattered[:200]) is not None


def test_many_neighbours_make_one_network() -> None:
    alone = program([ipaddress.ip_network("10.0.0.0/24")])
    assert program([ipaddress.ip_network(f"10.0.0.{number}/32") for number in range(256)]) == alone


@contextmanager
def _speaker(host: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        yield sock


def _arrives(port: Port, host: str, to: str) -> bool:
    """On loopback a datagram has arrived, or not, when it has been sent."""
    with _speaker(host) as sock:
        sock.sendto(b"x", (to, port.getHost().port))
    try:
        return bool(port.socket.recv(10))
    except BlockingIOError:
        return False


@pytest.mark.parametrize(
    ("interface", "from_host", "networks", "passes"),
    [
        ("127.0.0.1", "127.0.0.1", ["127.0.0.1/32"], True),
        ("127.0.0.1", "127.1.2.3", ["127.0.0.1/32"], False),
        ("127.0.0.1", "127.1.2.3", ["10.0.0.0/8", "127.1.0.0/16"], True),
        ("127.0.0.1", "127.1.2.3", ["::/0"], False),
        ("127.0.0.1", "127.1.2.3", ["0.0.0.0/0"], True),
        ("127.0.0.1", "127.1.2.3", [], False),
        ("::1", "::1", ["::1/128"], True),
        ("::1", "::1", ["2001:db8::/32", "::/64"], True),
        ("::1", "::1", ["::2/128", "0.0.0.0/0"], False),
        ("::", "127.1.2.3", ["127.1.0.0/16"], True),
        ("::", "127.2.2.3", ["127.1.0.0/16"], False),
    ],
)
@pytest_twisted.ensureDeferred
async def test_the_kernel_drops_strangers(interface: str, from_host: str, networks: list[str], passes: bool) -> None:
    port = reactor.listenUDP(0, DatagramProtocol(), interface)
    to = "::1" if ":" in from_host else "127.0.0.1"
    assert _arrives(port, from_host, to)
    guard(port, source("trunk", networks).networks)
    assert _arrives(port, from_host, to) == passes
    await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_a_gate_that_does_not_fit_is_taken_away() -> None:
    port = reactor.listenUDP(0, DatagramProtocol(), "127.0.0.1")
    guard(port, [])
    assert not _arrives(port, "127.1.2.3", "127.0.0.1")
    guard(port, [ipaddress.ip_network(f"10.{number // 100}.{number % 100}.0/32") for number in range(300)])
    assert _arrives(port, "127.1.2.3", "127.0.0.1")
    await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_who_is_learned_is_let_in_at_once_and_who_goes_is_shut_out() -> None:
    sources = KnownSources([], {})
    agent = UserAgent({"udp": Address("127.0.0.1", 1)}, sources, lambda uri: True, random.Random(1))
    shell = SipTransport(reactor, reactor, agent, [Listen("udp", 0, "127.0.0.1")], lambda event: None)
    shell.startService()
    port = shell._sockets[0][2]
    assert not _arrives(port, "127.1.2.3", "127.0.0.1")
    sources.learn("desk-7", "127.1.2.3")
    assert _arrives(port, "127.1.2.3", "127.0.0.1")
    sources.learn("desk-7", "127.1.2.4")
    assert not _arrives(port, "127.1.2.3", "127.0.0.1")
    await shell.stopService()
