"""Bring the database to the form that this version needs, or say why not. Floor 3."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from alembic import command
from core.errors import Unavailable

T = TypeVar("T")


class NotMigrated(Unavailable):
    code = "database_not_migrated"

    def __init__(self) -> None:
        super().__init__("The database is not migrated for this version: run `warmline migrate`.")


class TooNew(Unavailable):
    code = "database_too_new"

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database is of a newer version of Warmline (revision {revision}): install that version. "
            "Nothing was changed."
        )


class Unreachable(Unavailable):
    code = "database_away"


class Fit(StrEnum):
    CURRENT = "current"
    BEHIND = "behind"
    TOO_NEW = "too_new"


def _config() -> Config:
    here = Path(__file__).parent
    folder = here / "migrations" if (here / "migrations").is_dir() else here.parent / "alembic"
    config = Config()
    config.set_main_option("script_location", str(folder))
    return config


async def upgrade(url: str) -> bool:
    """Run what is missing. Returns whether anything was.

    Raises:
        TooNew: the database is of a newer version; nothing was changed.
        Unreachable: it does not answer.

    """
    _make_folder(url)
    done = await _with_connection(url, _upgrade)
    if url.startswith("sqlite"):
        await _write_ahead(url)
    return done


async def require_current(url: str) -> None:
    """
    Raises:
        NotMigrated, TooNew, Unreachable.

    """
    if _no_file_yet(url):
        raise NotMigrated
    revision = await _with_connection(url, _revision)
    fit = _fit(revision)
    if fit is Fit.BEHIND:
        raise NotMigrated
    if fit is Fit.TOO_NEW:
        raise TooNew(revision or "")


async def _write_ahead(url: str) -> None:
    """SQLite keeps this mode in the file; the switch itself does not wait for a lock, so it is made here."""
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    await engine.dispose()


def _upgrade(connection: Connection) -> bool:
    revision = _revision(connection)
    fit = _fit(revision)
    if fit is Fit.TOO_NEW:
        raise TooNew(revision or "")
    if fit is Fit.CURRENT:
        return False
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _fit(revision: str | None) -> Fit:
    scripts = ScriptDirectory.from_config(_config())
    if revision == scripts.get_current_head():
        return Fit.CURRENT
    known = {script.revision for script in scripts.walk_revisions()}
    return Fit.BEHIND if revision is None or revision in known else Fit.TOO_NEW


async def _with_connection(url: str, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    except (DBAPIError, OSError) as error:
        shown = make_url(url).render_as_string(hide_password=True)
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise Unreachable(f"The database {shown} cannot be used: {reason}") from error
    finally:
        await engine.dispose()


def _no_file_yet(url: str) -> bool:
    """Connecting would make an empty SQLite file where somebody mistyped the folder."""
    name = make_url(url).database
    return url.startswith("sqlite") and bool(name) and not Path(name or "").exists()


def _make_folder(url: str) -> None:
    name = make_url(url).database
    if url.startswith("sqlite") and name:
        folder = Path(name).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unreachable(f"The folder {folder} cannot be made: {error.strerror}.") from error
