"""Where somebody stands in the line, and how long it honestly takes. Floor 1."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff import presence
from handoff.tables import CaseRow, WaitRow

LOOK_BACK = timedelta(days=7)
ENOUGH = 5  # fewer waits than this tell nothing worth saying


@dataclass(frozen=True, slots=True)
class Place:
    position: int
    wait_seconds: int | None  # None: not known, and said so
    desk_open: bool


def expected_wait(recent: Sequence[float], waited: float, agents: int, position: int) -> int | None:
    """Seconds that are still to be expected, or None where nothing honest can be said.

    The median of recent waits (one long wait does not move it), stretched where more people stand
    ahead than there are agents, less what this visitor has waited already. Who has already waited
    longer than that is told that it is not known, not "any moment now".
    """
    if len(recent) < ENOUGH or agents == 0:
        return None
    rounds = max(1.0, position / agents)
    left = statistics.median(recent) * rounds - waited
    return int(left) if left > 0 else None


async def place(session: AsyncSession, conversation_id: UUID, now: datetime) -> Place:
    """Position 1 is next."""
    agents = await presence.count_online(session, now)
    found = await session.execute(
        select(CaseRow.waiting_since, CaseRow.counts_from).where(
            CaseRow.conversation_id == conversation_id, CaseRow.state == "waiting"
        )
    )
    mine = found.first()
    if mine is None:
        return Place(0, None, agents > 0)
    since, counts_from = mine
    ahead = await session.scalar(
        select(func.count()).select_from(CaseRow).where(CaseRow.state == "waiting", CaseRow.counts_from < counts_from)
    )
    recent = await session.scalars(
        select(WaitRow.seconds)
        .where(WaitRow.claimed_at > now - LOOK_BACK, WaitRow.seconds.is_not(None))
        .order_by(WaitRow.claimed_at.desc())
        .limit(50)
    )
    position = (ahead or 0) + 1
    waited = (now - since).total_seconds()
    return Place(position, expected_wait([s for s in recent if s is not None], waited, agents, position), agents > 0)
