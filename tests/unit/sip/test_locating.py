"""Where a SIP URI leads (RFC 3263), and what happens when it leads elsewhere or one hop fails."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred
from twisted.names import client, dns, server
from twisted.names.authority import FileAuthority
from twisted.names.common import ResolverBase

from foundation.endpoints import Address
from ivr.sip.locating import (
    Hop,
    HostAddress,
    Located,
    LookupFailed,
    Naptr,
    Srv,
    Target,
    Transport,
    literal_hop,
    locate,
    target_of,
)
from ivr.sip.resolving import DnsRecords
from ivr.sip.whereabouts import AGAIN_SECONDS, BAD_SECONDS, Whereabouts


class Zone:
    """A DNS that answers at once; `asked` keeps the names, `down` says that it is silent."""

    def __init__(self) -> None:
        self.pointers: dict[str, list[Naptr]] = {}
        self.servers: dict[str, list[Srv]] = {}
        self.hosts: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.down = False
        self.seconds = 300

    def _ask(self, name: str) -> None:
        self.asked.append(name)
        if self.down:
            raise LookupFailed(f"the DNS gave no answer about {name}")

    async def naptr(self, name: str) -> Sequence[Naptr]:
        self._ask(name)
        return self.pointers.get(name, [])

    async def srv(self, name: str) -> Sequence[Srv]:
        self._ask(name)
        return self.servers.get(name, [])

    async def addresses(self, name: str) -> Sequence[HostAddress]:
        self._ask(name)
        return [HostAddress(host, self.seconds) for host in self.hosts.get(name, [])]

    def locate(
        self, uri: str, spoken: Sequence[Transport] = ("udp", "tcp", "tls"), chance: float = 0.5
    ) -> list[tuple[str, str]]:
        return [(str(hop.address), hop.transport) for hop in self.located(uri, spoken, chance).hops]

    def located(self, uri: str, spoken: Sequence[Transport] = ("udp", "tcp"), chance: float = 0.5) -> Located:
        results: list[Located] = []
        failures: list[BaseException] = []
        finding = Deferred.fromCoroutine(locate(target_of(uri), self, spoken, lambda: chance))
        finding.addCallbacks(results.append, lambda failure: failures.append(failure.value))
        for failure in failures:
            raise failure
        return results[0]


@pytest.fixture
def zone() -> Zone:
    zone = Zone()
    zone.hosts = {"a.kpn.example": ["192.0.2.1"], "b.kpn.example": ["192.0.2.2", "192.0.2.3"]}
    zone.servers["_sip._udp.kpn.example"] = [
        Srv(20, 0, 5070, "b.kpn.example", 60),
        Srv(10, 0, 5060, "a.kpn.example", 90),
    ]
    return zone


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("sip:kpn.example", Target("kpn.example", None, None, False)),
        ("sip:gateway@kpn.example:5070;transport=TCP", Target("kpn.example", 5070, "tcp", False)),
        ("sips:kpn.example.", Target("kpn.example", None, "tls", True)),
        ("sip:[2001:db8::1]:5060;lr", Target("2001:db8::1", 5060, None, False)),
    ],
)
def test_what_a_uri_says_of_the_way(uri: str, target: Target) -> None:
    assert target_of(uri) == target


@pytest.mark.parametrize(
    "uri",
    ["kpn.example", "tel:+3161", "sip:a b", "sip:x:0", "sip:x:99999", "sips:x;transport=udp", "sip:x;transport=ws"],
)
def test_what_is_no_way_is_said(uri: str) -> None:
    with pytest.raises(ValueError, match="'"):
        target_of(uri)


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:192.0.2.10", Hop(Address("192.0.2.10", 5060), "udp", "192.0.2.10")),
        ("sips:192.0.2.10", Hop(Address("192.0.2.10", 5061), "tls", "192.0.2.10")),
        ("sip:192.0.2.10:5080;transport=tls", Hop(Address("192.0.2.10", 5080), "tls", "192.0.2.10")),
        ("sip:[2001:DB8:0::1]", Hop(Address("2001:db8::1", 5060), "udp", "2001:db8::1")),
        ("sip:kpn.example", None),
    ],
)
def test_an_address_needs_no_dns(uri: str, hop: Hop | None) -> None:
    assert literal_hop(target_of(uri)) == hop


def test_srv_is_followed_by_priority(zone: Zone) -> None:
    assert zone.locate("sip:kpn.example") == [
        ("192.0.2.1:5060", "udp"),
        ("192.0.2.2:5070", "udp"),
        ("192.0.2.3:5070", "udp"),
    ]
    located = zone.located("sip:kpn.example")
    assert (located.seconds, located.open_transport) == (60, True)
    assert {hop.name for hop in located.hops} == {"kpn.example"}


def test_naptr_chooses_the_transport_that_we_speak(zone: Zone) -> None:
    zone.pointers["kpn.example"] = [
        Naptr(20, 10, "s", "SIP+D2U", "_sip._udp.kpn.example", 40),
        Naptr(10, 10, "s", "SIPS+D2T", "_sips._tcp.secure.example", 40),
        Naptr(5, 10, "s", "SIP+D2S", "_sip._sctp.kpn.example", 40),
        Naptr(1, 1, "u", "E2U+sip", "", 40),
    ]
    zone.servers["_sips._tcp.secure.example"] = [Srv(0, 0, 5061, "a.kpn.example", 90)]
    assert zone.locate("sip:kpn.example")[0] == ("192.0.2.1:5061", "tls")
    assert zone.locate("sip:kpn.example", ("udp",))[0] == ("192.0.2.1:5060", "udp")
    # RFC 5922: the certificate is for the domain that was asked for, not for what the DNS says.
    assert zone.located("sip:kpn.example", ("tls",)).hops[0].name == "kpn.example"


def test_a_named_transport_asks_its_own_service(zone: Zone) -> None:
    zone.servers["_sip._tcp.kpn.example"] = [Srv(0, 0, 5090, "a.kpn.example", 90)]
    assert zone.locate("sip:kpn.example;transport=tcp") == [("192.0.2.1:5090", "tcp")]
    assert "kpn.example" not in zone.asked


def test_a_port_asks_for_addresses_only(zone: Zone) -> None:
    assert zone.locate("sip:b.kpn.example:5088") == [("192.0.2.2:5088", "udp"), ("192.0.2.3:5088", "udp")]
    assert zone.asked == ["b.kpn.example"]


def test_without_services_the_name_itself_is_the_server(zone: Zone) -> None:
    assert zone.locate("sip:a.kpn.example") == [("192.0.2.1:5060", "udp")]
    assert zone.locate("sips:a.kpn.example") == [("192.0.2.1:5061", "tls")]


def test_a_name_that_leads_nowhere_is_said(zone: Zone) -> None:
    with pytest.raises(LookupFailed, match=r"nobody\.example leads to no address"):
        zone.located("sip:nobody.example")
    zone.servers["_sip._udp.kpn.example"] = [Srv(0, 0, 5060, "", 60)]
    with pytest.raises(LookupFailed):
        zone.located("sip:kpn.example")


def test_weights_are_shares(zone: Zone) -> None:
    """RFC 2782: of 4,000 draws three quarters to the heavier, give or take 3 %."""
    zone.servers["_sip._udp.kpn.example"] = [
        Srv(0, 30, 5060, "a.kpn.example", 60),
        Srv(0, 10, 5070, "b.kpn.example", 60),
    ]
    dice = random.Random(7)
    first = Counter(zone.locate("sip:kpn.example", chance=dice.random())[0][0] for _ in range(4000))
    assert 0.72 <= first["192.0.2.1:5060"] / 4000 <= 0.78


# ---- following


class Followed:
    def __init__(self, zone: Zone, uri: str = "sip:kpn.example") -> None:
        self.clock = task.Clock()
        self.changes: list[str] = []
        self.words: list[str] = []
        self.where = Whereabouts(zone, ("udp", "tcp"), lambda: 0.5, self.clock)
        self.where.changed = lambda name: self.changes.append(str(self.where.hop(name).address))  # type: ignore[union-attr]  # known by then
        self.where.failed = lambda name, words: self.words.append(words)
        self.where.follow("kpn", uri)


def test_a_trunk_is_looked_up_again_when_its_records_are_old(zone: Zone) -> None:
    followed = Followed(zone)
    assert followed.changes == ["192.0.2.1:5060"]
    zone.hosts["a.kpn.example"] = ["192.0.2.9"]
    followed.clock.advance(59)
    assert followed.changes == ["192.0.2.1:5060"]
    followed.clock.advance(1)
    assert followed.changes[-1] == "192.0.2.9:5060"
    assert followed.where.hosts("kpn") == ["192.0.2.9", "192.0.2.2", "192.0.2.3"]


def test_a_hop_that_fails_is_left_for_a_minute(zone: Zone) -> None:
    followed = Followed(zone)
    followed.where.is_bad("kpn", Address("192.0.2.1", 5060))
    followed.where.is_bad("kpn", Address("192.0.2.2", 5070))
    assert followed.changes[-1] == "192.0.2.3:5070"
    followed.where.is_bad("kpn", Address("192.0.2.3", 5070))
    assert followed.changes[-1] == "192.0.2.1:5060"
    followed.clock.advance(BAD_SECONDS + 1)
    followed.where.is_bad("kpn", Address("192.0.2.1", 5060))
    assert followed.changes[-1] == "192.0.2.2:5070"


def test_a_silent_dns_changes_nothing_and_is_asked_again(zone: Zone) -> None:
    followed = Followed(zone)
    zone.down = True
    followed.clock.advance(60)
    assert followed.words == ["the DNS gave no answer about kpn.example"]
    assert followed.where.hop("kpn") is not None
    zone.down = False
    zone.hosts["a.kpn.example"] = ["192.0.2.9"]
    followed.clock.advance(AGAIN_SECONDS)
    assert followed.changes[-1] == "192.0.2.9:5060"


def test_an_address_is_known_at_once_and_stopping_leaves_nothing(zone: Zone) -> None:
    followed = Followed(zone, "sip:192.0.2.50:5070")
    assert followed.where.hop("kpn") == Hop(Address("192.0.2.50", 5070), "udp", "192.0.2.50")
    assert followed.where.tcp("kpn") == Address("192.0.2.50", 5070)
    assert not followed.changes
    assert not zone.asked
    followed.where.follow("kpn", "sip:kpn.example;transport=udp")
    assert followed.where.tcp("kpn") is None
    followed.where.stop()
    assert not followed.clock.getDelayedCalls()
    assert followed.where.hop("kpn") is None


def test_tcp_is_where_the_dns_says(zone: Zone) -> None:
    zone.servers["_sip._tcp.kpn.example"] = [Srv(0, 0, 5099, "b.kpn.example", 90)]
    assert Followed(zone).where.tcp("kpn") == Address("192.0.2.2", 5099)


# ---- a real name server


class _Authority(FileAuthority):
    def __init__(self) -> None:
        ResolverBase.__init__(self)
        name = b"kpn.example"
        self.soa = (name, dns.Record_SOA(mname=name, rname=name, ttl=60))
        self.records = {
            name: [self.soa[1], dns.Record_NAPTR(10, 10, b"s", b"SIP+D2U", b"", b"_sip._udp.kpn.example", 50)],
            b"_sip._udp.kpn.example": [dns.Record_SRV(1, 2, 5070, b"a.kpn.example", 40)],
            b"a.kpn.example": [dns.Record_A("192.0.2.77", 30), dns.Record_AAAA("2001:db8::77", 30)],
        }


@pytest_twisted.ensureDeferred
async def test_records_come_from_a_name_server() -> None:
    protocol = dns.DNSDatagramProtocol(server.DNSServerFactory(authorities=[_Authority()], verbose=0))
    port = reactor.listenUDP(0, protocol, "127.0.0.1")
    resolver = client.Resolver(servers=[("127.0.0.1", port.getHost().port)], reactor=reactor)
    records = DnsRecords(resolver, six=True)
    located = await locate(target_of("sip:kpn.example"), records, ("udp",), lambda: 0.0)
    assert [str(hop.address) for hop in located.hops] == ["192.0.2.77:5070", "[2001:db8::77]:5070"]
    assert located.seconds == 30
    assert await records.srv("_sip._tcp.kpn.example") == []
    assert await records.addresses("nobody.kpn.example") == []
    await port.stopListening()
    with pytest.raises(LookupFailed, match=r"gave no answer about kpn\.example"):
        await DnsRecords(client.Resolver(servers=[("127.0.0.1", 9)], reactor=reactor), timeouts=(1,)).naptr(
            "kpn.example"
        )
