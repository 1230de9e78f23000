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
    __table_args__ = (Index("ix_cases_state_waiting", "state", "waiting_since"),)

    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(8), info=PLAIN)  # waiting | claimed | ended
    reason: Mapped[str] = mapped_column(String(20), info=PLAIN)
    sentiment: Mapped[str | None] = mapped_column(String(8), info=PERSONAL)
    frustration: Mapped[float | None]
    summary: Mapped[dict[str, Any]] = mapped_column(JSON, info=PERSONAL)
    waiting_since: Mapped[datetime] = mapped_column(Moment)
    claimed_at: Mapped[datetime | None] = mapped_column(Moment)
    agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"), index=True)
    claims: Mapped[int] = mapped_column(default=0)  # fencing number: rises with every claim


class WaitRow(Base):
    """How long somebody waited until a person came; what the honest wait is computed from."""

    __tablename__ = "waits"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    claimed_at: Mapped[datetime] = mapped_column(Moment, index=True)
    seconds: Mapped[float]


class PresenceRow(Base):
    """An agent at the desk, for as long as the lease is renewed."""

    __tablename__ = "presence"

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(8), info=PLAIN)  # online | away
    lease_until: Mapped[datetime] = mapped_column(Moment)


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
