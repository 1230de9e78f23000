"""Tables that all packages share: people, the conversation log, the audit trail. Floor 0.

Every text, JSON or binary column says PERSONAL or PLAIN (tests/test_data_map.py): core/privacy.py
exports and erases by these tags.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, Moment

PERSONAL: dict[Any, Any] = {"personal": True}
PLAIN: dict[Any, Any] = {"personal": False}


class VisitorRow(Base):
    __tablename__ = "visitors"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    external_key: Mapped[str | None] = mapped_column(String(300), unique=True, info=PERSONAL)
    email: Mapped[str | None] = mapped_column(String(320), info=PERSONAL)


class ConsentRow(Base):
    """One answer of a visitor; never changed, the next one follows it."""

    __tablename__ = "consents"
    __table_args__ = (UniqueConstraint("visitor_id", "number"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    visitor_id: Mapped[UUID] = mapped_column(ForeignKey("visitors.id"))
    number: Mapped[int]
    at: Mapped[datetime] = mapped_column(Moment)
    version: Mapped[str] = mapped_column(String(40), info=PLAIN)  # of the words that were shown
    purposes: Mapped[dict[str, bool]] = mapped_column(JSON, info=PERSONAL)


class ConversationRow(Base):
    __tablename__ = "conversations"
    __table_args__ = (
        # the sweep for unanswered messages looks at these three on every tick
        Index("ix_conversations_unanswered", "holder", "answered_seq", "last_visitor_seq"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    visitor_id: Mapped[UUID] = mapped_column(ForeignKey("visitors.id"), index=True)
    channel: Mapped[str] = mapped_column(String(16), info=PLAIN)
    open_key: Mapped[str | None] = mapped_column(String(64), unique=True, info=PLAIN)
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True, info=PLAIN)
    token_expires_at: Mapped[datetime | None] = mapped_column(Moment)
    holder: Mapped[str] = mapped_column(String(8), info=PLAIN)
    episode: Mapped[int] = mapped_column(default=1)
    episode_seq: Mapped[int] = mapped_column(default=0)
    last_seq: Mapped[int] = mapped_column(default=0)
    last_visitor_seq: Mapped[int] = mapped_column(default=0)
    answered_seq: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(Moment)
    last_at: Mapped[datetime] = mapped_column(Moment, index=True)


class MessageRow(Base):
    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "client_key"),
        UniqueConstraint("conversation_id", "seq"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"))
    seq: Mapped[int]
    client_key: Mapped[str] = mapped_column(String(64), info=PLAIN)
    sender_kind: Mapped[str] = mapped_column(String(8), info=PLAIN)
    sender_id: Mapped[UUID | None] = mapped_column(Uuid)
    text: Mapped[str] = mapped_column(Text, info=PERSONAL)
    at: Mapped[datetime] = mapped_column(Moment)


class EventRow(Base):
    """Append-only log, written in the same transaction as the state it tells of.

    One table, four readers: socket resume (``seq``), webhook outbox, analytics, audit.
    """

    __tablename__ = "events"

    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), info=PLAIN)
    body: Mapped[dict[str, Any]] = mapped_column(JSON, info=PERSONAL)
    at: Mapped[datetime] = mapped_column(Moment)


class StaffRow(Base):
    __tablename__ = "staff"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True, info=PERSONAL)
    name: Mapped[str] = mapped_column(String(80), info=PERSONAL)
    role: Mapped[str] = mapped_column(String(8), info=PLAIN)
    password_hash: Mapped[str | None] = mapped_column(String(200), info=PLAIN)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(Moment)


class StaffSessionRow(Base):
    __tablename__ = "staff_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True, info=PLAIN)
    csrf: Mapped[str] = mapped_column(String(64), info=PLAIN)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)


class SignInLinkRow(Base):
    __tablename__ = "sign_in_links"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True, info=PLAIN)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class ApiKeyRow(Base):
    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), info=PLAIN)
    role: Mapped[str] = mapped_column(String(8), info=PLAIN)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True, info=PLAIN)
    created_at: Mapped[datetime] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)


class AuditRow(Base):
    """Who did what to what; never a personal word, so it survives an erasure."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(Moment, index=True)
    actor: Mapped[str] = mapped_column(String(60), info=PLAIN)
    action: Mapped[str] = mapped_column(String(60), info=PLAIN)
    subject: Mapped[str] = mapped_column(String(100), info=PLAIN)
    note: Mapped[dict[str, Any]] = mapped_column(JSON, info=PLAIN)


class HouseRow(Base):
    """Facts about this database: its epoch, the revision of the knowledge base."""

    __tablename__ = "house"

    key: Mapped[str] = mapped_column(String(40), primary_key=True, info=PLAIN)
    value: Mapped[str] = mapped_column(Text, info=PLAIN)
