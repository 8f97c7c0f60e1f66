"""Digest access authentication, the client's side (RFC 3261 §22, RFC 7616, RFC 8760): MD5 and SHA-256, qop auth. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr.sip.events import Credentials
from ivr.sip.message import Response
from ivr.sip.values import ValueFault, quote, split, unquote

HASHES: Mapping[str, Callable[[bytes], str]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "sha-256": lambda data: hashlib.sha256(data).hexdigest(),
}
_PREFERRED = ("sha-256", "md5")


@dataclass(frozen=True, slots=True)
class Challenge:
    """A Digest challenge that we can answer. `field` is the header that answers it."""

    field: str
    realm: str
    nonce: str
    algorithm: str
    opaque: str | None
    auth_offered: bool
    stale: bool


def challenge_of(response: Response) -> Challenge | None:
    """The strongest challenge of a 401 or 407 that we can answer (RFC 8760 §2.4); None where there is none."""
    header, field = (
        ("Proxy-Authenticate", "Proxy-Authorization")
        if response.status == 407
        else ("WWW-Authenticate", "Authorization")
    )
    found = [one for line in response.all(header) if (one := _challenge(line, field)) is not None]
    return min(found, key=lambda one: _PREFERRED.index(one.algorithm.lower()), default=None)


def _challenge(text: str, field: str) -> Challenge | None:
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    try:
        named = dict(_pair(part) for part in split(rest, ","))
    except ValueFault:
        return None
    algorithm = named.get("algorithm", "MD5")
    qop = {option.strip().lower() for option in named.get("qop", "").split(",") if option.strip()}
    if algorithm.lower() not in HASHES or not named.get("nonce") or (qop and "auth" not in qop):
        return None
    stale = named.get("stale", "").lower() == "true"
    return Challenge(field, named.get("realm", ""), named["nonce"], algorithm, named.get("opaque"), bool(qop), stale)


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), unquote(value.strip())


def answer(
    challenge: Challenge, credentials: Credentials, method: str, uri: str, client_nonce: str, count: int
) -> tuple[str, str]:
    """The header field that answers; `count` is how often this nonce was used, from 1."""
    digest = HASHES[challenge.algorithm.lower()]

    def hashed(*parts: str) -> str:
        return digest(":".join(parts).encode("utf-8", "surrogateescape"))

    secret = hashed(credentials.username, challenge.realm, credentials.password)
    what = hashed(method, uri)
    parts = [
        f"username={quote(credentials.username)}",
        f"realm={quote(challenge.realm)}",
        f"nonce={quote(challenge.nonce)}",
        f"uri={quote(uri)}",
    ]
    if challenge.auth_offered:
        response = hashed(secret, challenge.nonce, f"{count:08x}", client_nonce, "auth", what)
        parts += ["qop=auth", f"nc={count:08x}", f"cnonce={quote(client_nonce)}"]
    else:
        response = hashed(secret, challenge.nonce, what)
    parts += [f"response={quote(response)}", f"algorithm={challenge.algorithm}"]
    if challenge.opaque is not None:
        parts.append(f"opaque={quote(challenge.opaque)}")
    return challenge.field, "Digest " + ", ".join(parts)


class Nonces:
    """How often each peer's latest nonce was used."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[str, int]] = {}

    def count(self, peer: str, nonce: str) -> int:
        latest, used = self._used.get(peer, ("", 0))
        used = used + 1 if latest == nonce else 1
        self._used[peer] = (nonce, used)
        return used
