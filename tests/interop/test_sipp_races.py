"""Races and detours on a real wire against SIPp: forks, a CANCEL that crosses a 200, a redirect, PRACK, registration."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted

from ivr.sip.events import (
    Answered,
    Credentials,
    Ended,
    Failed,
    Peer,
    Progressed,
    Registration,
    RegistrationChanged,
    SipEvent,
)
from tests.interop.test_sipp_signalling import Bench

_HEAD = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="test">\n'
_SDP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 15440 RTP/AVP 8
"""


def _recv(method: str) -> str:
    return f'<recv request="{method}" crlf="true"/>\n'


def _reply(status: str, tag: str = "[call_number]", *, more: str = "", body: bool = False, cseq: str = "") -> str:
    to = "[last_To:]" if tag == "as asked" else f"[last_To:];tag={tag}"
    tail = _SDP if body else "Content-Length: 0\n\n"
    return (
        f"<send><![CDATA[\nSIP/2.0 {status}\n[last_Via:]\n[last_From:]\n{to}\n[last_Call-ID:]\n{cseq or '[last_CSeq:]'}\n"
        f"Contact: <sip:sipp@[local_ip]:[local_port]>\n{more}{tail}]]></send>\n"
    )


def _scenario(*steps: str) -> str:
    return _HEAD + "".join(steps) + "</scenario>\n"


_BYE = _recv("BYE") + _reply("200 OK", "as asked")

# The INVITE's Via and CSeq are gone when the CANCEL was the last that came: SIPp keeps them in variables.
_KEPT = """<recv request="INVITE" crlf="true"><action>
<ereg regexp=".*" search_in="hdr" header="Via:" assign_to="via"/>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/>
</action></recv>
"""
_CROSSED = f"""<send><![CDATA[
SIP/2.0 200 OK
Via:[$via]
[last_From:]
To:[$to];tag=[call_number]
[last_Call-ID:]
CSeq: 1 INVITE
Contact: <sip:sipp@[local_ip]:[local_port]>
{_SDP}]]></send>
"""


@pytest.fixture
def bench(tmp_path: Path):  # type: ignore[no-untyped-def]  # pytest finds it by name
    bench = Bench(tmp_path)
    yield bench
    pytest_twisted.blockon(bench.shell.stopService())


def _hang_up_when_answered(bench: Bench) -> None:
    def on(event: SipEvent) -> None:
        if isinstance(event, Answered):
            bench.agent.hang_up(event.leg, bench.shell.now())

    bench.on = on


@pytest_twisted.ensureDeferred
async def test_a_cancel_that_crosses_a_200(bench: Bench) -> None:
    scenario = _scenario(
        _KEPT, _reply("180 Ringing"), _recv("CANCEL"), _reply("200 OK", "as asked"), _CROSSED, _recv("ACK"), _BYE
    )
    process = bench.sipp("-m", "1", scenario=scenario)
    await bench.answering()
    leg = bench.invite(1)
    await bench.until(lambda: len(bench.told(Progressed)) == 1)
    bench.agent.hang_up(leg, bench.shell.now())
    bench.shell.flush()
    await bench.until(lambda: len(bench.told(Failed)) == 1)
    failed = bench.told(Failed)[0]
    assert (failed.status, failed.cancelled_by_us) == (200, True)
    assert not bench.told(Answered)
    assert await process.ended == 0


@pytest_twisted.ensureDeferred
async def test_of_two_phones_that_answer_one_is_hung_up(bench: Bench) -> None:
    scenario = _scenario(
        _recv("INVITE"),
        _reply("200 OK", "first", body=True),
        _recv("ACK"),
        _reply("200 OK", "second", body=True, cseq="CSeq: 1 INVITE").replace("[last_To:];tag", "To: <sip:x@x>;tag"),
        _recv("ACK"),
        _BYE,
        _BYE,
    )
    process = bench.sipp("-m", "1", scenario=scenario)
    await bench.answering()
    leg = bench.invite(1)
    await bench.until(lambda: len(bench.told(Answered)) == 1)
    await bench.until(lambda: len(bench.agent._core.sessions[leg].acknowledged) == 2)
    bench.agent.hang_up(leg, bench.shell.now())
    bench.shell.flush()
    await bench.until(lambda: len(bench.told(Ended)) == 1)
    assert len(bench.told(Answered)) == 1
    assert await process.ended == 0


@pytest_twisted.ensureDeferred
async def test_a_redirect_within_the_trunk_is_followed(bench: Bench) -> None:
    moved = "Contact: <sip:+31612345678@[local_ip]:[local_port];moved=yes>\n"
    scenario = _scenario(
        _recv("INVITE"),
        _reply("302 Moved Temporarily").replace("Contact: <sip:sipp@[local_ip]:[local_port]>\n", moved),
        _recv("ACK"),
        _recv("INVITE"),
        _reply("200 OK", "moved", body=True),
        _recv("ACK"),
        _BYE,
    )
    _hang_up_when_answered(bench)
    process = bench.sipp("-m", "1", scenario=scenario)
    await bench.answering()
    bench.invite(1)
    await bench.until(lambda: len(bench.told(Ended)) == 1)
    assert await process.ended == 0


@pytest_twisted.ensureDeferred
async def test_a_reliable_provisional_answer_is_acknowledged(bench: Bench) -> None:
    scenario = _scenario(
        _KEPT,
        _reply("183 Session Progress", "early", more="Require: 100rel\nRSeq: 7\n", body=True),
        _recv("PRACK"),
        _reply("200 OK", "as asked"),
        _CROSSED.replace("tag=[call_number]", "tag=early"),
        _recv("ACK"),
        _BYE,
    )
    _hang_up_when_answered(bench)
    process = bench.sipp("-m", "1", scenario=scenario)
    await bench.answering()
    bench.invite(1)
    await bench.until(lambda: len(bench.told(Ended)) == 1)
    assert await process.ended == 0


@pytest_twisted.ensureDeferred
async def test_a_registration_with_digest_and_a_longer_wish(bench: Bench) -> None:
    challenge = (
        'WWW-Authenticate: Digest realm="trunk", nonce="47ebe028cda119c35d4877b383027d28da013815", algorithm=MD5\n'
    )
    verified = """<recv request="REGISTER" crlf="true"><action>
<verifyauth assign_to="right" username="account" password="secret"/>
</action></recv>
"""
    granted = _reply("200 OK", "r", more="Expires: 1800\n")
    scenario = _scenario(
        _recv("REGISTER"),
        _reply("401 Unauthorized", "r", more=challenge),
        verified,
        _reply("423 Interval Too Brief", "r", more="Min-Expires: 1800\n"),
        _recv("REGISTER"),
        _reply("401 Unauthorized", "r", more=challenge),
        _recv("REGISTER"),
        granted,
        '<Reference variables="right"/>',
    )
    process = bench.sipp("-m", "1", scenario=scenario)
    await bench.answering()
    peer = Peer("sipp", bench.theirs, credentials=Credentials("account", "secret"))
    bench.agent.register(
        Registration(peer, f"sip:{bench.theirs}", f"sip:account@{bench.theirs}", 60), bench.shell.now()
    )
    bench.shell.flush()
    await bench.until(lambda: len(bench.told(RegistrationChanged)) == 1)
    changed = bench.told(RegistrationChanged)[0]
    assert (changed.status, changed.expires) == (200, 1800.0)
    assert await process.ended == 0
