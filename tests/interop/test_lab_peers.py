"""The lab against software that nobody here wrote: SIPp calls its telephones, node-smpp binds to its message centre."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.delays import Delays
from lab.handset import Handset, HandsetCall
from lab.smsc import Fate, MessageCentre

_CLIENT = """
const smpp = require('smpp');
const session = smpp.connect({url: 'smpp://127.0.0.1:' + process.argv[2]});
const got = [];
function done() { if (got.length === 3) { console.log(JSON.stringify(got)); session.close(); process.exit(0); } }
session.on('connect', () => session.bind_transceiver({system_id: 'burgernet', password: 'laptop'}, (bound) => {
  session.on('deliver_sm', (pdu) => {
    session.send(pdu.response());
    got.push([pdu.esm_class, pdu.receipted_message_id || '', pdu.short_message.message]);
    done();
  });
  session.submit_sm({source_addr: 'Burgernet', destination_addr: '31612340001', registered_delivery: 1,
                     short_message: 'Let op'}, (response) => { got.push([-1, response.message_id, '']); done(); });
}));
setTimeout(() => { console.error('too late', JSON.stringify(got)); process.exit(1); }, 8000);
"""


@pytest.fixture
def delays() -> Iterator[Delays]:
    running = Delays()
    yield running
    running.stop()


def test_sipp_calls_twenty_handsets(delays: Delays, tmp_path: Path) -> None:
    ended: list[HandsetCall] = []
    all_over = threading.Event()

    def talk(call: HandsetCall) -> None:
        call.ring(0.1)
        call.pick_up()
        call.wait_ended(10)
        ended.append(call)
        if len(ended) == 20:
            all_over.set()

    phone = Handset(talk, ("127.0.0.1", 9), "127.0.0.1", 0, delays, "lab")
    phone.start()
    command = [
        "sipp",
        "-sn",
        "uac",
        "-i",
        "127.0.0.1",
        "-m",
        "20",
        "-r",
        "20",
        "-d",
        "500",
        "-nostdin",
        "-timeout",
        "20",
    ]
    command += ["-s", "+31612340001", f"127.0.0.1:{phone.sip_port}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout[-2000:]
    assert all_over.wait(5)
    assert {(call.number, call.ended_by, call.was_up) for call in ended} == {("+31612340001", "them", True)}
    phone.stop()


def test_node_smpp_submits_and_gets_receipt_and_answer(delays: Delays, node_modules: Path, tmp_path: Path) -> None:
    fate = Fate(receipt_seconds=0.05, reply="Gezien", reply_seconds=0.05)
    centre = MessageCentre(lambda number: fate, delays, system_id="burgernet", password="laptop")
    script = tmp_path / "client.js"
    script.write_text(_CLIENT)
    done = subprocess.run(
        ["node", str(script), str(centre.port)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env={**os.environ, "NODE_PATH": str(node_modules / "node_modules")},
    )
    centre.stop()
    assert done.returncode == 0, done.stderr
    response, receipt, reply = json.loads(done.stdout)
    assert response == [-1, "00000001", ""]
    assert receipt[:2] == [4, "00000001"]
    assert "stat:DELIVRD" in receipt[2]
    assert reply == [0, "", "Gezien"]
    assert centre.receipts_acknowledged == 2
