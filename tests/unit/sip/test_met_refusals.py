"""Refusals that another INVITE meets: redirects within the trunk, other codecs, credentials known before, large over TCP."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.call import EndCause
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import Answered, Credentials, DialogChanged, Failed
from ivr.sip.inviting import calling_dialog, route_of
from ivr.sip.message import Request, parse
from ivr.sip.outcome import ending_of_failure
from ivr.sip.sources import Sources, source
from tests.unit.sip.pair import ANSWER, HERE, OFFER, OURS, THEIRS, Pair

OTHER = OFFER.replace(b"RTP/AVP 8", b"RTP/AVP 0")


class Trunk:
    """Our user agent, and what a trunk says to each INVITE: `answer` is given the last one."""

    def __init__(self) -> None:
        networks = source("trunk", ["10.0.0.0/24"], credentials=Credentials("user", "secret"))
        sources = Sources([networks, source("elsewhere", ["10.0.9.0/24"])])
        contacts = {"udp": OURS, "tcp": OURS}
        self.pair = Pair(here=UserAgent(contacts, sources, lambda uri: True, random.Random(4)))
        self.now = self.pair.now
        self.agent = self.pair.here
        self.asked: list[tuple[Request, Address, str]] = []

    def invite(self, **changes: object) -> None:
        self.agent.invite(HERE, replace(self.pair.request(), **changes), self.now)  # type: ignore[arg-type]  # by the test
        self.gather()

    def gather(self) -> None:
        for datagram in self.agent.outgoing():
            message = parse(datagram.data)
            if isinstance(message, Request) and message.method == "INVITE":
                self.asked.append((message, datagram.destination, datagram.transport))
        self.pair.told_here += self.agent.events()

    def answer(self, status: int, extra: str = "", body: bytes = b"") -> None:
        invite, destination, _ = self.asked[-1]
        copied = "".join(f"{name}: {invite.first(name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
        head = f"SIP/2.0 {status} Word\r\n{copied}To: {invite.first('To')};tag=t\r\n{extra}"
        if body:
            head += "Content-Type: application/sdp\r\n"
        self.agent.receive(f"{head}\r\n".encode() + body, destination, self.now)
        self.gather()

    def passes(self, seconds: float) -> None:
        end = Monotonic(self.now + seconds)
        while (due := self.agent.next_deadline()) is not None and due <= end:
            self.now = Monotonic(max(due, self.now))
            self.agent.handle_deadline(self.now)
            self.gather()
        self.now = end

    @property
    def failed(self) -> list[Failed]:
        return self.pair.here_told(Failed)


@pytest.fixture
def trunk() -> Trunk:
    return Trunk()


# ---- 3xx


def test_a_redirect_within_the_trunk_is_followed(trunk: Trunk) -> None:
    trunk.invite()
    trunk.answer(302, "Contact: <sip:+31612345678@10.0.0.7:5070>\r\n")
    invite, destination, transport = trunk.asked[-1]
    assert (destination, transport, invite.uri) == (Address("10.0.0.7", 5070), "udp", "sip:+31612345678@10.0.0.7:5070")
    assert invite.essentials.cseq.number == 2
    assert invite.essentials.call_id == trunk.asked[0][0].essentials.call_id
    assert trunk.pair.here_told(DialogChanged)[-1].dialog.destination == "10.0.0.7:5070"
    trunk.answer(200, "Contact: <sip:x@10.0.0.7:5070>\r\n", ANSWER)
    assert len(trunk.pair.here_told(Answered)) == 1


NAMES = (("kpn.example", Address("10.0.0.2", 5060)), ("b.kpn.example", Address("10.0.0.8", 5062)))


@pytest.mark.parametrize(
    ("contact", "destination", "transport"),
    [
        ("sip:+31612345678@kpn.example", Address("10.0.0.2", 5060), "udp"),
        ("sip:+31612345678@KPN.example.;user=phone", Address("10.0.0.2", 5060), "udp"),
        ("sip:+31612345678@b.kpn.example", Address("10.0.0.8", 5062), "udp"),
        ("sip:+31612345678@b.kpn.example:5080", Address("10.0.0.8", 5080), "udp"),
        ("sip:+31612345678@b.kpn.example;transport=tcp", Address("10.0.0.8", 5060), "tcp"),
    ],
)
def test_a_redirect_to_a_name_of_the_trunk_is_followed(
    trunk: Trunk, contact: str, destination: Address, transport: str
) -> None:
    trunk.invite(peer=replace(trunk.pair.peer, names=NAMES))
    trunk.answer(302, f"Contact: <{contact}>\r\n")
    invite, where, how = trunk.asked[-1]
    assert (where, how, invite.uri) == (destination, transport, contact)


@pytest.mark.parametrize(
    "contact",
    [
        "sip:+31612345678@other.example",
        "sip:+31612345678@c.kpn.example",  # nobody said that this is theirs
        "sip:+31612345678@kpn.example.evil.example",
        "sip:+31900123456@kpn.example",
        "sip:+31612345678@kpn.example;transport=tls",  # there is no TLS here
        "sips:+31612345678@kpn.example",
        "sip:+31612345678@kpn.example:99999",
    ],
)
def test_no_other_name_is_called(trunk: Trunk, contact: str) -> None:
    trunk.invite(peer=replace(trunk.pair.peer, names=NAMES))
    trunk.answer(302, f"Contact: <{contact}>\r\n")
    assert len(trunk.asked) == 1
    assert trunk.failed[0].status == 302


def test_the_best_of_several_contacts_that_may_be_called_is(trunk: Trunk) -> None:
    trunk.invite()
    trunk.answer(
        300,
        "Contact: <sip:+31612345678@10.0.0.7>;q=0.2, <sip:+31612345678@10.0.0.8>;q=0.7\r\n"
        "Contact: <sip:+31612345678@192.0.2.1>;q=0.9\r\n",
    )
    assert trunk.asked[-1][1] == Address("10.0.0.8", 5060)


def test_one_unreadable_contact_leaves_the_others(trunk: Trunk) -> None:
    trunk.invite()
    trunk.answer(302, 'Contact: garbage<<\r\nContact: "open\r\nContact: <sip:+31612345678@10.0.0.7>\r\n')
    assert trunk.asked[-1][1] == Address("10.0.0.7", 5060)


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:+31612345678@192.0.2.1>",  # a stranger
        "<sip:+31612345678@10.0.9.1>",  # another trunk: its channels and rate are its own
        "<sip:+31900123456@10.0.0.7>",  # another number
        "<sip:10.0.0.7>",
        "<sip:+31612345678@evil.example>",
        "<sip:+31612345678@10.0.0.7;transport=sctp>",
        "<tel:+31612345678>",
        "<sip:+31612345678@10.0.0.2>",  # where it came from
        "garbage",
        "*",
    ],
)
def test_nobody_else_and_no_other_number_is_called(trunk: Trunk, contact: str) -> None:
    trunk.invite()
    trunk.answer(302, f"Contact: {contact}\r\n")
    assert len(trunk.asked) == 1
    assert trunk.failed[0].status == 302


def test_redirects_come_to_an_end(trunk: Trunk) -> None:
    trunk.invite()
    for number in range(10):
        if not trunk.failed:
            trunk.answer(302, f"Contact: <sip:+31612345678@10.0.0.{7 + number % 2}>\r\n")
    assert len(trunk.asked) == 6
    assert len(trunk.failed) == 1


def test_a_hang_up_ends_the_following(trunk: Trunk) -> None:
    trunk.invite()
    trunk.answer(100)
    trunk.agent.hang_up(HERE, trunk.now)
    trunk.answer(302, "Contact: <sip:+31612345678@10.0.0.7>\r\n")
    assert len(trunk.asked) == 1
    assert trunk.failed[0].cancelled_by_us


# ---- 488, 606


@pytest.mark.parametrize("status", [488, 606])
def test_other_codecs_are_offered_once_before_the_refusal_stands(trunk: Trunk, status: int) -> None:
    trunk.invite(other_offers=(lambda: OTHER,))
    trunk.answer(status)
    assert [invite.body for invite, _, _ in trunk.asked] == [OFFER, OTHER]
    trunk.answer(status)
    assert len(trunk.asked) == 2
    assert trunk.failed[0].status == status


def test_each_other_offer_is_made_once_and_in_order(trunk: Trunk) -> None:
    third = OFFER.replace(b"RTP/AVP 8", b"RTP/AVP 9")
    trunk.invite(other_offers=(lambda: OTHER, lambda: third))
    for _ in range(3):
        trunk.answer(488)
    assert [invite.body for invite, _, _ in trunk.asked] == [OFFER, OTHER, third]
    assert len({invite.essentials.call_id for invite, _, _ in trunk.asked}) == 1
    assert [failed.status for failed in trunk.failed] == [488]


def test_without_other_codecs_the_refusal_stands(trunk: Trunk) -> None:
    trunk.invite()
    trunk.answer(488)
    assert trunk.failed[0].status == 488


# ---- the rate


class Turn:
    """A trunk's turn that comes `wait` seconds after it was asked for."""

    def __init__(self, wait: float) -> None:
        self.at: float | None = None
        self.wait = wait
        self.taken = 0

    def __call__(self, now: float) -> float:
        if self.at is None:
            self.at = now + self.wait
        left = max(self.at - now, 0.0)
        self.taken += left == 0.0
        return left


