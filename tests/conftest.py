"""What every test may ask for: a migrated database of each kind, the real encoder, a running house.

``db_url`` comes once for SQLite and, where PostgreSQL answers, once for it. With CI=true both PostgreSQL
and Chromium must be there: a green run that skipped them would prove nothing.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from people import Running, load_demo, running
from playwright.async_api import Browser, async_playwright

from api import migrate
from api.tables import METADATA
from core.bus import Notice
from core.db import Database, connect
from core.encoder import PACKAGE_SHA256, Encoder, locate
from core.settings import Settings

POSTGRES = os.environ.get("WARMLINE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
KEPT_SETTINGS = ("WARMLINE_TEST_POSTGRES", "WARMLINE_TEST_STEPS", "WARMLINE_SCREENSHOTS")
MUST_HAVE_ALL = os.environ.get("CI") == "true"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_configure() -> None:
    for name in [n for n in os.environ if n.startswith("WARMLINE_") and n not in KEPT_SETTINGS]:
        del os.environ[name]  # a developer's own settings must not colour the tests


def _postgres_answers() -> bool:
    async def ask() -> None:
        connection = await asyncpg.connect(POSTGRES, timeout=3)
        await connection.close()

    try:
        asyncio.run(ask())
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    return True


HAVE_POSTGRES = _postgres_answers()
if MUST_HAVE_ALL and not HAVE_POSTGRES:
    raise RuntimeError(f"CI needs PostgreSQL at {POSTGRES}")
if MUST_HAVE_ALL and CHROMIUM is None:
    raise RuntimeError("CI needs Chromium: apt-get install -y chromium")
KINDS = ["sqlite", "postgresql"] if HAVE_POSTGRES else ["sqlite"]


@pytest.fixture(scope="session")
def encoder() -> Iterator[Encoder]:
    made = Encoder(locate(None), backlog=4096, expected=PACKAGE_SHA256)
    made.start()
    made.encode_now(["ready?"])
    yield made
    made.stop()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    asyncio.run(migrate.upgrade(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_postgres() -> Iterator[str]:
    name = f"warmline_test_{uuid4().hex[:8]}"
    asyncio.run(_admin(f"CREATE DATABASE {name}"))
    # Tests outlive no power cut; waiting for the disk at each commit doubled their time.
    asyncio.run(_admin(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    asyncio.run(migrate.upgrade(postgres_url(name)))
    yield name
    asyncio.run(_admin(f"DROP DATABASE {name} WITH (FORCE)"))


def postgres_url(name: str) -> str:
    return POSTGRES.rpartition("/")[0].replace("postgresql://", "postgresql+asyncpg://") + f"/{name}"


async def _admin(statement: str) -> None:
    connection = await asyncpg.connect(POSTGRES)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def demo_sqlite(migrated_sqlite: Path, encoder: Encoder) -> Path:
    """The demo business is encoded once for all tests: 600 texts take about 8 s."""
    path = migrated_sqlite.with_name("demo.db")
    shutil.copy(migrated_sqlite, path)
    asyncio.run(load_demo(f"sqlite+aiosqlite:///{path}", encoder))
    return path


@pytest.fixture(scope="session")
def demo_postgres(migrated_postgres: str, encoder: Encoder) -> Iterator[str]:
    name = f"warmline_demo_{uuid4().hex[:8]}"
    asyncio.run(_admin(f"CREATE DATABASE {name} TEMPLATE {migrated_postgres}"))
    asyncio.run(load_demo(postgres_url(name), encoder))
    yield name
    asyncio.run(_admin(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    shutil.copy(migrated_sqlite, tmp_path / "warmline.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'warmline.db'}"


@pytest.fixture(params=KINDS)
def db_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database, built by the migrations, of each kind in turn.

    Not async: the session's database is made by asyncio.run, which needs that no loop is running.
    """
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    if not HAVE_POSTGRES:  # a test that asks for PostgreSQL alone
        pytest.skip("there is no PostgreSQL on this machine")
    name = request.getfixturevalue("migrated_postgres")
    asyncio.run(_empty(name))
    yield postgres_url(name)


@pytest.fixture(params=KINDS)
def demo_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with the demo business in it, of each kind in turn."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("demo_sqlite"), tmp_path / "warmline.db")
        yield f"sqlite+aiosqlite:///{tmp_path / 'warmline.db'}"
        return
    name = f"warmline_test_{uuid4().hex[:12]}"
    asyncio.run(_admin(f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('demo_postgres')}"))
    yield postgres_url(name)
    asyncio.run(_admin(f"DROP DATABASE {name} WITH (FORCE)"))


async def _empty(name: str) -> None:
    """As the migrations left it: a database of its own for each test costs 0.3-1.2 s, this 0.02 s."""
    connection = await asyncpg.connect(POSTGRES.rpartition("/")[0] + f"/{name}")
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        tables = [table.name for table in reversed(METADATA.sorted_tables) if table.name != "house"]
        await connection.execute(
            ";".join(f"DELETE FROM {table}" for table in tables)  # noqa: S608  our own names
            + ";DELETE FROM house WHERE key NOT IN ('epoch', 'knowledge_revision')"
            + ";UPDATE house SET value = '0' WHERE key = 'knowledge_revision'"
        )
    finally:
        await connection.close()


@pytest.fixture
def notices() -> list[Notice]:
    """What was published, in order."""
    return []


@pytest.fixture
async def db(db_url: str, notices: list[Notice]) -> AsyncIterator[Database]:
    async def publish(some: list[Notice]) -> None:
        notices.extend(some)

    made = connect(db_url, publish)
    yield made
    await made.engine.dispose()


@pytest.fixture
async def empty_house(db_url: str, tmp_path: Path, encoder: Encoder) -> AsyncIterator[Running]:
    """A running server on each kind of database, with no entries in its FAQ."""
    async with running(Settings(database_url=db_url, data_dir=tmp_path), encoder) as house:
        yield house


@pytest.fixture
async def house(demo_sqlite: Path, tmp_path: Path, encoder: Encoder) -> AsyncIterator[Running]:
    """A running server on SQLite with the demo business, its agents Sam and Kim and its owner Olive."""
    shutil.copy(demo_sqlite, tmp_path / "warmline.db")
    async with running(Settings(data_dir=tmp_path), encoder) as house:
        yield house


@pytest.fixture
async def both_houses(demo_url: str, tmp_path: Path, encoder: Encoder) -> AsyncIterator[Running]:
    """The same on each kind of database."""
    async with running(Settings(database_url=demo_url, data_dir=tmp_path), encoder) as house:
        yield house


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()
