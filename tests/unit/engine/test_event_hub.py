"""Watching what happens: from now, from an id, slower than the ring, until the end."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from gateway.engine.events import KEPT, EventHub
from gateway.engine.views import Event


def _watch(hub: EventHub, after: int | None = None) -> tuple[list[Event], Deferred[None]]:
    seen: list[Event] = []

    async def watch() -> None:
        async for event in hub.watch(after):
            seen.append(event)

    return seen, Deferred.fromCoroutine(watch())


def test_a_watcher_sees_what_comes_after_it_began() -> None:
    hub = EventHub(100)
    hub.publish("action", {"n": 1})
    seen, _ = _watch(hub)
    hub.publish("action", {"n": 2})
    assert [event.id for event in seen] == [101]


def test_a_watcher_that_comes_back_misses_nothing() -> None:
    hub = EventHub(100)
    for number in range(5):
        hub.publish("call", {"n": number})
    seen, _ = _watch(hub, after=101)
    assert [event.id for event in seen] == [102, 103, 104]


def test_an_id_of_an_earlier_process_gives_all_that_is_kept_and_one_from_the_future_nothing() -> None:
    hub = EventHub(100)
    hub.publish("call", {})
    assert len(_watch(hub, after=3)[0]) == 1
    assert _watch(hub, after=900)[0] == []


def test_the_ring_is_bounded() -> None:
    hub = EventHub(1)
    for _ in range(KEPT + 50):
        hub.publish("call", {})
    seen, _ = _watch(hub, after=0)
    assert [seen[0].id, seen[-1].id] == [51, KEPT + 50]


def test_the_end_ends_every_watcher_and_leaving_is_no_fault() -> None:
    hub = EventHub(1)
    first, second = _watch(hub)[1], _watch(hub)[1]
    second.addErrback(lambda _: None)
    second.cancel()
    hub.publish("call", {})
    hub.close()
    assert first.called
