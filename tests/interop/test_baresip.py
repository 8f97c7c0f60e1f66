"""Debian's baresip at both ends of the daemon: who is called and presses a key, who calls back, and the desk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, eventually
from tests.interop.baresip_phone import Baresip, Manner, joined, seconds_of

NUMBER = "+31612345678"
CALLER_HERTZ, DESK_HERTZ = 440.0, 620.0


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Baresip]:
    made = Baresip(tmp_path / "phone", NUMBER, Manner(speaks=CALLER_HERTZ))
    yield made
    made.stop()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Baresip]:
    made = Baresip(tmp_path / "desk", "desk-7", Manner(speaks=DESK_HERTZ))
    yield made
    made.stop()


@pytest.fixture
def daemon(tmp_path: Path, phone: Baresip, desk: Baresip) -> Iterator[Daemon]:
    running = Daemon(
        tmp_path,
        trunks=f"""
[[trunk]]
name = "baresip"
proxy = "sip:127.0.0.1:{phone.port};transport=udp"
caller_id = "+31343529850"
channels = 5
""",
        voice="times = 1\nkey_seconds = 3",
        desk=f"sip:desk-7@127.0.0.1:{desk.port}",
    )
    running.start()
    yield running
    running.stop()


def _calls(daemon: Daemon, direction: str) -> list[dict[str, object]]:
    return list(daemon.call("GET", f"/calls?direction={direction}")["items"])


def _all_over(daemon: Daemon) -> bool:
    calls = _calls(daemon, "in") + _calls(daemon, "out")
    return bool(calls) and all(call["ended_at"] is not None for call in calls)


def test_a_called_phone_hears_the_alert_and_confirms_with_a_key(daemon: Daemon, phone: Baresip) -> None:
    daemon.import_participants([f"{NUMBER},voice,3511AB,52.09,5.12"])
    action = daemon.start_action(["voice"], message="Let op een rode fiets met een witte mand.")
    eventually(lambda: len(phone.heard()) > 3 * 8000, 60, "it hears three seconds of the alert")
    (up,) = _calls(daemon, "out")
    assert up["answered_at"] is not None
    assert up["ended_at"] is None
    phone.press("2")
    eventually(lambda: daemon.counts(action) == {"heard_confirmed": 1}, 30, "the key confirms")
    eventually(lambda: _all_over(daemon), 30, "the call is over")
    speech = phone.heard()
    assert float((speech[8000:] ** 2).mean()) ** 0.5 > 300, "speech is loud enough"
    (delivery,) = daemon.deliveries(action)
    assert (delivery["outcome"], delivery["attempts"]) == ("heard_confirmed", 1)


def test_a_caller_and_the_desk_hear_each_other(daemon: Daemon, phone: Baresip, desk: Baresip) -> None:
    phone.dial(f"sip:08000011@127.0.0.1:{daemon.sip_port}")
    eventually(lambda: len(desk.heard()) > 8000, 60, "the desk is rung and hears the whisper")
    assert seconds_of(phone.heard(), DESK_HERTZ) == 0, "nobody is connected before the desk has taken the call"
    desk.press("1")
    eventually(lambda: seconds_of(phone.heard(), DESK_HERTZ) > 2, 30, "the caller hears the desk")
    eventually(lambda: seconds_of(desk.heard(), CALLER_HERTZ) > 2, 30, "the desk hears the caller")
    phone.hang_up()
    eventually(lambda: _all_over(daemon), 30, "no leg outlives its bridge")
    (incoming,) = _calls(daemon, "in")
    (outgoing,) = _calls(daemon, "out")
    assert incoming["phone"] == NUMBER
    assert (incoming["ended_by"], outgoing["ended_by"]) == ("them", "us")
    assert outgoing["desk"] == "desk-7"


def test_who_was_alerted_reaches_the_owner_of_the_action(daemon: Daemon, phone: Baresip, desk: Baresip) -> None:
    daemon.import_participants([f"{NUMBER},voice,3511AB,52.09,5.12"])
    action = daemon.start_action(["voice"], message="Rode fiets.")
    eventually(lambda: len(phone.heard()) > 2 * 8000, 60, "it hears the alert")
    phone.press("3")
    eventually(lambda: len(desk.heard()) > 8000, 60, "the owner's desk hears the whisper")
    desk.press("1")
    eventually(lambda: seconds_of(phone.heard(), DESK_HERTZ) > 1, 30, "the person hears the desk")
    assert daemon.call("GET", f"/actions/{action}")["callbacks"] == 1
    desk.hang_up()
    eventually(lambda: _all_over(daemon), 30, "no leg outlives its bridge")
    assert daemon.counts(action) == {"heard_confirmed": 1}


def test_who_was_reached_by_two_actions_chooses_one(daemon: Daemon, phone: Baresip, desk: Baresip) -> None:
    daemon.import_participants([f"{NUMBER},voice,3511AB,52.09,5.12"])
    older = daemon.start_action(["voice"], message="Rode fiets.", title="De rode fiets")
    eventually(lambda: daemon.counts(older) == {"heard": 1}, 60, "it hears the first alert")
    newer = daemon.start_action(["voice"], message="Blauwe auto.", title="De blauwe auto")
    eventually(lambda: daemon.counts(newer) == {"heard": 1}, 60, "it hears the second alert")
    before = len(phone.heard())
    phone.dial(f"sip:08000011@127.0.0.1:{daemon.sip_port}")
    eventually(lambda: len(phone.heard()) > before + 4 * 8000, 60, "it hears four seconds of the menu")
    assert len(desk.heard()) == 0, "nobody is rung before they have chosen"
    phone.press("2")
    eventually(lambda: len(desk.heard()) > 8000, 60, "the owner's desk hears the whisper")
    desk.press("1")
    eventually(lambda: seconds_of(phone.heard(), DESK_HERTZ) > 1, 30, "the person hears the desk")
    chosen = {action: daemon.call("GET", f"/actions/{action}")["callbacks"] for action in (older, newer)}
    assert chosen == {older: 1, newer: 0}
    phone.hang_up()
    eventually(lambda: _all_over(daemon), 30, "no leg outlives its bridge")


def test_a_trunk_is_tried_beside_the_daemon_that_uses_it(daemon: Daemon, phone: Baresip) -> None:
    words = ["trunk", "test", "baresip", "-c", str(daemon.configuration), "--call", NUMBER, "--seconds", "5"]
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok  hearing" in done.stdout
    assert seconds_of(phone.heard(), 1000) > 1.5, "it hears the test tone"
    assert daemon.call("GET", "/trunks")["items"][0]["state"] == "up"
    assert _calls(daemon, "out") == [], "the daemon has nothing to do with it"


def test_a_machine_records_the_message_from_its_start_and_counts_as_voicemail(tmp_path: Path) -> None:
    machine = Baresip(tmp_path / "machine", NUMBER, Manner(machine=4.0))
    daemon = Daemon(
        tmp_path,
        trunks=f"""
