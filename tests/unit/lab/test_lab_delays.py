"""The lab's one thread for what is due later."""

import threading
from collections.abc import Iterator

import pytest

from lab.delays import Delays


@pytest.fixture
def delays() -> Iterator[Delays]:
    running = Delays()
    yield running
    running.stop()


def test_what_is_due_first_is_done_first(delays: Delays) -> None:
    done: list[str] = []
    last = threading.Event()
    delays.after(0.04, last.set)
    delays.after(0.02, lambda: done.append("second"))
    delays.after(0.0, lambda: done.append("first"))
    assert last.wait(2)
    assert done == ["first", "second"]


def test_what_was_cancelled_is_not_done(delays: Delays) -> None:
    done: list[str] = []
    last = threading.Event()
    delays.after(0.01, lambda: done.append("never")).cancel()
    delays.after(0.02, last.set)
    assert last.wait(2)
    assert done == []


def test_one_failure_does_not_end_the_rest(delays: Delays) -> None:
    last = threading.Event()
    delays.after(0.0, lambda: 1 // 0)
    delays.after(0.01, last.set)
    assert last.wait(2)


def test_after_stop_nothing_is_done() -> None:
    delays = Delays()
    done: list[str] = []
    delays.after(0.05, lambda: done.append("never"))
    delays.stop()
    assert not threading.Event().wait(0.1)
    assert done == []
