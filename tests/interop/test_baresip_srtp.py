"""Debian's baresip with its `srtp` module: the real daemon's calls are encrypted on the wire, out and in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon import Daemon, eventually
from tests.interop.baresip_phone import Baresip, Manner, seconds_of

NUMBER = "+31612345678"
HERTZ, DESK_HERTZ = 440.0, 620.0
ENCRYPTED = "SRTP is Enabled"


def _daemon(folder: Path, phone: Baresip, srtp: str, desk: str | None = None) -> Daemon:
    return Daemon(
        folder,
        trunks=f"""
[[trunk]]
name = "baresip"
proxy = "sip:127.0.0.1:{phone.port};transport=udp"
caller_id = "+31343529850"
channels = 5
srtp = "{srtp}"
""",
        voice="times = 1\nkey_seconds = 3\nattempts = 1",
        desk=desk,
    )


@pytest.mark.parametrize(
    ("srtp", "theirs"),
    [("required", "srtp-mand"), ("required", "srtp"), ("optional", "srtp"), ("optional", "srtp-mand")],
)
def test_a_called_phone_hears_the_alert_over_srtp_and_its_key_counts(tmp_path: Path, srtp: str, theirs: str) -> None:
    phone = Baresip(tmp_path / "phone", NUMBER, Manner(speaks=HERTZ, more=f";mediaenc={theirs}"))
    daemon = _daemon(tmp_path, phone, srtp)
    try:
        daemon.start()
        daemon.import_participants([f"{NUMBER},voice,3511AB,52.09,5.12"])
        action = daemon.start_action(["voice"], message="Let op een rode fiets met een witte mand.")
        eventually(lambda: len(phone.heard()) > 3 * 8000, 60, "it hears three seconds of the alert")
        assert ENCRYPTED in phone.log
        phone.press("2")
        eventually(lambda: daemon.counts(action) == {"heard_confirmed": 1}, 30, "the key confirms")
    finally:
        daemon.stop()
        phone.stop()
    assert float((phone.heard()[8000:] ** 2).mean()) ** 0.5 > 300, "speech is loud enough"


def test_a_caller_over_srtp_and_a_desk_in_the_clear_hear_each_other(tmp_path: Path) -> None:
    phone = Baresip(tmp_path / "phone", NUMBER, Manner(speaks=HERTZ, more=";mediaenc=srtp-mand"))
    desk = Baresip(tmp_path / "desk", "desk-7", Manner(speaks=DESK_HERTZ))
    daemon = _daemon(tmp_path, phone, "required", desk=f"sip:desk-7@127.0.0.1:{desk.port}")
    try:
        daemon.start()
        phone.dial(f"sip:08000011@127.0.0.1:{daemon.sip_port}")
        eventually(lambda: len(desk.heard()) > 8000, 60, "the desk is rung and hears the whisper")
        desk.press("1")
        eventually(lambda: seconds_of(phone.heard(), DESK_HERTZ) > 2, 30, "the caller hears the desk")
        eventually(lambda: seconds_of(desk.heard(), HERTZ) > 2, 30, "the desk hears the caller")
        assert ENCRYPTED in phone.log
        assert ENCRYPTED not in desk.log
    finally:
        daemon.stop()
        phone.stop()
        desk.stop()


@pytest.mark.parametrize("srtp", ["required", "optional"])
def test_a_trunk_test_tells_that_its_call_was_encrypted(tmp_path: Path, srtp: str) -> None:
    phone = Baresip(tmp_path / "phone", NUMBER, Manner(more=";mediaenc=srtp-mand"))
    words = ["trunk", "test", "baresip", "--trace", "-c", str(_daemon(tmp_path, phone, srtp).configuration)]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *words, "--call", NUMBER, "--seconds", "5"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    finally:
        phone.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    # A phone that insists refuses RTP/AVP with 488.
    assert done.stdout.count("──INVITE ") == (2 if srtp == "optional" else 1)
    assert "ok  SRTP      encrypted both ways: AES_CM_128_HMAC_SHA1_80" in done.stdout
    assert "our test tone came back" in done.stdout
    assert ENCRYPTED in phone.log
