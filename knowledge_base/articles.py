"""The owner's FAQ: draft, publish, withdraw, history. Floor 1.

    (new) ──create()──▶ draft ──publish()──▶ published ──withdraw()──▶ withdrawn
                                    ▲    save() changes the working copy only    │
                                    └─────────────── publish() ──────────────────┘

Vectors are made before the transaction opens; in it, the revision that the owner has read stands in
the WHERE clause, so of two owners who save at once the second is told, not overwritten.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit, house
from core.bus import HOUSE, Notice
from core.db import Database, announce, reading, transaction
from core.encoder import Encoder
from core.errors import Conflict, NotFound
from knowledge_base.entry import Entry, slug_of
from knowledge_base.features import EntryText, EntryVectors, pieces
from knowledge_base.tables import ArticleRow, ArticleVersionRow, PublishedRow

State = Literal["draft", "published", "withdrawn"]
Action = Literal["saved", "published", "withdrawn", "imported"]


class StaleRevision(Conflict):
    code = "stale_revision"

    def __init__(self) -> None:
        super().__init__("Somebody else saved this entry since you opened it. Nothing of yours was stored yet.")


class SlugTaken(Conflict):
    code = "slug_taken"


class ChangedMeanwhile(Conflict):
    code = "changed_meanwhile"


class WasPublished(Conflict):
    code = "was_published"


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes the FAQ: ``actor`` for the audit, ``name`` for the history."""

    actor: str
    name: str


@dataclass(frozen=True, slots=True)
class Article:
    slug: str
    category: str
    question: str
    answer: str
    alternates: tuple[str, ...]
    state: State
    changed: bool
    revision: int
    updated_at: datetime
    updated_by: str
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class Version:
    revision: int
    action: Action
    at: datetime
    by: str
    category: str
    question: str
    answer: str
    alternates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    added: int
    changed: int
    unchanged: int
    withdrawn: int


async def everything(session: AsyncSession) -> list[Article]:
    rows = await session.scalars(select(ArticleRow).order_by(ArticleRow.category, ArticleRow.question))
    return [_article(row) for row in rows]


async def get(session: AsyncSession, slug: str) -> Article:
    """
    Raises:
        NotFound: no such entry.

    """
    row = await session.get(ArticleRow, slug, populate_existing=True)
    if row is None:
        raise NotFound("There is no such entry.")
    return _article(row)


async def published(session: AsyncSession) -> list[Entry]:
    rows = await session.scalars(select(PublishedRow).order_by(PublishedRow.category, PublishedRow.slug))
    return [Entry(r.slug, r.category, r.question, r.answer, tuple(r.alternates)) for r in rows]


async def history(session: AsyncSession, slug: str) -> list[Version]:
    rows = await session.scalars(
        select(ArticleVersionRow).where(ArticleVersionRow.slug == slug).order_by(ArticleVersionRow.id.desc()).limit(200)
    )
    return [
        Version(
            r.revision, cast(Action, r.action), r.at, r.by, r.text["category"], r.text["question"],
            r.text["answer"], tuple(r.text["alternates"]),
        )
        for r in rows
    ]  # fmt: skip


async def free_slug(session: AsyncSession, question: str) -> str:
    return slug_of(question, set(await session.scalars(select(ArticleRow.slug))))


async def create(session: AsyncSession, entry: Entry, *, by: Author, now: datetime) -> Article:
    """A draft: the bot does not answer with it yet.

    Raises:
        SlugTaken: there is an entry of that id, maybe a withdrawn one.

    """
    if await session.get(ArticleRow, entry.slug) is not None:
        raise SlugTaken(f"There is already an entry with the id {entry.slug!r}.")
    row = ArticleRow(state="draft", changed=True, revision=1, published_at=None, **_columns(entry), **_stamp(by, now))
    session.add(row)
    await session.flush()
    await _remember(session, row, "saved", by, now)
    return _article(row)


async def save(session: AsyncSession, entry: Entry, *, revision: int, by: Author, now: datetime) -> Article:
    """Change the working copy; the bot goes on with what is published.

    Raises:
        StaleRevision, NotFound.

    """
    row = await _step(session, entry.slug, revision, changed=True, **_text_columns(entry), **_stamp(by, now))
    await _remember(session, row, "saved", by, now)
    return _article(row)


