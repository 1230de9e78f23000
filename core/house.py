"""Facts about this database, and numbers that all workers must agree on. Floor 0."""

from uuid import uuid4

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.tables import HouseRow

EPOCH = "epoch"
KNOWLEDGE = "knowledge_revision"
ERASED = "erased"  # changes with every erasure: what a worker remembers of anybody is then dropped
SCRUBBED = "scrubbed"  # the erasure up to which the files hold no trace


async def epoch(session: AsyncSession) -> str:
    """Names this run of sequence numbers. Clients that saw another one start from the beginning."""
    return await fact(session, EPOCH) or ""


async def fact(session: AsyncSession, key: str) -> str | None:
    return await session.scalar(select(HouseRow.value).where(HouseRow.key == key))


async def set_fact(session: AsyncSession, key: str, value: str) -> None:
    row = await session.get(HouseRow, key, with_for_update=True)
    if row is None:
        session.add(HouseRow(key=key, value=value))
    else:
        row.value = value
    await session.flush()


async def touch(session: AsyncSession, key: str) -> None:
    """Give ``key`` a value that it never had; two at once are no conflict."""
    if await _changed(session, key):
        return
    try:
        async with session.begin_nested():
            session.add(HouseRow(key=key, value=fresh()))
    except IntegrityError:  # another worker was the first by a moment
        await _changed(session, key)


async def _changed(session: AsyncSession, key: str) -> bool:
    changed = update(HouseRow).where(HouseRow.key == key).values(value=fresh()).returning(HouseRow.key)
    return await session.scalar(changed.execution_options(synchronize_session=False)) is not None


def fresh() -> str:
    return uuid4().hex
