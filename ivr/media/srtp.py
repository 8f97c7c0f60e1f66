"""SRTP and SRTCP of one leg by libsrtp: packets in the clear in, protected ones out, and back. No I/O. RFC 3711."""

from __future__ import annotations

from pylibsrtp import Error, Policy, Session

from ivr.media.messages import SrtpKeys, SrtpSuite
from ivr.media.rtp import is_rtcp

_PROFILES: dict[SrtpSuite, int] = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}


class Protection:
    """Both directions under their keys. What does not prove to come from the key's owner, or came before, is None.

    A direction whose key is as `before` goes on where it was: counting its packets from 0 again, with the same key, would
    make the other side deaf after 65536 of them, and would encrypt two packets alike (RFC 3711 §3.3.1, §9.1).
    """

    def __init__(self, keys: SrtpKeys, before: Protection | None = None) -> None:
        profile = _PROFILES[keys.suite]
        self._keys = keys
        self._sending: Session = Session(Policy(keys.sending, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        self._receiving: Session = Session(Policy(keys.receiving, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
        if before is not None and before._keys.suite == keys.suite:
            if before._keys.sending == keys.sending:
                self._sending = before._sending
            if before._keys.receiving == keys.receiving:
                self._receiving = before._receiving

    def protect(self, data: bytes | memoryview) -> bytes | None:
        """None for a packet that was sent before: a bridge passes doubled ones on."""
        try:
            return bytes(self._sending.protect(bytes(data)))
        except (Error, ValueError):
            return None

    def unprotect(self, data: bytes | memoryview) -> bytes | None:
        try:
            return bytes(self._receiving.unprotect(bytes(data)))
        except (Error, ValueError):
            return None

    def unprotect_in_place(self, buffer: memoryview, length: int) -> int:
        """Put the packet, or the report among packets (RFC 5761), in the clear where it lies; its new length, 0 for one
        that does not prove itself."""
        data = buffer[:length]
        clear = self.unprotect_report(data) if is_rtcp(data) else self.unprotect(data)
        if clear is None:
            return 0
        buffer[: len(clear)] = clear
        return len(clear)

    def protect_report(self, data: bytes) -> bytes | None:
        try:
            return bytes(self._sending.protect_rtcp(data))
        except (Error, ValueError):
            return None

    def unprotect_report(self, data: bytes | memoryview) -> bytes | None:
        try:
            return bytes(self._receiving.unprotect_rtcp(bytes(data)))
        except (Error, ValueError):
            return None
