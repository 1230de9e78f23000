"""What is stored about a visitor: handed out whole, corrected, erased, and kept no longer than agreed. Floor 0.

All of it walks the metadata from ``visitors`` along the foreign keys, so a table that belongs to a visitor or a
conversation is exported and erased with the rest from its first day; tests/test_data_map.py finds a PERSONAL
column that no such way reaches.

Conversations are locked first (by id), then their visitor: PostgreSQL takes them in that order by itself, when a
conversation changes twice in a transaction and its foreign key is checked again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, CursorResult, Select, Table, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit, db, search
from core import house as facts
from core.bus import DESK, Notice, conversation_topic
from core.db import Base, Database, announce, transaction
from core.errors import Conflict, NotFound
from core.events import correct_contacts
from core.tables import PERSONAL, ConversationRow, VisitorRow

OPENS_DOORS = ("token_hash", "open_key")  # hashes of keys: they let somebody in and say nothing about anybody
VISITORS = cast(Table, VisitorRow.__table__)
CONVERSATIONS = cast(Table, ConversationRow.__table__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was done, to keep and to quote; ``counts`` are rows by table."""

    id: UUID
    at: datetime
    what: str
    counts: dict[str, int]
    conversations: tuple[UUID, ...] = ()


def belonging(root: Table, only: ColumnElement[bool]) -> dict[Table, ColumnElement[bool]]:
    """Every table with rows that hang on ``root``, parents first, and which of its rows do."""
    found = {root: only}
    for table in Base.metadata.sorted_tables:
        ways = [
            key.parent.in_(select(key.column).where(found[key.column.table]))
            for key in sorted(table.foreign_keys, key=lambda k: k.parent.name)
            if key.column.table in found and table is not root
        ]
        if ways:
            found[table] = or_(*ways)
    return found


