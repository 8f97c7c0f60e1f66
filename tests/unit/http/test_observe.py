"""What is logged is safe to keep: no whole number, no secret, nothing that anybody said or wrote."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from foundation.clock import saved
from foundation.telephone_numbers import PhoneNumber
from gateway.observe import Metrics, json_lines, redacted
from ivr.call import TrunkStatus

ANNA = PhoneNumber("+31612345678")


def logged(write: Any, least: LogLevel = LogLevel.info) -> list[dict[str, Any]]:  # type: ignore[valid-type]  # constant
    stream = io.StringIO()
    write(Logger("ivr.trunk", observer=json_lines(stream, least)))
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_with_its_fields() -> None:
    [line] = logged(lambda log: log.info("call ended {cause}", cause="busy", seconds=1.5, call="leg-1"))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "from": "ivr.trunk",
        "event": "call ended busy",
        "cause": "busy",
        "seconds": 1.5,
        "call": "leg-1",
    }


def test_debug_is_left_out_unless_it_is_wanted() -> None:
    assert logged(lambda log: log.debug("x")) == []
    assert len(logged(lambda log: log.debug("x"), LogLevel.debug)) == 1


@pytest.mark.parametrize(
    "spelling",
    [
        "+31612345678",
        "0612345678",
        "0031612345678",
        "31612345678",
        "06-12345678",
        "sip:+31612345678@10.0.0.1:5060;user=phone",
    ],
)
def test_no_spelling_of_a_number_gets_through(spelling: str) -> None:
    [line] = logged(lambda log: log.info(f"dialling {{to}} {spelling}", to=spelling, nested={"uris": [spelling]}))
    assert "2345678" not in json.dumps(line)
    assert "78" in line["to"]


def test_numbers_as_values_are_masked() -> None:
    [line] = logged(lambda log: log.info("dialling {number}", number=ANNA))
    assert (line["number"], line["event"]) == ("+31*******78", "dialling +31*******78")


@pytest.mark.parametrize("field", ["text", "message", "digits", "digit", "password", "token", "authorization"])
def test_what_was_said_pressed_or_kept_secret_is_never_written(field: str) -> None:
    [line] = logged(lambda log: log.info(f"event {{{field}}}", **{field: "jongen van zes"}))
    assert "zes" not in json.dumps(line)
    assert line["event"] == "event [not logged]"


def test_secrets_do_not_print() -> None:
    assert redacted({"a": [SecretStr("x1y2")]}) == {"a": ["[not logged]"]}


def test_times_ports_and_addresses_stay_readable() -> None:
    words = "bound 10.0.0.1:5060 at 2026-11-24T21:00:00.123456+00:00 after 1500 ms, call-id 5f1c31612345678aa@10.0.0.1"
    assert redacted(words) == words


def test_a_traceback_is_redacted_too() -> None:
    def fail(log: Logger) -> None:
        try:
            raise ValueError("no route to +31612345678")
        except ValueError:
            log.failure("dialling failed", failure=Failure())

    [line] = logged(fail)
    assert line["level"] == "critical"
    assert "ValueError: no route to +31*******78" in line["traceback"]
    assert "2345678" not in json.dumps(line)


def test_metrics_read_the_peers_when_they_are_asked() -> None:
    trunks = [TrunkStatus("kpn", "down", 50, 0, 0, 3, 20.0)]
    metrics = Metrics(lambda: trunks, list, lambda: ["a1"])
    assert b'burgernet_trunk_up{trunk="kpn"} 0.0' in metrics.text()
    assert b"burgernet_trunk_test_call_ok{" not in metrics.text(), "nothing is known before the first test"
    trunks[0] = TrunkStatus("kpn", "up", 50, 7, 5, 3, 20.0, tested_at=saved(datetime(2026, 11, 1, 7, 30, tzinfo=UTC)))
    text = metrics.text()
    assert b'burgernet_trunk_test_call_ok{trunk="kpn"} 1.0' in text
    assert b'burgernet_trunk_up{trunk="kpn"} 1.0' in text
    assert b'burgernet_trunk_alert_channels_in_use{trunk="kpn"} 5.0' in text
    assert b"burgernet_actions_running 1.0" in text
    trunks[0] = replace(trunks[0], test_fault="the daily test call was not answered: busy")
    assert b'burgernet_trunk_test_call_ok{trunk="kpn"} 0.0' in metrics.text()


def test_how_long_an_event_stream_was_up_is_no_answering_time() -> None:
    metrics = Metrics(list, list, list)
    metrics.request("GET", "/api/v1/events", 200, None)
    metrics.request("GET", "/healthz", 200, 0.01)
    text = metrics.text()
    assert b'burgernet_http_requests_total{method="GET",path="/api/v1/events",status="200"} 1.0' in text
    assert b'burgernet_http_request_seconds_count{method="GET",path="/healthz"} 1.0' in text
    assert b'burgernet_http_request_seconds_count{method="GET",path="/api/v1/events"}' not in text
