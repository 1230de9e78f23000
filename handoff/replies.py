"""What an agent says in a chat that it holds. Floor 1."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from core import conversations
from core.conversations import Said
from core.events import Sender
from core.staff import Person
from handoff import queue


async def reply(
    session: AsyncSession, conversation_id: UUID, *, agent: Person, key: str, text: str, now: datetime
) -> Said:
    """
    Raises:
        NotYours: the agent does not hold it (any more); nothing was stored.
        KeyReused, EmptyText, TextTooLong, BrokenText.

    """
    await queue.require_holder(session, conversation_id, agent_id=agent.id)
    sender = Sender(kind="agent", id=agent.id, name=agent.name)
    return await conversations.say(session, conversation_id, sender=sender, text=text, key=key, now=now)


async def hand_back(session: AsyncSession, conversation_id: UUID, *, agent: Person, agreed: str, now: datetime) -> None:
    """Return it to the bot. What was agreed, if anything is said of it, is the agent's last message to the visitor.

    Raises:
        NotYours: the agent does not hold it (any more); nothing was stored.
        TextTooLong, BrokenText.

    """
    if agreed.strip():
        await reply(session, conversation_id, agent=agent, key=f"agreed:{uuid4().hex}", text=agreed, now=now)
    await queue.return_to_bot(session, conversation_id, agent_id=agent.id, now=now)