async def everything(session: AsyncSession, visitor_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """All rows about a visitor by table, with all columns but the hashes of keys.

    Raises:
        NotFound: no such visitor, or erased while this was read; half of it is never handed out.

    """
    rows = {}
    for table, mine in belonging(VISITORS, VISITORS.c.id == visitor_id).items():
        columns = [column for column in table.columns if column.name not in OPENS_DOORS]
        found = await session.execute(select(*columns).where(mine).order_by(*table.primary_key.columns))
        rows[table.name] = [dict(row._mapping) for row in found]
    await require(session, visitor_id)
    return rows


async def require(session: AsyncSession, visitor_id: UUID) -> VisitorRow:
    """
    Raises:
        NotFound: no such visitor (any more).

    """
    return _found(await session.scalar(_fresh(select(VisitorRow).where(VisitorRow.id == visitor_id))))


async def locked(session: AsyncSession, visitor_id: UUID) -> list[ConversationRow]:
    """The visitor's conversations; they and the visitor are held against every other writer.

    Raises:
        NotFound: no such visitor (any more).
        Conflict: another conversation began in this very moment.

    """
    mine = select(ConversationRow).where(ConversationRow.visitor_id == visitor_id).order_by(ConversationRow.id)
    held = list(await session.scalars(_fresh(mine.with_for_update())))
    _found(await session.scalar(_fresh(select(VisitorRow).where(VisitorRow.id == visitor_id).with_for_update())))
    if len(list(await session.scalars(mine))) > len(held):
        raise Conflict("Another conversation began in this very moment. Please try again.")
    return held


def _fresh(query: Select[Any]) -> Select[Any]:
    return query.execution_options(populate_existing=True)


def _found(row: VisitorRow | None) -> VisitorRow:
    if row is None:
        raise NotFound("There is no such visitor (any more).")
    return row


async def who(session: AsyncSession, some_id: UUID) -> UUID:
    """The visitor of this id, or the one whose conversation it names (which is what a desk shows).

    Raises:
        NotFound: it is neither.

    """
    found = await session.scalar(select(VisitorRow.id).where(VisitorRow.id == some_id))
    found = found or await session.scalar(select(ConversationRow.visitor_id).where(ConversationRow.id == some_id))
    if found is None:
        raise NotFound(f"There is no visitor and no conversation {some_id} (any more).")
    return found


async def erase(session: AsyncSession, visitor_id: UUID, *, actor: str, now: datetime) -> Receipt:
    """Delete every row about a visitor. A turn, a claim or an export under way finds nothing any more.

    Raises:
        NotFound: no such visitor (any more): erasing twice erases once.
        Conflict: see ``locked``.

    """
    held = await locked(session, visitor_id)
    return await _erase(session, visitor_id, VISITORS, VISITORS.c.id == visitor_id, held, actor, now)


async def correct_email(
    session: AsyncSession, visitor_id: UUID, email: str | None, *, actor: str, now: datetime
) -> Receipt:
    """Put ``email`` in every place where an address of this visitor is kept as one; None removes it.

    What the visitor wrote in a message stays as it was said.

    Raises:
        NotFound.

    """
    held = await locked(session, visitor_id)
    counts = {}
    for table, mine in belonging(VISITORS, VISITORS.c.id == visitor_id).items():
        column = table.columns.get("email")
        if column is not None and column.info == PERSONAL:
            value = email if email is not None or column.nullable else ""
            counts[table.name] = await _count(session, update(table).where(mine).values(email=value))
    ids = tuple(row.id for row in held)
    counts["events"] = await correct_contacts(session, ids, email or "")
    receipt = Receipt(uuid4(), now, "removed" if email is None else "corrected", counts, ids)
    await _tell(session, visitor_id, f"visitor.email_{receipt.what}", receipt, actor)
    return receipt


async def scrub(database: Database) -> bool:
    """After erasures: no trace of them in SQLite's search index and files. Returns False where to try again."""
    if database.is_sqlite:
        async with transaction(database) as session:
            await search.scrub(session)
    return await db.scrub(database)


# --- retention ------------------------------------------------------------------------------------


async def overdue(session: AsyncSession, before: datetime, limit: int | None = None) -> list[tuple[UUID, UUID]]:
    """(visitor, conversation) of what is over and was last touched before ``before``, by visitor.

    Whoever waits for a person or talks to one is not over, however long ago it was.
    """
    rows = await session.execute(
        select(ConversationRow.visitor_id, ConversationRow.id)
        .where(*_over(before))
        .order_by(ConversationRow.visitor_id, ConversationRow.id)
        .limit(limit)
    )
    return [(visitor_id, conversation_id) for visitor_id, conversation_id in rows]


async def expire(session: AsyncSession, visitor_id: UUID, before: datetime, *, now: datetime) -> Receipt | None:
    """Erase what is overdue of one visitor, and the visitor too where nothing else is left.

    Returns:
        None where somebody wrote again or another worker was here first.

    """
    try:
        held = await locked(session, visitor_id)
    except NotFound:
        return None
    over = [row for row in held if row.holder in ("bot", "closed") and row.last_at < before]
    if not over:
        return None
    if len(over) == len(held):
        return await _erase(session, visitor_id, VISITORS, VISITORS.c.id == visitor_id, held, "retention", now)
    mine = CONVERSATIONS.c.id.in_([row.id for row in over])
    return await _erase(session, visitor_id, CONVERSATIONS, mine, over, "retention", now)


def _over(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return ConversationRow.holder.in_(("bot", "closed")), ConversationRow.last_at < before


# --- how ------------------------------------------------------------------------------------------


async def _erase(
    session: AsyncSession,
    visitor_id: UUID,
    root: Table,
    only: ColumnElement[bool],
    held: Sequence[ConversationRow],
    actor: str,
    now: datetime,
) -> Receipt:
    ids = tuple(row.id for row in held)
    counts = {}
    for table, mine in reversed(belonging(root, only).items()):
        counts[table.name] = await _count(session, delete(table).where(mine))
    receipt = Receipt(uuid4(), now, "erased", counts, ids)
    await facts.touch(session, facts.ERASED)
    await _tell(session, visitor_id, "visitor.erased" if root is VISITORS else "conversations.erased", receipt, actor)
    return receipt


async def _count(session: AsyncSession, statement: Any) -> int:
    done = await session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", done).rowcount


async def _tell(session: AsyncSession, visitor_id: UUID, action: str, receipt: Receipt, actor: str) -> None:
    """The note names a random number that now means nobody, so that it can be done again after a restored backup."""
    await audit.note(
        session, actor=actor, action=action, subject=str(visitor_id), now=receipt.at, receipt=str(receipt.id),
        **{name: count for name, count in receipt.counts.items() if count},
    )  # fmt: skip
    for conversation_id in receipt.conversations:
        announce(session, Notice(conversation_topic(conversation_id)))
    announce(session, Notice(DESK))
