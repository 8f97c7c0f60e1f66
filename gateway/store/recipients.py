"""Who lives in an area, and freezing them as an action's deliveries. Blocking; set-based, points are looked at only in
cells on the edge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
)

from foundation.clock import Saved
from gateway.domain.action import Area, Circle, Municipality, Polygon, Postcodes
from gateway.domain.areas import METRES_A_DEGREE, AreaFault, Centre, CircleShape, PolygonShape, Shape, cell_runs
from gateway.domain.delivery import DeliveryState
from gateway.domain.identifiers import ActionId, Epoch, NodeName
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.store.counting import Changes, change_counters
from gateway.store.schema import area_places, deliveries, microseconds, opt_outs, participants, places

_CONDITIONS_A_QUERY = 200
_POSTCODE = re.compile(r"([1-9]\d{3})\s?([A-Z]{2})?")

Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Lease:
    """Under which a node holds what it writes."""

    node: NodeName
    epoch: Epoch


def read_postcode(text: str) -> str:
    """`3512 ab` as `3512AB`, `3512` as it is. Raises AreaFault."""
    match = _POSTCODE.fullmatch(text.strip().upper())
    if match is None:
        raise AreaFault(f"{text!r} is no postcode; write 3511 or 3512AB")
    return match[1] + (match[2] or "")


class AreaQuery:
    """An area as conditions on places. Raises AreaFault for one that can't be."""

    def __init__(self, area: Area) -> None:
        self.shape: Shape | None = None
        self.whole: list[Condition] = []
        self.edge: list[Condition] = []
        match area:
            case Circle():
                self._cells(CircleShape(area))
            case Polygon():
                self._cells(PolygonShape(area))
            case Postcodes():
                self._postcodes(area)
            case Municipality():
                if not area.name.strip():
                    raise AreaFault("a municipality has a name")
                self.whole = [func.lower(places.c.municipality) == area.name.strip().lower()]

    @property
    def centre(self) -> Centre | None:
        return None if self.shape is None else self.shape.centre

    def _cells(self, shape: Shape) -> None:
        self.shape = shape
        for run in cell_runs(shape):
            (self.whole if run.inside else self.edge).append(places.c.cell.between(run.first, run.last))

    def _postcodes(self, area: Postcodes) -> None:
        codes = {read_postcode(code) for code in area.codes}
        if not codes:
            raise AreaFault("name at least one postcode, as in 3511 or 3512AB")
        for code in sorted(codes):
            if len(code) == 4:
                self.whole.append(and_(places.c.postcode >= code, places.c.postcode < str(int(code) + 1)))
            elif code[:4] not in codes:
                self.whole.append(places.c.postcode == code)


