"""What a visitor agreed to: every answer is kept, the latest counts, and chat: false stores nothing more."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select

from core import consents, conversations, privacy
from core.consents import Choices, ConsentWithdrawn, Purpose
from core.db import Database, reading, transaction
from core.events import Sender
from core.tables import ConsentRow, MessageRow
from handoff import left

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)


async def opened(db: Database) -> tuple[UUID, UUID]:
    async with transaction(db) as session:
        row, _token, _new = await conversations.start(session, now=NOW, channel="web", open_key=None)
    return row.visitor_id, row.id


async def give(db: Database, visitor_id: UUID, version: str = "1", **purposes: bool) -> consents.Consent:
    named: dict[Purpose, bool] = {"chat": True} | purposes  # type: ignore[assignment]
    async with transaction(db) as session:
        await privacy.locked(session, visitor_id)
        return await consents.give(session, visitor_id, named, version=version, now=NOW)


async def test_nobody_asked_means_the_chat_and_its_mood_and_no_recognition(db: Database) -> None:
    ada, _ = await opened(db)
    async with reading(db) as session:
        assert await consents.of(session, ada) == Choices(chat=True, sentiment=True, remember=False)
        assert await consents.unscored(session, [ada]) == set()


async def test_the_latest_answer_counts_and_all_are_kept_with_their_versions(db: Database) -> None:
    (ada, _), (bea, _) = await opened(db), await opened(db)
    await give(db, ada, "1", sentiment=False)
    await give(db, ada, "2", remember=True)
    await give(db, bea, "2")
    async with reading(db) as session:
        assert await consents.of(session, ada) == Choices(chat=True, sentiment=False, remember=True)
        assert await consents.unscored(session, [ada, bea]) == {ada}
        rows = list(await session.scalars(select(ConsentRow).where(ConsentRow.visitor_id == ada)))
    assert {(row.number, row.version) for row in rows} == {(1, "1"), (2, "2")}
    given = await give(db, ada, "3", sentiment=True)
    assert given.choices == Choices(chat=True, sentiment=True, remember=True)
    async with reading(db) as session:
        assert await consents.unscored(session, [ada, bea]) == set()


async def test_answers_at_once_are_numbered_one_after_the_other(db: Database) -> None:
    ada, _ = await opened(db)
    await asyncio.gather(*(give(db, ada, str(n), sentiment=n % 2 == 0) for n in range(6)))
    async with reading(db) as session:
        numbers = await session.scalars(select(ConsentRow.number).order_by(ConsentRow.number))
        assert list(numbers) == [1, 2, 3, 4, 5, 6]


async def test_who_withdrew_can_say_and_leave_nothing_until_they_agree_again(db: Database) -> None:
    ada, chat = await opened(db)
    visitor = Sender(kind="visitor")

    async def say(key: str) -> None:
        async with transaction(db) as session:
            await conversations.say(session, chat, sender=visitor, text="Hello", key=key, now=NOW)

    async def leave() -> None:
        async with transaction(db) as session:
            await left.leave(session, chat, key="k", email="a@b.example", text="Hello", now=NOW)

    await say("before")
    await give(db, ada, chat=False)
    with pytest.raises(ConsentWithdrawn):
        await say("after")
    with pytest.raises(ConsentWithdrawn):
        await leave()
    await say("before")  # a resend of what is stored already is still acknowledged
    async with reading(db) as session:
        assert len(list(await session.scalars(select(MessageRow.id)))) == 1
        assert await left.waiting(session) == []
    await give(db, ada, chat=True)
    await say("after")
    await leave()
