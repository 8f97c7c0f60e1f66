"""Which socket is asked for packets how often: by epoll at once, or by a sweep. Does I/O."""

from __future__ import annotations

import select

import numpy
from numpy.typing import NDArray

from ivr.media.batch import Numbers
from ivr.media.sockets import LegSocket
from ivr.media.sweeping import SWEEP_SECONDS, Attention, Sweep

NOT_PLAIN = -1


class Watched:
    """The sockets of all legs, RTP and RTCP. `legs` and `reporting` find a leg by its descriptor of either."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.legs: dict[int, LegSocket] = {}
        self.reporting: dict[int, LegSocket] = {}
        self._numbers = numpy.full(256, NOT_PLAIN, dtype=numpy.intp)
        self._sweeps = {attention: Sweep(seconds) for attention, seconds in SWEEP_SECONDS.items()}

    def add(self, leg: LegSocket) -> None:
        """As its `attention` is now; remove it before that changes."""
        sweep = self._sweeps.get(leg.attention)
        if sweep is None:
            self.epoll.register(leg.rtp, select.EPOLLIN)
        else:
            sweep.add(leg.rtp)
        self.legs[leg.rtp.fileno()] = leg
        self.mark(leg)

    def remove(self, leg: LegSocket) -> None:
        sweep = self._sweeps.get(leg.attention)
        if sweep is None:
            self.epoll.unregister(leg.rtp)
        else:
            sweep.remove(leg.rtp)
        del self.legs[leg.rtp.fileno()]
        self._numbers[leg.descriptor] = NOT_PLAIN

    def mark(self, leg: LegSocket) -> None:
        """What comes on the leg may need more or less of a look than before."""
        while leg.descriptor >= len(self._numbers):
            self._numbers = numpy.concatenate([self._numbers, numpy.full_like(self._numbers, NOT_PLAIN)])
        self._numbers[leg.descriptor] = leg.number if leg.plain else NOT_PLAIN

    def plain_numbers(self, descriptors: NDArray[numpy.int32]) -> Numbers:
        """The leg of each descriptor that has plain packets of a leg; NOT_PLAIN for the others."""
        return self._numbers.take(descriptors, mode="clip")

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

    def due(self, attention: Attention, now: float) -> list[int]:
        """The descriptors of a sweep that have something, when it is time."""
        return self._sweeps[attention].due(now)
