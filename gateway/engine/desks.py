"""The operators' desks: who is rung for whom. Kept in memory, saved on change."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from foundation.clock import Clocks
from gateway.domain.action import Desk
from gateway.domain.identifiers import DeskId
from gateway.engine.interface import Conflict, Invalid, NotFound
from gateway.engine.views import DeskView
from gateway.store.actions import note
from gateway.store.reader import Reader
from gateway.store.records import all_desks, save_desk
from gateway.store.writer import Writer


class Desks:
    def __init__(self, writer: Writer, reader: Reader, clocks: Clocks) -> None:
        self._writer = writer
        self._reader = reader
        self._clocks = clocks
        self._desks: dict[DeskId, Desk] = {}
        self._being_added: set[DeskId] = set()

    async def load(self) -> None:
        self._desks = {desk.id: desk for desk in await self._reader.read(all_desks)}

    def knows(self, desk: DeskId) -> bool:
        return desk in self._desks

    def views(self) -> list[DeskView]:
        return [view(desk) for desk in self._desks.values()]

    async def configure(self, desks: list[Desk]) -> None:
        """The desks of the configuration: they win in all but who is present, which people changed since."""
        for desk in desks:
            known = self._desks.get(desk.id)
            await self._save(replace(desk, present=desk.present if known is None else known.present), "configuration")

    async def add(self, desk: Desk, actor: str) -> DeskView:
        """Raises Conflict for an id that is taken, also by one that is being saved at this moment."""
        if desk.id in self._desks or desk.id in self._being_added:
            raise Conflict(f"there is a desk {desk.id} already; choose another id")
        if desk.deputy is not None and desk.deputy not in self._desks:
            raise Invalid("deputy", f"there is no desk {desk.deputy}; add it first")
        self._being_added.add(desk.id)
        try:
            return await self._save(desk, actor)
        finally:
            self._being_added.discard(desk.id)

    async def set_present(self, wanted: DeskId, present: bool, actor: str) -> DeskView:
        desk = self._desks.get(wanted)
        if desk is None:
            raise NotFound(f"there is no desk {wanted}")
        return await self._save(replace(desk, present=present), actor)

    async def _save(self, desk: Desk, actor: str) -> DeskView:
        now = self._clocks.saved_now()

        def work(connection: Connection) -> None:
            save_desk(connection, desk)
            note(connection, now, actor, "desk saved", desk.id)

        await self._writer.run(work)
        self._desks[desk.id] = desk
        return view(desk)

    def rung_for(self, owner: DeskId | None, room: str | None) -> list[Desk]:
        """The owner, the deputy, then the room, each once and only those present."""
        first = None if owner is None else self._desks.get(owner)
        order: list[Desk | None] = [first]
        if first is not None:
            order.append(None if first.deputy is None else self._desks.get(first.deputy))
        where = first.room if first is not None else room
        order.extend(desk for desk in self._desks.values() if desk.room == where)
        return list({desk.id: desk for desk in order if desk is not None and desk.present}.values())


def view(desk: Desk) -> DeskView:
    return DeskView(desk.id, desk.name, desk.room, desk.deputy, desk.present, desk.uri)
