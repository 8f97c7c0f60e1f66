"""The lab's telephones on real sockets: called by each other, and by a bare wire that shows what a mend changed."""

from __future__ import annotations

import audioop
import itertools
import re
import socket
import struct
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from lab.delays import Delays
from lab.handset import Handset, HandsetCall
from lab.listening import tone_ms

ANNA = "+31612340001"
PATIENCE = 5.0


@pytest.fixture
def delays() -> Iterator[Delays]:
    running = Delays()
    yield running
    running.stop()


@pytest.fixture
def phone(delays: Delays) -> Iterator[Callable[..., Handset]]:
    """Starts a handset that holds calls as `talk` says; its own calls go to `server`."""
    started: list[Handset] = []

    def start(talk: Callable[[HandsetCall], None], server: int = 9) -> Handset:
        handset = Handset(talk, ("127.0.0.1", server), "127.0.0.1", 0, delays, "lab")
        handset.start()
        started.append(handset)
        return handset

    yield start
    for handset in started:
        handset.stop()


def caller_of(phone: Callable[..., Handset], called: Handset) -> Handset:
    return phone(lambda call: None, called.sip_port)


def answers(call: HandsetCall) -> None:
    call.ring(0.05)
    call.pick_up()
    call.say_tone(1100, 1.0)
    call.wait_ended(PATIENCE)


def test_both_ends_hear_each_other_and_keys_come_through(phone: Callable[..., Handset]) -> None:
    there: list[HandsetCall] = []
    called = phone(lambda call: (there.append(call), answers(call)))
    call = caller_of(phone, called).call(ANNA, "+31343529850")
    assert call.wait_answered(PATIENCE)
    call.say_tone(550, 1.0)
    assert call.wait_until(lambda: call.ear.tone_ms(1100) >= 900, PATIENCE)
    assert there[0].wait_until(lambda: there[0].ear.tone_ms(550) >= 900, PATIENCE)
    for key in "1#*9":
        call.press(key)
    assert there[0].wait_until(lambda: "".join(there[0].keys) == "1#*9", PATIENCE)
    call.hang_up()
    assert there[0].wait_ended(PATIENCE)
    assert (there[0].number, there[0].caller) == (ANNA, "+31343529850")
    assert (there[0].ended_by, call.ended_by) == ("them", "us")
    assert call.ringing


def test_the_called_person_may_hang_up_first(phone: Callable[..., Handset]) -> None:
    called = phone(lambda call: (call.pick_up(), call.wait_ended(0.1), call.hang_up()))
    call = caller_of(phone, called).call(ANNA)
    assert call.wait_answered(PATIENCE), "an answer without ringing first"
    assert call.wait_ended(PATIENCE)
    assert call.ended_by == "them"


def test_a_refusal_ends_the_call_with_its_code(phone: Callable[..., Handset]) -> None:
    called = phone(lambda call: call.refuse(486, "Busy Here", 17))
    caller = caller_of(phone, called)
    call = caller.call(ANNA)
    assert call.wait_ended(PATIENCE)
    assert (call.code, call.was_up, caller.calls_up) == (486, False, 0)


def test_a_caller_who_gives_up_stops_the_ringing(phone: Callable[..., Handset]) -> None:
    there: list[HandsetCall] = []
    called = phone(lambda call: (there.append(call), call.ring(PATIENCE)))
    call = caller_of(phone, called).call(ANNA)
    assert call.wait_until(lambda: call.ringing, PATIENCE)
    call.hang_up()
    assert call.wait_ended(PATIENCE)
    assert call.code == 487
    assert there[0].wait_ended(PATIENCE)
    assert there[0].ended_by == "cancel"


def test_one_address_holds_many_calls_at_once(phone: Callable[..., Handset]) -> None:
    called = phone(answers)
    caller = caller_of(phone, called)
    calls = [caller.call(f"+3161234{tail:04}") for tail in range(12)]
    assert all(call.wait_answered(PATIENCE) for call in calls)
    assert all(call.wait_until(lambda call=call: call.ear.tone_ms(1100) >= 600, PATIENCE) for call in calls)
    for call in calls:
        call.hang_up()
    assert caller.calls_up == 0


