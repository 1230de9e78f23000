"""knowledge_base/articles.py: what the bot answers with is what an owner published, and nobody overwrites anybody."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import select, update

from core.bus import HOUSE, Notice
from core.db import Database, reading, transaction
from core.encoder import Encoder, EncoderBroken, locate
from core.errors import NotFound
from core.house import KNOWLEDGE, fact
from core.tables import AuditRow
from knowledge_base import articles
from knowledge_base.articles import Article, Author, Imported, SlugTaken, StaleRevision, WasPublished
from knowledge_base.entry import Entry
from knowledge_base.tables import PublishedRow

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
OLIVE = Author("staff:olive", "Olive")
PAUL = Author("staff:paul", "Paul")
RETURNS = Entry("returns", "Orders", "May I send it back?", "Yes, within 30 days.", ("Can I return it?",))
PARCEL = Entry("parcel", "Orders", "Where is my parcel?", "See the link in our e-mail.")
HOURS = Entry("hours", "Shop", "When are you open?", "From 9 to 5.")


def with_answer(entry: Entry, answer: str) -> Entry:
    return Entry(entry.slug, entry.category, entry.question, answer, entry.alternates)


async def create(db: Database, entry: Entry = RETURNS) -> Article:
    async with transaction(db) as session:
        return await articles.create(session, entry, by=OLIVE, now=NOON)


async def save(db: Database, entry: Entry, revision: int, by: Author = OLIVE) -> Article:
    async with transaction(db) as session:
        return await articles.save(session, entry, revision=revision, by=by, now=NOON + timedelta(hours=1))


async def publish(db: Database, encoder: Encoder, revision: int, slug: str = "returns") -> Article:
    return await articles.publish(db, encoder, slug, revision=revision, by=OLIVE, now=NOON)


async def withdraw(db: Database, revision: int, slug: str = "returns") -> Article:
    async with transaction(db) as session:
        return await articles.withdraw(session, slug, revision=revision, by=OLIVE, now=NOON)


async def bring_in(db: Database, encoder: Encoder, *entries: Entry, replace: bool = False) -> Imported:
    return await articles.bring_in(db, encoder, entries, replace=replace, by=OLIVE, now=NOON)


async def get(db: Database, slug: str = "returns") -> Article:
    async with reading(db) as session:
        return await articles.get(session, slug)


async def published(db: Database) -> list[Entry]:
    async with reading(db) as session:
        return await articles.published(session)


async def revision(db: Database) -> str | None:
    async with reading(db) as session:
        return await fact(session, KNOWLEDGE)


async def history(db: Database, slug: str = "returns") -> list[tuple[int, str, str, str]]:
    async with reading(db) as session:
        return [(v.revision, v.action, v.by, v.answer) for v in await articles.history(session, slug)]


async def test_a_draft_is_not_answered_with(db: Database) -> None:
    made = await create(db)
    assert (made.state, made.changed, made.revision, made.published_at) == ("draft", True, 1, None)
    assert await get(db) == made
    assert await published(db) == []
    assert await revision(db) == "0"


async def test_the_life_of_an_entry(db: Database, encoder: Encoder, notices: list[Notice]) -> None:
    await create(db)
    made = await publish(db, encoder, 1)
    assert (made.state, made.changed, made.revision, made.published_at) == ("published", False, 2, NOON)
    assert await published(db) == [RETURNS]
    assert notices == [Notice(HOUSE)]
    first = await revision(db)

    better = with_answer(RETURNS, "Yes, within 60 days.")
    made = await save(db, better, 2)
    assert (made.state, made.changed, made.answer) == ("published", True, better.answer)
    assert await published(db) == [RETURNS]  # the bot goes on with what is published
    assert await revision(db) == first

    await publish(db, encoder, 3)
    assert await published(db) == [better]
    second = await revision(db)

    made = await withdraw(db, 4)
    assert (made.state, made.revision, made.published_at) == ("withdrawn", 5, NOON)
    assert await published(db) == []
    assert len({first, second, await revision(db)}) == 3  # every worker's index is out of date each time

    await publish(db, encoder, 5)
    assert await published(db) == [better]
    assert await history(db) == [
        (6, "published", "Olive", better.answer),
        (5, "withdrawn", "Olive", better.answer),
        (4, "published", "Olive", better.answer),
        (3, "saved", "Olive", better.answer),
        (2, "published", "Olive", RETURNS.answer),
        (1, "saved", "Olive", RETURNS.answer),
    ]
    async with reading(db) as session:
        trail = list(await session.scalars(select(AuditRow).order_by(AuditRow.id)))
    assert [(row.actor, row.action, row.subject) for row in trail] == [
        (OLIVE.actor, f"article.{action}", "returns")
        for action in ("saved", "published", "saved", "published", "withdrawn", "published")
    ]


async def test_a_stale_revision_changes_nothing(db: Database, encoder: Encoder, notices: list[Notice]) -> None:
    await create(db)
    await save(db, RETURNS, 1)
    before = await get(db), await history(db)
    for attempt in (
        lambda: save(db, with_answer(RETURNS, "No."), 1),
        lambda: publish(db, encoder, 1),
        lambda: withdraw(db, 1),
        lambda: discard(db, 1),
    ):
        with pytest.raises(StaleRevision) as refusal:
            await attempt()
    assert refusal.value.code == "stale_revision"
    assert (await get(db), await history(db)) == before
    assert notices == []


async def test_of_two_owners_who_save_at_once_the_second_is_told(db: Database) -> None:
    await create(db)
    results = await asyncio.gather(
        save(db, with_answer(RETURNS, "Olive's"), 1), save(db, with_answer(RETURNS, "Paul's"), 1, by=PAUL),
        return_exceptions=True,
    )  # fmt: skip
    [kept] = [r for r in results if isinstance(r, Article)]
    assert sum(isinstance(r, StaleRevision) for r in results) == 1
    assert await get(db) == kept
    assert kept.revision == 2


async def test_a_text_that_is_saved_while_its_vectors_are_made_is_not_published_unread(
    db: Database, encoder: Encoder
) -> None:
    await create(db)
    results = await asyncio.gather(
        publish(db, encoder, 1), save(db, with_answer(RETURNS, "Changed."), 1), return_exceptions=True
    )
    assert isinstance(results[0], StaleRevision) or isinstance(results[1], StaleRevision)
    assert await published(db) in ([], [RETURNS])


async def discard(db: Database, revision: int, slug: str = "returns") -> None:
    async with transaction(db) as session:
        await articles.discard(session, slug, revision=revision, by=OLIVE, now=NOON)


async def test_a_draft_that_nobody_saw_can_be_discarded_and_its_id_is_free_again(db: Database) -> None:
    await create(db)
    await discard(db, 1)
    with pytest.raises(NotFound):
        await get(db)
    assert await history(db) == []
    assert (await create(db)).revision == 1


async def test_what_was_published_once_is_withdrawn_and_never_discarded(db: Database, encoder: Encoder) -> None:
    await create(db)
    await publish(db, encoder, 1)
    await withdraw(db, 2)
    with pytest.raises(WasPublished) as refusal:
        await discard(db, 3)
    assert refusal.value.code == "was_published"
    assert (await get(db)).state == "withdrawn"


async def test_an_id_is_given_once(db: Database) -> None:
    await create(db)
    with pytest.raises(SlugTaken) as refusal:
        await create(db, with_answer(RETURNS, "Other."))
    assert refusal.value.code == "slug_taken"
    async with reading(db) as session:
        assert await articles.free_slug(session, "Returns?") == "returns_2"


async def test_an_unknown_entry_is_not_found(db: Database, encoder: Encoder) -> None:
    for attempt in (
        lambda: get(db),
        lambda: save(db, RETURNS, 1),
        lambda: publish(db, encoder, 1),
        lambda: withdraw(db, 1),
        lambda: discard(db, 1),
    ):
        with pytest.raises(NotFound):
            await attempt()


async def test_importing_publishes_and_what_is_the_same_stays_as_it_is(
    db: Database, encoder: Encoder, notices: list[Notice]
) -> None:
    assert await bring_in(db, encoder, RETURNS, PARCEL) == Imported(2, 0, 0, 0)
    assert notices == [Notice(HOUSE)]
    before = await get(db)
    changed = with_answer(PARCEL, "On its way.")
    assert await bring_in(db, encoder, RETURNS, changed, HOURS) == Imported(1, 1, 1, 0)
    assert await get(db) == before
    assert await published(db) == [changed, RETURNS, HOURS]
    assert [action for _, action, _, _ in await history(db, "parcel")] == ["imported", "imported"]
    assert [action for _, action, _, _ in await history(db)] == ["imported"]


async def test_importing_over_a_draft_and_a_withdrawn_entry_publishes_them(db: Database, encoder: Encoder) -> None:
    await create(db)
    await create(db, PARCEL)
    await publish(db, encoder, 1, "parcel")
    await withdraw(db, 2, "parcel")
    assert await bring_in(db, encoder, RETURNS, PARCEL) == Imported(0, 2, 0, 0)
    assert (await get(db)).state == (await get(db, "parcel")).state == "published"
    past = [action for _, action, _, _ in await history(db, "parcel")]
    assert past == ["imported", "withdrawn", "published", "saved"]


async def test_replacing_withdraws_what_is_not_in_the_file_and_leaves_drafts(db: Database, encoder: Encoder) -> None:
    await bring_in(db, encoder, RETURNS, PARCEL)
    await create(db, HOURS)
    assert await bring_in(db, encoder, PARCEL, replace=True) == Imported(0, 0, 1, 1)
    assert await published(db) == [PARCEL]
    assert (await get(db)).state == "withdrawn"
    assert (await get(db, "hours")).state == "draft"
    assert [action for _, action, _, _ in await history(db)] == ["withdrawn", "imported"]


async def test_an_import_is_taken_whole_or_not_at_all(db: Database, encoder: Encoder, notices: list[Notice]) -> None:
    await bring_in(db, encoder, RETURNS)
    before = await published(db), await revision(db), await get(db)
    notices.clear()
    with pytest.raises(Exception, match=r"(?i)too long|constraint|faster|null"):
        # The second one cannot be stored (no importer would let it pass): the first must not be either.
        await bring_in(db, encoder, with_answer(RETURNS, "New."), Entry("x", None, "Q?", "A."))  # type: ignore[arg-type]
    assert (await published(db), await revision(db), await get(db)) == before
    assert notices == []


async def test_an_encoder_that_is_gone_publishes_nothing(db: Database, notices: list[Notice]) -> None:
    await create(db)
    gone = Encoder(locate(None), backlog=8, expected="0" * 64)
    gone.start()
    with pytest.raises(Exception) as refusal:  # noqa: PT011  whichever way it is away, it is a 503
        await publish(db, gone, 1)
    gone.stop()
    assert getattr(refusal.value, "status", None) == EncoderBroken.status == 503
    assert (await get(db)).state == "draft"
    assert await published(db) == []
    assert notices == []


async def test_vectors_of_another_encoder_are_made_anew_and_kept(db: Database, encoder: Encoder) -> None:
    await bring_in(db, encoder, RETURNS, PARCEL)
    _, before = await articles.load(db, encoder)
    async with transaction(db) as session:
        await session.execute(
            update(PublishedRow)
            .where(PublishedRow.slug == "returns")
            .values(encoder="0" * 64, vectors=b"other numbers")
        )
    number, found = await articles.load(db, encoder)
    assert number == await revision(db)
    assert [entry for entry, _ in found] == [PARCEL, RETURNS]
    for (_, old), (_, new) in zip(before, found, strict=True):
        for one, other in zip(vectors(old), vectors(new), strict=True):
            np.testing.assert_allclose(one, other, atol=2e-3)
    async with reading(db) as session:
        rows = list(await session.scalars(select(PublishedRow)))
    assert {row.encoder for row in rows} == {encoder.meaning_hash}
    assert all(row.vectors != b"other numbers" for row in rows)


def vectors(made: object) -> list[np.ndarray]:
    """Every array in it, whatever features.py calls them."""
    found = [getattr(made, name) for name in sorted(getattr(made, "__slots__", None) or vars(made))]
    return [np.asarray(value, dtype=np.float32) for value in found if isinstance(value, np.ndarray)]
