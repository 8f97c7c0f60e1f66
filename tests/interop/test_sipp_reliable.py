"""Before the answer, on a real wire with SIPp as the caller who requires reliable responses: PRACK and UPDATE."""

from __future__ import annotations

import pytest
import pytest_twisted

from foundation.endpoints import Address
from ivr.sip import sdp
from ivr.sip.events import Confirmed, Ended, InviteReceived, Reoffered, SipEvent
from tests.interop.test_sipp_races import bench
from tests.interop.test_sipp_signalling import HOST, Bench

__all__ = ["bench"]

_BODY = """v=0
o=- 1 {version} IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio {port} RTP/AVP 8
"""


def _ask(method: str, sequence: int, more: str = "", port: int = 0, *, again: bool = True) -> str:
    """A request of the caller; `port` is where its sound is, 0: no description."""
    body = _BODY.format(version=sequence, port=port) if port else ""
    kind = "Content-Type: application/sdp\nContent-Length: [len]\n" if port else "Content-Length: 0\n"
    to = "To: <sip:08000011@[remote_ip]:[remote_port]>" + ("" if method == "INVITE" else "[peer_tag_param]")
    return (
        f"<send{' retrans=' + chr(34) + '500' + chr(34) if again else ''}><![CDATA[\n"
        f"{method} sip:08000011@[remote_ip]:[remote_port] SIP/2.0\n"
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
        f"From: <sip:+31612345678@[local_ip]:[local_port]>;tag=[call_number]\n{to}\nCall-ID: [call_id]\n"
        f"CSeq: {sequence} {method}\nContact: <sip:sipp@[local_ip]:[local_port]>\nMax-Forwards: 70\n{more}{kind}\n{body}"
        "\n]]></send>\n"
    )


def _hears(status: int, inside: str = "", *, optional: bool = False) -> str:
    may = ' optional="true"' if optional else ""
    return f'<recv response="{status}"{may}>{inside}</recv>\n'


_RSEQ = '<action><ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" assign_to="rseq"/></action>'
_PRACK = _ask("PRACK", 2, "RAck: [$rseq] 1 INVITE\n")
_END = _ask("ACK", 1, again=False) + _ask("BYE", 4) + _hears(200)


def _scenario(*steps: str) -> str:
    return '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="test">\n' + "".join(steps) + "</scenario>\n"


def _answer_early(bench: Bench) -> None:
    """Our side: its description goes with the 180, the call is answered at once; a new offer is agreed to."""
    ours = sdp.Local(Address(HOST, 20_002), 1)

    def on(event: SipEvent) -> None:
        if isinstance(event, InviteReceived):
            assert event.reliable
            assert event.offer is not None
            bench.agent.ring(event.leg, bench.shell.now(), sdp.answer(event.offer, ours, ("PCMA",))[0])
            bench.agent.answer(event.leg, b"", bench.shell.now())
        elif isinstance(event, Reoffered):
            assert event.body is not None
            bench.agent.answer_reoffer(event.leg, sdp.answer(event.body, ours, ("PCMA",))[0], bench.shell.now())

    bench.on = on


async def _called(bench: Bench, scenario: str, calls: int = 1) -> None:
    process = bench.sipp(str(bench.ours), "-m", str(calls), scenario=scenario)
    assert await process.ended == 0, process.heard.decode(errors="replace")[-2000:]
    await bench.until(lambda: len(bench.told(Ended)) == calls)
    assert len(bench.told(Confirmed)) == calls
    assert {event.by for event in bench.told(Ended)} == {"them"}


@pytest_twisted.ensureDeferred
async def test_twenty_callers_acknowledge_our_180_and_then_hear_the_answer(bench: Bench) -> None:
    _answer_early(bench)
    scenario = _scenario(
        _ask("INVITE", 1, "Require: 100rel\n", 15_440),
        _hears(100, optional=True),
        _hears(180, _RSEQ),
        _PRACK,
        _hears(200),
        _hears(200),
        _END,
    )
    await _called(bench, scenario, 20)


@pytest_twisted.ensureDeferred
async def test_the_180_is_sent_again_until_a_late_prack(bench: Bench) -> None:
    _answer_early(bench)
    ringing: list[float] = []

    def watch(outgoing: bool, data: bytes, other: Address, transport: str) -> None:
        if data.startswith(b"SIP/2.0 180 "):
            ringing.append(bench.shell.now())

    bench.shell.watch = watch
    scenario = _scenario(
        _ask("INVITE", 1, "Require: 100rel\n", 15_440),
        _hears(100, optional=True),
        _hears(180, _RSEQ),
        '<pause milliseconds="1700"/>\n',
        _PRACK,
        _hears(200),
        _hears(200),
        _END,
    )
    await _called(bench, scenario)
    assert [round(moment - ringing[0], 1) for moment in ringing] == [0.0, 0.5, 1.5]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("number", ["[$rseq] 2 INVITE", "1 1 INVITE"])
async def test_a_prack_for_something_else_is_481(bench: Bench, number: str) -> None:
    _answer_early(bench)
    scenario = _scenario(
        _ask("INVITE", 1, "Require: 100rel\n", 15_440),
        _hears(100, optional=True),
        _hears(180, _RSEQ),
        _ask("PRACK", 2, f"RAck: {number}\n"),
        _hears(481),
        _ask("PRACK", 3, "RAck: [$rseq] 1 INVITE\n"),
        _hears(200),
        _hears(200),
        _END,
    )
    await _called(bench, scenario)


@pytest_twisted.ensureDeferred
async def test_an_update_before_the_answer_moves_the_sound(bench: Bench) -> None:
    ours = sdp.Local(Address(HOST, 20_002), 1)
    moved: list[int] = []

    def on(event: SipEvent) -> None:
        if isinstance(event, InviteReceived):
            assert event.offer is not None
            bench.agent.ring(event.leg, bench.shell.now(), sdp.answer(event.offer, ours, ("PCMA",))[0])
        elif isinstance(event, Reoffered):
            assert event.body is not None
            description, remote = sdp.answer(event.body, ours, ("PCMA",))
            moved.append(remote.address.port)
            bench.agent.answer_reoffer(event.leg, description, bench.shell.now())
            bench.agent.answer(event.leg, description, bench.shell.now())

    bench.on = on
    scenario = _scenario(
        _ask("INVITE", 1, "Require: 100rel\n", 15_440),
        _hears(100, optional=True),
        _hears(180, _RSEQ),
        _PRACK,
        _hears(200),
        _ask("UPDATE", 3, port=15_450),
        _hears(200),
        _hears(200),
        _END,
    )
    await _called(bench, scenario)
    assert moved == [15_450]