@pytest.mark.parametrize(
    ("status", "extra"),
    [
        (488, ""),
        (606, ""),
        (422, "Min-SE: 3600\r\n"),
        (302, "Contact: <sip:+31612345678@10.0.0.7>\r\n"),
    ],
)
def test_an_invite_that_meets_a_refusal_waits_for_its_turn(trunk: Trunk, status: int, extra: str) -> None:
    turn = Turn(0.5)
    trunk.invite(other_offers=(lambda: OTHER,), turn=turn)
    trunk.answer(100)
    trunk.answer(status, extra)
    assert len(trunk.asked) == 1
    trunk.passes(0.4)
    assert len(trunk.asked) == 1
    trunk.passes(0.2)
    assert (len(trunk.asked), turn.taken) == (2, 1)
    assert trunk.asked[1][0].essentials.cseq.number == 2
    trunk.answer(200, f"Contact: <sip:x@{trunk.asked[1][1]}>\r\n", ANSWER)
    assert len(trunk.pair.here_told(Answered)) == 1


def test_a_digest_retry_asks_for_no_turn(trunk: Trunk) -> None:
    turn = Turn(60)
    trunk.invite(turn=turn)
    trunk.answer(401, CHALLENGE.format("one", "false"))
    assert (len(trunk.asked), turn.at) == (2, None)


