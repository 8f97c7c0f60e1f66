"""Session timers (RFC 4028): what is asked, what is agreed, when to refresh and when to give up. Pure; no I/O.

Roles are those of one request: `uac` sent it. `ivr.sip.indialog` sends the refreshes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ivr.sip.message import Message, Request, Response
from ivr.sip.values import ValueFault, parameters

LEAST_SECONDS = 90
LONGEST_SECONDS = 86_400
_DELTA = re.compile(r"\s*([0-9]{1,9})\s*(;.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Refresh:
    """An agreed session timer: the call ends after so many seconds without a refresh."""

    seconds: int
    by_us: bool

    @property
    def due(self) -> float:
        """Seconds until we refresh (RFC 4028 §7.4: half the interval)."""
        return self.seconds / 2

    @property
    def over(self) -> float:
        """Seconds until we hang up for want of a refresh (RFC 4028 §10)."""
        return self.seconds if self.by_us else self.seconds - min(32.0, self.seconds / 3)

    def fields(self) -> tuple[tuple[str, str], ...]:
        """For a request of ours within the call: who refreshes stays as it is."""
        return asking(self.seconds, "uac" if self.by_us else "uas")


def asking(seconds: int, refresher: str = "") -> tuple[tuple[str, str], ...]:
    """The fields of a request that wants a session timer; none for 0 seconds."""
    if not seconds:
        return ()
    tail = f";refresher={refresher}" if refresher else ""
    return ("Session-Expires", f"{seconds}{tail}"), ("Min-SE", str(LEAST_SECONDS))


def as_caller(response: Response) -> Refresh | None:
    """What a 2xx to our request agrees to; None: no timer (RFC 4028 §7.2)."""
    found = _session_expires(response)
    if found is None:
        return None
    seconds, refresher = found
    return Refresh(max(seconds, LEAST_SECONDS), by_us=refresher != "uas")


def too_brief(request: Request) -> bool:
    """Whether it wants refreshes more often than we grant: it deserves a 422 (RFC 4028 §9)."""
    found = _session_expires(request)
    return found is not None and found[0] < LEAST_SECONDS and "timer" in request.tokens("Supported")


def as_callee(request: Request) -> tuple[Refresh | None, list[tuple[str, str]]]:
    """What we agree to, and the fields of our 2xx that say so (RFC 4028 §9, table 2)."""
    found = _session_expires(request)
    if found is None:
        return None, []
    seconds, refresher = max(found[0], LEAST_SECONDS), found[1]
    if "timer" not in request.tokens("Supported"):  # a proxy on the way asks: only we can do it
        return Refresh(seconds, by_us=True), [("Session-Expires", f"{seconds};refresher=uas")]
    by_us = refresher == "uas"
    told = [("Session-Expires", f"{seconds};refresher={'uas' if by_us else 'uac'}")]
    return Refresh(seconds, by_us), told if by_us else [("Require", "timer"), *told]


def wanted_longer(response: Response, seconds: int) -> int | None:
    """The seconds that a 422 insists on, where they are more than we asked (RFC 4028 §7.3)."""
    matched = _DELTA.fullmatch(response.first("Min-SE") or "")
    least = int(matched[1]) if matched else 0
    return least if seconds < least <= LONGEST_SECONDS else None


def _session_expires(message: Message) -> tuple[int, str] | None:
    matched = _DELTA.fullmatch(message.first("Session-Expires") or "")
    if matched is None or not int(matched[1]) > 0:
        return None
    try:
        refresher = parameters(matched[2] or "").get("refresher", "").lower()
    except ValueFault:
        refresher = ""
    return min(int(matched[1]), LONGEST_SECONDS), refresher