# a bare wire: what pyVoIP by itself would do wrong


class Wire:
    """A caller made of one SIP and one RTP socket."""

    def __init__(self, handset: Handset) -> None:
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for each in (self.sip, self.rtp):
            each.bind(("127.0.0.1", 0))
            each.settimeout(PATIENCE)
        self.target = ("127.0.0.1", handset.sip_port)
        self.port = self.sip.getsockname()[1]
        self.media = self.rtp.getsockname()[1]

    def send(self, method: str, *, cseq: int = 1, branch: str = "1", to_tag: str = "", codecs: str = "8 101") -> None:
        invite = method == "INVITE"
        names = {"8": "PCMA", "18": "G729", "101": "telephone-event"}
        maps = "".join(f"a=rtpmap:{kind} {names[kind]}/8000\r\n" for kind in codecs.split())
        body = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.media} RTP/AVP {codecs}\r\n{maps}"
            if invite
            else ""
        )
        lines = [
            f"{method} sip:{ANNA}@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{branch};rport",
            f"From: <sip:+31343529850@127.0.0.1>;tag=wire{self.port}",
            f"To: <sip:{ANNA}@127.0.0.1>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: wire{self.port}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:wire@127.0.0.1:{self.port}>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if invite else []),
            f"Content-Length: {len(body)}",
        ]
        self.sip.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self.target)

    def receive(self, begins: str) -> str:
        """The next message that begins so; others are passed over."""
        while True:
            text = self.sip.recv(65535).decode()
            if text.startswith(begins):
                return text

    def close(self) -> None:
        self.sip.close()
        self.rtp.close()


@pytest.fixture
def wire_to() -> Iterator[Callable[[Handset], Wire]]:
    wires: list[Wire] = []

    def dial(handset: Handset) -> Wire:
        wires.append(Wire(handset))
        return wires[-1]

    yield dial
    for wire in wires:
        wire.close()


def header(message: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*?)\r$", message, re.MULTILINE)
    return found[1] if found else ""


def tag(message: str) -> str:
    return header(message, "To").partition(";tag=")[2]


def test_options_are_answered_though_pyvoip_does_not_know_them(
    phone: Callable[..., Handset], wire_to: Callable[[Handset], Wire]
) -> None:
    wire = wire_to(phone(answers))
    wire.send("OPTIONS")
    assert header(wire.receive("SIP/2.0 200"), "CSeq") == "1 OPTIONS"


def test_the_tag_stays_the_same_and_the_contact_is_the_handsets(
    phone: Callable[..., Handset], wire_to: Callable[[Handset], Wire]
) -> None:
    handset = phone(answers)
    wire = wire_to(handset)
    wire.send("INVITE")
    ringing, answer = wire.receive("SIP/2.0 180"), wire.receive("SIP/2.0 200")
    wire.send("ACK", branch="2", to_tag=tag(answer))
    wire.send("BYE", cseq=2, branch="3", to_tag=tag(answer))
    assert tag(ringing) == tag(answer) == tag(wire.receive("SIP/2.0 200")) != ""
    assert f":{handset.sip_port}>" in header(ringing, "Contact")


def test_the_answer_is_repeated_until_it_is_acknowledged(
    phone: Callable[..., Handset], wire_to: Callable[[Handset], Wire]
) -> None:
    wire = wire_to(phone(answers))
    wire.send("INVITE")
    first = wire.receive("SIP/2.0 200")
    again = wire.receive("SIP/2.0 200")
    assert tag(again) == tag(first)
    wire.send("ACK", branch="2", to_tag=tag(first))
    wire.sip.settimeout(1.2)
    with pytest.raises(TimeoutError):
        wire.receive("SIP/2.0 200")


