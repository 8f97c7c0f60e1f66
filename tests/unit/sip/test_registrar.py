"""Desk phones that register with us: proved, kept for a time, several at one desk; silence elsewhere."""

from __future__ import annotations

import random
import re

import pytest

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.sip.digest import HASHES
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import InviteReceived
from ivr.sip.message import Response, parse
from ivr.sip.sources import Sources, desk_networks, source
from tests.unit.sip.pair import OFFER, OURS

DESK = Address("10.1.0.7", 5062)
PASSWORDS = {"desk-7": "right", "desk-8": "other"}


def proof(password: str, challenge: str, method: str, *, user: str = "desk-7", count: int = 1, nonce: str = "") -> str:
    """An Authorization line as a phone writes it."""
    named = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    digest = HASHES[named["algorithm"].lower()]
    nonce = nonce or named["nonce"]

    def hashed(*parts: str) -> str:
        return digest(":".join(parts).encode())

    secret = hashed(user, named["realm"], password)
    response = hashed(secret, nonce, f"{count:08x}", "c", "auth", hashed(method, "sip:gateway"))
    return (
        f'Authorization: Digest username="{user}", realm="{named["realm"]}", nonce="{nonce}", uri="sip:gateway", '
        f'qop=auth, nc={count:08x}, cnonce="c", response="{response}", algorithm={named["algorithm"]}\r\n'
    )


class Office:
    """A gateway with desks at 10.1.0.0/16 and a trunk at 10.0.0.2."""

    def __init__(self) -> None:
        self.now = Monotonic(5000.0)
        sources = Sources([source("trunk", ["10.0.0.2"]), *desk_networks(["10.1.0.0/16"])])
        self.agent = UserAgent({"udp": OURS}, sources, lambda uri: True, random.Random(1), desks=PASSWORDS)
        self.sequence = 0

    def ask(
        self,
        extra: str = "",
        *,
        method: str = "REGISTER",
        to: str = "desk-7",
        source: Address = DESK,
        call_id: str = "x",
        sequence: int | None = None,
        body: bytes = b"",
    ) -> Response | None:
        self.sequence += 1
        number = self.sequence if sequence is None else sequence
        head = (
            f"{method} sip:gateway SIP/2.0\r\nVia: SIP/2.0/UDP {source};branch=z9hG4bK{self.sequence};rport\r\n"
            f"From: <sip:{to}@gateway>;tag=1\r\nTo: <sip:{to}@gateway>\r\nCall-ID: {call_id}\r\n"
            f"CSeq: {number} {method}\r\n{extra}\r\n"
        )
        self.agent.receive(head.encode() + body, source, self.now)
        sent = self.agent.outgoing()
        if not sent:
            return None
        assert sent[-1].destination == source
        answer = parse(sent[-1].data)
        assert isinstance(answer, Response)
        return answer

    def register(
        self, extra: str = "Contact: <sip:desk-7@10.1.0.7:5062>\r\n", password: str = "right", **more: object
    ) -> Response:
        challenged = self.ask(**more)  # type: ignore[arg-type]  # handed on
        assert challenged is not None
        assert challenged.status == 401
        answer = self.ask(proof(password, challenged.all("WWW-Authenticate")[0], "REGISTER") + extra, **more)  # type: ignore[arg-type]  # as above
        assert answer is not None
        return answer

    def targets(self, desk: str = "desk-7") -> list[str]:
        return [phone.target for phone in self.agent.phones(desk, self.now)]


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_phone_registers_is_found_and_expires(office: Office) -> None:
    answer = office.register("Contact: <sip:desk-7@10.1.0.7:5062>;expires=120\r\n")
    assert (answer.status, answer.values("Contact")) == (200, ["<sip:desk-7@10.1.0.7:5062>;expires=120"])
    phone = office.agent.phones("desk-7", office.now)[0]
    assert (phone.destination, phone.transport) == (DESK, "udp")
    office.now = Monotonic(office.now + 121)
    assert office.targets() == []


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_md5_is_asked_for_and_both_are_taken(office: Office, algorithm: str) -> None:
    challenged = office.ask()
    assert challenged is not None
    (line,) = challenged.all("WWW-Authenticate")
    assert "algorithm=MD5" in line
    answer = office.ask(proof("right", line.replace("MD5", algorithm), "REGISTER"))
    assert answer is not None
    assert answer.status == 200


def test_a_desk_has_several_phones_the_preferred_first(office: Office) -> None:
    office.register("Contact: <sip:a@10.1.0.7>;q=0.2\r\n", call_id="a")
    office.register("Contact: <sip:b@10.1.0.8>;q=0.9\r\n", call_id="b", source=Address("10.1.0.8", 5060))
    assert office.targets() == ["sip:b@10.1.0.8", "sip:a@10.1.0.7"]
    answer = office.register("Contact: <sip:a@10.1.0.7>;expires=0\r\n", call_id="a")
    assert len(answer.values("Contact")) == 1
    assert office.targets() == ["sip:b@10.1.0.8"]
    office.register("Contact: *\r\nExpires: 0\r\n")
    assert office.targets() == []


