"""the desk: the queue's order, offers, outcomes, fair sharing, canned replies and full-text search

Revision ID: 0004_desk
Revises: 0003_reviews
"""

import sqlalchemy as sa

from alembic import op

revision = "0004_desk"
down_revision = "0003_reviews"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "canned_replies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["changed_by"], ["staff.id"], name=op.f("fk_canned_replies_changed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_replies")),
        sa.UniqueConstraint("name", name=op.f("uq_canned_replies_name")),
    )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.add_column(sa.Column("danger", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("abusive", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("put_back", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("counts_from", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("offered_to", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("offer_note", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("ended_by", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("outcome", sa.String(length=12), nullable=True))
        batch_op.drop_index(batch_op.f("ix_cases_state_waiting"))
        batch_op.create_index("ix_cases_state_order", ["state", "counts_from"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_cases_offered_to"), "staff", ["offered_to"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_cases_ended_by"), "staff", ["ended_by"], ["id"])
    op.execute("UPDATE cases SET counts_from = waiting_since, danger = (reason = 'vulnerable')")
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.alter_column("counts_from", existing_type=sa.DateTime(timezone=True), nullable=False)

    with op.batch_alter_table("presence", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rested_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("waits", schema=None) as batch_op:
        batch_op.add_column(sa.Column("agent_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("heated", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.alter_column("seconds", existing_type=sa.Double(), nullable=True)
        batch_op.create_index("ix_waits_agent", ["agent_id", "claimed_at"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_waits_agent_id"), "staff", ["agent_id"], ["id"])

    if op.get_bind().dialect.name == "sqlite":
        _index_on_sqlite()
    else:
        op.execute(
            "CREATE INDEX search_words ON messages"
            " USING gin (to_tsvector('simple', translate(text, '-_@./:#+', '        ')))"
            " WHERE sender_kind IN ('visitor', 'agent')"
        )


def _index_on_sqlite() -> None:
    """A contentless index holds words and numbers, no second copy of the text; the triggers keep it true whoever
    changes ``messages``. The number is our own: VACUUM may give the rows of ``messages`` new ones.

    A later batch_alter_table("messages") makes the table anew and so loses the triggers: make them again there.
    """
    op.execute("CREATE TABLE search_numbers (id INTEGER PRIMARY KEY, message_id CHAR(32) NOT NULL UNIQUE)")
    op.execute(
        "CREATE VIRTUAL TABLE search_words USING fts5("
        "text, content='', tokenize=\"unicode61 remove_diacritics 2\", prefix='2 3')"
    )
    op.execute("""
        CREATE TRIGGER search_said AFTER INSERT ON messages WHEN new.sender_kind IN ('visitor', 'agent') BEGIN
            INSERT INTO search_numbers (message_id) VALUES (new.id);
            INSERT INTO search_words (rowid, text)
                SELECT id, new.text FROM search_numbers WHERE message_id = new.id;
        END""")
    op.execute("""
        CREATE TRIGGER search_changed AFTER UPDATE OF text ON messages
        WHEN old.sender_kind IN ('visitor', 'agent') BEGIN
            INSERT INTO search_words (search_words, rowid, text)
                SELECT 'delete', id, old.text FROM search_numbers WHERE message_id = old.id;
            INSERT INTO search_words (rowid, text)
                SELECT id, new.text FROM search_numbers WHERE message_id = old.id;
        END""")
    op.execute("""
        CREATE TRIGGER search_erased AFTER DELETE ON messages WHEN old.sender_kind IN ('visitor', 'agent') BEGIN
            INSERT INTO search_words (search_words, rowid, text)
                SELECT 'delete', id, old.text FROM search_numbers WHERE message_id = old.id;
            DELETE FROM search_numbers WHERE message_id = old.id;
        END""")
    op.execute(
        "INSERT INTO search_numbers (message_id)"
        " SELECT id FROM messages WHERE sender_kind IN ('visitor', 'agent') ORDER BY at, seq"
    )
    op.execute(
        "INSERT INTO search_words (rowid, text)"
        " SELECT n.id, m.text FROM search_numbers n JOIN messages m ON m.id = n.message_id"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for trigger in ("search_said", "search_changed", "search_erased"):
            op.execute(f"DROP TRIGGER {trigger}")
        op.execute("DROP TABLE search_words")
        op.execute("DROP TABLE search_numbers")
    else:
        op.execute("DROP INDEX search_words")

    op.execute("DELETE FROM waits WHERE seconds IS NULL")
    with op.batch_alter_table("waits", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_waits_agent_id"), type_="foreignkey")
        batch_op.drop_index("ix_waits_agent")
        batch_op.alter_column("seconds", existing_type=sa.Double(), nullable=False)
        batch_op.drop_column("heated")
        batch_op.drop_column("agent_id")

    with op.batch_alter_table("presence", schema=None) as batch_op:
        batch_op.drop_column("rested_at")

    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_cases_ended_by"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_cases_offered_to"), type_="foreignkey")
        batch_op.drop_index("ix_cases_state_order")
        batch_op.create_index(batch_op.f("ix_cases_state_waiting"), ["state", "waiting_since"], unique=False)
        for column in (
            "outcome", "ended_by", "ended_at", "offer_note", "offered_to", "counts_from", "put_back", "abusive",
            "danger",
        ):  # fmt: skip
            batch_op.drop_column(column)

    op.drop_table("canned_replies")