def test_cancel_gets_its_200_and_the_invite_its_487(
    phone: Callable[..., Handset], wire_to: Callable[[Handset], Wire]
) -> None:
    wire = wire_to(phone(lambda call: call.ring(PATIENCE)))
    wire.send("INVITE")
    ringing = wire.receive("SIP/2.0 180")
    wire.send("CANCEL")
    assert header(wire.receive("SIP/2.0 200"), "CSeq") == "1 CANCEL"
    terminated = wire.receive("SIP/2.0 487")
    assert header(terminated, "CSeq") == "1 INVITE"
    assert tag(terminated) == tag(ringing)


def test_a_refusal_carries_the_networks_cause(
    phone: Callable[..., Handset], wire_to: Callable[[Handset], Wire]
) -> None:
    wire = wire_to(phone(lambda call: call.refuse(480, "Temporarily Unavailable", 20)))
    wire.send("INVITE")
    assert header(wire.receive("SIP/2.0 480"), "Reason") == "Q.850;cause=20"


def test_a_bye_for_no_call_and_a_codec_that_nobody_has_are_refused(
    phone: Callable[..., Handset], wire_to: Callable[[Handset], Wire]
) -> None:
    wire = wire_to(phone(answers))
    wire.send("BYE")
    wire.receive("SIP/2.0 481")
    wire.send("INVITE", codecs="18", branch="4")
    wire.receive("SIP/2.0 488")


def test_sound_is_a_law_on_an_even_port_at_an_even_pace(
    phone: Callable[..., Handset], wire_to: Callable[[Handset], Wire]
) -> None:
    wire = wire_to(phone(answers))
    wire.send("INVITE")
    answer = wire.receive("SIP/2.0 200")
    wire.send("ACK", branch="2", to_tag=tag(answer))
    media_port = int(re.search(r"m=audio (\d+) ", answer)[1])
    assert media_port % 2 == 0
    packets = [wire.rtp.recv(2048) for _ in range(40)]
    kinds, sequences, timestamps = zip(*((p[1], *struct.unpack(">HI", p[2:8])) for p in packets), strict=True)
    assert set(kinds) == {8}
    assert all(after - before == 1 for before, after in itertools.pairwise(sequences))
    assert all(after - before == 160 for before, after in itertools.pairwise(timestamps))
    heard = np.concatenate([np.frombuffer(audioop.alaw2lin(packet[12:], 2), np.int16) for packet in packets])
    assert tone_ms(heard, 1100) >= 700, "a tone that was sent as µ-law is none when it is read as A-law"


def test_a_re_invite_moves_the_sound(phone: Callable[..., Handset], wire_to: Callable[[Handset], Wire]) -> None:
    wire = wire_to(phone(answers))
    wire.send("INVITE")
    answer = wire.receive("SIP/2.0 200")
    wire.send("ACK", branch="2", to_tag=tag(answer))
    wire.rtp.recv(2048)
    wire.rtp.close()
    wire.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.rtp.bind(("127.0.0.1", 0))
    wire.rtp.settimeout(PATIENCE)
    wire.media = wire.rtp.getsockname()[1]
    wire.send("INVITE", cseq=2, branch="5", to_tag=tag(answer))
    again = wire.receive("SIP/2.0 200")
    assert re.search(r"m=audio (\d+) ", again)[1] == re.search(r"m=audio (\d+) ", answer)[1]
    assert len(wire.rtp.recv(2048)) == 172


def test_garbage_leaves_the_handset_working(phone: Callable[..., Handset], wire_to: Callable[[Handset], Wire]) -> None:
    wire = wire_to(phone(answers))
    for garbage in (b"", b"\r\n\r\n", b"\x00" * 40, b"INVITE nonsense\r\n\r\n", b"SIP/2.0 999 What\r\n\r\n"):
        wire.sip.sendto(garbage, wire.target)
    wire.send("OPTIONS")
    wire.receive("SIP/2.0 200")
