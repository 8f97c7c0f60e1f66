"""pjsua2 as a called telephone: it hears the alert and presses a key."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, eventually, free_port
from tests.interop.baresip_phone import joined

NUMBER = "+31612345678"


class Pjsua2:
    """`tests.interop.pjsua2_phone` as a child process."""

    def __init__(self, folder: Path, key: str | None = None) -> None:
        folder.mkdir()
        self.folder = folder
        self.port = free_port(socket.SOCK_DGRAM)
        self._told = folder / "told"
        command = [sys.executable, "-m", "tests.interop.pjsua2_phone", str(self.port), str(folder)]
        with self._told.open("wb") as told, (folder / "errors").open("wb") as errors:
            self._process = subprocess.Popen(
                command + ([key] if key else []), stdin=subprocess.PIPE, stdout=told, stderr=errors
            )
        eventually(lambda: "ready" in self.told, 20, f"pjsua2 is ready: {folder}")

    @property
    def told(self) -> list[str]:
        return self._told.read_text().split("\n")

    def heard(self) -> float:
        """How loud what it recorded is, as the root of the mean square of 16-bit samples."""
        samples = joined([self.folder / "heard.wav"])
        return float((samples**2).mean()) ** 0.5 if len(samples) else 0.0

    def stop(self) -> None:
        """The recorder writes its file to the end when the library is let go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Pjsua2]:
    made = Pjsua2(tmp_path / "phone", key="2")
    yield made
    made.stop()


def test_a_called_phone_hears_the_alert_and_confirms_with_a_key(tmp_path: Path, phone: Pjsua2) -> None:
    daemon = Daemon(
        tmp_path,
        trunks=f"""
[[trunk]]
name = "pjsua2"
proxy = "sip:127.0.0.1:{phone.port};transport=udp"
caller_id = "+31343529850"
""",
        voice="times = 1\nkey_seconds = 3",
    )
    daemon.start()
    try:
        daemon.import_participants([f"{NUMBER},voice,3511AB,52.09,5.12"])
        action = daemon.start_action(["voice"], message="Let op een rode fiets met een witte mand.")
        eventually(lambda: daemon.counts(action) == {"heard_confirmed": 1}, 60, "the key confirms")
        eventually(lambda: "disconnected" in phone.told, 30, "we hang up")
        (call,) = daemon.call("GET", "/calls?direction=out")["items"]
        assert (call["cause"], call["ended_by"]) == ("hung_up", "us")
    finally:
        daemon.stop()
    phone.stop()
    assert {"early", "confirmed"} <= set(phone.told)
    assert phone.heard() > 300, "speech is loud enough"
