"""The SIP ladder: who said what and when, for an engineer who looks at one trunk. Pure; no I/O.

Kept are start lines only, without bodies, and of numbers no more than the ends.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.sip.message import MessageFault, Request, parse

MOST_STEPS = 1000
_DIGITS = re.compile(r"[0-9]{6,}")
_WIDTH = 62


@dataclass(frozen=True, slots=True)
class Step:
    """One message. `what` is its start line, `detail` what an engineer looks at next; `call_id` ties a call together."""

    at: Monotonic
    outgoing: bool
    other: Address
    transport: str
    what: str
    detail: str
    call_id: str


class Ladder:
    """Steps of the hosts that are looked at, all where none is named; the oldest are forgotten first."""

    def __init__(self, hosts: Collection[str] = ()) -> None:
        self._hosts = frozenset(hosts)
        self.steps: deque[Step] = deque(maxlen=MOST_STEPS)

    def saw(self, outgoing: bool, data: bytes, other: Address, transport: str, now: Monotonic) -> None:
        """A datagram that left or came. Keep-alives are no step."""
        if (self._hosts and other.host not in self._hosts) or len(data) < 8:
            return
        try:
            message = parse(data)
        except MessageFault as fault:
            first = data.split(b"\r\n", 1)[0][:80].decode("utf-8", "replace")
            self.steps.append(Step(now, outgoing, other, transport, _masked(first), f"no SIP: {fault}", ""))
            return
        essentials = message.essentials
        if isinstance(message, Request):
            what, detail = f"{message.method} {message.uri}", ""
        else:
            what = f"{message.status} {message.phrase} ({essentials.cseq.method})"
            detail = message.first("Reason") or message.first("Warning") or ""
        if message.body:
            detail = f"{detail} [{(message.first('Content-Type') or 'body').split(';')[0]}]".strip()
        self.steps.append(Step(now, outgoing, other, transport, _masked(what), _masked(detail), essentials.call_id))

    def lines(self) -> list[str]:
        """The ladder as text, one line a message; seconds count from the first one."""
        if not self.steps:
            return []
        start = self.steps[0].at
        return [f"{step.at - start:9.3f}  {_rung(step)}  {step.other} {step.transport}" for step in self.steps]


def _rung(step: Step) -> str:
    text = f"{step.what}  {step.detail}".strip()
    text = text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
    return f"gateway ──{text:─<{_WIDTH}}─▶" if step.outgoing else f"gateway ◀─{text:─<{_WIDTH}}──"


def _masked(text: str) -> str:
    """Numbers as their first four and last two digits."""
    return _DIGITS.sub(lambda found: f"{found[0][:4]}…{found[0][-2:]}", text)
