"""Who is at the desk. An agent is present by a lease that its open page renews. Floor 1.

The page's socket is pinged every 5 s by the WebSocket protocol itself (a browser answers also from a
background tab, whose timers sleep); while it answers, the lease is renewed to 15 s from now. A socket
that died without a word is noticed within 10 s and gets no grace beyond GRACE, so a vanished agent's
chats are back within 20 s in either case.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.bus import DESK, Notice
from core.db import announce
from core.tables import StaffRow
from handoff import queue
from handoff.tables import CaseRow, PresenceRow

Status = Literal["online", "away"]
BEAT = 5.0  # seconds between renewals
LEASE = timedelta(seconds=15)
GRACE = timedelta(seconds=7)  # to reload the page: 10 s until a dead line is noticed + 7 + a tick < 20


@dataclass(frozen=True, slots=True)
class Present:
    agent_id: UUID
    status: Status
    holds: int


async def renew(session: AsyncSession, agent_id: UUID, now: datetime, status: Status | None = None) -> None:
    """I am here (still). A new arrival is online; ``status`` changes that on the agent's word."""
    row = await session.get(PresenceRow, agent_id, with_for_update=True)
    if row is None:
        # Two pages that arrive at once: the second gets a Conflict, and its next beat finds the row.
        session.add(PresenceRow(agent_id=agent_id, status=status or "online", lease_until=now + LEASE))
        announce(session, Notice(DESK))
    else:
        if row.lease_until <= now or (status is not None and status != row.status):
            row.status = status or row.status
            announce(session, Notice(DESK))
        row.lease_until = now + LEASE
    await session.flush()


async def leave_soon(session: AsyncSession, agent_id: UUID, now: datetime) -> None:
    """The agent's last page is gone: keep the chats only for as long as a reload takes."""
    await session.execute(
        update(PresenceRow)
        .where(PresenceRow.agent_id == agent_id, PresenceRow.lease_until > now + GRACE)
        .values(lease_until=now + GRACE)
    )


async def grace_after_restart(session: AsyncSession, now: datetime) -> None:
    """Nobody could renew while the only process was down: agents who held chats get a lease to come back by."""
    holders = select(CaseRow.agent_id).where(CaseRow.state == "claimed")
    await session.execute(
        update(PresenceRow)
        .where(PresenceRow.agent_id.in_(holders), PresenceRow.lease_until < now + LEASE)
        .values(lease_until=now + LEASE)
        .execution_options(synchronize_session=False)
    )


async def count_online(session: AsyncSession, now: datetime) -> int:
    found = await session.scalar(
        select(func.count())
        .select_from(PresenceRow)
        .where(PresenceRow.lease_until > now, PresenceRow.status == "online")
    )
    return found or 0


async def present(session: AsyncSession, now: datetime) -> list[Present]:
    holds = (
        select(func.count())
        .select_from(CaseRow)
        .where(CaseRow.agent_id == PresenceRow.agent_id, CaseRow.state == "claimed")
        .scalar_subquery()
    )
    rows = await session.execute(
        select(PresenceRow.agent_id, PresenceRow.status, holds)
        .where(PresenceRow.lease_until > now)
        .order_by(PresenceRow.agent_id)
    )
    return [Present(agent_id, cast(Status, status), count) for agent_id, status, count in rows]


async def bring_back(session: AsyncSession, now: datetime) -> list[UUID]:
    """Put the chats of agents whose lease ran out (or who were deactivated) back into the line.

    Returns:
        the conversations that came back; each keeps the age of its wait.

    """
    gone = await session.execute(
        select(CaseRow.conversation_id, CaseRow.agent_id)
        .outerjoin(PresenceRow, PresenceRow.agent_id == CaseRow.agent_id)
        .outerjoin(StaffRow, StaffRow.id == CaseRow.agent_id)
        .where(
            CaseRow.state == "claimed",
            or_(
                PresenceRow.agent_id.is_(None),
                PresenceRow.lease_until <= now,
                and_(StaffRow.id.is_not(None), StaffRow.active.is_(False)),
            ),
        )
        .order_by(CaseRow.conversation_id)  # one order of locks for all workers: no deadlock
    )
    back = []
    for conversation_id, agent_id in gone.all():
        if agent_id is None:
            continue
        try:
            await queue.release(session, conversation_id, agent_id=agent_id, now=now, cause="agent_vanished")
        except queue.NotYours:  # it was closed or released in this very moment
            continue
        back.append(conversation_id)
    return back
