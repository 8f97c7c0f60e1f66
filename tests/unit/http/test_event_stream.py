"""One listener's stream: its heartbeat, its pauses, and what happens to one that stops reading."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from foundation.telephone_numbers import PhoneNumber
from gateway.engine.views import Event
from gateway.http.access import Person
from gateway.http.events import HEARTBEAT_SECONDS, EventStream, masked


class Wire:
    """A request as far as a stream needs it: what was written, and whether its connection was cut."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.producer: EventStream | None = None
        self.cut = False
        self.channel: Wire | None = self

    def setHeader(self, name: str, value: str) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def registerProducer(self, producer: EventStream, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def abortConnection(self) -> None:
        self.cut = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def stream(clock: Clock, wire: Wire) -> EventStream:
    made = EventStream(wire, Person("rob", "reader"), clock)  # type: ignore[arg-type]  # Clock has what it needs of time
    made.start()
    return made


def test_a_quiet_stream_shows_that_it_lives(stream: EventStream, clock: Clock, wire: Wire) -> None:
    assert wire.written == [b"retry: 2000\n\n"]
    clock.advance(HEARTBEAT_SECONDS)
    clock.advance(HEARTBEAT_SECONDS)
    assert wire.written[1:] == [b": alive\n\n", b": alive\n\n"]
    stream.stop()
    assert clock.getDelayedCalls() == []
    assert wire.producer is None


def test_a_paused_stream_waits(stream: EventStream) -> None:
    stream.pauseProducing()
    ready = Deferred.fromCoroutine(stream.ready())
    assert not ready.called
    stream.resumeProducing()
    assert ready.called
    assert Deferred.fromCoroutine(stream.ready()).called
    stream.stop()


def test_one_that_stops_reading_is_cut_off(stream: EventStream, clock: Clock, wire: Wire) -> None:
    stream.pauseProducing()
    clock.advance(HEARTBEAT_SECONDS)
    assert not wire.cut
    clock.advance(HEARTBEAT_SECONDS)
    assert wire.cut
    assert wire.written == [b"retry: 2000\n\n"]


def test_one_that_reads_slowly_is_kept(stream: EventStream, clock: Clock, wire: Wire) -> None:
    for _ in range(5):
        stream.pauseProducing()
        clock.advance(HEARTBEAT_SECONDS)
        stream.resumeProducing()
    assert not wire.cut


def test_a_lost_connection_is_left_alone(stream: EventStream, wire: Wire, clock: Clock) -> None:
    wire.channel = None
    stream.stop()
    assert clock.getDelayedCalls() == []


def test_an_event_on_the_wire(stream: EventStream, wire: Wire) -> None:
    stream.send(Event(7, "reply", {"text": "één\nregel", "phone": "+31612345678"}))
    assert (
        wire.written[-1] == 'id: 7\nevent: reply\ndata: {"text": "één\\nregel", "phone": "+31*******78"}\n\n'.encode()
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (PhoneNumber("+31612345678"), "+31*******78"),
        ({"a": ["sip:+31612345678@x", 5, None, True]}, {"a": ["sip:+31*******78@x", 5, None, True]}),
        ("+1234", "+1234"),
    ],
)
def test_masking(value: Any, shown: Any) -> None:
    assert masked(value) == shown
