"""The daily test call of the real daemon over the wire, to SIPp: one trunk on which sound comes back, one that is mute."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.daemon import Daemon, eventually, free_port
from tests.interop.sipp_people import SippPeople, new_calls

ECHO, MUTE = "+31850001122", "+31850003344"
SECONDS_BEFORE = 12


def _zone_where_it_is_nearly(hour: int, minute: int) -> str:
    """A POSIX time zone whose clock shows so many seconds before that time now: a daemon tests by the minute."""
    now = datetime.now(UTC)
    of_the_day = now.hour * 3600 + now.minute * 60 + now.second
    west = of_the_day - (hour * 3600 + minute * 60 - SECONDS_BEFORE)
    sign = "-" if west < 0 else ""
    return f"LAB{sign}{abs(west) // 3600:02}:{abs(west) % 3600 // 60:02}:{abs(west) % 60:02}"


def _trunk(name: str, port: int, number: str, priority: int) -> str:
    return f"""
[[trunk]]
name = "{name}"
proxy = "sip:127.0.0.1:{port};transport=udp"
caller_id = "+31343529850"
priority = {priority}
allow_from = ["127.0.0.1/32"]
test_number = "{number}"
test_at = "07:30"
"""


@pytest.fixture
def networks(tmp_path: Path) -> Iterator[tuple[SippPeople, SippPeople]]:
    folders = tmp_path / "echoes", tmp_path / "mute"
    for folder in folders:
        folder.mkdir()
    echoes = SippPeople(folders[0], free_port(socket.SOCK_DGRAM), echo=True)
    mute = SippPeople(folders[1], free_port(socket.SOCK_DGRAM))
    yield echoes, mute
    echoes.stop()
    mute.stop()


def test_each_trunk_is_called_over_and_the_mute_one_is_an_alarm(
    tmp_path: Path, networks: tuple[SippPeople, SippPeople], monkeypatch: pytest.MonkeyPatch
) -> None:
    echoes, mute = networks
    monkeypatch.setenv("TZ", _zone_where_it_is_nearly(7, 30))
    # The one that is tested second is what alerts prefer.
    daemon = Daemon(tmp_path, trunks=_trunk("echoes", echoes.port, ECHO, 2) + _trunk("mute", mute.port, MUTE, 1))
    daemon.start()
    try:
        eventually(lambda: all(trunk["tested_at"] for trunk in _trunks(daemon).values()), 60, "both trunks are tested")
        found = _trunks(daemon)
        assert found["echoes"]["test_fault"] is None
        assert found["mute"]["test_fault"] == "the daily test call was answered and no sound came from there"
        assert found["mute"]["last_error"] == found["mute"]["test_fault"]
        metrics = httpx.get(f"{daemon.url}/metrics").text
        assert 'burgernet_trunk_test_call_ok{trunk="echoes"} 1.0' in metrics
        assert 'burgernet_trunk_test_call_ok{trunk="mute"} 0.0' in metrics
        calls = daemon.call("GET", "/calls")["items"]
        assert sorted((call["peer"], call["ended_by"]) for call in calls) == [("echoes", "us"), ("mute", "us")]
    finally:
        daemon.stop()
    assert [seen.line.split("@")[0] for seen in new_calls(echoes.trace())] == [f"INVITE sip:{ECHO}"]
    assert [seen.line.split("@")[0] for seen in new_calls(mute.trace())] == [f"INVITE sip:{MUTE}"]
    log = daemon.log.read_text()
    assert "alarm mute: the daily test call was answered and no sound came from there" in log
    assert "daily test call went well echoes" in log
    assert ECHO not in log


def _trunks(daemon: Daemon) -> dict[str, dict[str, object]]:
    time.sleep(0.5)
    return {trunk["name"]: trunk for trunk in daemon.call("GET", "/trunks")["items"]}