def chunks(items: Sequence[Condition], size: int = _CONDITIONS_A_QUERY) -> Iterator[list[Condition]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def _on_edge(connection: Connection, query: AreaQuery) -> Iterator[tuple[int, int]]:
    """(place, participant) of the cells on the edge that lie inside."""
    if query.shape is None:
        return
    columns = (places.c.id, places.c.participant, places.c.latitude, places.c.longitude)
    for part in chunks(query.edge):
        rows = connection.execute(select(*columns).where(or_(*part))).all()
        if not rows:
            continue
        inside = query.shape.contains(numpy.array([row[2] for row in rows]), numpy.array([row[3] for row in rows]))
        yield from ((row[0], row[1]) for row, is_in in zip(rows, inside, strict=True) if is_in)


def count_recipients(connection: Connection, area: Area) -> dict[ChannelName, int]:
    """How many numbers an action on this area would try, a channel; those who opted out are left out."""
    query = AreaQuery(area)
    found = {participant for _, participant in _on_edge(connection, query)}
    for part in chunks(query.whole):
        found.update(connection.execute(select(places.c.participant).where(or_(*part)).distinct()).scalars())
    left = {(row.number, row.channel) for row in connection.execute(select(opt_outs.c.number, opt_outs.c.channel))}
    counts = {ChannelName.VOICE: 0, ChannelName.SMS: 0}
    ordered = sorted(found)
    for begin in range(0, len(ordered), 10_000):
        rows = connection.execute(
            select(participants.c.number, participants.c.voice, participants.c.sms).where(
                participants.c.id.in_(ordered[begin : begin + 10_000])
            )
        )
        for number, voice, sms in rows:
            counts[ChannelName.VOICE] += bool(voice) and (number, "voice") not in left
            counts[ChannelName.SMS] += bool(sms) and (number, "sms") not in left
    return counts


@dataclass(frozen=True, slots=True)
class Freeze:
    action: ActionId
    area: Area
    channels: frozenset[ChannelName]
    lease: Lease
    at: Saved
    quiet: bool


def freeze(connection: Connection, order: Freeze) -> tuple[int, dict[ChannelName, int]]:
    """Write one waiting delivery a number and channel, nearest first; how many of them wait, and how many rows each
    channel has. Those who opted out get their row as well, done at once."""
    query = AreaQuery(order.area)
    for part in chunks(query.whole):
        chosen = select(literal(order.action), places.c.id).where(or_(*part))
        connection.execute(insert(area_places).from_select(["action", "place"], chosen))
    edge = [{"action": order.action, "place": place} for place, _ in _on_edge(connection, query)]
    if edge:
        connection.execute(insert(area_places), edge)
    for channel in sorted(order.channels):
        _insert_deliveries(connection, order, channel, _square_metres(query.centre))
    connection.execute(delete(area_places).where(area_places.c.action == order.action))
    return _count_frozen(connection, order)


def _square_metres(centre: Centre | None) -> ColumnElement[float]:
    if centre is None:
        return literal(0.0)
    north = (places.c.latitude - centre.latitude) * METRES_A_DEGREE
    east = (places.c.longitude - centre.longitude) * centre.metres_a_degree_east
    return func.min(north * north + east * east)


def _insert_deliveries(
    connection: Connection, order: Freeze, channel: ChannelName, square_metres: ColumnElement[float]
) -> None:
    wants = participants.c.voice if channel is ChannelName.VOICE else participants.c.sms
    left = exists().where(opt_outs.c.number == participants.c.number, opt_outs.c.channel == channel.value)
    held = and_(literal(order.quiet) == true(), participants.c.night == false())
    distance = square_metres.label("distance")
    rows = (
        select(
            literal(order.action),
            participants.c.number,
            literal(channel.value),
            literal(MessageKind.ALERT.value),
            participants.c.language,
            participants.c.night,
            distance,
            case((left, DeliveryState.DONE.value), else_=DeliveryState.WAITING.value),
            case((left, Outcome.OPTED_OUT.value), (held, Outcome.HELD_QUIET_HOURS.value), else_=Outcome.WAITING.value),
            literal(0),
            literal(0),
            literal(""),
            false(),
            literal(0),
            literal(order.lease.node),
            literal(order.lease.epoch, deliveries.c.lease_epoch.type),
            literal(microseconds(order.at), deliveries.c.updated_at.type),
        )
        .select_from(area_places)
        .join(places, places.c.id == area_places.c.place)
        .join(participants, participants.c.id == places.c.participant)
        .where(area_places.c.action == order.action, wants == true())
        .group_by(participants.c.id, participants.c.number, participants.c.language, participants.c.night)
        .order_by(distance, participants.c.id)
    )
    connection.execute(insert(deliveries).from_select(list(DELIVERY_COLUMNS), rows))


DELIVERY_COLUMNS = (
    "action",
    "number",
    "channel",
    "message",
    "language",
    "night",
    "square_metres",
    "state",
    "outcome",
    "attempts",
    "ordinal",
    "avoid",
    "possible_duplicate",
    "version",
    "lease_node",
    "lease_epoch",
    "updated_at",
)


def _count_frozen(connection: Connection, order: Freeze) -> tuple[int, dict[ChannelName, int]]:
    counted = (
        select(deliveries.c.channel, deliveries.c.outcome, deliveries.c.state, func.count())
        .where(deliveries.c.action == order.action)
        .group_by(deliveries.c.channel, deliveries.c.outcome, deliveries.c.state)
    )
    waiting = 0
    rows = dict.fromkeys(sorted(order.channels), 0)
    changes: Changes = {}
    for channel, outcome, state, count in connection.execute(counted):
        changes[order.action, channel, MessageKind.ALERT.value, outcome] = count
        waiting += count if state == DeliveryState.WAITING.value else 0
        rows[ChannelName(channel)] += count
    change_counters(connection, changes)
    return waiting, rows
