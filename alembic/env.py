"""Runs the migrations on the database that ``api/migrate.py`` hands over."""

import asyncio

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

import api.tables  # noqa: F401  every package's tables, so that autogenerate sees them
from alembic import context
from core.db import Base
from core.search import not_of_search
from core.settings import Settings


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=True, include_name=not_of_search
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_migrate() -> None:
    engine = create_async_engine(Settings().url)
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:  # `alembic revision --autogenerate`, by a developer
    asyncio.run(connect_and_migrate())
