"""what visitors agreed to

Revision ID: 0002_consents
Revises: 0001
"""

import sqlalchemy as sa

from alembic import op

revision = "0002_consents"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visitor_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("purposes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["visitor_id"], ["visitors.id"], name=op.f("fk_consents_visitor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
        sa.UniqueConstraint("visitor_id", "number", name=op.f("uq_consents_visitor_id_number")),
    )


def downgrade() -> None:
    op.drop_table("consents")
