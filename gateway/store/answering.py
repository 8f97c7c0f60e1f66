"""What the gateway answers to people's own texts, each once: remembered before it is sent. Blocking."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection, insert, select

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.outcomes import ChannelName, Outcome
from gateway.store.deliveries import reached_by
from gateway.store.records import opted_out
from gateway.store.schema import deliveries, microseconds, participants, reply_answers

DEFAULT_LANGUAGE = "nl"


def answer_once(
    connection: Connection, number: PhoneNumber, outcomes: Iterable[Outcome], grace: timedelta, at: Saved
) -> str | None:
    """The language in which to say that the action which reached this number is over: the first time for this number and
    action, and where no action that reached it runs. None else, and for those who want no texts."""
    reached = reached_by(connection, number, outcomes, Saved(at - grace))
    if not reached or any(row.running for row in reached) or opted_out(connection, number, ChannelName.SMS):
        return None
    action = reached[0].action
    mine = (reply_answers.c.action == action, reply_answers.c.number == number.e164)
    if connection.execute(select(reply_answers.c.at).where(*mine)).first() is not None:
        return None
    row = {"action": action, "number": number.e164, "at": microseconds(at)}
    connection.execute(insert(reply_answers), row)
    return language_of(connection, number)


def language_of(connection: Connection, number: PhoneNumber) -> str:
    """As they signed up; else as the last action spoke to them."""
    signed_up = select(participants.c.language).where(participants.c.number == number.e164)
    spoken = (
        select(deliveries.c.language)
        .where(deliveries.c.number == number.e164)
        .order_by(deliveries.c.id.desc())
        .limit(1)
    )
    found = connection.execute(signed_up).scalar() or connection.execute(spoken).scalar()
    return found or DEFAULT_LANGUAGE
