"""Watching trunks and SMSCs for the console: each change of state becomes a server-sent event. A Twisted service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ivr.call import TrunkStatus
from sms.events import SmscStatus

log = Logger()

_SECONDS = 0.5

Publish = Callable[[Literal["trunk", "smsc", "call"], dict[str, object]], None]


class PeerWatch(Service):
    """Looks twice a second; what did not change is not told."""

    name = "peers"

    def __init__(
        self,
        trunks: Callable[[], Iterable[TrunkStatus]],
        smscs: Callable[[], Iterable[SmscStatus]],
        publish: Publish,
        reactor: Any,
    ) -> None:
        self._trunks = trunks
        self._smscs = smscs
        self._publish = publish
        self._told: dict[tuple[str, str], dict[str, object]] = {}
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor
        self._ended: Deferred[Any] | None = None

    def startService(self) -> None:
        super().startService()
        self._ended = self._looking.start(_SECONDS)
        self._ended.addErrback(lambda failure: log.failure("peers are not watched any more", failure))

    def stopService(self) -> Deferred[Any] | None:
        super().stopService()
        if self._looking.running:
            self._looking.stop()
        return self._ended

    def _look(self) -> None:
        for trunk in self._trunks():
            self._tell(
                "trunk",
                {"name": trunk.name, "state": trunk.state, "in_use": trunk.channels_in_use, "error": trunk.last_error},
            )
        for smsc in self._smscs():
            self._tell(
                "smsc",
                {"name": smsc.name, "state": smsc.state, "in_flight": smsc.in_flight, "error": smsc.last_error},
            )

    def _tell(self, kind: Literal["trunk", "smsc"], news: dict[str, object]) -> None:
        key = (kind, str(news["name"]))
        if self._told.get(key) != news:
            self._told[key] = news
            self._publish(kind, news)
