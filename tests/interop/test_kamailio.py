"""Kamailio with rtpengine in the path, as an edge in front of the daemon: one alert call and one callback through both."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.daemon import Daemon, eventually, free_port
from tests.interop.baresip_phone import Baresip, Manner, seconds_of
from tests.interop.kamailio_path import FIRST_PORT, LAST_PORT, Between, KamailioPath

NUMBER = "+31612345678"
CALLER_HERTZ, DESK_HERTZ = 440.0, 620.0


@dataclass
class Edge:
    """The daemon behind Kamailio, a telephone beyond it, and a desk on the inside."""

    daemon: Daemon
    port: int
    phone: Baresip
    desk: Baresip

    def calls_are_over(self) -> bool:
        calls = self.daemon.call("GET", "/calls")["items"]
        return bool(calls) and all(call["ended_at"] is not None for call in calls)


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    port = free_port(socket.SOCK_DGRAM)
    phone = Baresip(tmp_path / "phone", NUMBER, Manner(speaks=CALLER_HERTZ))
    desk = Baresip(tmp_path / "desk", "desk-7", Manner(speaks=DESK_HERTZ))
    daemon = Daemon(
        tmp_path,
        trunks=f"""
[[trunk]]
name = "edge"
proxy = "sip:127.0.0.1:{port};transport=udp"
caller_id = "+31343529850"
""",
        voice="times = 1\nkey_seconds = 3",
        desk=f"sip:desk-7@127.0.0.1:{desk.port}",
    )
    path = KamailioPath(tmp_path / "edge", port, Between(daemon.sip_port, phone.port))
    daemon.start()
    yield Edge(daemon, port, phone, desk)
    daemon.stop()
    path.stop()
    phone.stop()
    desk.stop()


def test_an_alert_call_goes_through_the_edge(edge: Edge) -> None:
    edge.daemon.import_participants([f"{NUMBER},voice,3511AB,52.09,5.12"])
    action = edge.daemon.start_action(["voice"], message="Let op een rode fiets met een witte mand.")
    eventually(lambda: len(edge.phone.heard()) > 3 * 8000, 60, "it hears three seconds of the alert")
    assert _relayed() > 0, "sound goes through rtpengine"
    edge.phone.press("2")
    eventually(lambda: edge.daemon.counts(action) == {"heard_confirmed": 1}, 30, "the key confirms")
    eventually(edge.calls_are_over, 30, "the call is over")


def test_a_callback_comes_through_the_edge(edge: Edge) -> None:
    edge.phone.dial(f"sip:08000011@127.0.0.1:{edge.port}")
    eventually(lambda: len(edge.desk.heard()) > 8000, 60, "the desk hears the whisper")
    edge.desk.press("1")
    eventually(lambda: seconds_of(edge.phone.heard(), DESK_HERTZ) > 2, 30, "the caller hears the desk")
    eventually(lambda: seconds_of(edge.desk.heard(), CALLER_HERTZ) > 2, 30, "the desk hears the caller")
    edge.phone.hang_up()
    eventually(edge.calls_are_over, 30, "no leg outlives its bridge")


def _relayed() -> int:
    """How many of rtpengine's sound ports are open."""
    used = Path("/proc/net/udp").read_text()
    return sum(f":{port:04X} " in used for port in range(FIRST_PORT, LAST_PORT + 1))
