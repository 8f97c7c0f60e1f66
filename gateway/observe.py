"""What the daemon tells of itself: JSON log lines on standard error, with nothing in them that may not be written down,
and the metrics for Prometheus.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from pydantic import SecretStr
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import provider

from foundation.telephone_numbers import NumberFault, PhoneNumber, read
from ivr.call import TrunkStatus
from sms.events import SmscStatus

_UNSAID = frozenset(
    {"text", "texts", "message", "body", "digit", "digits", "password", "secret", "token", "authorization", "cookie"}
)
"""Fields whose value is never written, whoever logs them."""

_OWN = frozenset({"format", "message", "time", "system", "isError", "failure", "why", "log_io"})
_NUMBER = re.compile(r"(?<![\w.])(?:\+\d{8,15}|00\d{8,13}|0\d{9}|0\d{1,3}-\d{6,8}|31\d{9})(?![\w.])")


def json_lines(stream: TextIO, least: LogLevel = LogLevel.info) -> ILogObserver:
    """An observer that writes each event as one line of JSON: `time`, `level`, `from`, `event`, then its fields."""

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        if level < least:
            return
        stream.write(json.dumps(line_of(event), ensure_ascii=False, default=str) + "\n")
        stream.flush()

    observer: ILogObserver = observe
    return observer


def line_of(event: LogEvent) -> dict[str, object]:
    """An event as it is written: redacted, with its fields beside its words."""
    safe: dict[str, Any] = {key: redacted(value, key) for key, value in event.items() if not key.startswith("log_")}
    shaped = {**{key: value for key, value in event.items() if key.startswith("log_")}, **safe}
    level = event.get("log_level", LogLevel.info)
    line: dict[str, object] = {
        "time": datetime.fromtimestamp(event.get("log_time", 0.0), UTC).isoformat(timespec="milliseconds"),
        "level": level.name,
        "from": event.get("log_namespace", ""),
        "event": redacted(formatEvent(shaped)),
    }
    line.update({key: value for key, value in safe.items() if key not in _OWN and key not in line})
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        line["traceback"] = redacted(failure.getTraceback())
    return line


def redacted(value: object, key: str = "") -> object:
    """A value without whole telephone numbers, secrets or what a person said or wrote."""
    if key in _UNSAID and value not in ((), [], "", None):
        return "[not logged]"
    if isinstance(value, PhoneNumber):
        return value.masked
    if isinstance(value, SecretStr):
        return "[not logged]"
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, dict):
        return {str(name): redacted(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(inner) for inner in value]
    return _NUMBER.sub(_masked, str(value))


def _masked(match: re.Match[str]) -> str:
    try:
        return read(match.group()).masked
    except NumberFault:
        return "*" * len(match.group())


class Metrics:
    """One registry for the daemon. Peers are read when Prometheus asks; the rest is counted as it happens."""

    def __init__(
        self,
        trunks: Callable[[], Iterable[TrunkStatus]],
        smscs: Callable[[], Iterable[SmscStatus]],
        running: Callable[[], Iterable[object]],
    ) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.registry.register(_Peers(trunks, smscs, running))
        self._requests = Counter(
            "burgernet_http_requests",
            "Requests by call and status",
            ["method", "path", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "burgernet_http_request_seconds", "Seconds to answer a request", ["method", "path"], registry=self.registry
        )

    def request(self, method: str, path: str, status: int, seconds: float | None) -> None:
        """`path` is the call's pattern, not what was asked for: its values are few.
        `seconds` None: an answer that goes on until somebody hangs up, which says nothing of how fast we are."""
        self._requests.labels(method, path, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(method, path).observe(seconds)

    def text(self) -> bytes:
        """The Prometheus text format, version 0.0.4."""
        return generate_latest(self.registry)


class _Peers(Collector):
    def __init__(
        self,
        trunks: Callable[[], Iterable[TrunkStatus]],
        smscs: Callable[[], Iterable[SmscStatus]],
        running: Callable[[], Iterable[object]],
    ) -> None:
        self._trunks = trunks
        self._smscs = smscs
        self._running = running

    def collect(self) -> Iterator[Metric]:
        trunks, smscs = list(self._trunks()), list(self._smscs())
        yield _gauge(
            "burgernet_trunk_up", "1 when the trunk takes calls", "trunk", [(t.name, t.state == "up") for t in trunks]
        )
        yield _gauge(
            "burgernet_trunk_channels", "Channels of the trunk", "trunk", [(t.name, t.channels) for t in trunks]
        )
        in_use = [(trunk.name, trunk.channels_in_use) for trunk in trunks]
        yield _gauge("burgernet_trunk_channels_in_use", "Legs up or being set up", "trunk", in_use)
        tested = [(t.name, t.test_fault is None) for t in trunks if t.tested_at is not None]
        yield _gauge("burgernet_trunk_test_call_ok", "1 when the last daily test call went well", "trunk", tested)
        alerts = [(trunk.name, trunk.alert_channels_in_use) for trunk in trunks]
        yield _gauge("burgernet_trunk_alert_channels_in_use", "Of these, alerts", "trunk", alerts)
        yield _gauge(
            "burgernet_smsc_bound", "1 when bound", "smsc", [(s.name, s.state in ("bound", "throttled")) for s in smscs]
        )
        yield _gauge("burgernet_smsc_window", "Most messages under way", "smsc", [(s.name, s.window) for s in smscs])
        in_flight = [(smsc.name, smsc.in_flight) for smsc in smscs]
        yield _gauge("burgernet_smsc_in_flight", "Messages without a response", "smsc", in_flight)
        running = GaugeMetricFamily("burgernet_actions_running", "Actions that are active or closing")
        running.add_metric([], len(list(self._running())))
        yield running


def _gauge(name: str, words: str, label: str, values: Sequence[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=[label])
    for peer, value in values:
        family.add_metric([peer], float(value))
    return family
