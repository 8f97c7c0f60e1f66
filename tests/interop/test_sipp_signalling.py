"""The user agent on real sockets against SIPp, a SIP stack that we did not write: calls both ways, CANCEL, digest."""

from __future__ import annotations

import random
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import pytest
import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from foundation.endpoints import Address
from ivr.call import LegId
from ivr.listen import parse
from ivr.sip import sdp
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import (
    Answered,
    Confirmed,
    Credentials,
    Ended,
    Failed,
    InviteReceived,
    InviteRequest,
    Peer,
    Pinged,
    Progressed,
    SipEvent,
)
from ivr.sip.sources import Sources, source
from ivr.sip.transport import SipTransport

HOST = "127.0.0.1"
Found = TypeVar("Found")

HEADER = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="test">
<recv request="INVITE" crlf="true"{auth}/>
"""
REPLY = """<send><![CDATA[
SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
{more}Content-Length: 0

]]></send>
"""
RING_UNTIL_CANCEL = (
    HEADER.format(auth="")
    + REPLY.format(status="180 Ringing", more="")
    + """<recv request="CANCEL" crlf="true"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<send><![CDATA[
SIP/2.0 487 Request Terminated
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
CSeq: 1 INVITE
Content-Length: 0

]]></send>
<recv request="ACK"/>
</scenario>
"""
)
BUSY = (
    HEADER.format(auth="")
    + REPLY.format(status="486 Busy Here", more='Reason: Q.850;cause=17;text="User busy"\n')
    + '<recv request="ACK"/></scenario>'
)
CHALLENGE = (
    HEADER.format(auth="")
    + REPLY.format(
        status="401 Unauthorized",
        more='WWW-Authenticate: Digest realm="trunk", nonce="47ebe028cda119c35d4877b383027d28da013815", algorithm=MD5\n',
    )
    + """<recv request="ACK"/>
<recv request="INVITE" test="right" next="right"><action>
<verifyauth assign_to="right" username="account" password="secret"/>
</action></recv>
"""
    + REPLY.format(status="403 Forbidden", more="")
    + """<recv request="ACK" next="end"/>
<label id="right"/>
"""
    + REPLY.format(status="486 Busy Here", more="")
    + """<recv request="ACK"/>
