"""A trunk tested end to end from its settings, beside a running daemon: where it is, whether it lets us in, one call.

What is found is told as it is found, in words (`ivr.probe_words`). Nothing is dialled but the number that was given.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from foundation.clock import Clocks
from foundation.telephone_numbers import PhoneNumber
from ivr import probe_words
from ivr.listen import Listen
from ivr.listen import parse as parse_listen
from ivr.media.pool import MediaPool, slices
from ivr.media.port import Media, MediaLost
from ivr.probe_call import ProbeCall
from ivr.probe_facts import Account, Finding, Reply, Verdict
from ivr.probe_line import OwnSide, ProbeLine
from ivr.settings import RtpSettings, SipSettings, TrunkSettings
from ivr.sip.certificates import CertificateFault
from ivr.sip.locating import Hop, LookupFailed, Records, locate, target_of

DEFAULT_SECONDS = 12.0
_PORTS = 40


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """`trunk` is tested with the daemon's own `sip` and `rtp`; `seconds` the test call lasts once it is answered."""

    trunk: TrunkSettings
    sip: SipSettings
    rtp: RtpSettings
    number: PhoneNumber | None = None
    register: bool = True
    seconds: float = DEFAULT_SECONDS


class Probe:
    """`tell` hears each finding. `records` is the DNS. `run` returns True when nothing was at fault."""

    def __init__(
        self,
        settings: ProbeSettings,
        tell: Callable[[Finding], None],
        records: Records,
        reactor: Any,
        clocks: Clocks,
        random: Random,
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._records = records
        self._reactor = reactor
        self._clocks = clocks
        self._random = random
        self._good = True
        self.ladder: list[str] = []
        """The SIP ladder, once `run` is over."""
        trunk = settings.trunk
        self._account = Account(
            username=trunk.username,
            has_password=trunk.password is not None,
            caller_id=trunk.caller_id,
            dial_format=trunk.dial_format,
            codecs=trunk.codecs,
            srtp=trunk.srtp,
        )

    async def run(self) -> bool:
        hop = await self._locate()
        if hop is None:
            return False
        own = _own_side(self._settings.sip, hop)
        try:
            line = ProbeLine(self._settings.trunk, hop, own, self._reactor, self._random)
        except CertificateFault as fault:
            self._found(Finding("TLS", Verdict.FAULT, f"TLS: our own certificate can't be used: {fault}"))
            return False
        line.start()
        try:
            await self._signalling(line, own)
        finally:
            await line.stop()
            self.ladder = line.ladder.lines()
        return self._good

    async def _locate(self) -> Hop | None:
        uri = self._settings.trunk.proxy
        try:
            located = await locate(target_of(uri), self._records, ("udp", "tcp", "tls"), self._random.random)
        except (LookupFailed, ValueError) as failed:
            self._found(Finding("DNS", Verdict.FAULT, f"DNS: {failed}. Check the name in proxy = {uri!r}."))
            return None
        hops = ", ".join(f"{hop.address} by {hop.transport}" for hop in located.hops)
        self._found(Finding("address", Verdict.GOOD, f"{target_of(uri).host} leads to {hops}."))
        return located.hops[0]

    async def _signalling(self, line: ProbeLine, own: OwnSide) -> None:
        trunk, number = self._settings.trunk, self._settings.number
        if trunk.register_ and self._settings.register:
            self._replied(await line.register())
        options = await line.options()
        self._replied(options)
        # Some trunks take calls and never answer OPTIONS; a connection that can't be had takes none.
        if number is None or options.link is not None or options.unreachable:
            return
        await self._call(line, own, number)

    async def _call(self, line: ProbeLine, own: OwnSide, number: PhoneNumber) -> None:
        pool = MediaPool(_few_ports(self._settings.rtp), self._reactor, self._clocks, self._random)
        pool.startService()
        call = ProbeCall(line, self._settings.trunk, own, self._reactor, self._random)
        try:
            await self._talk(call, pool, number)
        except MediaLost as lost:
            self._found(Finding("media", Verdict.FAULT, f"no sound on this machine: {lost}."))
        finally:
            call.end()
            await call.goodbye()
            await pool.stopService()

    async def _talk(self, call: ProbeCall, media: Media, number: PhoneNumber) -> None:
        reply = await call.dial(media, number)
        self._replied(reply)
        if reply.status is None or reply.status >= 300:
            return
        agreement = call.agree()
        self._found(probe_words.agreement(agreement, self._account))
        if agreement.fault is not None:
            return
        for finding in probe_words.encryption(agreement, self._account):
            self._found(finding)
        with tempfile.TemporaryDirectory(prefix="burgernet-trunk-") as folder:
            sounded = await call.sound(self._settings.seconds, Path(folder) / "heard.wav")
        for finding in probe_words.sounded(sounded):
            self._found(finding)

    def _replied(self, reply: Reply) -> None:
        self._found(probe_words.reply(reply, self._account))

    def _found(self, finding: Finding) -> None:
        self._good = self._good and finding.verdict is not Verdict.FAULT
        self._tell(finding)


def _own_side(sip: SipSettings, hop: Hop) -> OwnSide:
    """The interface that the daemon speaks from, else whichever leads there."""
    listens: list[Listen] = [parse_listen(text) for text in sip.listen]
    usable = [listen.interface for listen in listens if (":" in listen.interface) == (":" in hop.address.host)]
    interface = next((one for one in usable if one not in ("0.0.0.0", "::")), "")
    host = sip.advertise or interface or _leads_to(hop)
    return OwnSide(host, interface, tuple(listen for listen in listens if listen.transport == "tls"))


def _leads_to(hop: Hop) -> str:
    """Our own address on the way there; nothing is sent for this."""
    family = socket.AF_INET6 if ":" in hop.address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as way:
        try:
            way.connect((hop.address.host, hop.address.port))
        except OSError:
            return "127.0.0.1"
        return str(way.getsockname()[0])


def _few_ports(rtp: RtpSettings) -> RtpSettings:
    """The upper end of the daemon's own range, which firewalls let through; ports in use are passed over."""
    first, last = slices(rtp.ports, 1)[0]
    first = max(last - _PORTS + 1, first)
    return rtp.model_copy(update={"ports": f"{first}-{last}", "workers": 1})
