"""Notes of the staff among themselves: in the conversation's log, for the desk's eyes only. Floor 1."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core import consents, conversations
from core.conversations import KeyReused
from core.events import NoteWritten, as_event, record
from core.staff import Person
from core.tables import EventRow
from core.text import checked


async def write(
    session: AsyncSession, conversation_id: UUID, *, author: Person, key: str, text: str, now: datetime
) -> int:
    """Anybody of the staff may, whoever holds the conversation. Once for each key.

    Returns:
        the number of its event.

    Raises:
        NotFound: no such conversation.
        KeyReused, EmptyText, TextTooLong, BrokenText.
        ConsentWithdrawn: the visitor wants nothing more stored.

    """
    checked(text)
    conversation = await conversations.locked(session, conversation_id)
    notes = await session.scalars(
        select(EventRow).where(EventRow.conversation_id == conversation_id, EventRow.kind == "note_written")
    )
    for row in notes:
        earlier = as_event(row)
        if isinstance(earlier, NoteWritten) and earlier.key == key:
            if (earlier.text, earlier.author_id) != (text, author.id):
                raise KeyReused("That key was already used for another note.")
            return earlier.seq
    await consents.require_chat(session, conversation.visitor_id)
    note = NoteWritten(
        conversation_id=conversation_id, key=key, author_id=author.id, author_name=author.name, text=text, at=now
    )
    return await record(session, note)