[[trunk]]
name = "baresip"
proxy = "sip:127.0.0.1:{machine.port};transport=udp"
caller_id = "+31343529850"
""",
        voice="times = 2\nkey_seconds = 1\nattempts = 1",
    )
    try:
        daemon.start()
        daemon.import_participants([f"{NUMBER},voice,3511AB,52.09,5.12"])
        action = daemon.start_action(["voice"], message="Let op een rode fiets met een witte mand.")
        eventually(lambda: daemon.counts(action) == {"voicemail": 1}, 90, "it is known for a machine")
        eventually(lambda: _all_over(daemon), 30, "we hang up")
    finally:
        daemon.stop()
        machine.stop()
    heard = machine.heard()
    after_beep = heard[round(4.7 * 8000) :]
    assert float((after_beep[8000 : 4 * 8000] ** 2).mean()) ** 0.5 > 300, "the message is said after the beep"


def test_a_machine_records_the_closing_message_after_its_beep_and_once(tmp_path: Path) -> None:
    machine = Baresip(tmp_path / "machine", NUMBER, Manner(machine=4.0))
    daemon = Daemon(
        tmp_path,
        trunks=f"""
[[trunk]]
name = "baresip"
proxy = "sip:127.0.0.1:{machine.port};transport=udp"
caller_id = "+31343529850"
""",
        voice="times = 1\nkey_seconds = 1\nattempts = 3\nvoicemail_is_reached = true\n"
        "retry_minutes = { voicemail = 0.02 }",
    )
    try:
        daemon.start()
        daemon.import_participants([f"{NUMBER},voice,3511AB,52.09,5.12"])
        action = daemon.start_action(["voice"], message="Let op een rode fiets.")
        eventually(lambda: daemon.counts(action) == {"voicemail": 1}, 90, "it is known for a machine")
        daemon.call("POST", f"/actions/{action}/close", json={"outcome": "solved_otherwise"})
        eventually(lambda: daemon.call("GET", f"/actions/{action}")["state"] == "closed", 90, "the action is closed")
        eventually(lambda: _all_over(daemon), 30, "we hang up")
        assert len(_calls(daemon, "out")) == 2, "one call for the alert, one for the closing message"
    finally:
        daemon.stop()
        machine.stop()
    closing = joined(sorted(machine.folder.glob("dump-*-dec.wav"))[-1:])
    after_beep = closing[round(4.7 * 8000) :]
    seconds = len(after_beep) / 8000
    assert seconds > 4, "it is said from its start"
    assert float((after_beep[8000 : 4 * 8000] ** 2).mean()) ** 0.5 > 300, "the message is said after the beep"