async def publish(db: Database, encoder: Encoder, slug: str, *, revision: int, by: Author, now: datetime) -> Article:
    """Answer with this text from the next message on, in every worker.

    Raises:
        StaleRevision, NotFound; Unavailable: the encoder cannot read it now, nothing was published.

    """
    async with reading(db) as session:
        seen = await get(session, slug)
    if seen.revision != revision:
        raise StaleRevision
    entry = _entry(seen)
    [vectors] = await vectors_of(encoder, [entry])
    async with transaction(db) as session:
        row = await _step(
            session, slug, revision, changed=False, state="published", published_at=now, **_stamp(by, now)
        )
        await _put(session, entry, vectors, encoder.meaning_hash)
        await _remember(session, row, "published", by, now)
        await _turn_page(session)
    return _article(row)


async def withdraw(session: AsyncSession, slug: str, *, revision: int, by: Author, now: datetime) -> Article:
    """No longer answer with it. The text and its history stay.

    Raises:
        StaleRevision, NotFound.

    """
    row = await _step(session, slug, revision, state="withdrawn", changed=False, **_stamp(by, now))
    await session.execute(delete(PublishedRow).where(PublishedRow.slug == slug))
    await _remember(session, row, "withdrawn", by, now)
    await _turn_page(session)
    return _article(row)


async def discard(session: AsyncSession, slug: str, *, revision: int, by: Author, now: datetime) -> None:
    """Delete a draft that nobody ever saw.

    Raises:
        StaleRevision, NotFound; WasPublished: withdraw it instead, answers given refer to it.

    """
    article = await get(session, slug)
    if article.published_at is not None:
        raise WasPublished("This entry was published once; withdraw it instead.")
    if article.revision != revision:
        raise StaleRevision
    await session.execute(delete(ArticleVersionRow).where(ArticleVersionRow.slug == slug))
    await session.execute(delete(ArticleRow).where(ArticleRow.slug == slug, ArticleRow.revision == revision))
    await audit.note(session, actor=by.actor, action="article.discarded", subject=slug, now=now)


async def bring_in(
    db: Database, encoder: Encoder, entries: Sequence[Entry], *, replace: bool, by: Author, now: datetime
) -> Imported:
    """Publish all of these entries in one transaction; with ``replace``, withdraw all others.

    Entries that are published with the same text stay as they are.

    Raises:
        Unavailable: the encoder cannot read them now; nothing was taken.
        ChangedMeanwhile: somebody else changed what this import counted as unchanged; nothing was taken.

    """
    async with reading(db) as session:
        before = {entry.slug: entry for entry in await published(session)}
    fresh = [entry for entry in entries if before.get(entry.slug) != entry]
    vectors = dict(zip((e.slug for e in fresh), await vectors_of(encoder, fresh), strict=True))
    async with transaction(db) as session:
        rows = {row.slug: row for row in await session.scalars(select(ArticleRow).with_for_update())}
        still = {entry.slug: entry for entry in await published(session)}
        if any(still.get(entry.slug) != entry for entry in entries if entry not in fresh):
            raise ChangedMeanwhile("The FAQ was changed in this very moment. Nothing was imported; import it again.")
        added = 0
        for entry in fresh:
            added += entry.slug not in rows
            await _bring_one(session, rows.get(entry.slug), entry, by, now)
            await _put(session, entry, vectors[entry.slug], encoder.meaning_hash)
        gone = await _withdraw_others(session, rows, {e.slug for e in entries}, by, now) if replace else 0
        await audit.note(
            session, actor=by.actor, action="faq.imported", subject="knowledge_base", now=now,
            entries=len(entries), replaced=replace,
        )  # fmt: skip
        await _turn_page(session)
    return Imported(added, len(fresh) - added, len(entries) - len(fresh), gone)


async def load(db: Database, encoder: Encoder) -> tuple[str, list[tuple[Entry, EntryVectors]]]:
    """The revision of the published FAQ, its entries and their vectors, remade where the encoder changed."""
    async with reading(db) as session:
        revision = await house.fact(session, house.KNOWLEDGE) or "0"
        rows = list(await session.scalars(select(PublishedRow).order_by(PublishedRow.slug)))
    found = []
    old = [row for row in rows if row.encoder != encoder.meaning_hash]
    remade = dict(zip((r.slug for r in old), await vectors_of(encoder, [_entry(r) for r in old]), strict=True))
    for row in rows:
        vectors = remade.get(row.slug) or EntryVectors.from_bytes(row.vectors)
        found.append((_entry(row), vectors))
    if remade:
        async with transaction(db) as session:
            for row in old:
                await session.execute(
                    update(PublishedRow)
                    .where(PublishedRow.slug == row.slug, PublishedRow.encoder == row.encoder)
                    .values(vectors=remade[row.slug].to_bytes(), encoder=encoder.meaning_hash)
                )
    return revision, found


