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
from people import Running, running
from playwright.async_api import Browser, async_playwright

from api import demo, migrate
from core.bus import Notice
from core.db import Database, connect
from core.encoder import PACKAGE_SHA256, Encoder, locate
from core.settings import Settings

POSTGRES = os.environ.get("WARMLINE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MUST_HAVE_ALL = os.environ.get("CI") == "true"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_configure() -> None:
    for name in [n for n in os.environ if n.startswith("WARMLINE_") and n != "WARMLINE_TEST_POSTGRES"]:
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
    name = f"warmline_template_{uuid4().hex[:8]}"
    asyncio.run(_admin(f"CREATE DATABASE {name}"))
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


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    shutil.copy(migrated_sqlite, tmp_path / "warmline.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'warmline.db'}"


@pytest.fixture(params=KINDS)
async def db_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A fresh database, built by the migrations, of each kind in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    name = f"warmline_test_{uuid4().hex[:12]}"
    await _admin(f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('migrated_postgres')}")
    yield postgres_url(name)
    await _admin(f"DROP DATABASE {name} WITH (FORCE)")


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
async def house(sqlite_url: str, tmp_path: Path, encoder: Encoder) -> AsyncIterator[Running]:
    """A running server on SQLite with the demo business, its agents Sam and Kim and its owner Olive."""
    async with running(Settings(database_url=sqlite_url, data_dir=tmp_path), encoder) as house:
        await house.load_demo(demo.FAQ)
        yield house


@pytest.fixture
async def both_houses(db_url: str, tmp_path: Path, encoder: Encoder) -> AsyncIterator[Running]:
    """The same on each kind of database."""
    async with running(Settings(database_url=db_url, data_dir=tmp_path), encoder) as house:
        await house.load_demo(demo.FAQ)
        yield house


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()
