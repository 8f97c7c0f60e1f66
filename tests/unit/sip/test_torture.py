"""All of RFC 4475 and RFC 5118: whoever of our peers sends them gets the answer in the vector's name, and no more.

`tests/vectors/sip/valid` and `invalid` are the parser's; `answered` and `ipv6` need a whole user agent.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import InviteReceived
from ivr.sip.legs import sdp_of
from ivr.sip.message import MessageFault, parse
from ivr.sip.sdp import parse as parse_sdp
from ivr.sip.sources import Sources, source
from tests.unit.sip.pair import OURS

VECTORS = Path(__file__).parents[2] / "vectors" / "sip"
ANSWERED = sorted([*VECTORS.glob("answered/*.sip"), *VECTORS.glob("ipv6/*.sip")])
EVERY = sorted(VECTORS.glob("*/*.sip"))
FOUR, SIX = Address("192.0.2.1", 5060), Address("2001:db8::1", 5060)

# By section, in the order of the two documents.
RFC_4475 = {
    "3.1.1": "wsinv intmeth esc01 escnull esc02 lwsdisp longreq dblreq semiuri transports mpart01 unreason noreason",
    "3.1.2": "badinv01 clerr ncl scalar02 scalarlg quotbal ltgtruri lwsruri lwsstart trws escruri baddate "
    "regbadct badaspec baddn badvers mismatch01 mismatch02 bigcode",
    "3.2": "badbranch",
    "3.3": "insuf unkscm novelsc unksm2 bext01 invut regaut01 multi01 mcl01 bcast zeromf cparam01 cparam02 regescrt sdp01",
    "3.4": "inv2543",
}
RFC_5118 = {
    "4.1": "ipv6-good",
    "4.2": "ipv6-bad",
    "4.3": "port-ambiguous",
    "4.4": "port-unambiguous",
    "4.5": "via-received-param-with-delim via-received-param-no-delim",
    "4.6": "ipv6-in-sdp",
    "4.7": "mult-ip-in-header",
    "4.8": "mult-ip-in-sdp",
    "4.9": "ipv4-mapped-ipv6",
    "4.10": "ipv6-bug-abnf-3-colons ipv6-correct-abnf-2-colons",
}


def _agent() -> UserAgent:
    sources = Sources([source("trunk", ["192.0.2.0/24", "2001:db8::/32"])])
    contacts = {"udp": OURS, "udp6": Address("2001:db8::5", 5060)}
    return UserAgent(contacts, sources, lambda uri: True, random.Random(1))


@pytest.mark.parametrize("name", [name for part in (RFC_4475 | RFC_5118).values() for name in part.split()])
def test_all_of_both_are_there(name: str) -> None:
    assert sum(path.name.split(".")[0] == name for path in EVERY) == 1


def test_no_section_is_left_out() -> None:
    counts = {section: len(names.split()) for section, names in RFC_4475.items()}
    assert counts == {"3.1.1": 13, "3.1.2": 19, "3.2": 1, "3.3": 15, "3.4": 1}
    assert sum(len(names.split()) for names in RFC_5118.values()) == 12


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_bodies_are_as_long_as_they_say(path: Path) -> None:
    """An editor that changes the line ends of a vector is noticed. Some are about a wrong length: theirs stays wrong."""
    head, _, body = path.read_bytes().partition(b"\r\n\r\n")
    assert b"\n" not in head.replace(b"\r\n", b"")
    lengths = re.findall(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\S+)", head, re.IGNORECASE)
    if path.name.split(".")[0] not in ("clerr", "ncl", "mcl01", "dblreq", "inv2543"):
        assert lengths == [b"%d" % len(body)]


@pytest.mark.parametrize("path", ANSWERED, ids=lambda path: path.stem)
def test_each_gets_the_answer_in_its_name(path: Path) -> None:
    """`name.400.sip`; 100 is an INVITE that is offered to our side, 0 is silence."""
    agent, status = _agent(), int(path.stem.rsplit(".", 1)[1])
    came_from = SIX if path.parent.name == "ipv6" else FOUR
    agent.receive(path.read_bytes(), came_from, Monotonic(1.0))
    answers = [int(datagram.data.split(b" ")[1]) for datagram in agent.outgoing()]
    assert answers == ([status] if status else [])
    assert len([event for event in agent.events() if isinstance(event, InviteReceived)]) == (status == 100)


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_strangers_that_send_them_get_nothing_and_nobody_is_harmed(path: Path) -> None:
    agent = _agent()
    agent.receive(path.read_bytes(), Address("198.51.100.7", 5060), Monotonic(1.0))
    assert agent.outgoing() == []
    assert agent.events() == []
    assert agent.next_deadline() is None
    for number, came_from in enumerate((FOUR, SIX)):
        agent.receive(path.read_bytes(), came_from, Monotonic(2.0 + number))
        assert all(datagram.destination.host == came_from.host for datagram in agent.outgoing())


@pytest.mark.parametrize(
    ("name", "address"),
    [("mult-ip-in-sdp.100", "192.0.2.1"), ("ipv4-mapped-ipv6.100", "192.0.2.2"), ("ipv6-in-sdp.100", "2001:db8::20")],
)
def test_the_sound_s_address_is_the_stream_s_own(name: str, address: str) -> None:
    body = sdp_of(parse((VECTORS / f"ipv6/{name}.sip").read_bytes()))
    assert body is not None
    assert parse_sdp(body).address.host == address


def test_the_answer_to_an_ipv6_peer_names_its_address_without_brackets_in_received() -> None:
    """RFC 5118 §4.5: both spellings are read; RFC 3261 writes none."""
    agent = _agent()
    agent.receive((VECTORS / "ipv6/via-received-param-with-delim.481.sip").read_bytes(), SIX, Monotonic(1.0))
    via = parse(agent.outgoing()[0].data).essentials.via
    assert via.host == "2001:db8::9:1"
    assert via.parameters["received"] == "2001:db8::1"


def test_an_ipv6_address_without_brackets_is_no_host() -> None:
    with pytest.raises(MessageFault, match="without brackets"):
        parse((VECTORS / "ipv6/ipv6-bad.400.sip").read_bytes())
