"""handoff/left.py: what is left for later waits at the desk, once, until somebody has seen to it."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from core import conversations, privacy, staff
from core.bus import DESK, Notice, conversation_topic
from core.conversations import KeyReused
from core.db import Database, reading, transaction
from core.errors import NotFound, Refusal
from core.events import Audience, ContactLeft, events_after
from core.staff import BadEmail, Person
from core.text import BrokenText, EmptyText, TextTooLong
from handoff import left
from handoff.left import Left

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


async def started(db: Database) -> UUID:
    async with transaction(db) as session:
        return (await conversations.start(session, now=NOON, channel="web", open_key=None))[0].id


@pytest.fixture
async def ada(db: Database) -> UUID:
    return await started(db)


@pytest.fixture
async def sam(db: Database) -> Person:
    async with transaction(db) as session:
        return await staff.add(
            session, email="sam@example.com", name="Sam", role="agent", password_hash=None, now=NOON, actor="test"
        )


async def leave(
    db: Database, ada: UUID, key: str = "k1", email: str = "ada@example.com", text: str = "Please call me.",
    now: datetime = NOON,
) -> int:  # fmt: skip
    async with transaction(db) as session:
        return await left.leave(session, ada, key=key, email=email, text=text, now=now)


async def waiting(db: Database) -> list[Left]:
    async with reading(db) as session:
        return await left.waiting(session)


async def test_what_is_left_waits_at_the_desk_and_is_for_the_desk_alone(
    db: Database, ada: UUID, notices: list[Notice]
) -> None:
    seq = await leave(db, ada, email=" Ada@EXAMPLE.com ", text="Please\ncall me. 🙂")
    [one] = await waiting(db)
    assert (one.conversation_id, one.email, one.text, one.at) == (ada, "Ada@example.com", "Please\ncall me. 🙂", NOON)
    async with reading(db) as session:
        [event] = await events_after(session, ada, 0)
    assert isinstance(event, ContactLeft)
    assert (event.seq, event.email, event.audience) == (seq, "Ada@example.com", Audience.DESK)
    assert notices == [Notice(conversation_topic(ada)), Notice(DESK)]


async def test_leaving_it_again_is_leaving_it_once(db: Database, ada: UUID) -> None:
    numbers = await asyncio.gather(*(leave(db, ada) for _ in range(6)))
    assert numbers == [1] * 6
    assert len(await waiting(db)) == 1


async def test_the_same_key_with_other_words_is_refused(db: Database, ada: UUID) -> None:
    await leave(db, ada)
    other = await started(db)
    for where, email, text in [(ada, "ada@example.com", "No."), (ada, "b@example.com", "Please call me.")]:
        with pytest.raises(KeyReused):
            await leave(db, where, email=email, text=text)
    with pytest.raises(KeyReused):
        await leave(db, other)
    assert len(await waiting(db)) == 1


@pytest.mark.parametrize(
    ("email", "text", "why"),
    [
        ("ada", "Please call me.", BadEmail),
        ("ada@example.com\r\nBcc: all@example.com", "Please call me.", BadEmail),
        ("ada@example.com", " \u200b", EmptyText),
        ("ada@example.com", "x" * 4_001, TextTooLong),
        ("ada@example.com", "\x00", BrokenText),
    ],
)
async def test_what_cannot_be_kept_is_refused_and_nothing_is_stored(
    db: Database, ada: UUID, email: str, text: str, why: type[Refusal]
) -> None:
    with pytest.raises(why):
        await leave(db, ada, email=email, text=text)
    assert await waiting(db) == []


async def test_an_unknown_conversation_is_refused(db: Database) -> None:
    with pytest.raises(NotFound):
        await leave(db, uuid4())


async def test_the_oldest_comes_first_and_what_is_done_is_gone(
    db: Database, ada: UUID, sam: Person, notices: list[Notice]
) -> None:
    await leave(db, ada, "k2", text="second", now=NOON + timedelta(minutes=1))
    await leave(db, ada, "k1", text="first")
    first, second = await waiting(db)
    assert (first.text, second.text) == ("first", "second")
    notices.clear()
    async with transaction(db) as session:
        await left.done(session, first.id, agent=sam, now=NOON)
    assert notices == [Notice(DESK)]
    assert await waiting(db) == [second]


async def test_two_agents_who_see_to_it_at_once_do_it_once(db: Database, ada: UUID, sam: Person) -> None:
    async def done(left_id: UUID) -> None:
        async with transaction(db) as session:
            await left.done(session, left_id, agent=sam, now=NOON)

    await leave(db, ada)
    [one] = await waiting(db)
    results = await asyncio.gather(*(done(one.id) for _ in range(4)), return_exceptions=True)
    assert sum(r is None for r in results) == 1
    assert sum(isinstance(r, NotFound) for r in results) == 3
    with pytest.raises(NotFound):
        await done(uuid4())


async def test_it_is_known_whether_something_was_left_in_this_episode(db: Database, ada: UUID) -> None:
    seq = await leave(db, ada)
    other = await started(db)
    async with reading(db) as session:
        assert await left.was_left(session, ada, seq - 1)
        assert not await left.was_left(session, ada, seq)
        assert not await left.was_left(session, other, 0)


async def test_an_address_that_was_taken_back_finds_nobody_who_took_back_theirs(db: Database, ada: UUID) -> None:
    bea = await started(db)
    await leave(db, ada, "k1", "same@example.com")
    await leave(db, bea, "k2", "same@example.com")
    for expected in ([bea], []):
        async with transaction(db) as session:
            assert await left.same_address(session, ada, 20) == expected
            for chat in (ada, bea):
                visitor_id = (await conversations.get(session, chat)).visitor_id
                await privacy.correct_email(session, visitor_id, None, actor="visitor", now=NOON)
