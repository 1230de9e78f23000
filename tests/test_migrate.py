"""api/migrate.py: the house opens only on a database that fits it, and says what to do otherwise."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from alembic import command
from api import migrate
from api.migrate import NotMigrated, TooNew, Unreachable, require_current, upgrade
from api.tables import METADATA
from core.search import not_of_search


@pytest.fixture
def new_url(db_url: str, tmp_path: Path) -> Iterator[str]:
    """A database that nobody has migrated yet, of each kind."""
    if db_url.startswith("sqlite"):
        yield f"sqlite+aiosqlite:///{tmp_path / 'a new folder' / 'new.db'}"
        return
    name = f"warmline_new_{uuid4().hex[:8]}"

    async def admin(statement: str) -> None:
        server = make_url(db_url).set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(server)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(admin(f"CREATE DATABASE {name}"))
    yield make_url(db_url).set(database=name).render_as_string(hide_password=False)
    asyncio.run(admin(f"DROP DATABASE {name} WITH (FORCE)"))


async def run(url: str, statement: str) -> list[object]:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        result = await connection.execute(text(statement))
        rows = list(result.scalars()) if result.returns_rows else []
    await engine.dispose()
    return rows


async def tables(url: str) -> set[str]:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        names = set(await connection.run_sync(lambda c: inspect(c).get_table_names()))
    await engine.dispose()
    return {name for name in names if not_of_search(name, "table")}


async def test_a_database_is_migrated_once_and_then_fits(new_url: str) -> None:
    if new_url.startswith("postgresql"):
        with pytest.raises(NotMigrated) as refusal:
            await require_current(new_url)
        assert refusal.value.code == "database_not_migrated"
        assert "warmline migrate" in str(refusal.value)
    assert await upgrade(new_url)
    await require_current(new_url)
    assert await tables(new_url) == {*METADATA.tables, "alembic_version"}
    epoch = await run(new_url, "SELECT value FROM house WHERE key = 'epoch'")
    assert len(str(epoch[0])) == 32
    assert not await upgrade(new_url)  # nothing was missing
    assert await run(new_url, "SELECT value FROM house WHERE key = 'epoch'") == epoch


async def test_a_newer_database_is_left_alone(new_url: str) -> None:
    await upgrade(new_url)
    await run(new_url, "UPDATE alembic_version SET version_num = '9999'")
    before = await tables(new_url)
    for attempt in (require_current, upgrade):
        with pytest.raises(TooNew, match="9999") as refusal:
            await attempt(new_url)
    assert refusal.value.code == "database_too_new"
    assert await tables(new_url) == before
    assert await run(new_url, "SELECT version_num FROM alembic_version") == ["9999"]


async def test_the_migrations_can_be_taken_back_and_made_again(new_url: str) -> None:
    def back(connection: Connection) -> None:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    await upgrade(new_url)
    engine = create_async_engine(new_url)
    async with engine.begin() as connection:
        await connection.run_sync(back)
    await engine.dispose()
    assert await tables(new_url) == {"alembic_version"}
    with pytest.raises(NotMigrated):
        await require_current(new_url)
    assert await upgrade(new_url)


async def test_asking_of_a_file_that_is_not_there_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "nothing.db"
    with pytest.raises(NotMigrated):
        await require_current(f"sqlite+aiosqlite:///{path}")
    assert not path.exists()


async def test_an_empty_file_is_not_migrated(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with pytest.raises(NotMigrated):
        await require_current(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://ada:hunter2@127.0.0.1:1/nothing",
        "postgresql+asyncpg://ada:hunter2@nowhere.invalid/nothing",
    ],
)
async def test_a_server_that_does_not_answer_is_named_without_its_password(url: str) -> None:
    for attempt in (require_current, upgrade):
        with pytest.raises(Unreachable) as refusal:
            await attempt(url)
        assert refusal.value.code == "database_away"
        assert "/nothing" in str(refusal.value)
        assert "hunter2" not in str(refusal.value)
        assert "\n" not in str(refusal.value)


async def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear Sir or Madam,\n" * 100)
    for attempt in (require_current, upgrade):
        with pytest.raises(Unreachable, match=r"letter\.db"):
            await attempt(f"sqlite+aiosqlite:///{path}")
    assert path.read_text().startswith("Dear Sir")


def test_the_migrations_are_one_line_with_one_end() -> None:
    scripts = ScriptDirectory.from_config(migrate._config())
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1
