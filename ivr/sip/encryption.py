"""Whether the sound of a call is encrypted, and with which keys: what a description says by SDES (RFC 4568). No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from ivr.media import sdes
from ivr.media.messages import SRTP_KEY_OCTETS, SrtpKeys, SrtpSuite

Mode = Literal["off", "optional", "required"]
"""As `srtp` of a trunk: sound in the clear and keys ignored; encrypted where the other side wants it too; or not at all."""

_PLAIN = ("RTP/AVP", "RTP/AVPF")
_SECURE = ("RTP/SAVP", "RTP/SAVPF")


@dataclass(frozen=True, slots=True)
class Encryption:
    """Our side of a call. `keys` hold one for each suite, drawn once: a later offer or answer within the call shows the
    same ones, so that nobody starts anew with packets that are already under way. Their text shows no key. `insisting`:
    this call is optionally encrypted, and by the secure profile."""

    mode: Mode = "off"
    keys: tuple[sdes.Crypto, ...] = ()
    insisting: bool = False

    def insist(self, insisting: bool = True) -> Encryption:
        return replace(self, insisting=insisting)

    @property
    def transport(self) -> str:
        """The profile of our own offers. Where it is optional, first the plain one: who knows no SRTP refuses the other."""
        return _SECURE[0] if self.mode == "required" or self.insisting else _PLAIN[0]

    def lines(self) -> list[str]:
        """The attributes of our own offers."""
        return [f"a=crypto:{key}" for key in self.keys]

    def answering(self, theirs: sdes.Crypto | None) -> tuple[list[str], SrtpKeys | None]:
        """The attributes of our answer to the line of theirs that was taken, and the keys that are then agreed."""
        own = next((key for key in self.keys if theirs is not None and key.suite == theirs.suite), None)
        if theirs is None or own is None:
            return [], None
        ours = sdes.answer(theirs, own.key)
        return [f"a=crypto:{ours}"], sdes.keys(ours, theirs)

    def answered(self, theirs: sdes.Crypto | None) -> SrtpKeys | None:
        """The keys that their answer to our offer agrees to; None where it takes none of our lines."""
        agreed = (sdes.keys(ours, theirs) for ours in self.keys if theirs is not None)
        return next((keys for keys in agreed if keys is not None), None)


CLEAR = Encryption()


def encryption(mode: Mode, bits: Callable[[int], int]) -> Encryption:
    """For a new call. `bits` gives so many random ones (`random.SystemRandom().getrandbits`)."""
    if mode == "off":
        return CLEAR
    suites = len(get_args(SrtpSuite))
    return Encryption(
        mode, sdes.offer(bits(SRTP_KEY_OCTETS * 8).to_bytes(SRTP_KEY_OCTETS, "big") for _ in range(suites))
    )


def is_secure_profile(transport: str) -> bool:
    return transport.upper() in _SECURE


def may_carry(transport: str, theirs: sdes.Crypto | None, mode: Mode) -> bool:
    """Whether a stream of this profile, with this usable line, may carry a call of ours."""
    profile = transport.upper()
    if mode == "required":
        return profile in _PLAIN + _SECURE and theirs is not None
    return profile in _PLAIN or (profile in _SECURE and mode == "optional" and theirs is not None)
