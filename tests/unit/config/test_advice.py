"""What check-config warns of, and the smallest files that it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.advice import advice
from config.loader import load
from tests.unit.config.test_loader import SHIPPED, SMALL, changed, faults, read

RIGHT = changed('numbers = ["08000011"]', 'numbers = ["08000011", "0343-529850"]')


def test_nothing_is_said_of_a_file_that_is_whole(tmp_path: Path) -> None:
    assert advice(read(tmp_path, RIGHT)) == []
    assert advice(load(SHIPPED)) == []


WARNED = [
    ('name = "Oost 7"', 'name = "Oost 7"\ndeputy = "desk-9"', "operator[0].deputy: 'desk-9' is no desk of this file"),
    ('default_room = "oost"', 'default_room = "west"', "callback.default_room: no desk of this file is in 'west'"),
    (', "0343-529850"', "", "trunk[0].caller_id: +31343529850 is not among callback.numbers"),
    (
        "[callback]",
        '[rtp]\nports = "20000-20009"\n[callback]',
        "rtp.ports: is enough for 5 calls, and the trunks have 200",
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), WARNED)
def test_what_is_warned_of(tmp_path: Path, old: str, new: str, told: str) -> None:
    found = advice(read(tmp_path, RIGHT.replace(old, new)))
    assert [words.startswith(told) for words in found] == [True], found


def test_only_what_names_a_peer_is_needed(tmp_path: Path) -> None:
    source = (
        SMALL.replace('room = "oost"\nuri', "uri").replace('default_room = "oost"\n', "").replace("port = 2775\n", "")
    )
    found = read(tmp_path, source)
    assert (found.operators[0].room, found.callback.default_room, found.smscs[0].port) == ("oost", "oost", 2775)


def test_a_missing_password_file_is_one_fault(tmp_path: Path) -> None:
    found = faults(tmp_path, changed('password = "p"', 'password_file = "nowhere"'))
    assert [line.split(":")[0] for line in found] == ["29 smsc[0].password_file"]


def test_a_password_that_no_smsc_takes(tmp_path: Path) -> None:
    found = faults(tmp_path, changed('password = "p"', 'password = "123456789"'))
    words = "is longer than 8 characters, which SMPP 3.4 does not take; shorten it"
    assert found == [f"29 smsc[0].password: {words}"]


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + SMALL).gateway.node == "gw1"
