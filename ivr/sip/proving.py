"""Digest access authentication, the server's side (RFC 3261 §22.4, RFC 7616, RFC 8760): who a desk phone is. No I/O.

Nonces are made, not kept: the time and a keyed hash of it. Each use of one must count up, so that what was overheard once
is of no use.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from enum import StrEnum

from foundation.clock import Monotonic
from ivr.sip.digest import HASHES
from ivr.sip.message import Request
from ivr.sip.values import ValueFault, split, unquote

REALM = "gateway"
NONCE_SECONDS = 300.0
_MOST_NONCES = 4096


class Proof(StrEnum):
    RIGHT = "right"
    STALE = "right, by a nonce that is too old or was used before"
    WRONG = "wrong"
    MISSING = "missing"


class Proving:
    """`secret` keys the nonces; `token` makes what is random in them."""

    def __init__(self, secret: bytes, token: Callable[[], str]) -> None:
        self._secret = secret
        self._token = token
        self._used: dict[str, int] = {}

    def challenges(self, now: Monotonic, *, stale: bool = False) -> list[tuple[str, str]]:
        """The field of a 401. MD5 alone: phones of libre (baresip 1.0.0) give up at a challenge by SHA-256 even where one
        by MD5 stands beside it. An answer by SHA-256 is taken all the same."""
        made = f"{int(now * 1000):x}-{self._token()[:12]}"
        nonce = f"{made}-{self._seal(made)}"
        tail = ", stale=true" if stale else ""
        return [("WWW-Authenticate", f'Digest realm="{REALM}", nonce="{nonce}", qop="auth", algorithm=MD5{tail}')]

    def check(self, request: Request, passwords: Mapping[str, str], now: Monotonic) -> tuple[Proof, str]:
        """The proof that a request brings, and the user whom it names. A user whom we do not have is only wrong."""
        for line in request.all("Authorization"):
            named = _named(line)
            if named.get("realm") == REALM:
                return self._check(named, request.method, passwords, now), named.get("username", "")
        return Proof.MISSING, ""

    def _check(self, named: Mapping[str, str], method: str, passwords: Mapping[str, str], now: Monotonic) -> Proof:
        digest = HASHES.get(named.get("algorithm", "MD5").lower())
        user, nonce, count = named.get("username", ""), named.get("nonce", ""), named.get("nc", "")
        if digest is None or named.get("qop") != "auth" or not _is_hex(count, 8):
            return Proof.WRONG

        def hashed(*parts: str) -> str:
            return digest(":".join(parts).encode("utf-8", "surrogateescape"))

        secret = hashed(user, REALM, passwords.get(user, self._token()))
        right = hashed(secret, nonce, count, named.get("cnonce", ""), "auth", hashed(method, named.get("uri", "")))
        said = named.get("response", "").lower()
        same = hmac.compare_digest(right.encode(), said.encode("utf-8", "surrogateescape"))
        if not same or user not in passwords:
            return Proof.WRONG
        return Proof.RIGHT if self._fresh(nonce, int(count, 16), now) else Proof.STALE

    def _fresh(self, nonce: str, count: int, now: Monotonic) -> bool:
        made, _, seal = nonce.rpartition("-")
        if not hmac.compare_digest(self._seal(made).encode(), seal.encode("utf-8", "surrogateescape")):
            return False
        if now - int(made.partition("-")[0], 16) / 1000 > NONCE_SECONDS or count <= self._used.get(nonce, 0):
            return False
        self._used.pop(nonce, None)
        if len(self._used) >= _MOST_NONCES:
            del self._used[next(iter(self._used))]
        self._used[nonce] = count
        return True

    def _seal(self, made: str) -> str:
        return hmac.new(self._secret, made.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:24]


def _named(line: str) -> dict[str, str]:
    scheme, _, rest = line.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    try:
        pairs = [part.partition("=") for part in split(rest, ",")]
    except ValueFault:
        return {}
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and all(one in "0123456789abcdefABCDEF" for one in text)
