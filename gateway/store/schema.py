"""Every table, as SQLAlchemy Core. No I/O. Times are whole microseconds since 1970 in UTC (`microseconds`, `moment`):
the same on SQLite and PostgreSQL, sortable, and cheap where thousands of rows a second are written.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    cast,
)

from foundation.clock import Saved
from gateway.domain.delivery import attempt_id

metadata = MetaData(
    naming_convention={
        "ix": "%(column_0_label)s_ix",
        "uq": "%(table_name)s_%(column_0_name)s_uq",
        "pk": "%(table_name)s_pk",
    }
)

_EPOCH = Saved(datetime(1970, 1, 1, tzinfo=UTC))
_MICROSECOND = timedelta(microseconds=1)

# SQLite gives row numbers by itself only to a column of type INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")


def microseconds(when: Saved) -> int:
    return (when - _EPOCH) // _MICROSECOND


def maybe_microseconds(when: Saved | None) -> int | None:
    return None if when is None else (when - _EPOCH) // _MICROSECOND


def moment(value: int) -> Saved:
    return Saved(_EPOCH + timedelta(microseconds=value))


def maybe_moment(value: int | None) -> Saved | None:
    return None if value is None else moment(value)


participants = Table(
    "participants",
    metadata,
    Column("id", Number, primary_key=True),
    Column("number", String(16), nullable=False, unique=True),
    Column("voice", Boolean, nullable=False),
    Column("sms", Boolean, nullable=False),
    Column("language", String(8), nullable=False),
    Column("night", Boolean, nullable=False),
    Column("email", String(254)),
    Column("import_run", Number, nullable=False),
)

places = Table(
    "places",
    metadata,
    Column("id", Number, primary_key=True),
    Column("participant", Number, nullable=False, index=True),
    Column("postcode", String(6), index=True),
    Column("house_number", String(16)),
    Column("municipality", String(80), index=True),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("cell", Number, index=True),
    Column("import_run", Number, nullable=False),
)

area_places = Table(
    "area_places",
    metadata,
    Column("action", String(32), primary_key=True),
    Column("place", Number, primary_key=True),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("number", String(16), primary_key=True),
    Column("channel", String(8), primary_key=True),
    Column("since", BigInteger, nullable=False),
)

actions = Table(
    "actions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("state", String(8), nullable=False, index=True),
    Column("draft", Text, nullable=False),
    Column("estimate", Text, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False, index=True),
    Column("created_by", String(128), nullable=False),
    Column("started_at", BigInteger),
    Column("closed_at", BigInteger),
    Column("closing_outcome", String(20)),
    Column("closing_message", Text),
    Column("recording", Text),
    Column("node", String(32)),
    Column("recipients", Integer, nullable=False, default=0),
    Column("callbacks", Integer, nullable=False, default=0),
    Column("possible_duplicates", Integer, nullable=False, default=0),
)

milestones = Table(
    "milestones",
    metadata,
    Column("action", String(32), primary_key=True),
    Column("percent", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Number, primary_key=True),
    Column("action", String(32), nullable=False),
    Column("number", String(16), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("message", String(12), nullable=False),
    Column("language", String(8), nullable=False),
    Column("night", Boolean, nullable=False),
    Column("square_metres", Float, nullable=False),
    Column("state", String(10), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("not_before", BigInteger),
    Column("avoid", Text, nullable=False),
    Column("possible_duplicate", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("lease_node", String(32), nullable=False),
    Column("lease_epoch", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("number", "action", "channel", "message"),
    Index("deliveries_queue", "action", "message", "channel", "id"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("started_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("outcome", String(16)),
    Column("peer", String(64)),
    Column("reference", Text),
    Column("sip_code", Integer),
    Column("q850_cause", Integer),
    Column("command_status", Integer),
    Column("receipt_status", String(16)),
    Column("error", Text),
    Column("segments", Integer),
    Column("answered_at", BigInteger),
    Column("heard_milliseconds", Integer),
    Column("possible_duplicate", Boolean, nullable=False),
    Column("interrupted", Boolean, nullable=False),
)

LAST_ATTEMPT = attempts.c.id == cast(deliveries.c.ordinal, BigInteger) * attempt_id(0, 1) + deliveries.c.id
"""Joins a delivery that was begun with its last attempt; the ordinal itself is too narrow for the product."""

message_ids = Table(
    "message_ids",
    metadata,
    Column("smsc", String(32), primary_key=True),
    Column("message_id", String(65), primary_key=True),
    Column("attempt", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)

part_receipts = Table(
    "part_receipts",
    metadata,
    Column("attempt", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", String(65), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
)

counters = Table(
    "counters",
    metadata,
    Column("action", String(32), primary_key=True),
    Column("channel", String(8), primary_key=True),
    Column("message", String(12), primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("count", Integer, nullable=False),
)

dialogs = Table(
    "dialogs",
    metadata,
    Column("leg", String(128), primary_key=True),
    Column("state", String(8), nullable=False, index=True),
    Column("node", String(32), nullable=False),
    Column("dialog", Text, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("direction", String(3), nullable=False),
    Column("action", String(32)),
    Column("number", String(16)),
    Column("peer", String(64), nullable=False),
    Column("call_id", String(255), nullable=False),
    Column("started_at", BigInteger, nullable=False, index=True),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("ended_by", String(8)),
    Column("cause", String(20)),
    Column("sip_code", Integer),
    Column("q850_cause", Integer),
    Column("desk", String(64)),
)

desks = Table(
    "desks",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("uri", String(255)),
    Column("room", String(64), nullable=False),
    Column("deputy", String(64)),
    Column("present", Boolean, nullable=False),
)

tips = Table(
    "tips",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("action", String(32)),
    Column("recorded_at", BigInteger, nullable=False, index=True),
    Column("milliseconds", Integer, nullable=False),
    Column("number", String(16)),
    Column("path", Text, nullable=False),
)

replies = Table(
    "replies",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("action", String(32)),
    Column("number", String(16)),
    Column("text", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False, index=True),
)

reply_answers = Table(
    "reply_answers",
    metadata,
    Column("action", String(32), primary_key=True),
    Column("number", String(16), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("what", String(40), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("detail", Text, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", String(255), primary_key=True),
    Column("body", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
)

node_leases = Table(
    "node_leases",
    metadata,
    Column("node", String(32), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("taken_at", BigInteger, nullable=False),
)
