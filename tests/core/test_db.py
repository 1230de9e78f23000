"""core/db.py: no update is lost, nothing is told that was not stored, a database that is away says so."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import StatementError

from core.bus import HOUSE, Notice
from core.db import Database, DatabaseAway, announce, connect, reading, transaction
from core.house import fact, set_fact
from core.tables import HouseRow, VisitorRow

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
only_sqlite = pytest.mark.parametrize("db_url", ["sqlite"], indirect=True)
only_postgres = pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)


async def to_nobody(_notices: list[Notice]) -> None:
    return None


@pytest.fixture
async def others(db_url: str) -> AsyncIterator[list[Database]]:
    """More processes on the same database, as far as a database can tell."""
    made = [connect(db_url, to_nobody) for _ in range(3)]
    yield made
    for one in made:
        await one.engine.dispose()


@pytest.fixture
def locked_out(db_url: str) -> Iterator[sqlite3.Connection]:
    """Another process that holds SQLite's one write lock, in a database that was used before (so in WAL)."""
    other = sqlite3.connect(str(make_url(db_url).database), isolation_level=None)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


@pytest.fixture
def impatient(db: Database) -> Database:
    """Waits 0.1 s for a lock, where the house waits 5 s."""

    @event.listens_for(db.engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA busy_timeout=100").close()

    return db


async def count_one(db: Database) -> None:
    async with transaction(db) as session:
        row = await session.get_one(HouseRow, "count", with_for_update=True)
        row.value = str(int(row.value) + 1)


async def count(db: Database) -> str | None:
    async with reading(db) as session:
        return await fact(session, "count")


async def test_twenty_concurrent_read_then_writes_count_twenty(db: Database, others: list[Database]) -> None:
    async with transaction(db) as session:
        await set_fact(session, "count", "0")
    everyone = [db, *others]
    await asyncio.gather(*(count_one(everyone[i % 4]) for i in range(20)))
    assert await count(db) == "20"


async def test_nothing_is_kept_or_published_when_the_transaction_fails(db: Database, notices: list[Notice]) -> None:
    async def fail() -> None:
        async with transaction(db) as session:
            await set_fact(session, "count", "1")
            announce(session, Notice(HOUSE))
            raise RuntimeError("the process has other plans")

    with pytest.raises(RuntimeError):
        await fail()
    assert notices == []
    assert await count(db) is None


async def test_a_notice_goes_out_only_after_the_commit(db_url: str) -> None:
    seen: list[str | None] = []

    async def look(_notices: list[Notice]) -> None:
        seen.append(await count(db))

    db = connect(db_url, look)
    async with transaction(db) as session:
        await set_fact(session, "count", "7")
        announce(session, Notice(HOUSE))
        assert seen == []
    await db.engine.dispose()
    assert seen == ["7"]


async def test_a_reader_sees_one_state_while_others_write(db: Database) -> None:
    async with transaction(db) as session:
        await set_fact(session, "count", "1")
    async with reading(db) as session:
        before = await fact(session, "count")
        async with transaction(db) as writing:  # waits for no reader
            await set_fact(writing, "count", "2")
    assert (before, await count(db)) == ("1", "2")


@only_sqlite
async def test_a_lock_that_lasts_longer_than_the_busy_timeout_means_away(
    impatient: Database, locked_out: sqlite3.Connection
) -> None:
    with pytest.raises(DatabaseAway) as refusal:
        async with transaction(impatient) as session:
            await set_fact(session, "count", "1")
    assert await count(impatient) is None  # who only looks never waits
    locked_out.execute("ROLLBACK")
    async with transaction(impatient) as session:
        await set_fact(session, "count", "2")
    assert refusal.value.code == "database_away"
    assert await count(impatient) == "2"


@only_sqlite
async def test_a_lock_that_ends_in_time_is_waited_for(db: Database, locked_out: sqlite3.Connection) -> None:
    asyncio.get_running_loop().call_later(0.4, locked_out.execute, "ROLLBACK")
    async with transaction(db) as session:
        await set_fact(session, "count", "1")
    assert await count(db) == "1"


@only_sqlite
async def test_sqlite_is_durable_and_erases_what_is_deleted(db: Database) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    async with transaction(db) as session:
        found = {name: await session.scalar(text(f"PRAGMA {name}")) for name in wanted}
    assert found == wanted


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "nowhere.invalid"])
async def test_a_postgres_that_cannot_be_reached_is_away(host: str) -> None:
    db = connect(f"postgresql+asyncpg://ada@{host}:1/nothing", to_nobody)
    with pytest.raises(DatabaseAway):
        async with transaction(db) as session:
            await set_fact(session, "count", "1")
    with pytest.raises(DatabaseAway):
        async with reading(db) as session:
            await fact(session, "count")
    await db.engine.dispose()


@only_postgres
async def test_a_connection_that_is_cut_under_a_write_means_away_and_the_next_one_works(
    db: Database, others: list[Database]
) -> None:
    async def write_and_be_cut() -> None:
        async with transaction(db) as session:
            me = await session.scalar(text("SELECT pg_backend_pid()"))
            async with transaction(others[0]) as axe:
                await axe.execute(text("SELECT pg_terminate_backend(:me, 5000)"), {"me": me})
            await set_fact(session, "count", "1")

    with pytest.raises(DatabaseAway):
        await write_and_be_cut()
    async with transaction(db) as session:
        await set_fact(session, "count", "2")
    assert await count(db) == "2"


async def test_a_fault_of_our_own_is_not_called_an_absent_database(db: Database) -> None:
    with pytest.raises(Exception, match="no_such_table") as fault:
        async with reading(db) as session:
            await session.execute(text("SELECT * FROM no_such_table"))
    assert not isinstance(fault.value, DatabaseAway)


async def test_a_moment_comes_back_as_the_same_moment_in_utc(db: Database) -> None:
    delhi = timezone(timedelta(hours=5, minutes=30))
    at = datetime(2030, 1, 1, 2, 30, 0, 123_456, tzinfo=delhi)
    async with transaction(db) as session:
        session.add(VisitorRow(id=uuid4(), created_at=at))
    async with reading(db) as session:
        kept = (await session.scalars(select(VisitorRow.created_at))).one()
        earlier = await session.scalar(select(VisitorRow.id).where(VisitorRow.created_at < NOON))
    assert kept == at
    assert kept.tzinfo is UTC
    assert earlier is not None


async def test_a_moment_without_a_zone_is_refused(db: Database) -> None:
    with pytest.raises(StatementError, match="time zone"):
        async with transaction(db) as session:
            session.add(VisitorRow(id=uuid4(), created_at=NOON.replace(tzinfo=None)))
