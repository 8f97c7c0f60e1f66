"""Receipts of a message's parts, kept until the last one came; which node works for an action."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "part_receipts",
        sa.Column("attempt", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.String(length=65), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("attempt", "message_id", name=op.f("part_receipts_pk")),
    )
    op.create_index(op.f("part_receipts_at_ix"), "part_receipts", ["at"], unique=False)
    op.add_column("actions", sa.Column("node", sa.String(length=32), nullable=True))


def downgrade() -> None:
    op.drop_column("actions", "node")
    op.drop_index(op.f("part_receipts_at_ix"), table_name="part_receipts")
    op.drop_table("part_receipts")
