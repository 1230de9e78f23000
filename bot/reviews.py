"""A visitor says that a decision of the bot was wrong; a person looks at it and answers. Floor 2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import words
from bot.records import Record
from bot.tables import ReviewRow
from core import audit, consents, conversations
from core.errors import Conflict, NotFound
from core.events import ReviewAsked, ReviewDecided, ReviewOutcome, Sender, record
from core.text import checked

State = Literal["open", "upheld", "changed"]
MAX_WORDS = 1_000
MAX_ANSWER = 2_000


class ReviewDone(Conflict):
    code = "review_done"

    def __init__(self) -> None:
        super().__init__("Somebody has answered this already.")


@dataclass(frozen=True, slots=True)
class Review:
    id: UUID
    decision_id: UUID
    conversation_id: UUID
    state: State
    words: str | None
    asked_at: datetime
    answered_at: datetime | None
    answer: str | None


async def ask(session: AsyncSession, decision: Record, *, complaint: str | None, now: datetime) -> Review:
    """Ask a person to look at ``decision`` again. Asking twice is asking once: the first words stand.

    Raises:
        NotFound: the conversation is gone.
        ConsentWithdrawn: the visitor wants nothing more stored.
        TextTooLong, BrokenText.

    """
    said = checked(complaint, MAX_WORDS) if complaint is not None and complaint.strip() else None
    conversation = await conversations.locked(session, decision.conversation_id)
    if (earlier := await of_decision(session, decision.id)) is not None:
        return earlier
    await consents.require_chat(session, conversation.visitor_id)
    row = ReviewRow(
        id=uuid4(), decision_id=decision.id, conversation_id=conversation.id, state="open", words=said, asked_at=now
    )
    session.add(row)
    await session.flush()
    await record(
        session,
        ReviewAsked(conversation_id=conversation.id, at=now, review_id=row.id, decision_id=decision.id, words=said),
    )
    return _review(row)


async def decide(
    session: AsyncSession,
    review_id: UUID,
    *,
    outcome: ReviewOutcome,
    answer: str,
    business: str,
    actor: str,
    now: datetime,
) -> Review:
    """Answer for the house, once, and tell the visitor in the conversation.

    Raises:
        NotFound: no such review (any more).
        ReviewDone: somebody was faster.
        EmptyText, TextTooLong, BrokenText.

    """
    said = checked(answer, MAX_ANSWER).strip()
    conversation_id = await session.scalar(select(ReviewRow.conversation_id).where(ReviewRow.id == review_id))
    if conversation_id is None:
        raise NotFound("There is no such review (any more).")
    conversation = await conversations.locked(session, conversation_id)
    row = await session.scalar(
        update(ReviewRow)
        .where(ReviewRow.id == review_id, ReviewRow.state == "open")
        .values(state=outcome, answer=said, answered_at=now)
        .returning(ReviewRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    if row is None:
        raise ReviewDone
    await record(
        session,
        ReviewDecided(
            conversation_id=conversation_id, at=now, review_id=review_id, decision_id=row.decision_id, outcome=outcome
        ),
    )
    if (await consents.of(session, conversation.visitor_id)).chat:
        await conversations.say(
            session, conversation_id, sender=Sender(kind="system", name=business), key=f"review:{review_id}", now=now,
            text=words.reviewed(outcome, said),
        )  # fmt: skip
    await audit.note(session, actor=actor, action=f"review.{outcome}", subject=str(review_id), now=now)
    return _review(row)


async def of_decision(session: AsyncSession, decision_id: UUID) -> Review | None:
    row = await session.scalar(select(ReviewRow).where(ReviewRow.decision_id == decision_id))
    return _review(row) if row is not None else None


async def some(session: AsyncSession, states: Sequence[State], limit: int = 200) -> list[Review]:
    """The longest asked first."""
    rows = await session.scalars(
        select(ReviewRow).where(ReviewRow.state.in_(states)).order_by(ReviewRow.asked_at, ReviewRow.id).limit(limit)
    )
    return [_review(row) for row in rows]


def of_rows(rows: Sequence[Mapping[str, Any]]) -> list[Review]:
    """From whole rows that somebody else has read (core.privacy.everything)."""
    return [_review(ReviewRow(**row)) for row in rows]


def _review(row: ReviewRow) -> Review:
    return Review(
        row.id, row.decision_id, row.conversation_id, cast(State, row.state), row.words, row.asked_at, row.answered_at,
        row.answer,
    )  # fmt: skip