def test_a_phone_behind_a_nat_is_reached_where_it_came_from(office: Office) -> None:
    office.register("Contact: <sip:desk-7@192.168.1.5:5060>\r\n")
    assert office.agent.phones("desk-7", office.now)[0].destination == DESK
    office.register("Contact: <sip:desk-7@10.1.0.7:5099>\r\n")
    assert Address("10.1.0.7", 5099) in [phone.destination for phone in office.agent.phones("desk-7", office.now)]


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ("Contact: <sip:a@10.1.0.7>;expires=30\r\n", 423),
        ("Contact: *\r\n", 400),
        ("Contact: <sip:a\r\n", 400),
        ("".join(f"Contact: <sip:{number}@10.1.0.7>\r\n" for number in range(11)), 403),
        ("Contact: <sip:a@10.1.0.7>;expires=nonsense\r\n", 200),
        ("", 200),
    ],
)
def test_what_can_not_be_is_refused_and_changes_nothing(office: Office, extra: str, status: int) -> None:
    assert office.register(extra).status == status
    assert len(office.targets()) == (status == 200 and bool(extra))


def test_an_older_request_of_the_same_phone_changes_nothing(office: Office) -> None:
    office.register()
    challenged = office.ask(sequence=1)
    assert challenged is not None
    line = proof("right", challenged.all("WWW-Authenticate")[0], "REGISTER")
    answer = office.ask(line + "Contact: <sip:desk-7@10.1.0.7:5062>;expires=0\r\n", sequence=1)
    assert answer is not None
    assert answer.status == 500
    assert len(office.targets()) == 1


def test_a_wrong_password_and_another_desk_s_address_are_refused_alike(office: Office) -> None:
    assert office.register(password="wrong").status == 403
    assert office.register(to="desk-8").status == 403
    challenged = office.ask()
    assert challenged is not None
    unknown = office.ask(proof("", challenged.all("WWW-Authenticate")[0], "REGISTER", user="nobody"))
    assert unknown is not None
    assert unknown.status == 403
    assert office.targets() == office.targets("desk-8") == []


def test_a_proof_serves_once_and_not_for_long(office: Office) -> None:
    challenged = office.ask()
    assert challenged is not None
    line = challenged.all("WWW-Authenticate")[0]
    for count, wait, status in ((1, 0, 200), (1, 0, 401), (2, 0, 200), (3, 301, 401)):
        office.now = Monotonic(office.now + wait)
        answer = office.ask(proof("right", line, "REGISTER", count=count))
        assert answer is not None
        assert answer.status == status
    assert "stale=true" in answer.all("WWW-Authenticate")[0]


@pytest.mark.parametrize("nonce", ["made-up", "0-0-0", "zz", "1f-abc-" + "0" * 24, "\u00e9"])
def test_a_nonce_that_is_not_ours_is_stale(office: Office, nonce: str) -> None:
    challenged = office.ask()
    assert challenged is not None
    answer = office.ask(proof("right", challenged.all("WWW-Authenticate")[0], "REGISTER", nonce=nonce))
    assert answer is not None
    assert answer.status == 401


def test_a_call_from_a_desk_is_challenged_and_then_named(office: Office) -> None:
    challenged = office.ask(method="INVITE")
    assert challenged is not None
    assert challenged.status == 401
    assert not office.agent.events()
    line = proof("right", challenged.all("WWW-Authenticate")[0], "INVITE")
    office.ask(f"{line}Contact: <sip:a@10.1.0.7>\r\nContent-Type: application/sdp\r\n", method="INVITE", body=OFFER)
    received = office.agent.events()[0]
    assert isinstance(received, InviteReceived)
    assert (received.peer, received.source) == ("desk-7", DESK)


def test_nobody_registers_from_a_trunk_or_from_elsewhere(office: Office) -> None:
    answer = office.ask(source=Address("10.0.0.2", 5060))
    assert answer is not None
    assert answer.status == 405
    assert office.ask(source=Address("192.0.2.66", 5060)) is None


def test_a_desk_that_is_gone_or_changed_its_password_is_registered_no_more(office: Office) -> None:
    office.register()
    office.agent.set_desks(PASSWORDS)
    assert len(office.targets()) == 1
    office.agent.set_desks({"desk-7": "changed"})
    assert office.targets() == []


def test_what_is_kept_of_nonces_is_bounded(office: Office) -> None:
    for _ in range(4200):
        office.register("")
        office.now = Monotonic(office.now + 32)
        office.agent.handle_deadline(office.now)
    assert len(office.agent._registrar._proving._used) <= 4096


def test_who_guesses_passwords_gets_silence_for_a_while(office: Office) -> None:
    """svcrack: ten guesses, then nothing, for others in the network nothing changes."""
    for _ in range(10):
        assert office.register(password="guess").status == 403
    assert office.ask() is None
    assert office.ask(source=Address("10.1.0.8", 5060)) is not None
    office.now = Monotonic(office.now + 61)
    assert office.register().status == 200


def test_one_that_knows_its_password_may_mistype_it_now_and_then(office: Office) -> None:
    for _ in range(4):
        for _ in range(5):
            assert office.register(password="mistyped").status == 403
        assert office.register().status == 200


def test_guessers_are_remembered_within_bounds(office: Office) -> None:
    for number in range(1100):
        office.register(password="guess", source=Address(f"10.1.{number // 250}.{number % 250}", 5060))
        office.now = Monotonic(office.now + 0.01)
    assert len(office.agent._registrar._guessed) <= 1024
