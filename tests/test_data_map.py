"""What is stored is known: every column that can hold words is classified, and the migrations build it all."""

from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Boolean, Column, Connection, DateTime, Float, Integer, MetaData, Text, Uuid

from api.tables import METADATA
from core.db import Database, Moment
from core.privacy import VISITORS, belonging
from core.search import not_of_search
from core.tables import PERSONAL, PLAIN

# These cannot hold words. Whatever else somebody adds must say what it is.
WORDLESS = (Boolean, DateTime, Float, Integer, Moment, Uuid)
WORDY = [
    column for table in METADATA.sorted_tables for column in table.columns if not isinstance(column.type, WORDLESS)
]


@pytest.mark.parametrize("column", WORDY, ids=str)
def test_a_column_says_whether_it_is_personal(column: Column[Any]) -> None:
    assert column.info in (PERSONAL, PLAIN), f"tag {column} PERSONAL or PLAIN (core/tables.py)"


def test_what_visitors_say_is_personal_wherever_it_is_kept() -> None:
    """The known places, so that a wrong tag is seen as well as a missing one."""
    personal = {str(column) for column in WORDY if column.info == PERSONAL}
    assert personal >= {
        "messages.text", "events.body", "cases.summary", "decisions.reading", "decisions.salt",
        "left_messages.email", "left_messages.text", "visitors.email", "visitors.external_key",
    }  # fmt: skip


def test_a_personal_column_belongs_to_a_visitor_or_to_staff() -> None:
    """What an erasure does not reach by foreign keys would outlive it."""
    reached = {table.name for table in belonging(VISITORS, VISITORS.c.id == uuid4())}
    personal = {column.table.name for column in WORDY if column.info == PERSONAL}
    assert personal - reached == {"staff"}
    assert reached & {"staff", "articles", "audit", "waits", "house"} == set()


def drift(connection: Connection, metadata: MetaData) -> list[Any]:
    options = {"compare_type": True, "include_name": not_of_search}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_the_migrations_build_what_the_code_expects(db: Database) -> None:
    async with db.engine.connect() as connection:
        assert await connection.run_sync(drift, METADATA) == []


async def test_a_column_without_a_migration_is_found(db: Database) -> None:
    planned = MetaData(naming_convention=METADATA.naming_convention)
    for table in METADATA.sorted_tables:
        table.to_metadata(planned)
    planned.tables["visitors"].append_column(Column("shoe_size", Text))
    async with db.engine.connect() as connection:
        [found] = await connection.run_sync(drift, planned)
    assert found[0] == "add_column"
