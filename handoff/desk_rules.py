"""The owner's rules for the queue's order and for sharing heated chats. Floor 1."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit, house
from core.bus import DESK, Notice
from core.db import announce
from handoff.routing import Rules, Urgency, counts_from
from handoff.tables import CaseRow

KEY = "desk_rules"


async def current(session: AsyncSession) -> Rules:
    kept = await house.fact(session, KEY)
    return Rules.model_validate_json(kept) if kept else Rules()


async def change(session: AsyncSession, rules: Rules, *, actor: str, now: datetime) -> None:
    """From now on; who already waits is put into the new order at once."""
    await house.set_fact(session, KEY, rules.model_dump_json())
    # One order of locks for all, as in presence.bring_back.
    waiting = await session.scalars(
        select(CaseRow).where(CaseRow.state == "waiting").order_by(CaseRow.conversation_id).with_for_update()
    )
    for row in waiting:
        row.counts_from = counts_from(row.waiting_since, urgency(row), rules)
    await session.flush()
    await audit.note(session, actor=actor, action="desk_rules.changed", subject=KEY, now=now, **rules.model_dump())
    announce(session, Notice(DESK))


def urgency(row: CaseRow) -> Urgency:
    return Urgency(row.reason, row.frustration, danger=row.danger, put_back=row.put_back)
