"""The line of conversations that wait for a person. Floor 1: imports core only.

    bot.turn ──ask()──▶ waiting ──claim()──▶ claimed ──close() / return_to_bot()──▶ ended
                          ▲                     │
                          └──────release()──────┘

Every arrow locks the conversation first and is one conditional UPDATE: the row's state is in the WHERE
clause, so two agents, two tabs or two workers may try at once and the database lets exactly one
through. ``holder`` of the conversation changes in the same transaction, so the bot is silent from the
commit on, also with a reply that was already computed (bot/turn.py looks again before it speaks).
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit, conversations
from core.errors import Conflict, NotAllowed
from core.events import (
    ChatClaimed,
    ChatClosed,
    ChatQueued,
    ChatReleased,
    ChatReturned,
    Reason,
    record,
)
from core.staff import Person
from handoff.summary import Fact, Summary
from handoff.tables import CaseRow, WaitRow

CaseState = Literal["waiting", "claimed", "ended"]


class AlreadyClaimed(Conflict):
    code = "already_claimed"

    def __init__(self) -> None:
        super().__init__("Another agent took this conversation, or it is no longer waiting.")


class NotYours(NotAllowed):
    code = "not_yours"

    def __init__(self) -> None:
        super().__init__("You do not hold this conversation (any more).")


@dataclass(frozen=True, slots=True)
class Case:
    conversation_id: UUID
    state: CaseState
    reason: Reason
    sentiment: str | None
    frustration: float | None
    summary: Summary
    waiting_since: datetime
    claimed_at: datetime | None
    agent_id: UUID | None
    claims: int


async def ask(
    session: AsyncSession,
    conversation_id: UUID,
    *,
    reason: Reason,
    summary: Summary,
    now: datetime,
    sentiment: str | None = None,
    frustration: float | None = None,
) -> bool:
    """Put a conversation into the line.

    Asking again while it waits (or while a person holds it) changes nothing and keeps its age.

    Returns:
        whether it now entered the line.

    Raises:
        NotFound: no such conversation.

    """
    conversation = await conversations.locked(session, conversation_id)
    if conversation.holder in ("queue", "agent"):
        return False
    values: dict[str, Any] = {
        "state": "waiting", "reason": reason, "sentiment": sentiment, "frustration": frustration,
        "summary": asdict(summary), "waiting_since": now, "claimed_at": None, "agent_id": None,
    }  # fmt: skip
    case = await session.get(CaseRow, conversation_id)
    if case is None:
        session.add(CaseRow(conversation_id=conversation_id, claims=0, **values))
    else:
        for name, value in values.items():
            setattr(case, name, value)
    await session.flush()
    await conversations.set_holder(session, conversation_id, "queue")
    await record(session, ChatQueued(conversation_id=conversation_id, reason=reason, at=now))
    return True


async def update_summary(session: AsyncSession, conversation_id: UUID, summary: Summary) -> None:
    """Somebody who waits wrote more. Does nothing once a person came."""
    await session.execute(
        update(CaseRow)
        .where(CaseRow.conversation_id == conversation_id, CaseRow.state == "waiting")
        .values(summary=asdict(summary))
        .execution_options(synchronize_session=False)
    )


async def claim(session: AsyncSession, conversation_id: UUID, *, agent: Person, now: datetime) -> None:
    """Give a waiting conversation to one agent, exactly once.

    Claiming twice is refused, also for the agent who already holds it.

    Raises:
        AlreadyClaimed: it is not waiting (taken, closed, erased, or never queued).

    """
    await conversations.locked(session, conversation_id)
    waited_from = await session.scalar(
        update(CaseRow)
        .where(CaseRow.conversation_id == conversation_id, CaseRow.state == "waiting")
        .values(state="claimed", agent_id=agent.id, claimed_at=now, claims=CaseRow.claims + 1)
        .returning(CaseRow.waiting_since)
        .execution_options(synchronize_session=False)
    )
    if waited_from is None:
        raise AlreadyClaimed
    await conversations.set_holder(session, conversation_id, "agent")
    session.add(WaitRow(claimed_at=now, seconds=max(0.0, (now - waited_from).total_seconds())))
    await record(
        session,
        ChatClaimed(conversation_id=conversation_id, agent_id=agent.id, agent_name=agent.name, at=now),
    )
    await audit.note(session, actor=agent.actor, action="chat.claimed", subject=str(conversation_id), now=now)


async def release(
    session: AsyncSession,
    conversation_id: UUID,
    *,
    agent_id: UUID,
    now: datetime,
    cause: Literal["released", "agent_vanished"] = "released",
) -> None:
    """Back into the line, with its age kept.

    Raises:
        NotYours: that agent does not hold it.

    """
    await _leave(session, conversation_id, agent_id, to="waiting")
    conversation = await conversations.locked(session, conversation_id)
    # What was said to the agent was read by a person; the bot must not answer it now.
    await conversations.set_answered(session, conversation_id, conversation.last_visitor_seq)
    await conversations.set_holder(session, conversation_id, "queue")
    await record(session, ChatReleased(conversation_id=conversation_id, cause=cause, at=now))


async def return_to_bot(session: AsyncSession, conversation_id: UUID, *, agent_id: UUID, now: datetime) -> None:
    """The bot answers from now on; what was said before no longer counts as frustration or as a request.

    Raises:
        NotYours: that agent does not hold it.

    """
    await _leave(session, conversation_id, agent_id, to="ended")
    await record(session, ChatReturned(conversation_id=conversation_id, by="agent", at=now))
    await conversations.set_holder(session, conversation_id, "bot", new_episode=True)


async def close(session: AsyncSession, conversation_id: UUID, *, agent_id: UUID, now: datetime) -> None:
    """
    Raises:
        NotYours: that agent does not hold it.

    """
    await _leave(session, conversation_id, agent_id, to="ended")
    await record(session, ChatClosed(conversation_id=conversation_id, by="agent", at=now))
    await conversations.set_holder(session, conversation_id, "closed", new_episode=True)


async def leave_line(session: AsyncSession, conversation_id: UUID, *, now: datetime) -> bool:
    """The visitor no longer wants to wait. Nothing happens if a person came first.

    Returns:
        whether it left the line.

    """
    await conversations.locked(session, conversation_id)
    left = await session.scalar(
        update(CaseRow)
        .where(CaseRow.conversation_id == conversation_id, CaseRow.state == "waiting")
        .values(state="ended")
        .returning(CaseRow.conversation_id)
        .execution_options(synchronize_session=False)
    )
    if left is None:
        return False
    await record(session, ChatReturned(conversation_id=conversation_id, by="visitor", at=now))
    await conversations.set_holder(session, conversation_id, "bot", new_episode=True, keep_pending=True)
    return True


async def end_by_visitor(session: AsyncSession, conversation_id: UUID, *, now: datetime) -> bool:
    """The visitor ends the conversation, whoever holds it. Ending twice is ending once."""
    conversation = await conversations.locked(session, conversation_id)
    if conversation.holder == "closed":
        return False
    await session.execute(
        update(CaseRow)
        .where(CaseRow.conversation_id == conversation_id)
        .values(state="ended")
        .execution_options(synchronize_session=False)
    )
    await record(session, ChatClosed(conversation_id=conversation_id, by="visitor", at=now))
    await conversations.set_holder(session, conversation_id, "closed", new_episode=True)
    return True


async def drop_mood(session: AsyncSession, conversation_id: UUID) -> None:
    """The visitor does not want to be scored: what was scored before no longer stands at the desk."""
    await session.execute(
        update(CaseRow)
        .where(CaseRow.conversation_id == conversation_id)
        .values(sentiment=None, frustration=None)
        .execution_options(synchronize_session=False)
    )


async def require_holder(session: AsyncSession, conversation_id: UUID, *, agent_id: UUID) -> None:
    """Lock the conversation and let only its present holder go on: a late write is refused.

    Raises:
        NotYours: somebody else holds it, or nobody.

    """
    conversation = await conversations.locked(session, conversation_id)
    case = await session.get(CaseRow, conversation_id, populate_existing=True)
    if conversation.holder != "agent" or case is None or case.agent_id != agent_id:
        raise NotYours


async def held_by(session: AsyncSession, agent_id: UUID) -> list[UUID]:
    rows = await session.scalars(
        select(CaseRow.conversation_id).where(CaseRow.state == "claimed", CaseRow.agent_id == agent_id)
    )
    return list(rows)


async def get(session: AsyncSession, conversation_id: UUID) -> Case | None:
    row = await session.get(CaseRow, conversation_id, populate_existing=True)
    return _case(row) if row is not None else None


async def open_cases(session: AsyncSession) -> list[Case]:
    """All that wait or are held, the longest wait first."""
    rows = await session.scalars(
        select(CaseRow)
        .where(CaseRow.state.in_(("waiting", "claimed")))
        .order_by(CaseRow.waiting_since, CaseRow.conversation_id)
    )
    return [_case(row) for row in rows]


async def _leave(session: AsyncSession, conversation_id: UUID, agent_id: UUID, *, to: CaseState) -> None:
    await conversations.locked(session, conversation_id)
    left = await session.scalar(
        update(CaseRow)
        .where(
            CaseRow.conversation_id == conversation_id,
            CaseRow.state == "claimed",
            CaseRow.agent_id == agent_id,
        )
        .values(state=to, agent_id=None, claimed_at=None)
        .returning(CaseRow.conversation_id)
        .execution_options(synchronize_session=False)
    )
    if left is None:
        raise NotYours


def _case(row: CaseRow) -> Case:
    said = row.summary
    return Case(
        conversation_id=row.conversation_id, state=cast(CaseState, row.state), reason=cast(Reason, row.reason),
        sentiment=row.sentiment, frustration=row.frustration, waiting_since=row.waiting_since,
        claimed_at=row.claimed_at, agent_id=row.agent_id, claims=row.claims,
        summary=Summary(
            wants=said["wants"], facts=tuple(Fact(**f) for f in said["facts"]),
            tried=tuple(said["tried"]), open=said["open"],
        ),
    )  # fmt: skip