def test_a_stray_answer_while_it_waits_for_its_turn_does_not_take_the_call(trunk: Trunk) -> None:
    """By a stream nothing of the refused INVITE is kept that would swallow it (Timer D is 0 there)."""
    trunk.invite(peer=replace(trunk.pair.peer, transport="tcp"), other_offers=(lambda: OTHER,), turn=Turn(0.5))
    trunk.answer(488)
    trunk.passes(0.1)
    trunk.answer(200, "Contact: <sip:x@10.0.0.2>\r\n", ANSWER)
    assert trunk.pair.here_told(Answered) == []
    trunk.passes(0.6)
    assert len(trunk.asked) == 2
    trunk.answer(200, "Contact: <sip:x@10.0.0.2>\r\n", ANSWER)
    assert len(trunk.pair.here_told(Answered)) == 1


def test_a_hang_up_while_it_waits_for_its_turn_ends_it_at_once(trunk: Trunk) -> None:
    turn = Turn(0.5)
    trunk.invite(other_offers=(lambda: OTHER,), turn=turn)
    trunk.answer(488)
    trunk.agent.hang_up(HERE, trunk.now)
    trunk.passes(60)
    assert (len(trunk.asked), turn.taken) == (1, 0)
    ((failed),) = trunk.failed
    assert ending_of_failure(failed).cause is EndCause.CANCELLED
    assert trunk.agent.next_deadline() is None