def entry_text(entry: Entry) -> EntryText:
    return EntryText(entry.slug, entry.question, entry.answer, entry.alternates)


async def vectors_of(encoder: Encoder, entries: Sequence[Entry]) -> list[EntryVectors]:
    """
    Raises:
        Unavailable: the encoder cannot read them now.

    """
    if not entries:
        return []
    await encoder.ready()
    texts = [[text for _, text in pieces(entry_text(entry))] for entry in entries]
    encoded = iter(await encoder.encode([text for some in texts for text in some]))
    return [
        EntryVectors.of(entry_text(entry), [next(encoded) for _ in some])
        for entry, some in zip(entries, texts, strict=True)
    ]


async def _step(session: AsyncSession, slug: str, revision: int, **values: object) -> ArticleRow:
    row = await session.scalar(
        update(ArticleRow)
        .where(ArticleRow.slug == slug, ArticleRow.revision == revision)
        .values(revision=revision + 1, **values)
        .returning(ArticleRow)
        .execution_options(populate_existing=True)
    )
    if row is None:
        await get(session, slug)
        raise StaleRevision
    return row


async def _bring_one(session: AsyncSession, row: ArticleRow | None, entry: Entry, by: Author, now: datetime) -> None:
    if row is None:
        row = ArticleRow(revision=0, **_columns(entry), **_stamp(by, now))
        session.add(row)
    for name, value in {**_text_columns(entry), **_stamp(by, now)}.items():
        setattr(row, name, value)
    row.state, row.changed, row.published_at, row.revision = "published", False, now, row.revision + 1
    await session.flush()
    await _remember(session, row, "imported", by, now)


async def _withdraw_others(
    session: AsyncSession, rows: dict[str, ArticleRow], keep: set[str], by: Author, now: datetime
) -> int:
    others = [row for slug, row in rows.items() if slug not in keep and row.state == "published"]
    for row in others:
        row.state, row.changed, row.revision = "withdrawn", False, row.revision + 1
        row.updated_at, row.updated_by = now, by.name
        await session.execute(delete(PublishedRow).where(PublishedRow.slug == row.slug))
        await session.flush()
        await _remember(session, row, "withdrawn", by, now)
    return len(others)


async def _put(session: AsyncSession, entry: Entry, vectors: EntryVectors, encoder_hash: str) -> None:
    row = await session.get(PublishedRow, entry.slug)
    if row is None:
        row = PublishedRow(slug=entry.slug)
        session.add(row)
    row.category, row.question, row.answer = entry.category, entry.question, entry.answer
    row.alternates, row.vectors, row.encoder = list(entry.alternates), vectors.to_bytes(), encoder_hash
    await session.flush()


async def _turn_page(session: AsyncSession) -> None:
    """From this commit on, every worker's index is out of date (knowledge_base/search.py compares)."""
    await house.set_fact(session, house.KNOWLEDGE, house.fresh())
    announce(session, Notice(HOUSE))


async def _remember(session: AsyncSession, row: ArticleRow, action: Action, by: Author, now: datetime) -> None:
    text = {
        "category": row.category, "question": row.question, "answer": row.answer,
        "alternates": list(row.alternates),
    }  # fmt: skip
    session.add(ArticleVersionRow(slug=row.slug, revision=row.revision, action=action, text=text, at=now, by=by.name))
    await session.flush()
    await audit.note(session, actor=by.actor, action=f"article.{action}", subject=row.slug, now=now)


def _columns(entry: Entry) -> dict[str, object]:
    return {"slug": entry.slug, **_text_columns(entry)}


def _text_columns(entry: Entry) -> dict[str, object]:
    return {k: list(v) if k == "alternates" else v for k, v in asdict(entry).items() if k != "slug"}


def _stamp(by: Author, now: datetime) -> dict[str, object]:
    return {"updated_at": now, "updated_by": by.name}


def _entry(source: Article | PublishedRow) -> Entry:
    return Entry(source.slug, source.category, source.question, source.answer, tuple(source.alternates))


def _article(row: ArticleRow) -> Article:
    return Article(
        row.slug, row.category, row.question, row.answer, tuple(row.alternates), cast(State, row.state),
        row.changed, row.revision, row.updated_at, row.updated_by, row.published_at,
    )  # fmt: skip
