"""Facts about this database, and numbers that all workers must agree on. Floor 0."""

from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.tables import HouseRow

EPOCH = "epoch"
KNOWLEDGE = "knowledge_revision"


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


def fresh() -> str:
    return uuid4().hex
