"""Keys of SRTP in SDP: the value of an `a=crypto` line. No I/O.

RFC 4568 §9.1 (grammar), §6.1 (key parameters), §6.2 (suites). What we can't do makes a line unusable, never an error:
an offer may hold several, of which the first usable one is taken (§5.1.2).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from ivr.media.messages import SRTP_KEY_OCTETS, SrtpKeys, SrtpSuite

_TAG = re.compile(r"[0-9]{1,9}\Z")
_SUITES: dict[str, SrtpSuite] = {suite: suite for suite in get_args(SrtpSuite)}
_HARMLESS = re.compile(r"WSH=[0-9]{1,5}\Z")


@dataclass(frozen=True, slots=True, repr=False)
class Crypto:
    """One usable line. `key` is the master key, then the salt; its text shows neither."""

    tag: int
    suite: SrtpSuite
    key: bytes

    def __repr__(self) -> str:
        return f"Crypto({self.tag}, {self.suite})"

    def __str__(self) -> str:
        """The attribute's value, without `a=crypto:`."""
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"


def parse(value: str) -> Crypto | None:
    """The value behind `a=crypto:`; None when it is malformed or asks for what we don't do: another suite, several
    keys or a master key identifier with one of them, session parameters that change the packets."""
    fields = value.split()
    if len(fields) < 3 or not _TAG.match(fields[0]) or fields[1] not in _SUITES:
        return None
    if not all(_HARMLESS.match(parameter) for parameter in fields[3:]):
        return None
    method, _, text = fields[2].partition(":")
    key, *rest = text.split("|")
    # A lifetime is a limit that no call reaches (2^31 packets at least); an identifier would be in each packet.
    if method.lower() != "inline" or ";" in text or any(":" in part for part in rest) or len(rest) > 1:
        return None
    try:
        octets = base64.b64decode(key + "=" * (-len(key) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return Crypto(int(fields[0]), _SUITES[fields[1]], octets) if len(octets) == SRTP_KEY_OCTETS else None


def first_usable(values: Iterable[str]) -> Crypto | None:
    """Of an offer's lines in their order."""
    return next((crypto for value in values if (crypto := parse(value)) is not None), None)


def offer(keys: Iterable[bytes]) -> tuple[Crypto, ...]:
    """What we offer, best first, with a key of 30 random octets for each line (§6.1: never one key for two)."""
    return tuple(
        Crypto(tag, suite, key) for tag, (suite, key) in enumerate(zip(_SUITES.values(), keys, strict=True), start=1)
    )


def answer(theirs: Crypto, key: bytes) -> Crypto:
    """Their line's tag and suite with a key of our own (§5.1.2)."""
    return Crypto(theirs.tag, theirs.suite, key)


def keys(ours: Crypto, theirs: Crypto) -> SrtpKeys | None:
    """For `Remote.srtp`: we send with our key, and hear with theirs (§6.1). None when the two don't match."""
    if (ours.tag, ours.suite) != (theirs.tag, theirs.suite):
        return None
    return SrtpKeys(ours.suite, sending=ours.key, receiving=theirs.key)
