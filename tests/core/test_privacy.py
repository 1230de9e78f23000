"""Export, correction, erasure and retention over the metadata, on each kind of database."""

import asyncio
import itertools
import random
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import JSON, Boolean, Column, Float, Integer, Table, Uuid, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.tables import METADATA
from core import conversations, privacy, search, staff
from core import db as files
from core import house as facts
from core.bus import DESK, Notice, conversation_topic
from core.db import Database, Moment, reading, transaction
from core.errors import Conflict, NotFound
from core.events import Sender
from core.privacy import VISITORS, belonging, scrub
from core.tables import PERSONAL, AuditRow, ConversationRow, EventRow, VisitorRow
from handoff import left, queue
from handoff.summary import Summary

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)
MARKER = "Zanz4711"  # fits the shortest personal column
COUNT = itertools.count(1)
VISITOR = Sender(kind="visitor")
only_sqlite = pytest.mark.parametrize("db_url", ["sqlite"], indirect=True)
only_postgres = pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)


def filled(table: Table, mark: str, ids: dict[str, UUID]) -> dict[str, Any]:
    """A row of ``table`` with ``mark`` in every PERSONAL column, which hangs on the rows in ``ids``."""
    row: dict[str, Any] = {}
    for column in table.columns:
        [key] = column.foreign_keys or [None]
        if key is not None:
            row[column.name] = ids.get(key.column.table.name)
        elif column.name == "id" and isinstance(column.type, Uuid):
            row[column.name] = ids[table.name]
        elif column.name == "sender_kind":
            row[column.name] = "visitor"  # whose words the search finds
        else:
            row[column.name] = _value(column, mark)
    return row


def _value(column: Column[Any], mark: str) -> Any:
    length = getattr(column.type, "length", None)
    if column.info == PERSONAL:
        return {"said": [mark]} if isinstance(column.type, JSON) else mark[:length]
    if isinstance(column.type, JSON):
        return []
    if isinstance(column.type, Moment):
        return NOW
    if isinstance(column.type, Boolean | Float):
        return 1
    if isinstance(column.type, Integer):
        return next(COUNT)
    if isinstance(column.type, Uuid):
        return uuid4()
    return uuid4().hex[:length]


async def fill(db: Database, mark: str, *, conversations_each: int = 1) -> UUID:
    """A visitor with a row in every table that belongs to visitors."""
    visitor_id = uuid4()
    tables = list(belonging(VISITORS, VISITORS.c.id == visitor_id))
    async with transaction(db) as session:
        for number in range(conversations_each):
            ids = {table.name: uuid4() for table in tables} | {"visitors": visitor_id}
            for table in tables:
                if table is not VISITORS or number == 0:
                    await session.execute(insert(table).values(filled(table, mark, ids)))
    return visitor_id


async def conversations_of(session: AsyncSession, visitor_id: UUID) -> list[ConversationRow]:
    mine = select(ConversationRow).where(ConversationRow.visitor_id == visitor_id).order_by(ConversationRow.id)
    return list(await session.scalars(mine))


async def marked(db: Database, mark: str) -> dict[str, int]:
    """How many rows of each table hold ``mark``, whatever the column."""
    found = {}
    async with reading(db) as session:
        for table in METADATA.sorted_tables:
            rows = await session.execute(select(table))
            count = sum(mark in repr(tuple(row)) for row in rows)
            if count:
                found[table.name] = count
    return found


async def erase(db: Database, visitor_id: UUID) -> privacy.Receipt:
    async with transaction(db) as session:
        return await privacy.erase(session, visitor_id, actor="test", now=NOW)


# --- erase ----------------------------------------------------------------------------------------


async def test_an_erased_visitor_is_in_no_row_and_the_others_are_untouched(db: Database) -> None:
    ada, bea = await fill(db, MARKER, conversations_each=3), await fill(db, "Bea-1")
    before = await marked(db, "Bea-1")
    assert set(await marked(db, MARKER)) >= {"visitors", "messages", "events", "cases", "decisions", "left_messages"}

    receipt = await erase(db, ada)

    assert await marked(db, MARKER) == {}
    assert await marked(db, str(ada)) == {"audit": 1}
    assert await marked(db, "Bea-1") == before
    assert receipt.what == "erased"
    assert (receipt.counts["visitors"], receipt.counts["conversations"], receipt.counts["messages"]) == (1, 3, 3)
    async with reading(db) as session:
        assert len((await privacy.everything(session, bea))["messages"]) == 1


async def test_the_note_of_an_erasure_says_who_did_it_and_how_much_and_nothing_personal(db: Database) -> None:
    ada = await fill(db, MARKER)
    receipt = await erase(db, ada)
    async with reading(db) as session:
        [note] = await session.scalars(select(AuditRow))
    assert (note.action, note.subject, note.actor) == ("visitor.erased", str(ada), "test")
    assert note.note["receipt"] == str(receipt.id)
    assert {type(value) for name, value in note.note.items() if name != "receipt"} == {int}


