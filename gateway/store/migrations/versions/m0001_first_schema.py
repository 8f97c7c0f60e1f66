"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "actions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("draft", sa.Text(), nullable=False),
        sa.Column("estimate", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=128), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closing_outcome", sa.String(length=20), nullable=True),
        sa.Column("closing_message", sa.Text(), nullable=True),
        sa.Column("recording", sa.Text(), nullable=True),
        sa.Column("recipients", sa.Integer(), nullable=False),
        sa.Column("callbacks", sa.Integer(), nullable=False),
        sa.Column("possible_duplicates", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("actions_pk")),
    )
    op.create_index(op.f("actions_created_at_ix"), "actions", ["created_at"], unique=False)
    op.create_index(op.f("actions_state_ix"), "actions", ["state"], unique=False)
    op.create_table(
        "area_places",
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("action", "place", name=op.f("area_places_pk")),
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("peer", sa.String(length=64), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("sip_code", sa.Integer(), nullable=True),
        sa.Column("q850_cause", sa.Integer(), nullable=True),
        sa.Column("command_status", sa.Integer(), nullable=True),
        sa.Column("receipt_status", sa.String(length=16), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("segments", sa.Integer(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("heard_milliseconds", sa.Integer(), nullable=True),
        sa.Column("possible_duplicate", sa.Boolean(), nullable=False),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("attempts_pk")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_pk")),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=True),
        sa.Column("number", sa.String(length=16), nullable=True),
        sa.Column("peer", sa.String(length=64), nullable=False),
        sa.Column("call_id", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(length=8), nullable=True),
        sa.Column("cause", sa.String(length=20), nullable=True),
        sa.Column("sip_code", sa.Integer(), nullable=True),
        sa.Column("q850_cause", sa.Integer(), nullable=True),
        sa.Column("desk", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("calls_pk")),
    )
    op.create_index(op.f("calls_started_at_ix"), "calls", ["started_at"], unique=False)
    op.create_table(
        "counters",
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("message", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("action", "channel", "message", "outcome", name=op.f("counters_pk")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("message", sa.String(length=12), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("night", sa.Boolean(), nullable=False),
        sa.Column("square_metres", sa.Float(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("avoid", sa.Text(), nullable=False),
        sa.Column("possible_duplicate", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lease_node", sa.String(length=32), nullable=False),
        sa.Column("lease_epoch", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("deliveries_pk")),
        sa.UniqueConstraint("number", "action", "channel", "message", name=op.f("deliveries_number_uq")),
    )
    op.create_index("deliveries_queue", "deliveries", ["action", "message", "channel", "id"], unique=False)
    op.create_table(
        "desks",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("uri", sa.String(length=255), nullable=True),
        sa.Column("room", sa.String(length=64), nullable=False),
        sa.Column("deputy", sa.String(length=64), nullable=True),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("desks_pk")),
    )
    op.create_table(
        "dialogs",
        sa.Column("leg", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("dialog", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("leg", name=op.f("dialogs_pk")),
    )
    op.create_index(op.f("dialogs_state_ix"), "dialogs", ["state"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("body", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("idempotency_keys_pk")),
    )
    op.create_table(
        "message_ids",
        sa.Column("smsc", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=65), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("smsc", "message_id", name=op.f("message_ids_pk")),
    )
    op.create_index(op.f("message_ids_at_ix"), "message_ids", ["at"], unique=False)
    op.create_table(
        "milestones",
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("action", "percent", name=op.f("milestones_pk")),
    )
    op.create_table(
        "node_leases",
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("node_leases_pk")),
    )
    op.create_table(
        "opt_outs",
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", "channel", name=op.f("opt_outs_pk")),
    )
    op.create_table(
        "participants",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("voice", sa.Boolean(), nullable=False),
        sa.Column("sms", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("night", sa.Boolean(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("import_run", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("participants_pk")),
        sa.UniqueConstraint("number", name=op.f("participants_number_uq")),
    )
    op.create_table(
        "places",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("participant", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("postcode", sa.String(length=6), nullable=True),
        sa.Column("house_number", sa.String(length=16), nullable=True),
        sa.Column("municipality", sa.String(length=80), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("cell", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("import_run", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("places_pk")),
    )
    op.create_index(op.f("places_cell_ix"), "places", ["cell"], unique=False)
    op.create_index(op.f("places_municipality_ix"), "places", ["municipality"], unique=False)
    op.create_index(op.f("places_participant_ix"), "places", ["participant"], unique=False)
    op.create_index(op.f("places_postcode_ix"), "places", ["postcode"], unique=False)
    op.create_table(
        "replies",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=True),
        sa.Column("number", sa.String(length=16), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("replies_pk")),
    )
    op.create_index(op.f("replies_received_at_ix"), "replies", ["received_at"], unique=False)
    op.create_table(
        "tips",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("tips_pk")),
    )
    op.create_index(op.f("tips_recorded_at_ix"), "tips", ["recorded_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("tips_recorded_at_ix"), table_name="tips")
    op.drop_table("tips")
    op.drop_index(op.f("replies_received_at_ix"), table_name="replies")
    op.drop_table("replies")
    op.drop_index(op.f("places_postcode_ix"), table_name="places")
    op.drop_index(op.f("places_participant_ix"), table_name="places")
    op.drop_index(op.f("places_municipality_ix"), table_name="places")
    op.drop_index(op.f("places_cell_ix"), table_name="places")
    op.drop_table("places")
    op.drop_table("participants")
    op.drop_table("opt_outs")
    op.drop_table("node_leases")
    op.drop_table("milestones")
    op.drop_index(op.f("message_ids_at_ix"), table_name="message_ids")
    op.drop_table("message_ids")
    op.drop_table("idempotency_keys")
    op.drop_index(op.f("dialogs_state_ix"), table_name="dialogs")
    op.drop_table("dialogs")
    op.drop_table("desks")
    op.drop_index("deliveries_queue", table_name="deliveries")
    op.drop_table("deliveries")
    op.drop_table("counters")
    op.drop_index(op.f("calls_started_at_ix"), table_name="calls")
    op.drop_table("calls")
    op.drop_table("audit")
    op.drop_table("attempts")
    op.drop_table("area_places")
    op.drop_index(op.f("actions_state_ix"), table_name="actions")
    op.drop_index(op.f("actions_created_at_ix"), table_name="actions")
    op.drop_table("actions")
