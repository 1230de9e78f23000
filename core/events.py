"""What can happen in a conversation, as data. Floor 0.

The same classes travel the whole way: recorded beside the state change, framed for sockets, counted
by analytics. No one translates them. ``record`` is the only writer of the events table.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.bus import DESK, Notice, conversation_topic
from core.db import announce
from core.errors import NotFound
from core.tables import ConversationRow, EventRow

SenderKind = Literal["visitor", "bot", "agent", "system"]
Reason = Literal[
    "asked_for_human", "frustrated", "stuck", "complex", "sensitive", "abusive", "vulnerable", "bot_failure"
]
Outcome = Literal["solved", "unsolved", "no_reply", "abuse"]
DecisionKind = Literal["answer", "clarify", "smalltalk", "decline", "handoff"]
ReviewOutcome = Literal["upheld", "changed"]
Offer = Literal["none", "offered", "requested"]
MAX_SEQ = 2**31 - 1  # of an INTEGER column; a caller's number above it is refused, not sent to the database


class Audience(StrEnum):
    EVERYONE = "everyone"  # the visitor and the desk
    DESK = "desk"  # agents and owners only: mood, decisions, what the visitor left for the desk


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sender(Part):
    """Who speaks; ``kind`` is the machine-readable disclosure and stands on every message."""

    kind: SenderKind
    id: UUID | None = Field(default=None, description="of the agent; null for bot, system and visitor")
    name: str = Field(default="", description="shown name; the bot's always says that it is a bot")


class Button(Part):
    title: str
    payload: str = Field(description="what is sent as the visitor's next message; '/human' asks for a person")


class Basis(Part):
    """What a bot message rests on, in short; the whole is in the decision record."""

    decision_id: UUID
    decision: DecisionKind
    faq_id: str | None = None
    title: str = Field(default="", description="that entry's question when it was given")
    also: tuple[str, ...] = ()
    confidence: float = Field(ge=0, le=1)
    handoff: Offer = "none"
    reason: Reason | None = None


class EventBase(Part):
    audience: ClassVar[Audience] = Audience.DESK  # the safe default: widen it on purpose
    wakes_desk: ClassVar[bool] = False  # does the desk's list of chats look different after it?

    conversation_id: UUID
    at: datetime
    seq: int = Field(default=0, description="set once, by record()")


class MessageSaid(EventBase):
    audience: ClassVar[Audience] = Audience.EVERYONE
    wakes_desk: ClassVar[bool] = True
    kind: Literal["message_said"] = "message_said"
    message_id: UUID
    key: str = Field(description="the client's key of the message")
    sender: Sender
    text: str
    format: Literal["plain", "markdown"] = "plain"
    buttons: tuple[Button, ...] = ()
    basis: Basis | None = None


class ChatQueued(EventBase):
    audience: ClassVar[Audience] = Audience.EVERYONE
    wakes_desk: ClassVar[bool] = True
    kind: Literal["chat_queued"] = "chat_queued"
    reason: Reason


class ChatClaimed(EventBase):
    audience: ClassVar[Audience] = Audience.EVERYONE
    wakes_desk: ClassVar[bool] = True
    kind: Literal["chat_claimed"] = "chat_claimed"
    agent_id: UUID
    agent_name: str
    how: Literal["claimed", "accepted", "taken_over", "stepped_in", "reopened"] = "claimed"


class ChatReleased(EventBase):
    """Back in the queue, with its age kept."""

    audience: ClassVar[Audience] = Audience.EVERYONE
    wakes_desk: ClassVar[bool] = True
    kind: Literal["chat_released"] = "chat_released"
    cause: Literal["released", "agent_vanished"]


class ChatReturned(EventBase):
    """The bot answers again, in a new episode."""

    audience: ClassVar[Audience] = Audience.EVERYONE
    wakes_desk: ClassVar[bool] = True
    kind: Literal["chat_returned"] = "chat_returned"
    by: Literal["agent", "visitor"]


class ChatClosed(EventBase):
    audience: ClassVar[Audience] = Audience.EVERYONE
    wakes_desk: ClassVar[bool] = True
    kind: Literal["chat_closed"] = "chat_closed"
    by: Literal["agent", "visitor"]


class ChatReopened(EventBase):
    audience: ClassVar[Audience] = Audience.EVERYONE
    wakes_desk: ClassVar[bool] = True
    kind: Literal["chat_reopened"] = "chat_reopened"


class ChatOffered(EventBase):
    """Its holder asks a colleague to take it over; until then it stays with the holder."""

    wakes_desk: ClassVar[bool] = True
    kind: Literal["chat_offered"] = "chat_offered"
    by_name: str
    to_id: UUID
    to_name: str
    note: str


class OfferEnded(EventBase):
    """The colleague declined, or the holder took the offer back."""

    wakes_desk: ClassVar[bool] = True
    kind: Literal["offer_ended"] = "offer_ended"
    how: Literal["declined", "withdrawn"]
    agent_name: str


class OutcomeNoted(EventBase):
    """How it ended, in the agent's view; right before the chat is closed."""

    kind: Literal["outcome_noted"] = "outcome_noted"
    outcome: Outcome
    agent_id: UUID


