"""Which socket is asked for packets how often: by epoll at once, or by a sweep. Does I/O."""

from __future__ import annotations

import select
from collections.abc import Iterator

from ivr.media.sockets import LegSocket
from ivr.media.sweeping import SWEEP_SECONDS, Attention, Sweep


class Watched:
    """The sockets of all legs, RTP and RTCP. `legs` and `reporting` find a leg by its descriptor of either."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.legs: dict[int, LegSocket] = {}
        self.reporting: dict[int, LegSocket] = {}
        self._sweeps = {attention: Sweep(seconds) for attention, seconds in SWEEP_SECONDS.items()}

    def add(self, leg: LegSocket) -> None:
        """As its `attention` is now; remove it before that changes."""
        sweep = self._sweeps.get(leg.attention)
        if sweep is None:
            self.epoll.register(leg.rtp, select.EPOLLIN)
        else:
            sweep.add(leg.rtp)
        self.legs[leg.rtp.fileno()] = leg

    def remove(self, leg: LegSocket) -> None:
        sweep = self._sweeps.get(leg.attention)
        if sweep is None:
            self.epoll.unregister(leg.rtp)
        else:
            sweep.remove(leg.rtp)
        del self.legs[leg.rtp.fileno()]

    def add_reports(self, leg: LegSocket) -> None:
        self.epoll.register(leg.rtcp, select.EPOLLIN)
        self.reporting[leg.rtcp.fileno()] = leg

    def remove_reports(self, leg: LegSocket) -> None:
        """Nothing happens for one that was not added."""
        if self.reporting.pop(leg.rtcp.fileno(), None) is not None:
            self.epoll.unregister(leg.rtcp)

    def wait(self, now: float, longest: float) -> float:
        """Seconds until the next sweep, at most `longest`."""
        for sweep in self._sweeps.values():
            until = sweep.wait(now)
            if until is not None and until < longest:
                longest = until
        return longest

    def due(self, attention: Attention, now: float) -> Iterator[LegSocket]:
        """The legs of a sweep that have something, when it is time."""
        for fd in self._sweeps[attention].due(now):
            leg = self.legs.get(fd)
            if leg is not None:
                yield leg
