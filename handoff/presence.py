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
from handoff.routing import Load
from handoff.tables import CaseRow, PresenceRow, WaitRow

Status = Literal["online", "busy", "away", "break"]  # only who is online is suggested a chat; busy is still here
AT_THE_DESK = ("online", "busy")
SHIFT = timedelta(hours=12)  # as far back as heated chats are shared fairly
BEAT = 5.0  # seconds between renewals
LEASE = timedelta(seconds=15)
GRACE = timedelta(seconds=7)  # to reload the page: 10 s until a dead line is noticed + 7 + a tick < 20


@dataclass(frozen=True, slots=True)
class Present:
    agent_id: UUID
    status: Status
    holds: int
    load: Load


async def renew(session: AsyncSession, agent_id: UUID, now: datetime, status: Status | None = None) -> None:
    """I am here (still). A new arrival is online; ``status`` changes that on the agent's word."""
    row = await session.get(PresenceRow, agent_id, with_for_update=True)
    if row is None:
        # Two pages that arrive at once: the second gets a Conflict, and its next beat finds the row.
        rested = now if status == "break" else None
        row = PresenceRow(agent_id=agent_id, status=status or "online", lease_until=now + LEASE, rested_at=rested)
        session.add(row)
        announce(session, Notice(DESK))
    else:
        if row.lease_until <= now or (status is not None and status != row.status):
            if status == "break" and row.status != "break":
                row.rested_at = now
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
        .where(PresenceRow.lease_until > now, PresenceRow.status.in_(AT_THE_DESK))
    )
    return found or 0


async def is_present(session: AsyncSession, agent_id: UUID, now: datetime) -> bool:
    row = await session.get(PresenceRow, agent_id, populate_existing=True)
    return row is not None and row.lease_until > now


async def present(session: AsyncSession, now: datetime) -> list[Present]:
    holds = (
        select(func.count())
        .select_from(CaseRow)
        .where(CaseRow.agent_id == PresenceRow.agent_id, CaseRow.state == "claimed")
        .scalar_subquery()
    )
    rows = await session.execute(
        select(PresenceRow, holds).where(PresenceRow.lease_until > now).order_by(PresenceRow.agent_id)
    )
    here = rows.all()
    loads = await _loads(session, [row for row, _ in here], now)
    return [
        Present(row.agent_id, cast(Status, row.status), count, loads.get(row.agent_id, Load())) for row, count in here
    ]


async def _loads(session: AsyncSession, here: list[PresenceRow], now: datetime) -> dict[UUID, Load]:
    """How many heated chats each took of late. A break ends the row, as a calm chat does."""
    rested = {row.agent_id: row.rested_at for row in here}
    found = await session.execute(
        select(WaitRow.agent_id, WaitRow.heated, WaitRow.claimed_at)
        .where(WaitRow.agent_id.in_(rested), WaitRow.claimed_at > now - SHIFT)
        .order_by(WaitRow.claimed_at.desc(), WaitRow.id.desc())
    )
    loads: dict[UUID, Load] = {}
    row_over: set[UUID] = set()
    for agent_id, heated, at in found:
        if agent_id is None:
            continue
        break_began = rested[agent_id]
        if not heated or (break_began is not None and at <= break_began):
            row_over.add(agent_id)
        load = loads.get(agent_id, Load())
        loads[agent_id] = Load(load.in_a_row + (heated and agent_id not in row_over), load.today + heated)
    return loads


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
