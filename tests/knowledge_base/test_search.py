"""knowledge_base/search.py: the next message sees what was published, by whichever process."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from core.bus import Notice
from core.db import Database, DatabaseAway, connect, transaction
from core.encoder import Encoder
from knowledge_base import articles
from knowledge_base.articles import Author
from knowledge_base.entry import Entry
from knowledge_base.search import Search, folded

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
OLIVE = Author("staff:olive", "Olive")
RETURNS = Entry("returns", "Orders", "May I send it back?", "Yes, within 30 days.", ("Can I return it?", "Help!"))
PARCEL = Entry("parcel", "Orders", "Where is my parcel?", "See the link in our e-mail.", ("HELP",))


@pytest.fixture
async def elsewhere(db_url: str) -> AsyncIterator[Database]:
    """The same database, opened by another process: no bus between the two."""

    async def to_nobody(_notices: list[Notice]) -> None:
        return None

    made = connect(db_url, to_nobody)
    yield made
    await made.engine.dispose()


async def bring_in(db: Database, encoder: Encoder, *entries: Entry, replace: bool = False) -> None:
    await articles.bring_in(db, encoder, entries, replace=replace, by=OLIVE, now=NOON)


async def test_the_next_shelf_sees_what_another_process_published_changed_and_withdrew(
    db: Database, elsewhere: Database, encoder: Encoder
) -> None:
    search = Search(db, encoder)
    empty = await search.shelf()
    assert empty.entries == {}
    await bring_in(elsewhere, encoder, RETURNS, PARCEL)
    first = await search.shelf()
    assert first.entries == {"returns": RETURNS, "parcel": PARCEL}
    assert set(first.index.slugs) == {"returns", "parcel"}
    async with transaction(elsewhere) as session:
        await articles.withdraw(session, "parcel", revision=1, by=OLIVE, now=NOON)
    second = await search.shelf()
    assert set(second.entries) == set(second.index.slugs) == set(search.entries_at_hand) == {"returns"}
    assert set(first.entries) == {"returns", "parcel"}  # a turn under way keeps the shelf it began with


async def test_a_draft_is_on_no_shelf_and_costs_no_new_one(db: Database, elsewhere: Database, encoder: Encoder) -> None:
    search = Search(db, encoder)
    before = await search.shelf()
    async with transaction(elsewhere) as session:
        await articles.create(session, RETURNS, by=OLIVE, now=NOON)
    assert await search.shelf() is before


async def test_many_messages_at_once_build_one_shelf(db: Database, encoder: Encoder) -> None:
    await bring_in(db, encoder, RETURNS)
    search = Search(db, encoder)
    assert not search.loaded
    assert search.entries_at_hand == {}
    shelves = await asyncio.gather(*(search.shelf() for _ in range(20)))
    assert len({id(shelf) for shelf in shelves}) == 1
    assert search.loaded


async def test_the_owners_very_words_are_known_and_shared_ones_are_nobodys(db: Database, encoder: Encoder) -> None:
    await bring_in(db, encoder, RETURNS, PARCEL)
    shelf = await Search(db, encoder).shelf()
    assert shelf.exact("  where IS my\nparcel ?? ") == "parcel"
    assert shelf.exact("can i return it") == "returns"
    assert shelf.exact("help") is None
    assert shelf.exact("Where is my parcel from yesterday?") is None
    assert shelf.exact("") is None


@pytest.mark.parametrize(("text", "same"), [("Straße?", "STRASSE"), ("a\u00a0 b", "a b"), ("Why?!", "why"), ("", " ")])
def test_folding_forgets_case_space_and_the_mark_at_the_end(text: str, same: str) -> None:
    assert folded(text) == folded(same)


async def test_a_database_that_is_away_says_so(encoder: Encoder) -> None:
    async def to_nobody(_notices: list[Notice]) -> None:
        return None

    db = connect("postgresql+asyncpg://ada@127.0.0.1:1/nothing", to_nobody)
    with pytest.raises(DatabaseAway):
        await Search(db, encoder).shelf()
    await db.engine.dispose()
