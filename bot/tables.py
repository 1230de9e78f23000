"""Tables only bot reads and writes. Floor 2."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, Moment
from core.tables import PERSONAL, PLAIN


class DecisionRow(Base):
    """One turn of the bot: what it read, what it chose, by which rule and versions.

    ``commitment`` is sha256(salt + the covered texts): with the salt it proves what was read, and once
    the salt is erased it proves nothing about anybody.
    """

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_conversation", "conversation_id", "episode", "upto"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"))
    episode: Mapped[int]
    upto: Mapped[int]  # number of the last visitor message that it covers
    covers: Mapped[list[int]] = mapped_column(JSON, info=PLAIN)
    at: Mapped[datetime] = mapped_column(Moment, index=True)
    decision: Mapped[str] = mapped_column(String(10), info=PLAIN)
    rule: Mapped[str] = mapped_column(String(40), info=PLAIN)
    faq_id: Mapped[str | None] = mapped_column(String(80), info=PLAIN)
    confidence: Mapped[float]
    handoff: Mapped[str] = mapped_column(String(10), info=PLAIN)
    reason: Mapped[str | None] = mapped_column(String(20), info=PLAIN)
    reading: Mapped[dict[str, Any]] = mapped_column(JSON, info=PERSONAL)
    commitment: Mapped[str] = mapped_column(String(64), info=PLAIN)
    salt: Mapped[str] = mapped_column(String(64), info=PERSONAL)
    policy_version: Mapped[str] = mapped_column(String(40), info=PLAIN)
    model_version: Mapped[str] = mapped_column(String(80), info=PLAIN)


class ReviewRow(Base):
    """A decision that its visitor called wrong, and what a person said to it."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_state_asked", "state", "asked_at"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    decision_id: Mapped[UUID] = mapped_column(ForeignKey("decisions.id"), unique=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"))
    state: Mapped[str] = mapped_column(String(8), info=PLAIN)  # open | upheld | changed
    words: Mapped[str | None] = mapped_column(Text, info=PERSONAL)
    asked_at: Mapped[datetime] = mapped_column(Moment)
    answer: Mapped[str | None] = mapped_column(Text, info=PERSONAL)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
