"""The DNS records that lead to SIP servers, asked of twisted.names."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.defer import TimeoutError as TooLate
from twisted.names import client, dns, hosts
from twisted.names.error import DNSNameError, DNSQueryTimeoutError, DomainError, ResolverError
from twisted.names.resolve import ResolverChain

from ivr.sip.locating import HostAddress, LookupFailed, Naptr, Srv


class DnsRecords:
    """Implements `ivr.sip.locating.Records`; `resolver` is an `IResolver`. IPv6 addresses are asked for where `six`;
    `timeouts` are the seconds to wait for each try."""

    def __init__(self, resolver: Any, *, six: bool = False, timeouts: Sequence[int] = (1, 2)) -> None:
        self._timeouts = tuple(timeouts)
        self._resolver = resolver
        self._six = six

    async def naptr(self, name: str) -> Sequence[Naptr]:
        return [
            Naptr(
                one.order,
                one.preference,
                _text(one.flags.string),
                _text(one.service.string),
                _text(one.replacement.name),
                ttl,
            )
            for one, ttl in await self._ask(self._resolver.lookupNamingAuthorityPointer, name, dns.NAPTR)
        ]

    async def srv(self, name: str) -> Sequence[Srv]:
        return [
            Srv(one.priority, one.weight, one.port, _text(one.target.name), ttl)
            for one, ttl in await self._ask(self._resolver.lookupService, name, dns.SRV)
        ]

    async def addresses(self, name: str) -> Sequence[HostAddress]:
        asked = [Deferred.fromCoroutine(self._ask(self._resolver.lookupAddress, name, dns.A))]
        if self._six:
            asked.append(Deferred.fromCoroutine(self._ask(self._resolver.lookupIPV6Address, name, dns.AAAA)))
        answers = await gatherResults(asked, consumeErrors=True)
        return [HostAddress(str(ipaddress.ip_address(one.address)), ttl) for answer in answers for one, ttl in answer]

    async def _ask(self, lookup: Any, name: str, kind: int) -> list[tuple[Any, int]]:
        """The payloads of this kind with their seconds to live; none where the name or the kind is not there."""
        try:
            answers, _, _ = await lookup(name, self._timeouts)
        except DNSNameError:
            return []
        except (DNSQueryTimeoutError, TooLate) as error:
            raise LookupFailed(f"the DNS gave no answer about {name}") from error
        except (DomainError, ResolverError) as error:
            raise LookupFailed(f"the DNS could not say where {name} is: {type(error).__name__}") from error
        return [(answer.payload, answer.ttl) for answer in answers if answer.type == kind]


class SystemRecords:
    """The machine's own name servers and hosts file, read when the first name is asked for. Implements `Records`."""

    def __init__(self, reactor: Any, *, six: bool = False) -> None:
        self._reactor = reactor
        self._six = six
        self._made: DnsRecords | None = None

    async def naptr(self, name: str) -> Sequence[Naptr]:
        return await self._records().naptr(name)

    async def srv(self, name: str) -> Sequence[Srv]:
        return await self._records().srv(name)

    async def addresses(self, name: str) -> Sequence[HostAddress]:
        return await self._records().addresses(name)

    def _records(self) -> DnsRecords:
        if self._made is None:
            servers = [(host, 53) for host in _name_servers(Path("/etc/resolv.conf"))]
            asked = client.Resolver(servers=servers, reactor=self._reactor)
            self._made = DnsRecords(ResolverChain([hosts.Resolver(), asked]), six=self._six)
        return self._made


def _name_servers(path: Path) -> list[str]:
    """As resolv.conf(5) names them; this machine where it names none."""
    try:
        lines = [line.split() for line in path.read_text("utf-8", "replace").splitlines()]
    except OSError:
        lines = []
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"] or ["127.0.0.1"]


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace").rstrip(".")
