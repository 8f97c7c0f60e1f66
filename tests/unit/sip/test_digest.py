"""Digest against the RFCs' own examples; and credentials given to nobody but their peer."""

from __future__ import annotations

import pytest

from ivr.sip.digest import Challenge, Nonces, answer, challenge_of
from ivr.sip.events import Answered, Credentials, DialogChanged, Failed, InviteReceived, Peer
from ivr.sip.message import Response
from tests.unit.sip.pair import ANSWER, HERE, THEIRS, Pair

_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
_OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm: str, response: str) -> None:
    """RFC 7616 §3.9.1."""
    challenge = Challenge("Authorization", "http-auth@example.org", _NONCE, algorithm, _OPAQUE, True, False)
    client_nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    field, value = answer(challenge, Credentials("Mufasa", "Circle of Life"), "GET", "/dir/index.html", client_nonce, 1)
    assert field == "Authorization"
    assert f'response="{response}"' in value
    assert "nc=00000001" in value


def test_without_qop_it_is_the_old_form() -> None:
    """RFC 2617 §3.2.2.1: no nc, no cnonce."""
    challenge = Challenge("Authorization", "r", "n", "MD5", None, False, False)
    _, value = answer(challenge, Credentials("u", "p"), "INVITE", "sip:x", "c", 1)
    assert "nc=" not in value
    assert "cnonce" not in value


def _response(status: int, *challenges: str) -> Response:
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    return Response(status, "Unauthorized", [(name, challenge) for challenge in challenges])


def test_the_strongest_known_challenge_is_answered() -> None:
    found = challenge_of(
        _response(
            407,
            'Digest realm="r", nonce="1", algorithm=SHA-512-256',
            'Digest realm="r", nonce="2", algorithm=MD5, qop="auth,auth-int"',
            'Digest realm="r", nonce="3", algorithm=SHA-256, qop="auth", stale=TRUE',
        )
    )
    assert found is not None
    assert (found.field, found.nonce, found.stale, found.auth_offered) == ("Proxy-Authorization", "3", True, True)


@pytest.mark.parametrize(
    "challenge",
    [
        "Basic realm=x",
        'Digest realm="r"',
        'Digest nonce="n", qop="auth-int"',
        'Digest realm="r", nonce="',
        "Digest",
        "",
    ],
)
def test_what_can_not_be_answered_is_no_challenge(challenge: str) -> None:
    assert challenge_of(_response(401, challenge)) is None


def test_a_nonce_counts_its_uses() -> None:
    nonces = Nonces()
    assert [nonces.count("a", "n"), nonces.count("a", "n"), nonces.count("b", "n"), nonces.count("a", "m")] == [
        1,
        2,
        1,
        1,
    ]


def _challenge(pair: Pair, status: int = 407, more: str = "") -> None:
    """Let the trunk challenge the INVITE that waits."""
    session = next(iter(pair.there._core.sessions.values()))
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    assert session.transaction is not None
    challenge = (name, f'Digest realm="trunk", nonce="abc{more}", qop="auth"{more}')
    pair.there._core.reply(session.transaction, status, pair.now, tag="challenge", fields=[challenge])
    pair.there._core.remove(session)


@pytest.mark.parametrize("status", [401, 407])
def test_an_invite_is_sent_again_with_credentials(status: int) -> None:
    pair = Pair()
    pair.invite()
    pair.run(0.1)
    _challenge(pair, status)
    pair.run(0.1)
    assert pair.count("INVITE") == 2
    second = [datagram.data for _, from_here, datagram in pair.sent if datagram.data.startswith(b"INVITE")][1]
    assert b'username="user"' in second
    assert b"CSeq: 2 INVITE" in second
    saved = pair.here_told(DialogChanged)
    assert [event.dialog.cseq for event in saved] == [1, 2]
    assert saved[1].dialog.branch.encode() in second
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(0.1)
    assert len(pair.here_told(Answered)) == 1
    acks = [datagram.data for _, _, datagram in pair.sent if datagram.data.startswith(b"ACK")]
    assert b'username="user"' in acks[-1]
    pair.here.hang_up(HERE, pair.now)
    pair.run(40)
    assert not len(pair.here._core.transactions)


def test_refused_credentials_are_not_tried_again_but_a_stale_nonce_is() -> None:
    pair = Pair()
    pair.invite()
    for more in ("", ", stale=true", ""):
        pair.run(0.1)
        _challenge(pair, 407, more)
    pair.run(0.1)
    assert pair.count("INVITE") == 3
    assert pair.here_told(Failed)[0].status == 407


def test_without_credentials_a_challenge_is_a_failure() -> None:
    pair = Pair()
    request = pair.request()
    pair.here.invite(HERE, type(request)(Peer("trunk", THEIRS), *(getattr(request, name) for name in _REST)), pair.now)
    pair.run(0.1)
    _challenge(pair)
    pair.run(0.1)
    assert pair.count("INVITE") == 1
    assert pair.here_told(Failed)[0].status == 407


def test_a_cancelled_call_gives_no_credentials() -> None:
    pair = Pair()
    pair.invite()
    pair.run(0.1)
    pair.here.hang_up(HERE, pair.now)
    _challenge(pair)
    pair.run(0.1)
    assert pair.count("INVITE") == 1
    assert pair.here_told(Failed)[0].cancelled_by_us
    assert len(pair.there_told(InviteReceived)) == 1


_REST = ("request_uri", "to_uri", "from_uri", "from_display", "call_id", "local_tag", "offer")
