"""Desks, tips, replies, calls, opt-outs: rows that are simply kept. Blocking."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Column, Connection, Row, Select, Table, and_, delete, insert, or_, select, update

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import Desk
from gateway.domain.calls import CallView
from gateway.domain.identifiers import ActionId, DeskId
from gateway.domain.outcomes import ChannelName
from gateway.store.schema import (
    calls,
    desks,
    maybe_moment,
    microseconds,
    moment,
    opt_outs,
    replies,
    tips,
)

After = tuple[int, str]
"""Time (µs) and id of the last one seen, in a list that is newest first."""


def _older(query: Select[Any], at: Column[int], name: Column[str], after: After | None) -> Select[Any]:
    if after is not None:
        query = query.where(or_(at < after[0], and_(at == after[0], name < after[1])))
    return query.order_by(at.desc(), name.desc())


def _number(text: str | None) -> PhoneNumber | None:
    return None if text is None else PhoneNumber(text)


def all_desks(connection: Connection) -> list[Desk]:
    rows = connection.execute(select(desks).order_by(desks.c.id))
    return [Desk(DeskId(row.id), row.name, row.uri, row.room, row.deputy, row.present) for row in rows]


def save_desk(connection: Connection, desk: Desk) -> None:
    row = {"name": desk.name, "uri": desk.uri, "room": desk.room, "deputy": desk.deputy, "present": desk.present}
    _renew(connection, desks, desks.c.id, desk.id, row)


def _renew(connection: Connection, table: Table, key: Column[str], name: str, values: dict[str, Any]) -> None:
    changed = connection.execute(update(table).where(key == name).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(table), {key.name: name, **values})


@dataclass(frozen=True, slots=True)
class Tip:
    id: str
    action: ActionId | None
    recorded_at: Saved
    milliseconds: int
    number: PhoneNumber | None
    path: Path


def _tip(row: Row[Any]) -> Tip:
    return Tip(row.id, row.action, moment(row.recorded_at), row.milliseconds, _number(row.number), Path(row.path))


def save_tip(connection: Connection, tip: Tip) -> None:
    connection.execute(
        insert(tips),
        {
            "id": tip.id,
            "action": tip.action,
            "recorded_at": microseconds(tip.recorded_at),
            "milliseconds": tip.milliseconds,
            "number": None if tip.number is None else tip.number.e164,
            "path": str(tip.path),
        },
    )


def page_of_tips(connection: Connection, action: ActionId | None, after: After | None, size: int) -> list[Tip]:
    query = select(tips) if action is None else select(tips).where(tips.c.action == action)
    rows = connection.execute(_older(query, tips.c.recorded_at, tips.c.id, after).limit(size))
    return [_tip(row) for row in rows]


def one_tip(connection: Connection, name: str) -> Tip | None:
    row = connection.execute(select(tips).where(tips.c.id == name)).first()
    return None if row is None else _tip(row)


@dataclass(frozen=True, slots=True)
class SavedReply:
    id: str
    action: ActionId | None
    number: PhoneNumber | None
    text: str
    received_at: Saved


def save_reply(connection: Connection, reply: SavedReply) -> None:
    connection.execute(
        insert(replies),
        {
            "id": reply.id,
            "action": reply.action,
            "number": None if reply.number is None else reply.number.e164,
            "text": reply.text,
            "received_at": microseconds(reply.received_at),
        },
    )


def page_of_replies(
    connection: Connection, action: ActionId | None, after: After | None, size: int
) -> list[SavedReply]:
    query = select(replies) if action is None else select(replies).where(replies.c.action == action)
    rows = connection.execute(_older(query, replies.c.received_at, replies.c.id, after).limit(size))
    return [SavedReply(row.id, row.action, _number(row.number), row.text, moment(row.received_at)) for row in rows]


@dataclass(frozen=True, slots=True)
class CallQuery:
    direction: Literal["in", "out"] | None = None
    action: ActionId | None = None
    begin: Saved | None = None
    end: Saved | None = None


def page_of_calls(connection: Connection, wanted: CallQuery, after: After | None, size: int) -> list[CallView]:
    query = select(calls)
    if wanted.direction is not None:
        query = query.where(calls.c.direction == wanted.direction)
    if wanted.action is not None:
        query = query.where(calls.c.action == wanted.action)
    if wanted.begin is not None:
        query = query.where(calls.c.started_at >= microseconds(wanted.begin))
    if wanted.end is not None:
        query = query.where(calls.c.started_at < microseconds(wanted.end))
    rows = connection.execute(_older(query, calls.c.started_at, calls.c.id, after).limit(size))
    return [_call(row) for row in rows]


def _call(row: Row[Any]) -> CallView:
    return CallView(
        id=row.id,
        direction=row.direction,
        action=row.action,
        number=_number(row.number),
        peer=row.peer,
        call_id=row.call_id,
        started_at=moment(row.started_at),
        answered_at=maybe_moment(row.answered_at),
        ended_at=maybe_moment(row.ended_at),
        ended_by=row.ended_by,
        cause=row.cause,
        sip_code=row.sip_code,
        q850_cause=row.q850_cause,
        desk=row.desk,
    )


def save_opt_out(connection: Connection, number: PhoneNumber, channel: ChannelName, at: Saved) -> bool:
    """Whether it is new."""
    if opted_out(connection, number, channel):
        return False
    row = {"number": number.e164, "channel": channel.value, "since": microseconds(at)}
    connection.execute(insert(opt_outs), row)
    return True


def opted_out(connection: Connection, number: PhoneNumber, channel: ChannelName) -> bool:
    mine = (opt_outs.c.number == number.e164, opt_outs.c.channel == channel.value)
    return connection.execute(select(opt_outs).where(*mine)).first() is not None


def lift_opt_outs(connection: Connection, numbers: list[str], channel: ChannelName) -> None:
    if numbers:
        connection.execute(delete(opt_outs).where(opt_outs.c.number.in_(numbers), opt_outs.c.channel == channel.value))