async def test_erasing_tells_its_pages_and_the_desk_after_the_commit(db: Database, notices: list[Notice]) -> None:
    ada = await fill(db, MARKER)
    async with reading(db) as session:
        [conversation] = await conversations_of(session, ada)
        before = await facts.fact(session, facts.ERASED)
    await erase(db, ada)
    assert {n.topic for n in notices} >= {conversation_topic(conversation.id), DESK}
    async with reading(db) as session:
        assert await facts.fact(session, facts.ERASED) not in (None, before)


async def test_erasing_twice_at_once_erases_once(db: Database) -> None:
    ada = await fill(db, MARKER)
    done = await asyncio.gather(erase(db, ada), erase(db, ada), erase(db, ada), return_exceptions=True)
    assert sorted(type(d).__name__ for d in done) == ["NotFound", "NotFound", "Receipt"]
    with pytest.raises(NotFound):
        await erase(db, ada)
    assert (await marked(db, str(ada))) == {"audit": 1}


async def test_erasures_of_two_visitors_at_once_are_no_conflict(db: Database) -> None:
    some = [await fill(db, f"{MARKER}-{n}") for n in range(6)]
    done = await asyncio.gather(*(erase(db, visitor) for visitor in some))
    assert [receipt.what for receipt in done] == ["erased"] * 6
    assert await marked(db, MARKER) == {}


async def test_what_is_said_while_somebody_is_erased_is_refused_or_erased_too(db: Database) -> None:
    """Whoever comes first, nothing of it is left."""
    for _ in range(5):
        async with transaction(db) as session:
            row, _token, _new = await conversations.start(session, now=NOW, channel="web", open_key=None)

        async def say(conversation_id: UUID = row.id) -> None:
            async with transaction(db) as session:
                await conversations.say(session, conversation_id, sender=VISITOR, text=MARKER, key=uuid4().hex, now=NOW)

        done = await asyncio.gather(say(), erase(db, row.visitor_id), say(), say(), return_exceptions=True)
        assert {type(d) for d in done} <= {type(None), privacy.Receipt, NotFound}, done
        assert await marked(db, MARKER) == {}


async def test_a_claim_and_an_erasure_at_once_leave_no_case_behind(db: Database) -> None:
    async with transaction(db) as session:
        sam = await staff.add(
            session, email="sam@example.com", name="Sam", role="agent", password_hash=None, now=NOW, actor="test"
        )
        row, _token, _new = await conversations.start(session, now=NOW, channel="web", open_key=None)
        await queue.ask(session, row.id, reason="complex", summary=Summary(wants=MARKER), now=NOW)

    async def claim() -> None:
        async with transaction(db) as session:
            await queue.claim(session, row.id, agent=sam, now=NOW)

    done = await asyncio.gather(claim(), erase(db, row.visitor_id), return_exceptions=True)
    assert {type(d) for d in done} <= {type(None), privacy.Receipt, NotFound}, done
    assert await marked(db, MARKER) == {}
    async with reading(db) as session:
        assert await queue.open_cases(session) == []


async def test_a_conversation_that_starts_in_the_moment_of_the_erasure_is_not_left_over(db: Database) -> None:
    ada = await fill(db, MARKER)

    async def another() -> None:
        ids = {"visitors": ada, "conversations": uuid4()}
        async with transaction(db) as session:
            await session.execute(insert(privacy.CONVERSATIONS).values(filled(privacy.CONVERSATIONS, "x", ids)))

    done = await asyncio.gather(another(), erase(db, ada), return_exceptions=True)
    assert {type(d) for d in done} <= {type(None), privacy.Receipt, Conflict}, done
    if isinstance(done[1], Conflict):  # it began in between: nothing was erased, and the next try erases both
        assert (await erase(db, ada)).counts["conversations"] == 2
    assert await marked(db, str(ada)) == {"audit": 1}


# --- no trace -------------------------------------------------------------------------------------


def traces(url: str, mark: str) -> dict[str, int]:
    """In any case: the search index keeps words in lower case."""
    file = Path(url.partition("///")[2])
    return {f.name: f.read_bytes().lower().count(mark.lower().encode()) for f in file.parent.glob(f"{file.name}*")}


async def found(db: Database, query: str) -> int:
    async with reading(db) as session:
        return len(await search.find(session, search.terms_of(query), 50))


async def test_the_words_of_an_erased_visitor_are_found_by_no_search(db: Database) -> None:
    ada, _bea = await fill(db, MARKER, conversations_each=3), await fill(db, "Bea4711")
    assert (await found(db, MARKER), await found(db, "Bea4711")) == (3, 1)
    await erase(db, ada)
    assert (await found(db, MARKER), await found(db, "Bea4711")) == (0, 1)
    assert await scrub(db)
    assert (await found(db, MARKER), await found(db, "Bea4711")) == (0, 1)


