"""Debian's baresip with its `srtp` module: the real daemon's calls are encrypted on the wire, out and in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon import Daemon, eventually
from tests.interop.baresip_phone import Baresip, Manner, seconds_of

NUMBER = "+31612345678"
HERTZ = 440.0


def _daemon(folder: Path, phone: Baresip, srtp: str) -> Daemon:
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
    )


@pytest.mark.parametrize(
    ("srtp", "theirs"), [("required", "srtp-mand"), ("optional", "srtp"), ("required", "srtp"), ("optional", "srtp-mand")]
)
def test_a_called_phone_hears_the_alert_over_srtp_and_its_key_counts(tmp_path: Path, srtp: str, theirs: str) -> None:
    phone = Baresip(tmp_path / "phone", NUMBER, Manner(speaks=HERTZ, more=f";mediaenc={theirs}"))
    daemon = _daemon(tmp_path, phone, srtp)
    try:
        daemon.start()
        daemon.import_participants([f"{NUMBER},voice,3511AB,52.09,5.12"])
        action = daemon.start_action(["voice"], message="Let op een rode fiets met een witte mand.")
        eventually(lambda: len(phone.heard()) > 3 * 8000, 60, f"it hears three seconds of the alert; {phone.log[-2000:]}")
        phone.press("2")
        eventually(lambda: daemon.counts(action) == {"heard_confirmed": 1}, 30, "the key confirms")
    finally:
        daemon.stop()
        phone.stop()
    assert float((phone.heard()[8000:] ** 2).mean()) ** 0.5 > 300, "speech is loud enough"
    print(phone.log)


