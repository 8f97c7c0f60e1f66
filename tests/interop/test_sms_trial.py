"""`burgernet smsc test` as an engineer runs it, beside a daemon that is bound to the same SMSC."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, eventually, free_port
from tests.interop.sms_peers import Crowd


@pytest.fixture
def crowd(tmp_path: Path, node_modules: Path) -> Iterator[Crowd]:
    made = Crowd(tmp_path, node_modules, response=20, slow_response=20)
    yield made
    made.stop()


@pytest.fixture
def daemon(tmp_path: Path, crowd: Crowd) -> Iterator[Daemon]:
    smsc = 'host = "127.0.0.1"\nsystem_id = "gateway"\npassword = "s3cret"'
    running = Daemon(
        tmp_path,
        trunks="",
        smscs=f"""
[[smsc]]
name = "node"
port = {crowd.port}
{smsc}
[[smsc]]
name = "away"
port = {free_port()}
priority = 2
{smsc}
""",
    )
    running.start()
    yield running
    running.stop()


def _test(daemon: Daemon, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "gateway", "smsc", "test", *arguments, "-c", str(daemon.configuration)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_bind_enquire_message_and_receipt_in_words(daemon: Daemon, crowd: Crowd) -> None:
    eventually(lambda: daemon.call("GET", "/smscs")["items"][0]["state"] == "bound", 20, "the daemon's own bind is up")
    code, words = _test(daemon, "node", "--to", "0612345671", "--trace")
    assert code == 0, words
    told = [line for line in words.splitlines() if not line.startswith(("→", "←"))]
    assert [line.split(" in ")[0] for line in told] == [
        f"connected to 127.0.0.1:{crowd.port}",
        "bound as transceiver",
        "enquire_link is answered",
        "the message to +31*******71 was accepted",
        "its receipt says DELIVRD: it was delivered",
        "unbound",
    ]
    for pdu in ("→ bind_transceiver ", "← bind_transceiver_resp ", "→ enquire_link ", "→ submit_sm ", "← deliver_sm "):
        assert pdu in words
    assert "password=***" in words
    assert "s3cret" not in words


def test_what_goes_wrong_is_one_sentence(daemon: Daemon) -> None:
    for arguments, sentence in (
        (("node", "--to", "0612345675"), "its receipt says UNDELIV: it could not be delivered"),
        (("node", "--to", "0612345676"), "the SMSC refused the message: Invalid Destination Address"),
        (("away",), "no connection to 127.0.0.1:"),
        (("other",), "there is no 'other' in the configuration; it has node, away"),
    ):
        code, words = _test(daemon, *arguments)
        assert (code, sentence in words) == (1, True), words
        assert "Traceback" not in words


def test_a_receipt_that_another_bind_got_is_asked_for(daemon: Daemon) -> None:
    code, words = _test(daemon, "node", "--to", "0612345674", "--seconds", "12")
    assert (code, "no receipt came by this bind; query_sm says DELIVRD: it was delivered" in words) == (0, True), words


def test_a_receipt_that_the_daemon_got_is_looked_for_in_its_log(daemon: Daemon) -> None:
    code, words = _test(daemon, "node", "--to", "0687654444", "--seconds", "6")
    assert code == 1, words
    for said in ("no receipt in 6 s by this bind", "receipt of an unknown message", "stop the gateway and test again"):
        assert said in words
    assert "receipt of an unknown message node" in daemon.log.read_text(), "what is said of its log is so"


def test_without_a_number_nothing_is_sent(daemon: Daemon, crowd: Crowd) -> None:
    code, words = _test(daemon, "node")
    assert (code, "no message was sent: name a number with --to" in words) == (0, True), words
    assert crowd.submitted == []
