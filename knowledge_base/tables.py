"""Tables only knowledge_base reads and writes. Floor 1."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, Moment
from core.tables import PLAIN


class ArticleRow(Base):
    """An entry as its owner works on it."""

    __tablename__ = "articles"

    slug: Mapped[str] = mapped_column(String(80), primary_key=True, info=PLAIN)
    category: Mapped[str] = mapped_column(String(80), info=PLAIN)
    question: Mapped[str] = mapped_column(Text, info=PLAIN)
    answer: Mapped[str] = mapped_column(Text, info=PLAIN)
    alternates: Mapped[list[str]] = mapped_column(JSON, info=PLAIN)
    state: Mapped[str] = mapped_column(String(10), info=PLAIN)  # draft | published | withdrawn
    changed: Mapped[bool]  # does this text differ from what is published?
    revision: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(Moment)
    updated_by: Mapped[str] = mapped_column(String(80), info=PLAIN)
    published_at: Mapped[datetime | None] = mapped_column(Moment)


class PublishedRow(Base):
    """An entry as the bot answers with it, and its vectors for one encoder."""

    __tablename__ = "published_articles"

    slug: Mapped[str] = mapped_column(ForeignKey("articles.slug"), primary_key=True, info=PLAIN)
    category: Mapped[str] = mapped_column(String(80), info=PLAIN)
    question: Mapped[str] = mapped_column(Text, info=PLAIN)
    answer: Mapped[str] = mapped_column(Text, info=PLAIN)
    alternates: Mapped[list[str]] = mapped_column(JSON, info=PLAIN)
    vectors: Mapped[bytes] = mapped_column(LargeBinary, info=PLAIN)
    encoder: Mapped[str] = mapped_column(String(64), info=PLAIN)  # hash of the weights that made the vectors


class ArticleVersionRow(Base):
    """What an entry said at each step; never changed."""

    __tablename__ = "article_versions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    slug: Mapped[str] = mapped_column(String(80), index=True, info=PLAIN)
    revision: Mapped[int]
    action: Mapped[str] = mapped_column(String(10), info=PLAIN)  # saved | published | withdrawn | imported
    text: Mapped[dict[str, Any]] = mapped_column(JSON, info=PLAIN)
    at: Mapped[datetime] = mapped_column(Moment)
    by: Mapped[str] = mapped_column(String(80), info=PLAIN)
