"""Listen strings, and who may speak."""

from __future__ import annotations

import pytest

from ivr.listen import Listen, ListenFault, parse
from ivr.sip.sources import Sources, source


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("udp:5060:interface=127.0.0.1", Listen("udp", 5060, "127.0.0.1")),
        ("tcp:0", Listen("tcp", 0)),
        ("udp:5060:interface=\\:\\:1", Listen("udp", 5060, "::1")),
        ("tls:5061:certificate=a.pem:key=b.pem", Listen("tls", 5061, "", "a.pem", "b.pem")),
    ],
)
def test_what_is_right(text: str, listen: Listen) -> None:
    assert parse(text) == listen


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no transport"),
        ("sctp:5060", "write udp:5060"),
        ("udp", "no port"),
        ("udp:x", "no port"),
        ("udp:70000", "no port"),
        ("udp:5060:interface=localhost", "no address"),
        ("udp:5060:127.0.0.1", "not one of"),
        ("udp:5060:certificate=a", "not one of"),
        ("tls:5061", "needs certificate"),
        ("tls:5061:certificate=a:certificate=b", "once each"),
    ],
)
def test_what_is_wrong_is_said_in_words(text: str, says: str) -> None:
    with pytest.raises(ListenFault, match=says):
        parse(text)


def test_the_first_source_that_matches_counts() -> None:
    sources = Sources(
        [source("trunk", ["10.0.0.0/24", "2001:db8::/32"]), source("desks", ["10.0.0.0/8"], trusted=False)]
    )
    assert (found := sources.of("10.0.0.9")) is not None
    assert found.peer == "trunk"
    assert (found := sources.of("10.9.9.9")) is not None
    assert (found.peer, found.trusted) == ("desks", False)
    assert sources.of("192.0.2.1") is None
    assert (found := sources.of("2001:db8::5")) is not None
    assert (found := sources.of("::ffff:10.0.0.9")) is not None
    assert found.peer == "trunk"
    assert sources.of("not an address") is None


def test_a_thousand_strangers_take_no_memory() -> None:
    sources = Sources([source("trunk", ["10.0.0.0/24"])])
    for number in range(20_000):
        sources.of(f"192.0.{number // 256}.{number % 256}")
    assert len(sources._cache) <= 4096
