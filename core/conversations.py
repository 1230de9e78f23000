"""The log of a conversation: the only writer of messages, and of who holds it. Floor 0.

bot ──▶ queue ──▶ agent ──▶ closed      (handoff/queue.py decides when; the arrows back are
 ▲        │         │         │          release, return to the bot, and a visitor who writes again)
 └────────┴─────────┴─────────┘
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core import consents
from core.errors import Conflict, NotFound, NotSignedIn
from core.events import Basis, Button, ChatReopened, MessageSaid, Sender, record
from core.tables import ConversationRow, MessageRow, VisitorRow
from core.text import checked

Holder = Literal["bot", "queue", "agent", "closed"]
TOKEN_LIFE = timedelta(days=30)


class UnknownToken(NotSignedIn):
    code = "unknown_token"


class TokenExpired(NotSignedIn):
    code = "token_expired"


class KeyReused(Conflict):
    code = "key_reused"


@dataclass(frozen=True, slots=True)
class Said:
    seq: int
    message_id: UUID
    repeated: bool


def digest(token: str) -> str:
    """Tokens are 256 random bits, so one plain hash is enough to store them by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


async def start(
    session: AsyncSession,
    *,
    now: datetime,
    channel: str,
    open_key: str | None,
    external_key: str | None = None,
) -> tuple[ConversationRow, str, bool]:
    """Start a conversation and mint the capability token that alone opens it.

    The same ``open_key`` (256 bits or a UUID, made by the client and told to nobody) gives the same
    conversation with a fresh token, so that a lost reply leaves no second one behind.

    Returns:
        the conversation, its token, and whether it is new.

    """
    token = secrets.token_urlsafe(32)
    if open_key is not None and (known := await _by_open_key(session, open_key)) is not None:
        return _with_token(known, token, now), token, False
    try:
        async with session.begin_nested():
            return await _insert(session, token, now, channel, open_key, external_key), token, True
    except IntegrityError:
        # Another worker, or the same click twice, was faster by a moment.
        known = await _by_open_key(session, open_key) if open_key is not None else None
        if known is None:
            raise
        return _with_token(known, token, now), token, False


async def _by_open_key(session: AsyncSession, open_key: str) -> ConversationRow | None:
    found: ConversationRow | None = await session.scalar(
        select(ConversationRow).where(ConversationRow.open_key == digest(open_key)).with_for_update()
    )
    return found


def _with_token(row: ConversationRow, token: str, now: datetime) -> ConversationRow:
    row.token_hash, row.token_expires_at = digest(token), now + TOKEN_LIFE
    return row


