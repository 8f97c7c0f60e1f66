"""Packets by hundreds over real sockets: with the kernel's ring where there is one, and without."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy
import pytest

from foundation.endpoints import Address
from ivr.media.arriving import Arrivals
from ivr.media.departing import Departures
from ivr.media.messages import SrtpKeys
from ivr.media.pacing import Bank
from ivr.media.ring import OP_SEND, Requests, Ring
from ivr.media.rtcp import Report, encode
from ivr.media.rtp import packet, parse
from ivr.media.sockets import LegSocket, PortPairs
from ivr.media.srtp import Protection

VOICE = b"\xd5" * 160
KEYS = SrtpKeys("AES_CM_128_HMAC_SHA1_80", bytes(range(30)), bytes(range(100, 130)))


def voice(sequence: int, ssrc: int = 7) -> bytes:
    return packet(VOICE, payload_type=8, sequence=sequence, timestamp=160 * sequence, ssrc=ssrc)


@dataclass
class Wire:
    """Legs and the far end of each; `ring` None is a kernel that has none."""

    ring: Ring | None
    legs: list[LegSocket] = field(default_factory=list)
    far: list[socket.socket] = field(default_factory=list)
    ports: PortPairs = field(default_factory=lambda: PortPairs("127.0.0.1", 16000, 16999))

    def __post_init__(self) -> None:
        self.sockets: dict[int, LegSocket] = {}
        self.arrivals = Arrivals(self.ring, self.sockets, time.monotonic)
        self.departures = Departures(self.ring)

    def open(self, *, connected: bool = True) -> LegSocket:
        phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(1)
        leg = self.ports.open(len(self.legs))
        leg.send_to(Address(*phone.getsockname()))
        if connected:
            leg.connect(Address(*phone.getsockname()))
        phone.connect(("127.0.0.1", leg.port))
        self.sockets[leg.descriptor] = leg
        self.departures.set(leg)
        self.legs.append(leg)
        self.far.append(phone)
        return leg

    def fetch(self):
        descriptors = numpy.array([leg.descriptor for leg in self.legs], dtype=numpy.int32)
        batch = self.arrivals.fetch(descriptors, numpy.array([leg.number for leg in self.legs]))
        self.arrivals.unprotect(descriptors)
        return {
            int(leg): (bytes(batch.rows[slot][:length]), float(arrived))
            for leg, slot, length, arrived in zip(batch.legs, batch.slots, batch.lengths, batch.arrived, strict=True)
        }


@pytest.fixture(params=["ring", "no ring"])
def wire(request) -> Iterator[Wire]:
    ring = Ring.opened() if request.param == "ring" else None
    made = Wire(ring)
    yield made
    for sock in (*made.legs, *made.far):
        sock.close()
    if ring is not None:
        ring.close()


def test_one_datagram_each_with_the_moment_at_which_the_kernel_got_it(wire):
    for _ in range(4):
        wire.open()
    # Linux begins to stamp packets in the background when the first socket on the machine asks for it; what comes before
    # that has the moment of its reading.
    time.sleep(0.25)
    moments = {}
    for number in (0, 2, 3):
        before = time.monotonic()
        wire.far[number].send(voice(1, number))
        moments[number] = before, time.monotonic()
        wire.far[number].send(voice(2, number))
        time.sleep(0.02)
    found = wire.fetch()
    assert {leg: data for leg, (data, _) in found.items()} == {leg: voice(1, leg) for leg in (0, 2, 3)}
    for leg, (_, arrived) in found.items():
        before, after = moments[leg]
        assert before - 0.002 <= arrived <= after + 0.002
    assert {leg: data for leg, (data, _) in wire.fetch().items()} == {leg: voice(2, leg) for leg in (0, 2, 3)}
    assert wire.fetch() == {}


def test_a_far_port_that_is_closed_costs_nobody_else_a_packet(wire):
    for _ in range(3):
        wire.open()
    wire.far[1].close()
    bank = _bank(range(3))
    for _ in range(3):
        wire.departures.send_bank(bank)
    for number in (0, 2):
        assert [parse(wire.far[number].recv(2048)).ssrc for _ in range(3)] == [number] * 3
    wire.far[0].send(voice(1))
    wire.fetch()  # the refusal is told once, here or by a send
    wire.far[0].send(voice(2))
    assert 0 in wire.fetch()


def test_a_bank_goes_out_whole_in_whatever_way_each_leg_sends(wire):
    """Connected, not connected yet, and protected."""
    for number in range(5):
        leg = wire.open(connected=number != 1)
        if number == 3:
            leg.protect(KEYS)
            wire.departures.set(leg)
    bank = _bank(range(5))
    wire.departures.send_bank(bank)
    heard = [phone.recv(2048) for phone in wire.far]
    far_end = Protection(SrtpKeys(KEYS.suite, KEYS.receiving, KEYS.sending))
    heard[3] = far_end.unprotect(heard[3]) or b""
    assert [parse(data).ssrc for data in heard] == [0, 1, 2, 3, 4]
    bank.remove(2)
    wire.departures.send_bank(bank)
    assert parse(wire.far[4].recv(2048)).ssrc == 4
    wire.far[2].settimeout(0.05)
    with pytest.raises(TimeoutError):
        wire.far[2].recv(2048)


def test_reports_on_the_sound_port_are_protected_as_reports(wire):
    """RFC 5761 with SRTP: what is RTCP by its type goes and comes as SRTCP; the filter for keys lets it through."""
    leg = wire.open()
    leg.protect(KEYS)
    leg.report_to(None)
    leg.listen_to_digits(101, reports=True)
    far_end = Protection(SrtpKeys(KEYS.suite, KEYS.receiving, KEYS.sending))
    report = encode(Report(7, None, ()), "x")
    leg.send_report(report)
    assert far_end.unprotect_report(wire.far[0].recv(2048)) == report
    wire.far[0].send(far_end.protect(voice(1)))
    wire.far[0].send(far_end.protect_report(report))
    assert [data for data, _ in wire.fetch().values()] == [report]
    assert wire.fetch() == {}


def test_the_ring_takes_more_requests_than_it_has_room_for():
    ring = Ring.opened()
    if ring is None:  # this kernel has none; the loop is tested above
        return
    phone, ours = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with phone, ours:
        phone.bind(("127.0.0.1", 0))
        phone.setblocking(False)
        phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        ours.connect(phone.getsockname())
        octets = numpy.arange(12, dtype=numpy.uint8)
        requests = Requests(3000, OP_SEND, 0x40)
        requests.descriptor[:], requests.address[:], requests.length[:] = ours.fileno(), octets.ctypes.data, 12
        requests.user_data[:] = numpy.arange(3000)
        for _ in range(3):  # over the end of the ring's memory as well
            for start in range(0, 3000, 700):
                part = Requests(700, OP_SEND, 0x40)
                part.words[: len(requests.words[start : start + 700])] = requests.words[start : start + 700]
                count = min(700, 3000 - start)
                ring.carry_out(part, count)
                numbers, results = ring.results()
                assert numbers.tolist() == list(range(start, start + count))
                assert set(results.tolist()) == {12}
                for _ in range(count):
                    assert phone.recv(100) == octets.tobytes()
    ring.close()


def _bank(legs) -> Bank:
    bank = Bank(20)
    for leg in legs:
        bank.add(leg, payload_type=8, sequence=1, timestamp=160, ssrc=leg)
        bank.set_silence(leg, b"\xd5")
    return bank
