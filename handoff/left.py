"""Messages left for later, when nobody is at the desk. Floor 1."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit, consents, conversations
from core.bus import DESK, Notice
from core.conversations import KeyReused
from core.db import announce
from core.errors import NotFound
from core.events import ContactLeft, record
from core.staff import Person, checked_email
from core.text import checked
from handoff.tables import LeftMessageRow


@dataclass(frozen=True, slots=True)
class Left:
    id: UUID
    conversation_id: UUID
    email: str
    text: str
    at: datetime


async def leave(session: AsyncSession, conversation_id: UUID, *, key: str, email: str, text: str, now: datetime) -> int:
    """Keep an address and a message for the desk, once for each key.

    Returns:
        the number of its event.

    Raises:
        BadEmail, EmptyText, TextTooLong, BrokenText; KeyReused: the key stands for another message;
        ConsentWithdrawn: the visitor wants nothing more stored.

    """
    address = checked_email(email)
    checked(text)
    conversation = await conversations.locked(session, conversation_id)
    earlier = await session.scalar(select(LeftMessageRow).where(LeftMessageRow.client_key == key))
    if earlier is not None:
        if (earlier.conversation_id, earlier.email, earlier.text) != (conversation_id, address, text):
            raise KeyReused("That message key was already used for another message.")
        return earlier.seq
    await consents.require_chat(session, conversation.visitor_id)
    seq = await record(session, ContactLeft(conversation_id=conversation_id, email=address, text=text, at=now))
    session.add(
        LeftMessageRow(id=uuid4(), conversation_id=conversation_id, client_key=key, email=address, text=text,
                       at=now, seq=seq)
    )  # fmt: skip
    await session.flush()
    return seq


async def waiting(session: AsyncSession) -> list[Left]:
    rows = await session.scalars(
        select(LeftMessageRow).where(LeftMessageRow.done_at.is_(None)).order_by(LeftMessageRow.at).limit(500)
    )
    return [Left(r.id, r.conversation_id, r.email, r.text, r.at) for r in rows]


async def was_left(session: AsyncSession, conversation_id: UUID, since_seq: int) -> bool:
    found = await session.scalar(
        select(LeftMessageRow.id)
        .where(LeftMessageRow.conversation_id == conversation_id, LeftMessageRow.seq > since_seq)
        .limit(1)
    )
    return found is not None


async def done(session: AsyncSession, left_id: UUID, *, agent: Person, now: datetime) -> None:
    """
    Raises:
        NotFound: there is none, or it is done already.

    """
    found = await session.scalar(
        update(LeftMessageRow)
        .where(LeftMessageRow.id == left_id, LeftMessageRow.done_at.is_(None))
        .values(done_at=now)
        .returning(LeftMessageRow.id)
    )
    if found is None:
        raise NotFound("There is no such message, or it is done already.")
    await audit.note(session, actor=agent.actor, action="left_message.done", subject=str(left_id), now=now)
    announce(session, Notice(DESK))


async def same_address(session: AsyncSession, conversation_id: UUID, limit: int) -> list[UUID]:
    """Other conversations in which somebody left the same address. Nobody has checked that it is theirs."""
    # '' is an address that was taken back: nobody is found by that
    here = select(LeftMessageRow.email).where(
        LeftMessageRow.conversation_id == conversation_id, LeftMessageRow.email != ""
    )
    rows = await session.scalars(
        select(LeftMessageRow.conversation_id)
        .where(LeftMessageRow.email.in_(here), LeftMessageRow.conversation_id != conversation_id)
        .distinct()
        .limit(limit)
    )
    return list(rows)
