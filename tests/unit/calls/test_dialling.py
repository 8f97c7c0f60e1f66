"""Numbers and desks as SIP spells them."""

from __future__ import annotations

from typing import Any

import pytest

from foundation.endpoints import Address
from foundation.telephone_numbers import PhoneNumber, read
from ivr.call import Refused, ToDesk, ToTrunk
from ivr.dialling import (
    Identity,
    desk_peer,
    destination,
    invite_to_desk,
    invite_to_trunk,
    number_in,
    our_number,
    trunk_peer,
)
from ivr.settings import TrunkSettings
from ivr.sip.events import InviteRequest

NUMBER = PhoneNumber("+31612345678")
OURS = frozenset({read("0800-0011"), PhoneNumber("+31343529850")})


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("sip:0612345678@192.0.2.2", "+31612345678"),
        ("sip:+31612345678@192.0.2.2:5060;user=phone", "+31612345678"),
        ("sips:0031612345678@x.example", "+31612345678"),
        ("sip:31612345678@192.0.2.2", "+31612345678"),
        ("<tel:+31-6-1234-5678>", "+31612345678"),
        ("tel:0612345678;phone-context=+31", "+31612345678"),
        ("sip:%2B31612345678@192.0.2.2", "+31612345678"),
        ("sip:+31612345678;npdi@192.0.2.2", "+31612345678"),
        ("sip:+442079460000@192.0.2.2", "+442079460000"),
        ("sip:anonymous@anonymous.invalid", None),
        ("sip:desk-7@192.0.2.2", None),
        ("sip:192.0.2.2", None),
        ("sip:101@192.0.2.2", None),
        ("mailto:0612345678@x.example", None),
        ("", None),
        ("sip:" + "9" * 5000 + "@x", None),
    ],
)
def test_a_number_in_a_uri(uri: str, number: str | None) -> None:
    found = number_in(uri)
    assert (found.e164 if found else None) == number


@pytest.mark.parametrize(
    "uri",
    [
        "sip:08000011@x",
        "sip:+318000011@x",
        "sip:00318000011@x",
        "tel:0800-0011",
        "sip:0343529850@x",
        "sip:+31343529850@x;user=phone",
    ],
)
def test_each_spelling_of_our_numbers(uri: str) -> None:
    assert our_number([uri], OURS) in OURS


def test_the_number_that_was_dialled_before_0800_was_translated() -> None:
    called = ["sip:gateway@192.0.2.1", "sip:gateway@192.0.2.1", "sip:+318000011@kpn.example"]
    assert our_number(called, OURS) == read("0800-0011")
    assert our_number(["sip:0612345678@x"], OURS) is None


@pytest.mark.parametrize(
    ("uri", "address", "transport"),
    [
        ("sip:127.0.0.1:5070;transport=udp", Address("127.0.0.1", 5070), "udp"),
        ("sip:account@192.0.2.9", Address("192.0.2.9", 5060), "udp"),
        ("sip:[2001:db8::1]:5080;transport=tcp", Address("2001:db8::1", 5080), "tcp"),
    ],
)
def test_where_a_uri_leads(uri: str, address: Address, transport: str) -> None:
    assert destination(uri) == (address, transport)


@pytest.mark.parametrize("uri", ["kpn.example", "sip:kpn.example", "tel:0612345678", "sip:@", "sip:1.2.3.4:x", ""])
def test_what_leads_nowhere_is_said_in_words(uri: str) -> None:
    with pytest.raises(ValueError, match="write"):
        destination(uri)


def _invite(route: ToTrunk | None = None, **changes: Any) -> InviteRequest:
    described = {"name": "kpn", "proxy": "sip:192.0.2.2", "caller_id": "0343529850", **changes}
    trunk = TrunkSettings(**described)
    identity = Identity("call@x", "tag")
    return invite_to_trunk(trunk, trunk_peer(trunk), route or ToTrunk("kpn", NUMBER, 25), "192.0.2.1", identity, b"v=0")


@pytest.mark.parametrize(
    ("form", "user", "shown"),
    [
        ("e164", "+31612345678", "+31343529850"),
        ("national", "0612345678", "0343529850"),
        ("00", "0031612345678", "0031343529850"),
    ],
)
def test_numbers_go_out_as_the_trunk_dials(form: str, user: str, shown: str) -> None:
    request = _invite(dial_format=form)
    assert request.request_uri == f"sip:{user}@192.0.2.2:5060;user=phone"
    assert request.from_uri == f"sip:{shown}@192.0.2.1"


@pytest.mark.parametrize(
    ("identity", "headers"),
    [
        ("pai", (("P-Asserted-Identity", "<sip:+31343529850@kpn.example;user=phone>"),)),
        ("ppi", (("P-Preferred-Identity", "<sip:+31343529850@kpn.example;user=phone>"),)),
        ("none", ()),
    ],
)
def test_identity_stands_where_the_trunk_wants_it(identity: str, headers: tuple[tuple[str, str], ...]) -> None:
    request = _invite(identity=identity, from_user="account", from_domain="kpn.example")
    assert request.from_uri == "sip:account@kpn.example"
    assert request.extra_headers == headers


@pytest.mark.parametrize("privacy", ["id", "none"])
@pytest.mark.parametrize(("identity", "header"), [("pai", "P-Asserted-Identity"), ("ppi", "P-Preferred-Identity")])
def test_a_trunk_may_be_told_whether_the_number_may_be_shown(privacy: str, identity: str, header: str) -> None:
    """RFC 3325 §9.3: the network reads the number beside From, and Privacy says whether the called person may."""
    request = _invite(identity=identity, privacy=privacy)
    assert request.extra_headers == (
        (header, "<sip:+31343529850@192.0.2.1;user=phone>"),
        ("Privacy", privacy),
    )
    assert request.from_uri == "sip:+31343529850@192.0.2.1"


def test_only_numbers_of_the_trunks_list_are_shown() -> None:
    second = PhoneNumber("+31343000000")
    route = ToTrunk("kpn", NUMBER, 25, caller_id=second)
    assert "+31343000000" in _invite(route, caller_ids=("0343000000",)).from_uri
    with pytest.raises(Refused) as refused:
        _invite(route)
    assert second.e164 not in str(refused.value)


def test_credentials_belong_to_their_trunk() -> None:
    request = _invite(username="account", password="geheim")
    assert request.peer.credentials is not None
    assert request.peer.credentials.username == "account"
    assert "geheim" not in repr(request.peer)


def test_a_desk_sees_who_calls_where_it_may() -> None:
    route = ToDesk("desk-7", "sip:desk-7@192.0.2.3:5080;line=1", 20, caller=NUMBER)
    request = invite_to_desk(desk_peer(route), route, "192.0.2.1", Identity("c", "t"), b"")
    assert request.request_uri == "sip:desk-7@192.0.2.3:5080;line=1"
    assert (request.from_uri, request.from_display) == ("sip:+31612345678@192.0.2.1", "Burgernet 0612345678")
    withheld = ToDesk("desk-7", "sip:desk-7@192.0.2.3:5080", 20)
    request = invite_to_desk(desk_peer(withheld), withheld, "192.0.2.1", Identity("c", "t"), b"")
    assert request.from_uri == "sip:anonymous@anonymous.invalid"
    assert request.from_display == "Burgernet"


def test_a_desk_without_an_address_is_refused() -> None:
    with pytest.raises(Refused):
        desk_peer(ToDesk("desk-7", "sip:desk-7@gateway", 20))