async def _insert(
    session: AsyncSession, token: str, now: datetime, channel: str, open_key: str | None, external_key: str | None
) -> ConversationRow:
    visitor = VisitorRow(id=uuid4(), created_at=now, external_key=external_key)
    session.add(visitor)
    await session.flush()
    row = ConversationRow(
        id=uuid4(), visitor_id=visitor.id, channel=channel, holder="bot", started_at=now, last_at=now,
        open_key=digest(open_key) if open_key is not None else None,
        token_hash=digest(token), token_expires_at=now + TOKEN_LIFE,
        episode=1, episode_seq=0, last_seq=0, last_visitor_seq=0, answered_seq=0,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return row


async def by_token(session: AsyncSession, token: str, now: datetime) -> ConversationRow:
    """
    Raises:
        UnknownToken, TokenExpired: nothing is said about which conversations exist.

    """
    found = await session.scalar(select(ConversationRow).where(ConversationRow.token_hash == digest(token)))
    if found is None:
        raise UnknownToken("This conversation cannot be opened with that token.")
    if found.token_expires_at is not None and found.token_expires_at <= now:
        raise TokenExpired("This conversation has been left alone for too long; please start a new one.")
    return found


async def by_external_key(session: AsyncSession, external_key: str) -> ConversationRow | None:
    """A machine channel's conversation: its key already carries the caller's own key id."""
    return await session.scalar(
        select(ConversationRow)
        .join(VisitorRow, VisitorRow.id == ConversationRow.visitor_id)
        .where(VisitorRow.external_key == external_key)
    )


async def get(session: AsyncSession, conversation_id: UUID) -> ConversationRow:
    """
    Raises:
        NotFound: no such conversation.

    """
    return _found(await session.get(ConversationRow, conversation_id))


async def locked(session: AsyncSession, conversation_id: UUID) -> ConversationRow:
    """The conversation, held against every other writer until this transaction ends.

    Take it first in any transaction that decides by ``holder``. (On SQLite BEGIN IMMEDIATE has
    already locked; there FOR UPDATE is not rendered.)

    Raises:
        NotFound: no such conversation.

    """
    return _found(
        await session.scalar(
            select(ConversationRow)
            .where(ConversationRow.id == conversation_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


async def say(
    session: AsyncSession,
    conversation_id: UUID,
    *,
    sender: Sender,
    text: str,
    key: str,
    now: datetime,
    format: Literal["plain", "markdown"] = "plain",
    buttons: Sequence[Button] = (),
    basis: Basis | None = None,
) -> Said:
    """Store one message, once for each ``key`` of the conversation, whatever is resent.

    A visitor who writes in a closed conversation opens it again, with the bot and a new episode.
    A token lives on for 30 days from the visitor's last message.

    Raises:
        NotFound: no such conversation.
        KeyReused: the key stands for another message of this conversation.
        ConsentWithdrawn: the visitor wants nothing more stored.
        EmptyText, TextTooLong, BrokenText: see core/text.py.

    """
    checked(text, limit=40_000 if sender.kind in ("bot", "system") else 4_000)
    conversation = await locked(session, conversation_id)
    earlier = await session.scalar(
        select(MessageRow).where(MessageRow.conversation_id == conversation_id, MessageRow.client_key == key)
    )
    if earlier is not None:
        if (earlier.text, earlier.sender_kind, earlier.sender_id) != (text, sender.kind, sender.id):
            raise KeyReused("That message key was already used for another message.")
        return Said(earlier.seq, earlier.id, repeated=True)
    if sender.kind == "visitor":
        await consents.require_chat(session, conversation.visitor_id)
    if sender.kind == "visitor" and conversation.holder == "closed":
        await reopen(session, conversation_id, now)
    message_id = uuid4()
    said = MessageSaid(
        conversation_id=conversation_id, at=now, message_id=message_id, key=key, sender=sender, text=text,
        format=format, buttons=tuple(buttons), basis=basis,
    )  # fmt: skip
    seq = await record(session, said)
    session.add(
        MessageRow(id=message_id, conversation_id=conversation_id, seq=seq, client_key=key, at=now,
                   sender_kind=sender.kind, sender_id=sender.id, text=text)
    )  # fmt: skip
    if sender.kind == "visitor":
        await _set(session, conversation_id, last_visitor_seq=seq, token_expires_at=now + TOKEN_LIFE)
    await session.flush()
    return Said(seq, message_id, repeated=False)


async def reopen(session: AsyncSession, conversation_id: UUID, now: datetime) -> None:
    """A closed conversation goes on, with the bot and in a new episode."""
    await record(session, ChatReopened(conversation_id=conversation_id, at=now))
    await set_holder(session, conversation_id, "bot", new_episode=True)


def holder_of(row: ConversationRow) -> Holder:
    return cast(Holder, row.holder)


async def has_key(session: AsyncSession, conversation_id: UUID, key: str) -> bool:
    found = await session.scalar(
        select(MessageRow.seq).where(MessageRow.conversation_id == conversation_id, MessageRow.client_key == key)
    )
    return found is not None


async def set_holder(
    session: AsyncSession,
    conversation_id: UUID,
    holder: Holder,
    *,
    new_episode: bool = False,
    keep_pending: bool = False,
) -> None:
    """Say who answers from now on.

    Args:
        new_episode: forget old anger, repeats and requests for a person.
        keep_pending: what had no turn yet belongs to the new episode and still gets one.

    """
    if not new_episode:
        await _set(session, conversation_id, holder=holder)
        return
    await session.execute(
        update(ConversationRow)
        .where(ConversationRow.id == conversation_id)
        .values(
            holder=holder,
            episode=ConversationRow.episode + 1,
            episode_seq=ConversationRow.answered_seq if keep_pending else ConversationRow.last_seq,
            answered_seq=ConversationRow.answered_seq if keep_pending else ConversationRow.last_seq,
        )
        .execution_options(synchronize_session=False)
    )


async def set_answered(session: AsyncSession, conversation_id: UUID, seq: int) -> None:
    """Every visitor message up to ``seq`` has had its turn."""
    await _set(session, conversation_id, answered_seq=seq)


async def unanswered(session: AsyncSession, older_than: datetime, limit: int = 100) -> list[UUID]:
    """Conversations whose last visitor message never got its turn (a crash between message and reply)."""
    waiting: ColumnElement[bool] = ConversationRow.answered_seq < ConversationRow.last_visitor_seq
    rows = await session.scalars(
        select(ConversationRow.id)
        .where(ConversationRow.holder.in_(("bot", "queue")), waiting, ConversationRow.last_at <= older_than)
        .order_by(ConversationRow.last_at)
        .limit(limit)
    )
    return list(rows)


async def messages_between(
    session: AsyncSession, conversation_id: UUID, after: int, upto: int | None = None, limit: int = 400
) -> list[MessageRow]:
    """Messages with ``after < seq <= upto``, the newest ``limit`` of them, in order."""
    query = select(MessageRow).where(MessageRow.conversation_id == conversation_id, MessageRow.seq > after)
    if upto is not None:
        query = query.where(MessageRow.seq <= upto)
    rows = await session.scalars(query.order_by(MessageRow.seq.desc()).limit(limit))
    return list(rows)[::-1]


async def _set(session: AsyncSession, conversation_id: UUID, **values: object) -> None:
    await session.execute(
        update(ConversationRow)
        .where(ConversationRow.id == conversation_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _found(row: ConversationRow | None) -> ConversationRow:
    if row is None:
        raise NotFound("There is no such conversation.")
    return row


async def latest_messages(session: AsyncSession, conversation_ids: Sequence[UUID]) -> dict[UUID, MessageRow]:
    """The last message of each of these conversations."""
    if not conversation_ids:
        return {}
    last = (
        select(MessageRow.conversation_id, func.max(MessageRow.seq).label("seq"))
        .where(MessageRow.conversation_id.in_(conversation_ids))
        .group_by(MessageRow.conversation_id)
        .subquery()
    )
    rows = await session.scalars(
        select(MessageRow).join(
            last, (MessageRow.conversation_id == last.c.conversation_id) & (MessageRow.seq == last.c.seq)
        )
    )
    return {row.conversation_id: row for row in rows}


async def recent(session: AsyncSession, holder: Holder, since: datetime, limit: int) -> list[ConversationRow]:
    rows = await session.scalars(
        select(ConversationRow)
        .where(
            ConversationRow.holder == holder,
            ConversationRow.last_at > since,
            ConversationRow.last_visitor_seq > 0,
        )
        .order_by(ConversationRow.last_at.desc())
        .limit(limit)
    )
    return list(rows)


async def many(session: AsyncSession, conversation_ids: Sequence[UUID]) -> dict[UUID, ConversationRow]:
    if not conversation_ids:
        return {}
    rows = await session.scalars(select(ConversationRow).where(ConversationRow.id.in_(conversation_ids)))
    return {row.id: row for row in rows}


async def closed(
    session: AsyncSession, before: datetime | None, limit: int, among: Sequence[UUID] | None = None
) -> list[ConversationRow]:
    """Closed ones in which a visitor said something, the latest first.

    Args:
        before: only those that ended earlier, for the next page.
        among: only these.

    """
    query = select(ConversationRow).where(ConversationRow.holder == "closed", ConversationRow.last_visitor_seq > 0)
    if before is not None:
        query = query.where(ConversationRow.last_at < before)
    if among is not None:
        query = query.where(ConversationRow.id.in_(among))
    rows = await session.scalars(query.order_by(ConversationRow.last_at.desc()).limit(limit))
    return list(rows)


async def count_closed(session: AsyncSession, since: datetime) -> int:
    found = await session.scalar(
        select(func.count())
        .select_from(ConversationRow)
        .where(
            ConversationRow.holder == "closed", ConversationRow.last_visitor_seq > 0, ConversationRow.last_at > since
        )
    )
    return found or 0


async def others_of_visitor(session: AsyncSession, conversation: ConversationRow, limit: int) -> list[ConversationRow]:
    """Further conversations of the same visitor, the latest first."""
    rows = await session.scalars(
        select(ConversationRow)
        .where(
            ConversationRow.visitor_id == conversation.visitor_id,
            ConversationRow.id != conversation.id,
            ConversationRow.last_visitor_seq > 0,
        )
        .order_by(ConversationRow.last_at.desc())
        .limit(limit)
    )
    return list(rows)
