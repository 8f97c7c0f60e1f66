"""A worker process by its shell: crash, hang, nonsense and stop, on a fake clock with a fake process."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from prompts.child import Child, ChildFailed
from prompts.frames import BadFrame, Frame, FrameReader


class FakeProcess:
    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.pid = 4321
        self.requests: list[Frame] = []
        self.killed = False
        self.closed = False
        self.input_lost = False
        self.ended = False
        self._reader = FrameReader()

    def writeToChild(self, _descriptor: int, data: bytes) -> None:
        if self.input_lost:
            raise KeyError(0)
        self.requests += self._reader.receive(data)

    def closeStdin(self) -> None:
        self.closed = True

    def signalProcess(self, _signal: str) -> None:
        if self.ended:
            raise ProcessExitedAlready
        self.killed = True
        self.end()

    def answer(self, **head: Any) -> None:
        self.protocol.outReceived(bytes(Frame({"id": self.requests[-1].head["id"], **head})))

    def end(self) -> None:
        self.ended = True
        self.protocol.processEnded(Failure(ProcessTerminated(signal=11)))


class FakeReactor(Clock):
    def __init__(self) -> None:
        super().__init__()
        self.processes: list[FakeProcess] = []

    def spawnProcess(self, protocol: Any, *_arguments: Any, **_named: Any) -> None:
        process = FakeProcess(protocol)
        self.processes.append(process)
        protocol.makeConnection(process)


@pytest.fixture
def reactor() -> FakeReactor:
    return FakeReactor()


@pytest.fixture
def child(reactor: FakeReactor) -> Child:
    return Child("some.worker", reactor, 10)


def ask(child: Child, text: str) -> Deferred[Frame]:
    return Deferred.fromCoroutine(child.ask({"text": text}))


def result(waiting: Deferred[Any]) -> Any:
    out: list[Any] = []
    waiting.addBoth(out.append)
    return out[0] if out else None


def failure(waiting: Deferred[Any]) -> str:
    got = result(waiting)
    assert isinstance(got, Failure)
    got.trap(ChildFailed)
    return got.getErrorMessage()


def test_one_request_at_a_time_in_order(reactor: FakeReactor, child: Child) -> None:
    first, second = ask(child, "a"), ask(child, "b")
    process = reactor.processes[0]
    assert [request.head["text"] for request in process.requests] == ["a"]
    process.answer(rate=1)
    process.answer(rate=2)
    assert (result(first).head["rate"], result(second).head["rate"]) == (1, 2)
    assert reactor.getDelayedCalls() == []


def test_a_crash_starts_it_anew_and_asks_again(reactor: FakeReactor, child: Child) -> None:
    waiting = ask(child, "a")
    reactor.processes[0].end()
    assert [request.head["text"] for request in reactor.processes[1].requests] == ["a"]
    reactor.processes[1].answer(rate=1)
    assert result(waiting).head["rate"] == 1
    assert child.started == 2


def test_a_process_that_died_unnoticed_between_two_requests_is_replaced(reactor: FakeReactor, child: Child) -> None:
    child.start()
    reactor.processes[0].input_lost = True
    waiting = ask(child, "a")
    reactor.processes[1].answer(rate=1)
    assert result(waiting).head["rate"] == 1
    assert reactor.getDelayedCalls() == []


def test_two_crashes_are_told_with_the_reason(reactor: FakeReactor, child: Child) -> None:
    waiting = ask(child, "a")
    reactor.processes[0].protocol.errReceived(b"Traceback\nMemoryError: much")
    reactor.processes[0].end()
    reactor.processes[1].end()
    assert "MemoryError: much" in failure(waiting)


def test_a_hang_is_killed_after_half_the_time_and_tried_once_more(reactor: FakeReactor, child: Child) -> None:
    waiting = ask(child, "a")
    reactor.advance(4.9)
    assert not reactor.processes[0].killed
    reactor.advance(0.2)
    assert reactor.processes[0].killed
    reactor.advance(5.1)
    assert "no answer" in failure(waiting)
    assert len(reactor.processes) == 2


def test_an_answer_to_an_earlier_request_is_dropped(reactor: FakeReactor, child: Child) -> None:
    waiting = ask(child, "a")
    reactor.processes[0].protocol.outReceived(bytes(Frame({"id": 99})))
    assert result(waiting) is None
    reactor.processes[0].answer(rate=1)


def test_nonsense_counts_as_a_crash(reactor: FakeReactor, child: Child) -> None:
    waiting = ask(child, "a")
    reactor.processes[0].protocol.outReceived(b"\xff" * 20)
    assert reactor.processes[0].killed
    reactor.processes[1].answer(rate=1)
    assert result(waiting).head["rate"] == 1


def test_stop_closes_its_input_and_kills_what_does_not_end(reactor: FakeReactor, child: Child) -> None:
    child.start()
    stopped = Deferred.fromCoroutine(child.stop())
    process = reactor.processes[0]
    assert process.closed
    assert not process.killed
    reactor.advance(2.1)
    assert process.killed
    assert stopped.called
    assert reactor.getDelayedCalls() == []
    assert "stopping" in failure(ask(child, "a"))


def test_a_request_at_the_time_of_stopping_fails_and_starts_nothing(reactor: FakeReactor, child: Child) -> None:
    waiting = ask(child, "a")
    Deferred.fromCoroutine(child.stop())
    reactor.processes[0].end()
    assert "stopping" in failure(waiting)
    assert len(reactor.processes) == 1


@given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=200)), max_size=5), st.integers(1, 50))
def test_frames_survive_any_cutting(content: list[tuple[str, bytes]], size: int) -> None:
    frames = [Frame({"text": text}, body) for text, body in content]
    data = b"".join(map(bytes, frames))
    reader = FrameReader()
    read = [frame for at in range(0, len(data), size) for frame in reader.receive(data[at : at + size])]
    assert read == frames


@given(st.binary(min_size=8, max_size=100))
def test_garbage_is_no_frame_or_waits_for_more(data: bytes) -> None:
    try:
        frames = FrameReader().receive(data)
    except BadFrame:
        return
    assert all(isinstance(frame.head, dict) for frame in frames)