@only_sqlite
async def test_on_sqlite_the_search_index_forgets_the_words_too(db: Database, db_url: str) -> None:
    """Its triggers only mark a word as deleted, and a file that is written anew keeps what is only marked."""
    async with transaction(db) as session:
        row, _token, _new = await conversations.start(session, now=NOW, channel="web", open_key=None)
        await conversations.say(session, row.id, sender=VISITOR, text=MARKER, key="1", now=NOW)
    await erase(db, row.visitor_id)
    assert await files.scrub(db)
    assert sum(traces(db_url, MARKER).values()) > 0
    assert await scrub(db)
    assert sum(traces(db_url, MARKER).values()) == 0


@only_sqlite
async def test_on_sqlite_the_words_of_an_erased_visitor_are_in_no_file(db: Database, db_url: str) -> None:
    ada = await fill(db, MARKER, conversations_each=3)
    assert sum(traces(db_url, MARKER).values()) > 20
    await erase(db, ada)
    assert await scrub(db)
    assert sum(traces(db_url, MARKER).values()) == 0
    assert "warmline.db" in traces(db_url, MARKER)


@only_sqlite
async def test_on_sqlite_no_copy_is_left_where_pages_were_split(db: Database, db_url: str) -> None:
    """Overwriting deleted cells alone leaves some: the copies that a split page keeps in its gap."""
    chance = random.Random(1)  # noqa: S311
    keys = [chance.randbytes(6).hex() + chance.choice((MARKER, "Bea-1", "Bea-1")) for _ in range(1_000)]
    visitors = [VisitorRow(id=uuid4(), created_at=NOW, external_key=k + "x" * chance.randrange(270)) for k in keys]
    async with transaction(db) as session:
        session.add_all(visitors)
    async with transaction(db) as session:
        for key, visitor in zip(keys, visitors, strict=True):
            if MARKER in key:
                await privacy.erase(session, visitor.id, actor="test", now=NOW)
    assert await scrub(db)
    assert sum(traces(db_url, MARKER).values()) == 0
    assert sum(traces(db_url, "Bea-1").values()) >= 1_000, "in a row and in an index each"


@only_sqlite
async def test_a_scrub_that_a_reader_stands_in_the_way_of_says_so(db: Database, db_url: str) -> None:
    ada = await fill(db, MARKER)
    other = sqlite3.connect(db_url.partition("///")[2], isolation_level=None)
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM messages").fetchone() == (1,)
    await erase(db, ada)
    assert not await scrub(db)
    other.execute("COMMIT")
    other.close()
    assert await scrub(db)
    assert sum(traces(db_url, MARKER).values()) == 0


