"""Tables only handoff reads and writes. Floor 1."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, Moment
from core.tables import PERSONAL, PLAIN


class CaseRow(Base):
    """One conversation that a person was asked into; the row stays and is used again by a later wait."""

    __tablename__ = "cases"
    __table_args__ = (Index("ix_cases_state_order", "state", "counts_from"),)

    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(8), info=PLAIN)  # waiting | claimed | ended
    reason: Mapped[str] = mapped_column(String(20), info=PLAIN)
    danger: Mapped[bool] = mapped_column(default=False)
    abusive: Mapped[bool] = mapped_column(default=False)  # abusive words in this episode: veiled until opened
    put_back: Mapped[bool] = mapped_column(default=False)  # was helped and stands in line again
    sentiment: Mapped[str | None] = mapped_column(String(8), info=PERSONAL)
    frustration: Mapped[float | None]
    summary: Mapped[dict[str, Any]] = mapped_column(JSON, info=PERSONAL)
    waiting_since: Mapped[datetime] = mapped_column(Moment)
    counts_from: Mapped[datetime] = mapped_column(Moment)  # waiting_since less the head start; routing.py
    claimed_at: Mapped[datetime | None] = mapped_column(Moment)
    agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"), index=True)
    claims: Mapped[int] = mapped_column(default=0)  # fencing number: rises with every holder
    offered_to: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))  # who is asked to take it over
    offer_note: Mapped[str | None] = mapped_column(Text, info=PERSONAL)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))  # null: the visitor
    outcome: Mapped[str | None] = mapped_column(String(12), info=PLAIN)


class WaitRow(Base):
    """A chat that a person took: how long the visitor had waited for it (null: did not wait), and whether it was
    heated. The honest wait and the fair sharing of heated chats are computed from it.
    """

    __tablename__ = "waits"
    __table_args__ = (Index("ix_waits_agent", "agent_id", "claimed_at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    claimed_at: Mapped[datetime] = mapped_column(Moment, index=True)
    seconds: Mapped[float | None]
    agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    heated: Mapped[bool] = mapped_column(default=False)


class PresenceRow(Base):
    """An agent at the desk, for as long as the lease is renewed."""

    __tablename__ = "presence"

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(8), info=PLAIN)  # online | busy | away | break
    lease_until: Mapped[datetime] = mapped_column(Moment)
    rested_at: Mapped[datetime | None] = mapped_column(Moment)  # when the last break began


class LeftMessageRow(Base):
    """An address and a message, left while nobody was at the desk."""

    __tablename__ = "left_messages"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"))
    client_key: Mapped[str] = mapped_column(String(64), unique=True, info=PLAIN)
    email: Mapped[str] = mapped_column(String(320), info=PERSONAL)
    text: Mapped[str] = mapped_column(Text, info=PERSONAL)
    at: Mapped[datetime] = mapped_column(Moment)
    seq: Mapped[int]
    done_at: Mapped[datetime | None] = mapped_column(Moment)


class CannedReplyRow(Base):
    """Words that the staff use again and again; written by the staff, so nothing of a visitor is in them."""

    __tablename__ = "canned_replies"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True, info=PLAIN)
    text: Mapped[str] = mapped_column(Text, info=PLAIN)
    changed_at: Mapped[datetime] = mapped_column(Moment)
    changed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
