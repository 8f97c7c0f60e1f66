"""Writing participants and their places, a part of an import at a time. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.areas import cell
from gateway.domain.outcomes import ChannelName
from gateway.store.records import lift_opt_outs
from gateway.store.schema import participants, places


@dataclass(frozen=True, slots=True)
class ParticipantRow:
    """One accepted row of an import: a number and one of its places."""

    number: PhoneNumber
    channels: frozenset[ChannelName]
    language: str
    night: bool
    email: str | None
    postcode: str | None
    house_number: str | None
    municipality: str | None
    latitude: float | None
    longitude: float | None


_CHANGE = (
    update(participants)
    .where(participants.c.number == bindparam("of_number"))
    .values(
        voice=bindparam("voice"),
        sms=bindparam("sms"),
        language=bindparam("language"),
        night=bindparam("night"),
        email=bindparam("email"),
        import_run=bindparam("import_run"),
    )
)


def next_run(connection: Connection) -> int:
    """A number for a new import, higher than any before."""
    return (connection.execute(select(func.max(participants.c.import_run))).scalar() or 0) + 1


def save_rows(connection: Connection, rows: Sequence[ParticipantRow], run: int) -> None:
    """An import renews every number that it names: its wishes are the last row's, its places those of this import, and
    it takes part again in each channel that it asks for."""
    latest = {row.number.e164: row for row in rows}
    known = select(participants.c.number, participants.c.id).where(participants.c.number.in_(list(latest)))
    ids: dict[str, int] = {row.number: row.id for row in connection.execute(known)}
    changed = [{"of_number": number, **_wishes(latest[number], run)} for number in ids]
    if changed:
        connection.execute(_CHANGE, changed)
    new = [{"number": number, **_wishes(row, run)} for number, row in latest.items() if number not in ids]
    if new:
        connection.execute(insert(participants), new)
        ids.update({row.number: row.id for row in connection.execute(known)})
    connection.execute(delete(places).where(places.c.participant.in_(list(ids.values())), places.c.import_run != run))
    connection.execute(insert(places), [_place(row, ids[row.number.e164], run) for row in rows])
    for channel in ChannelName:
        lift_opt_outs(connection, [number for number, row in latest.items() if channel in row.channels], channel)


def _wishes(row: ParticipantRow, run: int) -> dict[str, Any]:
    return {
        "voice": ChannelName.VOICE in row.channels,
        "sms": ChannelName.SMS in row.channels,
        "language": row.language,
        "night": row.night,
        "email": row.email,
        "import_run": run,
    }


def _place(row: ParticipantRow, participant: int, run: int) -> dict[str, Any]:
    located = row.latitude is not None and row.longitude is not None
    return {
        "participant": participant,
        "postcode": row.postcode,
        "house_number": row.house_number,
        "municipality": row.municipality,
        "latitude": row.latitude,
        "longitude": row.longitude,
        "cell": cell(row.latitude, row.longitude) if located else None,  # type: ignore[arg-type]  # located says so
        "import_run": run,
    }


def count_participants(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(participants)).scalar_one()
