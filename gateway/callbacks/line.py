"""The callback line: who calls one of our numbers, about which action, and who answers. I/O only through its Protocols.

A caller is never left without an answer because something of ours failed: without the directory they leave a tip.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from foundation.telephone_numbers import PhoneNumber
from gateway.call_views import call_view
from gateway.callbacks.directory import About, CallbackSounds, Directory, stages
from gateway.callbacks.machine import Stage
from gateway.callbacks.running import CallbackManner, RunningCallback, Surroundings
from gateway.domain.action import Desk, Recipient
from gateway.domain.identifiers import ActionId, DeskId
from ivr.call import Call, CallEnded, Caller, Telephone
from ivr.flows.choice import MOST_CHOICES, choice

log = Logger()


@dataclass(frozen=True, slots=True)
class _Way:
    """Whom a callback rings, in which order."""

    desks: Mapping[DeskId, Desk]
    stages: tuple[Stage, ...]


class CallbackLine:
    """Give `incoming` to `Telephone.on_incoming`; `connect` takes over an alert call whose person wants the operator."""

    def __init__(
        self, telephone: Telephone, directory: Directory, sounds: CallbackSounds, manner: CallbackManner
    ) -> None:
        self._around = Surroundings(telephone, directory, sounds, manner)
        self._directory = directory
        self._manner = manner
        self._running: set[RunningCallback] = set()
        self._arriving: list[dict[ActionId, DeskId]] = []
        manner.tips.mkdir(parents=True, exist_ok=True)

    @property
    def in_progress(self) -> int:
        return len(self._running)

    async def incoming(self, call: Call, caller: Caller) -> None:
        """An `IncomingHandler`: returns when the caller is off the line."""
        with self._arrival() as news:
            found = await self._actions_of(caller.number)
            running = [recipient for recipient in found if recipient.running]
            recipient = next(iter(running or found), None)
            about = _about(caller, recipient)
            self._keep(call, about.action)
            call.on_end(lambda _: self._keep(call, about.action))
            try:
                await call.answer()
                if recipient is not None and len(running) > 1:
                    recipient = await self._chosen(call, running[:MOST_CHOICES])
                    about = replace(_about(caller, recipient), asked=True)
            except CallEnded:
                return
            self._keep(call, about.action)
            callback, way = await self._set_up(call, about, None if recipient is None else recipient.owner, news)
        await self._run(callback, way, greeting=True)

    async def connect(self, call: Call, action: ActionId, number: PhoneNumber) -> None:
        """Go on with an alert call as a callback to whoever owns the action now. The caller was told so already;
        the leg's record is kept by whoever placed it. Returns when the person is off the line."""
        with self._arrival() as news:
            recipient = await self._action_of(number, action)
            metres = None if recipient is None else recipient.distance_metres
            about = About(action, number, metres)
            callback, way = await self._set_up(call, about, None if recipient is None else recipient.owner, news)
        await self._run(callback, way, greeting=False)

    def owner_changed(self, action: ActionId, owner: DeskId) -> None:
        """An action was handed over: callers who still wait reach its new owner."""
        for news in self._arriving:
            news[action] = owner
        for callback in [callback for callback in self._running if callback.about.action == action]:
            self._log_failure(self._hand_over(callback, owner), "hand-over did not reach a waiting caller")

    async def _hand_over(self, callback: RunningCallback, owner: DeskId) -> None:
        callback.handed_to = owner
        desks, deputy = await self._directory.desks_for(owner, None), await self._deputy_of(owner)
        if callback.handed_to == owner:
            callback.hand_over({desk.id: desk for desk in desks}, stages(desks, owner, deputy))

    @contextmanager
    def _arrival(self) -> Iterator[dict[ActionId, DeskId]]:
        """What is handed over meanwhile: the owner that was read before the caller was on the line may be a former one."""
        news: dict[ActionId, DeskId] = {}
        self._arriving.append(news)
        try:
            yield news
        finally:
            self._arriving = [other for other in self._arriving if other is not news]

    async def _set_up(
        self, call: Call, about: About, owner: DeskId | None, news: Mapping[ActionId, DeskId]
    ) -> tuple[RunningCallback, _Way]:
        """Nothing is awaited between the last look at the news and `_running`."""
        if about.action is not None:
            self._log_failure(self._directory.count_callback(about.action), "callback was not counted")
        while True:
            if about.action is not None:
                owner = news.get(about.action, owner)
            desks, deputy = await self._desks_for(owner), await self._deputy_of(owner)
            if about.action is None or news.get(about.action, owner) == owner:
                break
        callback = RunningCallback(call, about, self._around)
        self._running.add(callback)
        return callback, _Way({desk.id: desk for desk in desks}, stages(desks, owner, deputy))

    async def _run(self, callback: RunningCallback, way: _Way, *, greeting: bool) -> None:
        try:
            await callback.run(way.desks, way.stages, greeting=greeting)
        finally:
            self._running.discard(callback)

    async def _chosen(self, call: Call, running: Sequence[Recipient]) -> Recipient:
        """The one that the caller chooses, as it stands when they have: it may be handed over or closed meanwhile.
        Without a choice, or a voice to ask for it, the first. Raises CallEnded."""
        recipient = running[0]
        try:
            sounds = await self._around.sounds.choice(running)
        except Exception:  # noqa: BLE001 - a shell boundary: whatever fails, the caller is put through
            log.failure("a caller could not be asked which action they call about")
        else:
            keys = {str(key): each for key, each in enumerate(running, 1)}
            recipient = keys.get(await choice(call, sounds, keys.keys()) or "1", recipient)
        return await self._action_of(recipient.number, recipient.action) or recipient

    async def _action_of(self, number: PhoneNumber, action: ActionId) -> Recipient | None:
        return next((one for one in await self._actions_of(number) if one.action == action), None)

    async def _actions_of(self, number: PhoneNumber | None) -> list[Recipient]:
        """The actions that reached this number, newest and nearest first."""
        if number is None:
            return []
        try:
            return await self._directory.actions_of(number, self._manner.grace_seconds)
        except Exception:  # noqa: BLE001 - a shell boundary: whatever fails, the caller is answered
            log.failure("actions of a caller could not be looked up")
            return []

    async def _desks_for(self, owner: DeskId | None) -> list[Desk]:
        room = None if owner is not None else self._manner.default_room
        try:
            return await self._directory.desks_for(owner, room)
        except Exception:  # noqa: BLE001 - a shell boundary: whatever fails, the caller can leave a tip
            log.failure("desks for a caller could not be looked up")
            return []

    async def _deputy_of(self, owner: DeskId | None) -> DeskId | None:
        """Also of an owner who is absent, whom `desks_for` leaves out."""
        if owner is None:
            return None
        try:
            return next((desk.deputy for desk in await self._directory.desks() if desk.id == owner), None)
        except Exception:  # noqa: BLE001 - a shell boundary: without a deputy the whole room is rung
            log.failure("the deputy of an owner could not be looked up")
            return None

    def _keep(self, call: Call, action: ActionId | None) -> None:
        self._log_failure(self._directory.save_call(call_view(call.record, action)), "call record was not saved")

    def _log_failure(self, work: Coroutine[Deferred[Any], Any, Any], what: str) -> None:
        Deferred.fromCoroutine(work).addErrback(lambda failure: log.failure(what, failure))


def _about(caller: Caller, recipient: Recipient | None) -> About:
    return About(
        action=None if recipient is None else recipient.action,
        shown=None if caller.private else caller.number,
        metres=None if recipient is None else recipient.distance_metres,
        desk=None if caller.desk is None else DeskId(caller.desk),
    )
