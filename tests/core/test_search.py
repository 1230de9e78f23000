"""core/search.py: what people said is found by its words, and what was erased is nowhere in the index."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, text, update

from core import conversations, search
from core.bus import Notice
from core.db import Database, connect, reading, transaction
from core.events import Sender, SenderKind
from core.search import NothingToSearch, Piece, snippet, terms_of
from core.tables import MessageRow

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


async def said(db: Database, *words: str, kind: SenderKind = "visitor", at: datetime = NOON) -> UUID:
    async with transaction(db) as session:
        chat = (await conversations.start(session, now=at, channel="web", open_key=None))[0].id
        for n, one in enumerate(words):
            await conversations.say(
                session, chat, sender=Sender(kind=kind), text=one, key=uuid4().hex, now=at + timedelta(seconds=n)
            )
    return chat


async def found(db: Database, query: str) -> list[str]:
    async with reading(db) as session:
        return [hit.text for hit in await search.find(session, terms_of(query), 50)]


THERE = ["20931", "bw-20931", "BW-20931", "order never", "NEV ord", '"never came"', "ada@example.com", "it's"]


async def test_words_are_found_by_their_beginning_in_any_case_and_order(db: Database) -> None:
    whole = "It's my order BW-20931, it never came. Write to ada@example.com!"
    await said(db, "Something else", whole)
    for query in THERE:
        assert await found(db, query) == [whole], query
    for query in ("0931", '"came never"', "order refund", '"nev"'):
        assert await found(db, query) == [], query


async def test_the_newest_come_first_and_what_bots_say_is_not_searched(db: Database) -> None:
    await said(db, "refund one", at=NOON)
    await said(db, "refund three", at=NOON + timedelta(days=2), kind="agent")
    await said(db, "refund two", at=NOON + timedelta(days=1))
    await said(db, "refund of the bot", at=NOON + timedelta(days=3), kind="bot")
    await said(db, "refund of the house", at=NOON + timedelta(days=3), kind="system")
    assert await found(db, "refund") == ["refund three", "refund two", "refund one"]
    assert set(get_args(SenderKind)) == {"visitor", "bot", "agent", "system"}  # another kind: searched or not?


@pytest.mark.parametrize("query", ["", "   ", "!!!", '""', "*", "' \" (", "a " * 13, "x" * 201, "\x00"])
def test_what_cannot_be_searched_for_is_refused(query: str) -> None:
    with pytest.raises(NothingToSearch):
        terms_of(query)


SIGNS = [
    "a'b", 'a"b', "a\\b", "a:*", "NEAR(a b)", "a OR b", "a NOT b", "^a", "text:a", "a & !b | (c", "x<->y", "-a",
    "a\x00b", "it''s", "\\'a", "😀a", "\ud800a", "a*b", "%a_", "{a} : b", "'a':*b", "a \\", "'", "a '", "a ''\' b",
]  # fmt: skip


async def test_no_sign_in_a_query_is_an_operator_or_a_fault(db: Database) -> None:
    await said(db, "nothing of the kind")
    for query in SIGNS:
        try:
            terms = terms_of(query)
        except NothingToSearch:
            continue
        async with reading(db) as session:
            assert await search.find(session, terms, 50) == [], query


@given(st.text(max_size=60), st.text(max_size=200))
def test_a_snippet_never_loses_or_invents_a_letter(query: str, words: str) -> None:
    try:
        terms = terms_of(query)
    except NothingToSearch:
        return
    pieces = snippet(words, terms)
    whole = "".join(p.text for p in pieces)
    assert whole.removeprefix("…").removesuffix("…") in words or whole in words
    assert all(p.text for p in pieces)


def test_a_snippet_shows_what_was_found_and_what_stands_around_it() -> None:
    assert snippet("Où est ma Commande 48213 ?", terms_of("ou comm")) == (
        Piece("Où", True), Piece(" est ma ", False), Piece("Comm", True), Piece("ande 48213 ?", False),
    )  # fmt: skip
    long = snippet("x " * 300 + "parcel" + " y" * 300, terms_of("parc"))
    assert [p.text for p in long if p.hit] == ["parc"]
    assert (long[0].text, long[-1].text[-1]) == ("…", "…")
    assert sum(len(p.text) for p in long) < 2 * search.AROUND + 20


async def test_changed_words_are_found_anew_and_erased_words_no_more(db: Database) -> None:
    chat = await said(db, "the marmalade was green", "and sticky")
    async with transaction(db) as session:
        await session.execute(update(MessageRow).where(MessageRow.seq == 1).values(text="the honey was green"))
    assert await found(db, "marmalade") == []
    assert await found(db, "honey") == ["the honey was green"]
    async with transaction(db) as session:
        await session.execute(delete(MessageRow).where(MessageRow.conversation_id == chat))
    assert await found(db, "honey") == await found(db, "sticky") == []


async def test_an_erased_word_is_in_no_file_of_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    async def to_nobody(_notices: list[Notice]) -> None:
        return None

    db = connect(sqlite_url, to_nobody)
    await said(db, *(f"filler number {n} keeps the pages full" for n in range(300)))
    chat = await said(db, "the zebramarker stood here")
    await said(db, "zebra alone stays")

    def files() -> bytes:
        return b"".join(f.read_bytes() for f in tmp_path.glob("warmline.db*"))

    assert b"zebramarker" in files()
    async with transaction(db) as session:
        await session.execute(text("DELETE FROM events WHERE conversation_id = :c"), {"c": chat.hex})
        await session.execute(delete(MessageRow).where(MessageRow.conversation_id == chat))
        await search.scrub(session)
    async with db.engine.connect() as connection:  # what the log of changes still holds goes with its checkpoint
        await connection.commit()
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    await db.engine.dispose()
    assert b"marker" not in files()
    again = connect(sqlite_url, to_nobody)
    assert await found(again, "zebra") == ["zebra alone stays"]
    await again.engine.dispose()


async def test_numbers_survive_a_vacuum(sqlite_url: str) -> None:
    async def to_nobody(_notices: list[Notice]) -> None:
        return None

    db = connect(sqlite_url, to_nobody)
    first = await said(db, "one marmalade")
    await said(db, "two honey")
    async with transaction(db) as session:
        await session.execute(delete(MessageRow).where(MessageRow.conversation_id == first))
    async with db.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute("VACUUM")
    assert await found(db, "honey") == ["two honey"]
    await db.engine.dispose()


async def test_the_index_is_used_where_there_are_many_messages(db: Database) -> None:
    if db.is_sqlite:
        return
    async with transaction(db) as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await session.execute(
            text("EXPLAIN SELECT * FROM messages WHERE sender_kind IN ('visitor', 'agent') AND to_tsvector('simple',"
                 " translate(text, '-_@./:#+', '        ')) @@ to_tsquery('simple', 'x')")
        )  # fmt: skip
        assert "search_words" in "\n".join(plan.scalars())
