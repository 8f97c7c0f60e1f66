"""A desk phone that we did not write (baresip) registers with us over UDP, TCP and TLS, is rung, and calls us."""

from __future__ import annotations

import random
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from foundation.endpoints import Address
from ivr.call import LegId
from ivr.listen import Listen
from ivr.sip import sdp
from ivr.sip.certificates import Certificates
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import Answered, Confirmed, Ended, InviteReceived, InviteRequest, Peer, SipEvent
from ivr.sip.sources import Sources, desk_networks
from ivr.sip.transport import SipTransport
from tests.unit.sip.authority import Authority

HOST = "127.0.0.1"
MODULES = Path("/usr/lib/baresip/modules")
Found = TypeVar("Found")


class _Baresip(ProcessProtocol):
    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self.said = b""

    def outReceived(self, data: bytes) -> None:
        self.said += data

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)


def _free_port() -> int:
    """A TCP and UDP port, and the one above it: baresip takes that for TLS."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind((HOST, 0))
            port = int(one.getsockname()[1])
            try:
                other.bind((HOST, port + 1))
            except OSError:
                continue
            return port


class Office:
    """Our user agent with its registrar, and one baresip that registers as desk-7."""

    def __init__(self, folder: Path, transport: str) -> None:
        self.folder, self.transport = folder, transport
        self.events: list[SipEvent] = []
        self.on: Callable[[SipEvent], None] = lambda event: None
        authority = Authority(folder)
        certificate, key = authority.sign(HOST)
        listen = {
            "udp": Listen("udp", 0, HOST),
            "tcp": Listen("tcp", 0, HOST),
            "tls": Listen("tls", 0, HOST, str(certificate), str(key)),
        }[transport]
        self.contacts = {transport: Address(HOST, 1)}
        sources = Sources(desk_networks(["127.0.0.0/8"]))
        desks = {"desk-7": "secret"}
        self.agent = UserAgent(self.contacts, sources, lambda uri: True, random.SystemRandom(), desks=desks)
        certificates = Certificates([listen])
        self.shell = SipTransport(reactor, reactor, self.agent, [listen], self._heard, reactor, certificates)
        self.shell.startService()
        self.contacts[transport] = self.address = self.shell.bound[0][1]
        self.phone_port, self.control = _free_port(), _free_port()
        self.process = self._start(authority)

    def _start(self, authority: Authority) -> _Baresip:
        program = shutil.which("baresip")
        assert program, "baresip is missing; Debian's package is baresip"
        (self.folder / "config").write_text(
            f"sip_listen {HOST}:{self.phone_port}\nsip_cafile {authority.path}\nnet_interface {HOST}\n"
            f"audio_source aubridge,source\naudio_player aubridge,sink\naudio_alert aubridge,alert\n"
            f"ausrc_srate 8000\nauplay_srate 8000\nrtp_ports 15400-15420\nmodule_path {MODULES}\nmodule g711.so\n"
            f"module aubridge.so\nmodule_tmp account.so\nmodule_app contact.so\nmodule_app menu.so\n"
            f"module_app ctrl_tcp.so\nctrl_tcp_listen {HOST}:{self.control}\n"
        )
        (self.folder / "accounts").write_text(
            f"<sip:desk-7@{self.address};transport={self.transport}>;auth_user=desk-7;auth_pass=secret;regint=60;"
            "answermode=auto;audio_codecs=PCMA/8000/1,PCMU/8000/1\n"
        )
        (self.folder / "contacts").write_text("")
        process = _Baresip()
        self.running = reactor.spawnProcess(
            process, program, [program, "-4", "-f", str(self.folder)], env={"HOME": str(self.folder)}
        )
        return process

    def _heard(self, event: SipEvent) -> None:
        self.events.append(event)
        self.on(event)

    def told(self, kind: type[Found]) -> list[Found]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, met: Callable[[], object], seconds: float = 15.0) -> None:
        for _ in range(int(seconds / 0.05)):
            if met():
                return
            await task.deferLater(reactor, 0.05)
        raise AssertionError(([type(event).__name__ for event in self.events], self.process.said.decode()[-3000:]))

    def phones(self) -> list[Address]:
        return [phone.destination for phone in self.agent.phones("desk-7", self.shell.now())]

    async def stop(self) -> None:
        self.running.signalProcess("KILL")
        await self.process.ended
        await self.shell.stopService()
        await task.deferLater(reactor, 0.02)


@pytest.fixture(params=["udp", "tcp", "tls"])
def office(tmp_path: Path, request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]  # pytest finds it by name
    office = Office(tmp_path, request.param)
    yield office
    pytest_twisted.blockon(Deferred.fromCoroutine(office.stop()))


@pytest_twisted.ensureDeferred
async def test_it_registers_is_rung_and_hung_up(office: Office) -> None:
    await office.until(office.phones)
    phone = office.agent.phones("desk-7", office.shell.now())[0]
    peer = Peer("desk-7", phone.destination, office.transport)  # type: ignore[arg-type]  # one of the three
    offer = sdp.offer(sdp.Local(Address(HOST, 15_430), 1), ("PCMA", "PCMU"))
    leg = LegId("ring")
    request = InviteRequest(peer, phone.target, phone.target, f"sip:gateway@{HOST}", "Burgernet", "ring@x", "t", offer)
    office.agent.invite(leg, request, office.shell.now())
    office.shell.flush()
    await office.until(lambda: office.told(Answered))
    body = office.told(Answered)[0].body
    assert body is not None
    assert sdp.agreed(body, ("PCMA", "PCMU")).codec in ("PCMA", "PCMU")
    office.agent.hang_up(leg, office.shell.now())
    office.shell.flush()
    await office.until(lambda: office.told(Ended))
    assert office.told(Ended)[0].by == "us"


@pytest_twisted.ensureDeferred
async def test_it_calls_us_after_it_has_proved_who_it_is(office: Office) -> None:
    await office.until(office.phones)

    def on(event: SipEvent) -> None:
        if isinstance(event, InviteReceived):
            assert event.offer is not None
            ours = sdp.answer(event.offer, sdp.Local(Address(HOST, 15_432), 1), ("PCMA", "PCMU"))[0]
            office.agent.answer(event.leg, ours, office.shell.now())

    office.on = on
    command = b'{"command":"dial","params":"sip:08000011@%s;transport=%s"}' % (
        str(office.address).encode(),
        office.transport.encode(),
    )
    with socket.create_connection((HOST, office.control)) as control:
        control.sendall(b"%d:%s," % (len(command), command))
        await office.until(lambda: office.told(Confirmed))
    assert office.told(InviteReceived)[0].peer == "desk-7"
    office.agent.hang_up(office.told(InviteReceived)[0].leg, office.shell.now())
    office.shell.flush()
    await office.until(lambda: office.told(Ended))