class NoteWritten(EventBase):
    """A note of the staff among themselves."""

    kind: Literal["note_written"] = "note_written"
    key: str
    author_id: UUID
    author_name: str
    text: str


class ContactLeft(EventBase):
    """Nobody was at the desk: an address and a message wait there."""

    wakes_desk: ClassVar[bool] = True
    kind: Literal["contact_left"] = "contact_left"
    email: str
    text: str


class DecisionMade(EventBase):
    """What the bot read and chose, for the desk: one a turn, pointing at the decision record."""

    kind: Literal["decision_made"] = "decision_made"
    basis: Basis
    covers: tuple[int, ...] = Field(description="sequence numbers of the visitor's messages that it answers")
    sentiment: Literal["negative", "neutral", "positive"] | None
    frustration: float | None = Field(ge=0, le=1)
    rule: str = Field(description="the policy's rule that fired")
    scored: bool = Field(default=True, description="false: the visitor does not want to be scored")


class ConsentChanged(EventBase):
    """The visitor's choices from now on, by purpose."""

    wakes_desk: ClassVar[bool] = True
    kind: Literal["consent_changed"] = "consent_changed"
    chat: bool
    sentiment: bool = Field(description="may the mood of messages be scored?")
    remember: bool


class ReviewAsked(EventBase):
    """The visitor calls a decision of the bot wrong; a person answers it (`/api/v1/reviews`)."""

    wakes_desk: ClassVar[bool] = True
    kind: Literal["review_asked"] = "review_asked"
    review_id: UUID
    decision_id: UUID
    words: str | None = Field(description="of the visitor, if any")


class ReviewDecided(EventBase):
    """Answered; what was answered stands in the message that follows."""

    wakes_desk: ClassVar[bool] = True
    kind: Literal["review_decided"] = "review_decided"
    review_id: UUID
    decision_id: UUID
    outcome: ReviewOutcome


Event = Annotated[
    MessageSaid
    | ChatQueued
    | ChatClaimed
    | ChatReleased
    | ChatReturned
    | ChatClosed
    | ChatReopened
    | ChatOffered
    | OfferEnded
    | OutcomeNoted
    | NoteWritten
    | ContactLeft
    | DecisionMade
    | ConsentChanged
    | ReviewAsked
    | ReviewDecided,
    Field(discriminator="kind"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)


async def record(session: AsyncSession, event: Event) -> int:
    """Give ``event`` the conversation's next number, store it, wake its readers after the commit.

    Numbers are gapless per conversation over all audiences. The UPDATE also locks the conversation's
    row on PostgreSQL until the commit.

    Returns:
        the number.

    Raises:
        NotFound: no such conversation (it may have just been erased).

    """
    seq = await session.scalar(
        update(ConversationRow)
        .where(ConversationRow.id == event.conversation_id)
        .values(last_seq=ConversationRow.last_seq + 1, last_at=event.at)
        .returning(ConversationRow.last_seq)
        .execution_options(synchronize_session=False)
    )
    if seq is None:
        raise NotFound("There is no such conversation.")
    body = event.model_dump(mode="json", exclude={"seq", "kind", "at", "conversation_id"})
    session.add(EventRow(conversation_id=event.conversation_id, seq=seq, kind=event.kind, body=body, at=event.at))
    await session.flush()
    announce(session, Notice(conversation_topic(event.conversation_id)))
    if event.wakes_desk:
        announce(session, Notice(DESK))
    return seq


async def events_after(session: AsyncSession, conversation_id: UUID, after: int, limit: int = 200) -> list[Event]:
    """The next ``limit`` events with a number above ``after``, of every audience, in order."""
    rows = await session.scalars(
        select(EventRow)
        .where(EventRow.conversation_id == conversation_id, EventRow.seq > after)
        .order_by(EventRow.seq)
        .limit(limit)
    )
    return [as_event(row) for row in rows]


def as_event(row: EventRow) -> Event:
    return EVENT.validate_python(
        {"kind": row.kind, "seq": row.seq, "at": row.at, "conversation_id": row.conversation_id, **row.body}
    )


async def correct_contacts(session: AsyncSession, conversation_ids: Sequence[UUID], email: str) -> int:
    """The one change ever made to what has happened: an address that its owner corrects or takes back.

    Returns:
        how many events said it.

    """
    rows = list(
        await session.scalars(
            select(EventRow).where(EventRow.conversation_id.in_(conversation_ids), EventRow.kind == "contact_left")
        )
    )
    for row in rows:
        row.body = {**row.body, "email": email}
    await session.flush()
    return len(rows)
