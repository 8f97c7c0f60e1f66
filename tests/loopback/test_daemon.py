"""The real daemon as its operator sees it: what keeps it from starting, how it ends, how it reloads, and a trunk that is
no good."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, eventually


class Trunk:
    """A trunk that answers OPTIONS with 200 and every INVITE with one and the same refusal, or with nothing at all."""

    def __init__(self, invite_answer: str | None) -> None:
        self._answer = invite_answer
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.invites: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._socket.close()

    def configuration(self, name: str, priority: int = 1) -> str:
        return f"""
[[trunk]]
name = "{name}"
proxy = "sip:127.0.0.1:{self.port};transport=udp"
caller_id = "+31343529850"
priority = {priority}
silence_seconds = 1
allow_from = ["127.0.0.1/32"]
"""

    def _serve(self) -> None:
        while True:
            try:
                data, source = self._socket.recvfrom(65535)
            except OSError:
                return
            text = data.decode("utf-8", "replace")
            if text.startswith("OPTIONS"):
                self._reply(text, source, "200 OK")
            elif text.startswith("INVITE"):
                self.invites.append(text.split(" ")[1])
                if self._answer is not None:
                    self._reply(text, source, self._answer)

    def _reply(self, request: str, source: tuple[str, int], status: str) -> None:
        kept = [
            line + (";tag=trunk" if line.startswith("To:") else "")
            for line in request.split("\r\n")
            if re.match(r"(Via|From|To|Call-ID|CSeq):", line)
        ]
        answer = "\r\n".join([f"SIP/2.0 {status}", *kept, "Content-Length: 0", "", ""])
        self._socket.sendto(answer.encode(), source)


@pytest.fixture
def silent_trunk() -> Iterator[Trunk]:
    trunk = Trunk(None)
    yield trunk
    trunk.stop()


def _refused(daemon: Daemon) -> str:
    """Start it where it can't; the reason in the last line of its log."""
    run = subprocess.run(
        [sys.executable, "-m", "gateway", "run", "-c", str(daemon.configuration)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    return str(json.loads(run.stderr.strip().splitlines()[-1])["event"])


def test_a_sip_port_that_is_taken_is_told_in_words(tmp_path: Path, silent_trunk: Trunk) -> None:
    daemon = Daemon(tmp_path, silent_trunk.configuration("kpn"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", daemon.sip_port))
        reason = _refused(daemon)
    assert "[sip] listen" in reason
    assert str(daemon.sip_port) in reason


def test_an_http_port_that_is_taken_is_told_in_words(tmp_path: Path, silent_trunk: Trunk) -> None:
    daemon = Daemon(tmp_path, silent_trunk.configuration("kpn"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", daemon.http_port))
        other.listen()
        reason = _refused(daemon)
    assert "[http] listen" in reason
    assert "another port" in reason


def test_a_second_daemon_on_the_same_file_is_told_who_holds_it(tmp_path: Path, silent_trunk: Trunk) -> None:
    first = Daemon(tmp_path, silent_trunk.configuration("kpn"))
    first.start()
    try:
        reason = _refused(first)
        assert f"process {first.pid}" in reason
        assert "one daemon at a time" in reason
    finally:
        first.stop()


def test_sigterm_ends_it_with_0_and_leaves_no_process(tmp_path: Path, silent_trunk: Trunk) -> None:
    daemon = Daemon(tmp_path, silent_trunk.configuration("kpn"))
    daemon.start()
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(daemon.pid)], capture_output=True, text=True, check=False
    )
    children = [int(pid) for pid in listed.stdout.split()]
    assert children
    assert daemon.stop() == 0
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def test_sighup_takes_a_good_configuration_and_keeps_the_old_one_instead_of_a_faulty_one(
    tmp_path: Path, silent_trunk: Trunk
) -> None:
    daemon = Daemon(tmp_path, silent_trunk.configuration("kpn"))
    daemon.start()
    try:
        good = daemon.configuration.read_text()
        daemon.configuration.write_text(good.replace("[voice]", "[voice]\nattempst = 5"))
        os.kill(daemon.pid, signal.SIGHUP)
        eventually(lambda: "was not reloaded" in daemon.log.read_text(), 10, "the fault is logged")
        assert "attempts" in daemon.log.read_text(), "it says what was probably meant"

        daemon.configuration.write_text(good.replace('name = "Meldkamer Oost 7"', 'name = "Meldkamer Zuid 7"'))
        os.kill(daemon.pid, signal.SIGHUP)
        eventually(
            lambda: daemon.call("GET", "/operators")["items"][0]["name"] == "Meldkamer Zuid 7",
            10,
            "the desk has its name",
        )
    finally:
        assert daemon.stop() == 0


@pytest.mark.parametrize("answer", ["403 Forbidden", "503 Service Unavailable", None], ids=["403", "503", "silence"])
def test_a_trunks_fault_sends_the_call_to_the_next_trunk_at_once(tmp_path: Path, answer: str | None) -> None:
    bad, busy = Trunk(answer), Trunk("486 Busy Here")
    daemon = Daemon(tmp_path, bad.configuration("bad", 1) + busy.configuration("good", 2), voice="attempts = 1")
    daemon.start()
    try:
        daemon.import_participants(["+31612345678,voice,3511AB,52.09,5.12"])
        action = daemon.start_action(["voice"])
        eventually(lambda: daemon.counts(action) == {"busy": 1}, 30, "the person's answer, by the second trunk")
        assert bad.invites
        assert busy.invites
        history = next(daemon.deliveries(action))["history"]
        assert [attempt["peer"] for attempt in history] == ["bad", "good"]
    finally:
        daemon.stop()
        bad.stop()
        busy.stop()


def test_where_every_trunk_is_at_fault_the_outcome_says_so(tmp_path: Path) -> None:
    bad = Trunk("403 Forbidden")
    daemon = Daemon(tmp_path, bad.configuration("bad"), voice="attempts = 1")
    daemon.start()
    try:
        daemon.import_participants(["+31612345678,voice,3511AB,52.09,5.12"])
        action = daemon.start_action(["voice"])
        eventually(lambda: daemon.counts(action) == {"trunk_failure": 1}, 30, "trunk_failure")
        assert "403" in daemon.call("GET", "/trunks")["items"][0]["last_error"]
    finally:
        daemon.stop()
        bad.stop()
