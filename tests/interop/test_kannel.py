"""Kannel and the gateway before the same SMSC: each brings every text once and takes every receipt. How fast each is is
told and not judged here (`benchmarks/sms/bench_route.py`)."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from benchmarks.sms.kannel import Kannel
from tests.daemon import Daemon, eventually
from tests.interop.sms_peers import Centre

TEXTS = 2_000
NUMBERS = range(10_000_000, 10_000_000 + TEXTS)
ONCE_EACH = Counter(f"316{number}" for number in NUMBERS)


def _gateway(directory: Path, centre: Centre) -> float:
    smsc = f'[[smsc]]\nname = "centre"\nhost = "127.0.0.1"\nport = {centre.port}\nsystem_id = "gateway"\npassword = "secret"'
    daemon = Daemon(directory, trunks="", smscs=f"{smsc}\nwindow = 100\nsegments_per_second = 50000")
    daemon.start()
    try:
        daemon.import_participants([f"+316{number},sms,3511AB,52.09,5.12" for number in NUMBERS])
        began = time.monotonic()
        action = daemon.start_action(["sms"])
        eventually(lambda: daemon.counts(action, "sms").get("delivered", 0) == TEXTS, 60, "all are delivered")
        return began
    finally:
        daemon.stop()


def _kannel(directory: Path, centre: Centre) -> float:
    client = Kannel(directory, centre.port, window=100, kept=True)
    try:
        began = time.monotonic()
        client.send(TEXTS)
        return began
    finally:
        client.stop()


def test_each_brings_every_text_once_and_takes_every_receipt(tmp_path: Path) -> None:
    rates = {}
    for name, play in (("gateway", _gateway), ("Kannel", _kannel)):
        folder = tmp_path / name
        folder.mkdir()
        centre = Centre(folder)
        try:
            began = play(folder, centre)
            report = centre.report()
        finally:
            centre.stop()
        assert Counter(report["accepted"]) == ONCE_EACH, name
        assert (report["owed"], report["receipts_again"]) == (0, 0), name
        rates[name] = TEXTS / (report["acknowledged_at"] - began)
    print(", ".join(f"{name}: {rate:,.0f} texts a second" for name, rate in rates.items()))