# ---- credentials known before


CHALLENGE = 'WWW-Authenticate: Digest realm="trunk", nonce="{}", qop="auth", stale={}\r\n'


def test_the_next_call_brings_its_credentials_along(trunk: Trunk) -> None:
    trunk.invite()
    trunk.answer(401, CHALLENGE.format("one", "false"))
    trunk.answer(486)
    trunk.invite(call_id="second", local_tag="second")
    proof = trunk.asked[-1][0].first("Authorization") or ""
    assert 'nonce="one"' in proof
    assert "nc=00000002" in proof
    trunk.answer(401, CHALLENGE.format("two", "true"))
    assert 'nonce="two"' in (trunk.asked[-1][0].first("Authorization") or "")
    trunk.answer(486)
    assert [failed.status for failed in trunk.failed] == [486, 486]
    assert len(trunk.asked) == 4


def test_wrong_credentials_are_refused_after_one_try(trunk: Trunk) -> None:
    for call in ("first", "second"):
        trunk.invite(call_id=call, local_tag=call)
        while len(trunk.failed) < (1 if call == "first" else 2):
            trunk.answer(401, CHALLENGE.format(f"{call}{len(trunk.asked)}", "false"))
    assert len(trunk.asked) == 4


def test_nobody_else_gets_them(trunk: Trunk) -> None:
    trunk.invite()
    trunk.answer(401, CHALLENGE.format("one", "false"))
    trunk.answer(486)
    peer = replace(trunk.pair.peer, name="elsewhere", credentials=None, destination=Address("10.0.9.1", 5060))
    trunk.invite(peer=peer, call_id="second", local_tag="second")
    assert trunk.asked[-1][0].first("Authorization") is None


# ---- more than 1,300 bytes


LARGE = OFFER + b"a=fill:" + b"x" * 900 + b"\r\n"
STREAM = Address("10.0.0.2", 5062)


def test_a_large_invite_goes_by_tcp_where_the_trunk_has_it(trunk: Trunk) -> None:
    peer = replace(trunk.pair.peer, tcp=STREAM)
    small, large = replace(trunk.pair.request(), peer=peer), replace(trunk.pair.request(), peer=peer, offer=LARGE)
    assert route_of(small) == (THEIRS, "udp")
    assert route_of(large) == (STREAM, "tcp")
    assert route_of(replace(large, peer=trunk.pair.peer)) == (THEIRS, "udp")
    saved = calling_dialog(HERE, large)
    assert (saved.transport, saved.destination) == ("tcp", str(STREAM))
    trunk.invite(peer=peer, offer=LARGE)
    invite, destination, transport = trunk.asked[0]
    assert (destination, transport) == (STREAM, "tcp")
    assert (invite.first("Via") or "").startswith("SIP/2.0/TCP")
    assert ";transport=tcp" in (invite.first("Contact") or "")


def test_where_the_connection_is_refused_it_goes_by_udp_after_all(trunk: Trunk) -> None:
    trunk.invite(peer=replace(trunk.pair.peer, tcp=STREAM), offer=LARGE)
    trunk.agent.broken(STREAM, "tcp", trunk.now)
    trunk.gather()
    invite, destination, transport = trunk.asked[-1]
    assert (destination, transport) == (THEIRS, "udp")
    assert (invite.first("Via") or "").startswith("SIP/2.0/UDP")
    trunk.answer(486)
    assert trunk.failed[0].status == 486


def test_a_trunk_that_is_spoken_to_by_tcp_alone_fails_when_it_breaks(trunk: Trunk) -> None:
    trunk.invite(peer=replace(trunk.pair.peer, transport="tcp"))
    trunk.agent.broken(THEIRS, "tcp", trunk.now)
    trunk.gather()
    assert len(trunk.asked) == 1
    assert trunk.failed[0].status is None