@only_postgres
async def test_on_postgres_no_row_holds_a_word_of_an_erased_visitor(db: Database) -> None:
    """Every column of every table that the database has, also of one that no model knows."""
    ada = await fill(db, MARKER, conversations_each=2)
    await erase(db, ada)
    assert await scrub(db), "nothing to do here"
    async with reading(db) as session:
        names = list(await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
        assert len(names) > 15
        for name in names:
            query = text(f'SELECT count(*) FROM "{name}" AS t WHERE t::text LIKE :mark')  # noqa: S608
            assert await session.scalar(query, {"mark": f"%{MARKER}%"}) == 0, name


# --- see and correct ------------------------------------------------------------------------------


async def test_an_export_holds_every_personal_column_and_no_key_and_nobody_else(db: Database) -> None:
    ada, _bea = await fill(db, MARKER, conversations_each=2), await fill(db, "Bea-1")
    async with reading(db) as session:
        found = await privacy.everything(session, ada)
    for table in belonging(VISITORS, VISITORS.c.id == ada):
        for column in table.columns:
            if column.info == PERSONAL:
                assert all(MARKER in repr(row[column.name]) for row in found[table.name]), column
                assert found[table.name], table
    assert len(found["conversations"]) == len(found["messages"]) == 2
    assert "Bea-1" not in repr(found)
    assert not {"token_hash", "open_key"} & set(found["conversations"][0])


async def test_an_export_of_somebody_who_is_erased_meanwhile_hands_out_no_half(db: Database) -> None:
    ada = await fill(db, MARKER)
    for _ in range(5):
        async with reading(db) as session:
            read = await privacy.everything(session, ada)
            assert all(read[table.name] for table in belonging(VISITORS, VISITORS.c.id == ada))

    async def export() -> dict[str, list[dict[str, Any]]]:
        async with reading(db) as session:
            return await privacy.everything(session, ada)

    done = await asyncio.gather(*(export() for _ in range(4)), erase(db, ada), return_exceptions=True)
    for got in done[:4]:
        whole = isinstance(got, dict) and all(got[t.name] for t in belonging(VISITORS, VISITORS.c.id == ada))
        assert whole or isinstance(got, NotFound), got
    with pytest.raises(NotFound):
        await export()


async def test_an_address_is_corrected_and_removed_wherever_it_is_kept_as_one(db: Database) -> None:
    async with transaction(db) as session:
        row, _token, _new = await conversations.start(session, now=NOW, channel="web", open_key=None)
        await left.leave(session, row.id, key="k", email="wrong@example.com", text="Call me", now=NOW)
        other, _token, _new = await conversations.start(session, now=NOW, channel="web", open_key=None)
        await left.leave(session, other.id, key="k2", email="wrong@example.com", text="Me too", now=NOW)
    for email, what in (("right@example.com", "corrected"), (None, "removed")):
        async with transaction(db) as session:
            receipt = await privacy.correct_email(session, row.visitor_id, email, actor="visitor", now=NOW)
        assert receipt.what == what
        async with reading(db) as session:
            stored = await privacy.everything(session, row.visitor_id)
            assert stored["visitors"][0]["email"] == email
            assert [m["email"] for m in stored["left_messages"]] == [email or ""]
            assert [e["body"]["email"] for e in stored["events"]] == [email or ""]
            assert {m.email for m in await left.waiting(session)} == {"wrong@example.com", email or ""}
    assert (await marked(db, "right@example.com")) == {}


# --- retention ------------------------------------------------------------------------------------


async def talk(db: Database, at: datetime, holder: conversations.Holder = "bot", visitor: UUID | None = None) -> UUID:
    async with transaction(db) as session:
        row, _token, _new = await conversations.start(session, now=at, channel="web", open_key=None)
        await conversations.say(session, row.id, sender=VISITOR, text=MARKER, key="k", now=at)
        await conversations.set_holder(session, row.id, holder)
        if visitor is not None:
            row.visitor_id = visitor
    return row.id


async def expire(db: Database, before: datetime) -> list[UUID]:
    async with reading(db) as session:
        found = await privacy.overdue(session, before)
    erased: list[UUID] = []
    for visitor_id in dict.fromkeys(v for v, _ in found):
        async with transaction(db) as session:
            done = await privacy.expire(session, visitor_id, before, now=NOW)
        erased += done.conversations if done is not None else ()
    return erased


async def left_over(db: Database) -> set[UUID]:
    async with reading(db) as session:
        return set(await session.scalars(select(ConversationRow.id)))


async def test_what_is_over_and_old_goes_and_what_waits_or_is_young_stays(db: Database) -> None:
    old, young = NOW - timedelta(days=400), NOW - timedelta(days=300)
    gone = {await talk(db, old, "closed"), await talk(db, old, "bot")}
    stays = {await talk(db, old, "queue"), await talk(db, old, "agent"), await talk(db, young, "closed")}
    assert set(await expire(db, NOW - timedelta(days=365))) == gone
    assert await left_over(db) == stays
    assert await expire(db, NOW - timedelta(days=365)) == []


async def test_of_a_visitor_with_several_conversations_only_the_old_ones_go_until_none_is_left(db: Database) -> None:
    old = NOW - timedelta(days=400)
    first = await talk(db, old)
    async with reading(db) as session:
        ada = (await conversations.get(session, first)).visitor_id
    second, third = await talk(db, old, "closed", ada), await talk(db, NOW, "bot", ada)
    assert set(await expire(db, NOW - timedelta(days=365))) == {first, second}
    async with reading(db) as session:
        assert [row.id for row in await conversations_of(session, ada)] == [third]
        assert {e.conversation_id for e in await session.scalars(select(EventRow))} == {third}
    await expire(db, NOW + timedelta(days=1))
    async with reading(db) as session:
        assert await session.get(VisitorRow, ada) is None
        actions: Sequence[str] = list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
    assert actions == ["conversations.erased", "visitor.erased"]


async def test_two_workers_that_retain_at_once_erase_once_and_who_writes_again_is_kept(db: Database) -> None:
    old = NOW - timedelta(days=400)
    gone = {await talk(db, old) for _ in range(8)}
    back = await talk(db, old)
    async with reading(db) as session:
        ada = (await conversations.get(session, back)).visitor_id
    async with transaction(db) as session:
        await conversations.say(session, back, sender=VISITOR, text="I am back", key="again", now=NOW)
        assert await privacy.expire(session, ada, NOW - timedelta(days=365), now=NOW) is None
    one, other = await asyncio.gather(*(expire(db, NOW - timedelta(days=365)) for _ in range(2)))
    assert set(one) | set(other) == gone
    assert not set(one) & set(other)
    assert await left_over(db) == {back}
