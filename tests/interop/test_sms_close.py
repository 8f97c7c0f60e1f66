"""The real daemon and node-smpp: an action ends while texts wait at the SMSC, and people write after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prompts import texts
from tests.daemon import Daemon, eventually
from tests.interop.sms_peers import NodeCentre

HAS_IT, READ_IT, WAITS = "+31612345600", "+31612345608", "+31612345609"
"""A receipt comes; none comes, though it was delivered; it waits at the SMSC."""


@pytest.fixture
def centre(tmp_path: Path, node_modules: Path) -> Iterator[NodeCentre]:
    made = NodeCentre(tmp_path, node_modules, "smsc.js")
    yield made
    made.stop()


@pytest.fixture
def daemon(tmp_path: Path, centre: NodeCentre) -> Iterator[Daemon]:
    running = Daemon(
        tmp_path,
        trunks="",
        smscs=f"""
[[smsc]]
name = "node"
host = "127.0.0.1"
port = {centre.port}
system_id = "gateway"
password = "secret"
reply_number = "+31971234567"
""",
    )
    running.start()
    running.import_participants([f"{number},sms,3511AB,52.09,5.12" for number in (HAS_IT, READ_IT, WAITS)])
    eventually(lambda: running.call("GET", "/smscs")["items"][0]["state"] == "bound", 20, "the bind is up")
    yield running
    running.stop()


def _writes(centre: NodeCentre, number: str, text: str) -> None:
    before = len(centre.told("reply_answered"))
    address = {"source_addr": number[1:], "source_addr_ton": 1, "source_addr_npi": 1}
    centre.order(**address, destination_addr="31971234567", short_message=text)
    eventually(lambda: len(centre.told("reply_answered")) > before, 10, "the reply is acknowledged")


def _texts_to(centre: NodeCentre, number: str) -> list[str]:
    return [news["text"] for news in centre.all() if news.get("submitted") == number[1:]]


def test_what_waits_is_taken_back_and_who_writes_after_is_told_once(daemon: Daemon, centre: NodeCentre) -> None:
    action = daemon.start_action(["sms"])
    accepted = {"delivered": 1, "sent": 2}
    eventually(lambda: daemon.counts(action, "sms") == accepted, 20, "all three are accepted")
    daemon.call("POST", f"/actions/{action}/close", json={"outcome": "solved_by_tip"})
    eventually(lambda: daemon.call("GET", f"/actions/{action}")["state"] == "closed", 20, "everybody is told")
    assert daemon.counts(action, "sms") == {"delivered": 1, "sent": 1, "stopped": 1}
    assert sorted(centre.told("waits")) == [False, True]
    told = [number for number in (HAS_IT, READ_IT, WAITS) if "De fiets is gevonden." in _texts_to(centre, number)]
    assert told == [HAS_IT, READ_IT]

    _writes(centre, HAS_IT, "Ik zag hem")
    answer = texts.written_after_close("nl")
    eventually(lambda: answer in _texts_to(centre, HAS_IT), 10, "the reply is answered")
    daemon.kill()
    daemon.start()
    eventually(lambda: daemon.call("GET", "/smscs")["items"][0]["state"] == "bound", 20, "the bind is up again")
    _writes(centre, HAS_IT, "Bij de brug")
    for text in ("STOP", "STOP"):
        _writes(centre, READ_IT, text)
    eventually(lambda: texts.written_stop("nl") in _texts_to(centre, READ_IT), 10, "STOP is confirmed")
    assert _texts_to(centre, HAS_IT).count(answer) == 1
    assert _texts_to(centre, READ_IT).count(texts.written_stop("nl")) == 1
    replies = daemon.call("GET", f"/replies?action={action}")["items"]
    assert sorted(reply["text"] for reply in replies) == ["Bij de brug", "Ik zag hem", "STOP", "STOP"]
