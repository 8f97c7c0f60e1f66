"""Who asks: bearer tokens, the console's sessions, and which role may do what. No I/O."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from foundation.clock import Monotonic
from gateway.settings import TokenSettings

Role = Literal["operator", "engineer", "reader"]

EVERYONE: frozenset[Role] = frozenset({"operator", "engineer", "reader"})
OPERATORS: frozenset[Role] = frozenset({"operator"})
STAFF: frozenset[Role] = frozenset({"operator", "engineer"})
"""Who keeps desks and participants."""

SESSION_SECONDS = 12 * 3600.0
"""A shift; then the console asks for the token again."""
_MOST_SESSIONS = 1000


@dataclass(frozen=True, slots=True)
class Person:
    """`name` is the token's, as the audit trail writes it."""

    name: str
    role: Role

    @property
    def sees_numbers(self) -> bool:
        """Whole telephone numbers; all others see them masked."""
        return self.role == "operator"


class Tokens:
    """The configured tokens. Every one is compared each time, in constant time, so that neither the answer's time nor
    its order tells anything of a secret."""

    def __init__(self, settings: tuple[TokenSettings, ...]) -> None:
        self._known = [(_digest(token.secret.get_secret_value()), Person(token.name, token.role)) for token in settings]

    def person(self, secret: str) -> Person | None:
        given = _digest(secret)
        found = None
        for digest, person in self._known:
            if hmac.compare_digest(digest, given):
                found = person
        return found

    def bearer(self, authorization: str | None) -> Person | None:
        """Of an `Authorization` header (RFC 6750 §2.1)."""
        scheme, _, secret = (authorization or "").partition(" ")
        return self.person(secret.strip()) if scheme.lower() == "bearer" else None


@dataclass(frozen=True, slots=True)
class Session:
    """`csrf` must come back in a header or field with each call that changes something."""

    person: Person
    csrf: str
    ends: Monotonic


class Sessions:
    """The console's signed-in browsers, by the digest of their cookie; the oldest go when there are too many."""

    def __init__(self, random_text: Callable[[], str]) -> None:
        self._random_text = random_text
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def open(self, person: Person, now: Monotonic) -> str:
        """The cookie of a new session."""
        cookie = self._random_text()
        self._sessions[_digest(cookie)] = Session(person, self._random_text(), Monotonic(now + SESSION_SECONDS))
        while len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return cookie

    def find(self, cookie: str, now: Monotonic) -> Session | None:
        session = self._sessions.get(_digest(cookie))
        if session is not None and session.ends <= now:
            self.close(cookie)
            return None
        return session

    def clear(self) -> None:
        self._sessions.clear()

    def close(self, cookie: str) -> None:
        self._sessions.pop(_digest(cookie), None)


def same(given: str, wanted: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
