"""Engine and sessions: ``transaction(db)`` to write, ``reading(db)`` to look. Floor 0."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, MetaData, TypeDecorator, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from core.bus import Notice
from core.errors import BadInput, Conflict, Unavailable

Publish = Callable[[list[Notice]], Awaitable[None]]
NO_SUCH_CHARACTER = "22021"  # PostgreSQL's word for a NUL in a text; SQLite keeps it


class DatabaseAway(Unavailable):
    """Locked for longer than the busy timeout, restarting, or out of reach. Nothing was stored."""

    code = "database_away"

    def __init__(self) -> None:
        super().__init__("The database does not answer right now. Nothing was stored; please try again.")


class Base(DeclarativeBase):
    """Every table of every package hangs on this metadata; core/privacy.py walks it."""

    # Named, so that a later migration can drop one on either database.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Moment(TypeDecorator[datetime]):
    """A point in time, always aware and in UTC, also on SQLite (which forgets the zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Database:
    engine: AsyncEngine
    writers: async_sessionmaker[AsyncSession]
    readers: async_sessionmaker[AsyncSession]
    publish: Publish
    # SQLite lets one writer in at a time and makes the others poll; queueing them here is fair and wakes
    # the next one at once. Other processes (the command line) still meet at BEGIN IMMEDIATE.
    turnstile: asyncio.Lock | None = field(default=None)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"


def connect(url: str, publish: Publish) -> Database:
    sqlite = url.startswith("sqlite")
    extra: dict[str, Any] = {} if sqlite else {"pool_pre_ping": True, "pool_size": 10, "max_overflow": 10}
    engine = create_async_engine(url, **extra)
    if sqlite:
        _begin_properly(engine)
    read_only = engine.execution_options(read_only=True)
    return Database(
        engine,
        writers=async_sessionmaker(engine, expire_on_commit=False),
        readers=async_sessionmaker(read_only, expire_on_commit=False),
        publish=publish,
        turnstile=asyncio.Lock() if sqlite else None,
    )


@asynccontextmanager
async def transaction(db: Database) -> AsyncIterator[AsyncSession]:
    """Commit on leaving, roll back on error, publish what was recorded only after the commit.

    Nobody else calls ``commit``. Open it for one message, never for a socket's lifetime: an open
    session pins one pooled connection.

    Raises:
        DatabaseAway: locked for over 5 s, or not reachable; nothing was stored.
        Conflict: a constraint of the database let another one through; nothing was stored.

    """
    with _said_plainly():
        async with AsyncExitStack() as stack:
            if db.turnstile is not None:
                await stack.enter_async_context(db.turnstile)
            session = await stack.enter_async_context(db.writers())
            notices: list[Notice] = []
            session.info["notices"] = notices
            async with session.begin():
                yield session
    await db.publish(notices)


@asynccontextmanager
async def reading(db: Database) -> AsyncIterator[AsyncSession]:
    """A consistent look; never waits for writers.

    Raises:
        DatabaseAway: the database is not reachable.

    """
    with _said_plainly():
        async with db.readers() as session, session.begin():
            yield session


async def scrub(db: Database) -> bool:
    """Leave no trace of deleted rows in SQLite's files; PostgreSQL has its own ways (docs/operating.md).

    ``secure_delete`` overwrites a deleted cell where it lies. It misses the copies that a split of a page left
    behind in its gap (measured: 2 of 300 messages of a visitor in a file of 6,000) and what the write-ahead log
    still holds. So the file is written anew from what is alive, and the log is emptied.

    Returns:
        False where a reader or another process was in the way: try again.

    """
    if db.turnstile is None:
        return True
    async with db.turnstile, db.engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection  # VACUUM wants no transaction
        try:
            await driver.execute("VACUUM")
            async with driver.execute("PRAGMA wal_checkpoint(TRUNCATE)") as cursor:
                [busy, *_] = await cursor.fetchone()
        except sqlite3.OperationalError:  # locked for longer than the busy timeout
            return False
    return not busy


def announce(session: AsyncSession, notice: Notice) -> None:
    """Send ``notice`` over the bus once this transaction is committed, and never if it is not."""
    session.info["notices"].append(notice)


@contextmanager
def _said_plainly() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        # Two did the same thing in the same moment, and the database let one through.
        raise Conflict("Somebody else was faster. Please look again.") from error
    except DBAPIError as error:
        if _is_away(error):
            raise DatabaseAway from error
        if getattr(error.orig, "sqlstate", None) == NO_SUCH_CHARACTER:
            raise BadInput("There is a character in it that cannot be stored (NUL).") from error
        raise
    except (OSError, PoolTimeout) as error:
        # asyncpg lets these through as they are: refused, timed out, no route, a name that nobody knows
        raise DatabaseAway from error


def _is_away(error: DBAPIError) -> bool:
    text = str(error.orig)
    if error.connection_invalidated or "database is locked" in text or "disk" in text:
        return True
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    # Class 57P: shutting down, crashed or starting; 08: connection; 53: out of a resource; 25006: read-only.
    return sqlstate.startswith(("57P", "08", "53")) or sqlstate == "25006"


def _begin_properly(engine: AsyncEngine) -> None:
    # Left alone, Python's sqlite3 begins only at the first write: a read before it is outside the
    # transaction and updates get lost. Measured, 20 concurrent read-then-writes on one counter:
    # driver default 1 counted, BEGIN DEFERRED 2 (18 "database is locked"), BEGIN IMMEDIATE 20.
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON",
                       "secure_delete=ON"):  # fmt: skip
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        _stop_once(connection.driver_connection)

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")


def _stop_once(driver: Any) -> None:
    """Of a connection that is cancelled twice SQLAlchemy stops the thread while aiosqlite still closes it;
    aiosqlite's own stop() then waits for ever for a thread that is gone, and the process does not end.
    """
    stop: Callable[[], Any] = driver.stop
    stopped = False

    def once() -> Any:
        nonlocal stopped
        if stopped:
            return None
        stopped = True
        return stop()

    driver.stop = once