<label id="end"/>
</scenario>
"""
)


class _Process(ProcessProtocol):
    def __init__(self) -> None:
        self.ended: Deferred[int] = Deferred()
        self.heard = b""

    def outReceived(self, data: bytes) -> None:
        self.heard += data

    def errReceived(self, data: bytes) -> None:
        self.heard += data

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(0 if reason.check(ProcessDone) else reason.value.exitCode or -1)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _hears(transport: Literal["udp", "tcp"], port: int) -> bool:
    table, state = ("/proc/net/udp", "07") if transport == "udp" else ("/proc/net/tcp", "0A")
    rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == state for row in rows)


class Bench:
    """Our user agent on a socket, a SIPp on another; `on` says what our side does at an event."""

    def __init__(self, folder: Path) -> None:
        self.ours, self.theirs = Address(HOST, _free_port()), Address(HOST, _free_port())
        self.events: list[SipEvent] = []
        self.on: Callable[[SipEvent], None] = lambda event: None
        sources = Sources([source("sipp", [HOST])])
        self.agent = UserAgent({"udp": self.ours, "tcp": self.ours}, sources, lambda uri: True, random.SystemRandom())
        listens = [parse(f"{transport}:{self.ours.port}:interface={HOST}") for transport in ("udp", "tcp")]
        self.shell = SipTransport(reactor, reactor, self.agent, listens, self._heard, reactor)
        self.folder = folder
        self.shell.startService()

    def _heard(self, event: SipEvent) -> None:
        self.events.append(event)
        self.on(event)

    def told(self, kind: type[Found]) -> list[Found]:
        return [event for event in self.events if isinstance(event, kind)]

    def sipp(self, *arguments: str, scenario: str | None = None) -> _Process:
        """SIPp with so many calls to do; it ends by itself, with 0 when each went as its scenario says."""
        program = shutil.which("sipp")
        assert program, "SIPp is missing; Debian's package is sip-tester"
        chosen = list(arguments)
        if scenario is not None:
            path = self.folder / "scenario.xml"
            path.write_text(scenario)
            chosen += ["-sf", str(path)]
        process = _Process()
        common = ["-i", HOST, "-p", str(self.theirs.port), "-nostdin", "-timeout", "20s", "-timeout_error"]
        reactor.spawnProcess(process, program, [program, *chosen, *common], env={"TERM": "dumb"}, path=str(self.folder))
        return process

    def invite(
        self,
        number: int,
        credentials: Credentials | None = None,
        ring_seconds: float = 25,
        transport: Literal["udp", "tcp"] = "udp",
    ) -> LegId:
        leg = LegId(f"leg-{number}")
        request = InviteRequest(
            peer=Peer("sipp", self.theirs, transport, credentials),
            request_uri=f"sip:+31612345678@{self.theirs}",
            to_uri=f"sip:+31612345678@{self.theirs}",
            from_uri=f"sip:+31343529850@{self.ours}",
            from_display="Burgernet",
            call_id=f"{leg}@{HOST}",
            local_tag=f"tag{number}",
            offer=sdp.offer(sdp.Local(Address(HOST, 20_000), number), ("PCMA", "PCMU")),
            ring_seconds=ring_seconds,
        )
        self.agent.invite(leg, request, self.shell.now())
        self.shell.flush()
        return leg

    async def until(self, what: Callable[[], bool], seconds: float = 10.0) -> None:
        for _ in range(int(seconds / 0.02)):
            if what():
                return
            await task.deferLater(reactor, 0.02)
        raise AssertionError([type(event).__name__ for event in self.events])

    async def answering(self, transport: Literal["udp", "tcp"] = "udp") -> None:
        """Wait until SIPp hears: a TCP port that is bound but not listened on yet would refuse us."""
        for _ in range(200):
            if _hears(transport, self.theirs.port):
                return
            await task.deferLater(reactor, 0.02)
        raise AssertionError("SIPp did not open its port")


@pytest.fixture
def bench(tmp_path: Path):  # type: ignore[no-untyped-def]  # pytest finds it by name
    bench = Bench(tmp_path)
    yield bench
    pytest_twisted.blockon(bench.shell.stopService())


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_fifty_calls_are_answered_and_hung_up(bench: Bench, transport: Literal["udp", "tcp"]) -> None:
    process = bench.sipp("-sn", "uas", "-m", "50", "-t", {"udp": "u1", "tcp": "t1"}[transport])
    await bench.answering(transport)

    def on(event: SipEvent) -> None:
        if isinstance(event, Answered):
            assert event.body is not None
            assert sdp.agreed(event.body, ("PCMA", "PCMU")).codec == "PCMU"
            bench.agent.hang_up(event.leg, bench.shell.now())

    bench.on = on
    for number in range(50):
        bench.invite(number, transport=transport)
    await bench.until(lambda: len(bench.told(Ended)) == 50)
    assert {event.by for event in bench.told(Ended)} == {"us"}
    assert await process.ended == 0


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_fifty_calls_come_in_and_are_hung_up_by_them(bench: Bench, transport: str) -> None:
    def on(event: SipEvent) -> None:
        if isinstance(event, InviteReceived):
            assert event.offer is not None
            ours = sdp.Local(Address(HOST, 20_002), 1)
            bench.agent.ring(event.leg, bench.shell.now())
            bench.agent.answer(event.leg, sdp.answer(event.offer, ours, ("PCMU",))[0], bench.shell.now())

    bench.on = on
    process = bench.sipp(
        "-sn", "uac", str(bench.ours), "-m", "50", "-r", "50", "-s", "08000011", "-d", "100", "-t", transport
    )
    assert await process.ended == 0
    assert len(bench.told(Confirmed)) == 50
    assert len(bench.told(Ended)) == 50
    assert {event.by for event in bench.told(Ended)} == {"them"}


@pytest_twisted.ensureDeferred
async def test_a_ringing_call_is_cancelled_by_us_and_by_the_clock(bench: Bench) -> None:
    process = bench.sipp("-m", "2", scenario=RING_UNTIL_CANCEL)
    await bench.answering()
    leg = bench.invite(1)
    bench.invite(2, ring_seconds=0.3)
    await bench.until(lambda: len(bench.told(Progressed)) == 2)
    bench.agent.hang_up(leg, bench.shell.now())
    bench.shell.flush()
    await bench.until(lambda: len(bench.told(Failed)) == 2)
    by_us, by_the_clock = sorted(bench.told(Failed), key=lambda event: event.leg)
    assert (by_us.status, by_us.cancelled_by_us, by_us.timed_out_ringing) == (487, True, False)
    assert (by_the_clock.status, by_the_clock.cancelled_by_us, by_the_clock.timed_out_ringing) == (487, False, True)
    assert await process.ended == 0


@pytest_twisted.ensureDeferred
async def test_a_busy_person_is_busy(bench: Bench) -> None:
    process = bench.sipp("-m", "1", scenario=BUSY)
    await bench.answering()
    bench.invite(1)
    await bench.until(lambda: len(bench.told(Failed)) == 1)
    failed = bench.told(Failed)[0]
    assert (failed.status, failed.reasons[0].cause) == (486, 17)
    assert await process.ended == 0


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(("password", "status"), [("secret", 486), ("wrong", 403)])
async def test_credentials_are_the_ones_that_sipp_computes_itself(bench: Bench, password: str, status: int) -> None:
    process = bench.sipp("-m", "1", scenario=CHALLENGE)
    await bench.answering()
    bench.invite(1, Credentials("account", password))
    await bench.until(lambda: len(bench.told(Failed)) == 1)
    assert bench.told(Failed)[0].status == status
    assert await process.ended == 0


@pytest_twisted.ensureDeferred
async def test_nobody_there_is_silence(bench: Bench) -> None:
    bench.agent.ping(Peer("sipp", bench.theirs, silence_seconds=0.3), bench.shell.now())
    bench.shell.flush()
    await bench.until(lambda: len(bench.told(Pinged)) == 1)
    assert bench.told(Pinged)[0].status is None
