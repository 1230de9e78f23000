"""The line of conversations that wait for a person. Floor 1: imports core only.

    bot.turn ──ask()──▶ waiting ──claim()──▶ claimed ──close() / return_to_bot()──▶ ended
                          ▲                   │ ▲ ▲                                  │
                          └──────release()────┘ │ └────reopen(), within a day────────┘
                                                └─ step_in() from the bot; take_over() and transfer.accept()
                                                   from another person

Every arrow locks the conversation first and is one conditional UPDATE: the row's state is in the WHERE
clause, so two agents, two tabs or two workers may try at once and the database lets exactly one
through. ``holder`` of the conversation changes in the same transaction, so the bot is silent from the
commit on, also with a reply that was already computed (bot/turn.py looks again before it speaks).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit, consents, conversations
from core.errors import Conflict, NotAllowed
from core.events import (
    ChatClaimed,
    ChatClosed,
    ChatQueued,
    ChatReleased,
    ChatReturned,
    Outcome,
    OutcomeNoted,
    Reason,
    record,
)
from core.staff import Person
from handoff import desk_rules
from handoff.routing import Urgency, counts_from, in_danger
from handoff.summary import Fact, Summary
from handoff.tables import CaseRow, WaitRow

CaseState = Literal["waiting", "claimed", "ended"]
CaseReason = Reason | Literal["stepped_in"]  # nobody asked: an agent came on their own
Taking = Literal["claimed", "accepted", "taken_over", "stepped_in", "reopened"]
REOPEN_WITHIN = timedelta(days=1)


class AlreadyClaimed(Conflict):
    code = "already_claimed"

    def __init__(self) -> None:
        super().__init__("Another agent took this conversation, or it is no longer waiting.")


class NotYours(NotAllowed):
    code = "not_yours"

    def __init__(self) -> None:
        super().__init__("You do not hold this conversation (any more).")


class CannotReopen(Conflict):
    code = "cannot_reopen"

    def __init__(self) -> None:
        super().__init__("Only a chat that a person held and that was closed within the last day can be reopened.")


class NotWithTheBot(Conflict):
    code = "not_with_the_bot"

    def __init__(self) -> None:
        super().__init__("The bot does not hold this conversation (any more). Look at who does, and claim it there.")


@dataclass(frozen=True, slots=True)
class Case:
    conversation_id: UUID
    state: CaseState
    reason: CaseReason
    sentiment: str | None
    frustration: float | None
    summary: Summary
    waiting_since: datetime
    claimed_at: datetime | None
    agent_id: UUID | None
    claims: int
    urgency: Urgency
    counts_from: datetime
    abusive: bool = False
    offered_to: UUID | None = None
    offer_note: str | None = None
    ended_at: datetime | None = None
    ended_by: UUID | None = None
    outcome: Outcome | None = None


async def ask(
    session: AsyncSession,
    conversation_id: UUID,
    *,
    reason: Reason,
    summary: Summary,
    now: datetime,
    sentiment: str | None = None,
    frustration: float | None = None,
    danger: bool = False,
    abusive: bool = False,
) -> bool:
    """Put a conversation into the line.

    Asking again while it waits (or while a person holds it) changes nothing and keeps its age.

    Args:
        danger: somebody may come to harm, whatever the reason says.
        abusive: abusive words fell in this episode.

    Returns:
        whether it now entered the line.

    Raises:
        NotFound: no such conversation.

    """
    conversation = await conversations.locked(session, conversation_id)
    if conversation.holder in ("queue", "agent"):
        return False
    urgency = Urgency(reason, frustration, danger=in_danger(reason) or danger)
    rules = await desk_rules.current(session)
    await _put_case(
        session, conversation_id, urgency, summary=asdict(summary), state="waiting", sentiment=sentiment,
        abusive=abusive, waiting_since=now, counts_from=counts_from(now, urgency, rules), claimed_at=None,
        agent_id=None,
    )  # fmt: skip
    await conversations.set_holder(session, conversation_id, "queue")
    await record(session, ChatQueued(conversation_id=conversation_id, reason=reason, at=now))
    return True


async def _put_case(session: AsyncSession, conversation_id: UUID, urgency: Urgency, **values: object) -> CaseRow:
    """A new wait or a new episode of help: nothing of an earlier one is left in the row but its fencing number."""
    values |= {
        "reason": urgency.reason, "frustration": urgency.frustration, "danger": urgency.danger,
        "put_back": urgency.put_back, "offered_to": None, "offer_note": None, "ended_at": None, "ended_by": None,
        "outcome": None,
    }  # fmt: skip
    case = await session.get(CaseRow, conversation_id, populate_existing=True)
    if case is None:
        case = CaseRow(conversation_id=conversation_id, claims=0, **values)
        session.add(case)
    else:
        for name, value in values.items():
            setattr(case, name, value)
    await session.flush()
    return case


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
    taken = await _give(session, conversation_id, agent, now, CaseRow.state == "waiting")
    if taken is None:
        raise AlreadyClaimed
    await _taken(session, taken, agent, now, "claimed")


async def take_over(session: AsyncSession, conversation_id: UUID, *, agent: Person, now: datetime) -> None:
    """An owner takes a chat from the agent who holds it; that agent's late words are refused from now on.

    Raises:
        NotAllowed: only an owner may.
        AlreadyClaimed: no other person holds it (any more).

    """
    if agent.role != "owner":
        raise NotAllowed("Only an owner can take a chat over from somebody. Ask for it with a note.")
    await conversations.locked(session, conversation_id)
    held = and_(CaseRow.state == "claimed", CaseRow.agent_id != agent.id)
    taken = await _give(session, conversation_id, agent, now, held)
    if taken is None:
        raise AlreadyClaimed
    await _taken(session, taken, agent, now, "taken_over")


async def accept(session: AsyncSession, conversation_id: UUID, *, agent: Person, now: datetime) -> bool:
    """What handoff/transfer.py offers. Returns False where there is no such offer (any more)."""
    await conversations.locked(session, conversation_id)
    offered = and_(CaseRow.state == "claimed", CaseRow.offered_to == agent.id)
    taken = await _give(session, conversation_id, agent, now, offered)
    if taken is None:
        return False
    await _taken(session, taken, agent, now, "accepted")
    return True


async def step_in(session: AsyncSession, conversation_id: UUID, *, agent: Person, now: datetime) -> None:
    """A person takes a conversation from the bot without being asked.

    Raises:
        NotWithTheBot: somebody waits in line there, a person holds it, or it is closed.

    """
    conversation = await conversations.locked(session, conversation_id)
    if conversation.holder != "bot":
        raise NotWithTheBot
    urgency = Urgency("stepped_in")
    await _put_case(
        session, conversation_id, urgency, summary=asdict(Summary()), state="waiting", sentiment=None, abusive=False,
        waiting_since=now, counts_from=now, claimed_at=None, agent_id=None,
    )  # fmt: skip
    # What the bot has not answered yet, the person does.
    await conversations.set_answered(session, conversation_id, conversation.last_visitor_seq)
    await _take_anew(session, conversation_id, agent, now, "stepped_in")


async def reopen(session: AsyncSession, conversation_id: UUID, *, agent: Person, now: datetime) -> None:
    """A closed chat goes on with this agent.

    Raises:
        CannotReopen: it is not closed, was closed over a day ago, or no person had it.
        ConsentWithdrawn: the visitor wants nothing more stored.

    """
    conversation = await conversations.locked(session, conversation_id)
    await consents.require_chat(session, conversation.visitor_id)
    case = await session.get(CaseRow, conversation_id, populate_existing=True)
    if conversation.holder != "closed" or case is None or case.ended_at is None or case.ended_at < now - REOPEN_WITHIN:
        raise CannotReopen
    urgency = desk_rules.urgency(case)
    await _put_case(
        session, conversation_id, urgency, state="waiting", waiting_since=now, counts_from=now, claimed_at=None,
        agent_id=None,
    )  # fmt: skip
    await _take_anew(session, conversation_id, agent, now, "reopened")


async def _take_anew(session: AsyncSession, conversation_id: UUID, agent: Person, now: datetime, how: Taking) -> None:
    taken = await _give(session, conversation_id, agent, now, CaseRow.state == "waiting")
    if taken is None:  # the caller holds the lock and has just written that state
        raise AlreadyClaimed
    await _taken(session, taken, agent, now, how)


async def _give(
    session: AsyncSession, conversation_id: UUID, agent: Person, now: datetime, stands: ColumnElement[bool]
) -> CaseRow | None:
    """The one conditional UPDATE by which a person becomes the holder; None where ``stands`` is not so."""
    taken: CaseRow | None = await session.scalar(
        update(CaseRow)
        .where(CaseRow.conversation_id == conversation_id, stands)
        .values(
            state="claimed", agent_id=agent.id, claimed_at=now, claims=CaseRow.claims + 1,
            offered_to=None, offer_note=None,
        )
        .returning(CaseRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )  # fmt: skip
    return taken


async def _taken(session: AsyncSession, case: CaseRow, agent: Person, now: datetime, how: Taking) -> None:
    """All that follows when a person has become the holder."""
    await conversations.set_holder(session, case.conversation_id, "agent")
    waited = max(0.0, (now - case.waiting_since).total_seconds()) if how == "claimed" else None
    heated = desk_rules.urgency(case).heated or case.abusive
    session.add(WaitRow(claimed_at=now, seconds=waited, agent_id=agent.id, heated=heated and not case.danger))
    await record(
        session,
        ChatClaimed(
            conversation_id=case.conversation_id, agent_id=agent.id, agent_name=agent.name, how=how, at=now
        ),
    )  # fmt: skip
    await audit.note(session, actor=agent.actor, action=f"chat.{how}", subject=str(case.conversation_id), now=now)


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
    case = await _leave(session, conversation_id, agent_id, to="waiting", put_back=True)
    case.counts_from = counts_from(case.waiting_since, desk_rules.urgency(case), await desk_rules.current(session))
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
    await _leave(session, conversation_id, agent_id, to="ended", ended_at=now, ended_by=agent_id)
    await record(session, ChatReturned(conversation_id=conversation_id, by="agent", at=now))
    await conversations.set_holder(session, conversation_id, "bot", new_episode=True)


async def close(
    session: AsyncSession, conversation_id: UUID, *, agent_id: UUID, now: datetime, outcome: Outcome = "solved"
) -> None:
    """
    Raises:
        NotYours: that agent does not hold it.

    """
    await _leave(session, conversation_id, agent_id, to="ended", ended_at=now, ended_by=agent_id, outcome=outcome)
    await record(session, OutcomeNoted(conversation_id=conversation_id, outcome=outcome, agent_id=agent_id, at=now))
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
        .values(state="ended", ended_at=now, ended_by=None)
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
        .values(
            state="ended", agent_id=None, claimed_at=None, offered_to=None, offer_note=None, ended_at=now,
            ended_by=None, outcome=None,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    await record(session, ChatClosed(conversation_id=conversation_id, by="visitor", at=now))
    await conversations.set_holder(session, conversation_id, "closed", new_episode=True)
    return True


async def drop_mood(session: AsyncSession, conversation_id: UUID) -> None:
    """The visitor does not want to be scored: what was scored before no longer stands at the desk, nor in its order.

    Lock the conversation first.
    """
    case = await session.get(CaseRow, conversation_id, populate_existing=True)
    if case is None:
        return
    case.sentiment = case.frustration = None
    case.counts_from = counts_from(case.waiting_since, desk_rules.urgency(case), await desk_rules.current(session))
    await session.flush()


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
    """All that wait or are held, in the order of handoff/routing.py."""
    rows = await session.scalars(
        select(CaseRow)
        .where(CaseRow.state.in_(("waiting", "claimed")))
        .order_by(CaseRow.counts_from, CaseRow.conversation_id)
    )
    return [_case(row) for row in rows]


async def ended_by(session: AsyncSession, agent_id: UUID, limit: int) -> list[UUID]:
    """What this agent ended, the latest first."""
    rows = await session.scalars(
        select(CaseRow.conversation_id)
        .where(CaseRow.state == "ended", CaseRow.ended_by == agent_id)
        .order_by(CaseRow.ended_at.desc())
        .limit(limit)
    )
    return list(rows)


async def many(session: AsyncSession, conversation_ids: Sequence[UUID]) -> dict[UUID, Case]:
    rows = await session.scalars(select(CaseRow).where(CaseRow.conversation_id.in_(conversation_ids)))
    return {row.conversation_id: _case(row) for row in rows}


async def _leave(
    session: AsyncSession, conversation_id: UUID, agent_id: UUID, *, to: CaseState, **more: object
) -> CaseRow:
    await conversations.locked(session, conversation_id)
    left: CaseRow | None = await session.scalar(
        update(CaseRow)
        .where(
            CaseRow.conversation_id == conversation_id,
            CaseRow.state == "claimed",
            CaseRow.agent_id == agent_id,
        )
        .values(state=to, agent_id=None, claimed_at=None, offered_to=None, offer_note=None, **more)
        .returning(CaseRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    if left is None:
        raise NotYours
    return left


def _case(row: CaseRow) -> Case:
    said = row.summary
    return Case(
        conversation_id=row.conversation_id, state=cast(CaseState, row.state), reason=cast(CaseReason, row.reason),
        sentiment=row.sentiment, frustration=row.frustration, waiting_since=row.waiting_since,
        claimed_at=row.claimed_at, agent_id=row.agent_id, claims=row.claims,
        urgency=desk_rules.urgency(row), counts_from=row.counts_from, abusive=row.abusive,
        offered_to=row.offered_to, offer_note=row.offer_note, ended_at=row.ended_at, ended_by=row.ended_by,
        outcome=cast(Outcome | None, row.outcome),
        summary=Summary(
            wants=said["wants"], facts=tuple(Fact(**f) for f in said["facts"]),
            tried=tuple(said["tried"]), open=said["open"],
        ),
    )  # fmt: skip
