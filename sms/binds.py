"""The binds of one SMSC: all of them kept up, and the one that a message leaves by. I/O only through `sms.bind`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from sms.bind import BindService, Link
from sms.bind_state import BindState


class Binds:
    """`make` gives a service for each of `count` binds. Each has a window of its own; the rate is the SMSC's."""

    def __init__(self, make: Callable[[], BindService], count: int) -> None:
        self._services = [make() for _ in range(count)]
        self._turn = 0

    def startService(self) -> None:
        for service in self._services:
            service.startService()

    def stopService(self) -> Deferred[Any]:
        return DeferredList([service.stopService() for service in self._services], consumeErrors=True)

    @property
    def any_bound(self) -> bool:
        """Asked several times a message, so without a list."""
        for service in self._services:
            link = service.link
            if link is not None and link.session.state is BindState.BOUND:
                return True
        return False

    @property
    def bound(self) -> list[Link]:
        """Those that messages may be given to."""
        return [link for link in self.up if link.session.state is BindState.BOUND]

    @property
    def up(self) -> list[Link]:
        links = (service.link for service in self._services)
        return [link for link in links if link is not None and not link.session.over]

    def idlest(self) -> Link | None:
        """The bound one with the fewest requests on the wire; equals take turns."""
        bound = self.bound
        if len(bound) < 2:
            return bound[0] if bound else None
        self._turn += 1
        turn = self._turn % len(bound)
        return min(bound[turn:] + bound[:turn], key=lambda link: link.session.in_flight)
