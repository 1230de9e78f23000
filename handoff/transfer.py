"""Passing a chat on to a colleague: an offer with a note, which the colleague accepts or declines. Floor 1.

Until somebody accepts, the chat stays with its holder, so the visitor is never between two people.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import conversations, staff
from core.errors import BadInput, Conflict
from core.events import ChatOffered, OfferEnded, record
from core.staff import Person
from core.text import checked
from handoff import presence, queue
from handoff.tables import CaseRow

MAX_NOTE = 1000


class NotAtTheDesk(Conflict):
    code = "not_at_the_desk"


class OfferGone(Conflict):
    code = "offer_gone"

    def __init__(self) -> None:
        super().__init__("That chat is no longer offered to you.")


async def offer(
    session: AsyncSession, conversation_id: UUID, *, agent: Person, to: UUID, note: str, now: datetime
) -> None:
    """Ask a colleague to take this chat; a later offer replaces an earlier one.

    Raises:
        NotYours: the agent does not hold it.
        NotAtTheDesk: that colleague has no desk open.
        BadInput: to oneself; EmptyText, TextTooLong, BrokenText: the note.

    """
    if to == agent.id:
        raise BadInput("You hold this chat yourself. Choose a colleague.")
    checked(note, limit=MAX_NOTE)
    await queue.require_holder(session, conversation_id, agent_id=agent.id)
    colleague = await staff.get(session, to)
    if colleague is None or not await presence.is_present(session, to, now):
        raise NotAtTheDesk("That person is not at the desk right now. Choose somebody else, or release the chat.")
    await session.execute(
        update(CaseRow)
        .where(CaseRow.conversation_id == conversation_id)
        .values(offered_to=to, offer_note=note)
        .execution_options(synchronize_session=False)
    )
    await record(
        session,
        ChatOffered(
            conversation_id=conversation_id, by_name=agent.name, to_id=to, to_name=colleague.name, note=note, at=now
        ),
    )


async def accept(session: AsyncSession, conversation_id: UUID, *, agent: Person, now: datetime) -> None:
    """
    Raises:
        OfferGone: withdrawn, offered to somebody else, or the chat ended.

    """
    if not await queue.accept(session, conversation_id, agent=agent, now=now):
        raise OfferGone


async def end_offer(session: AsyncSession, conversation_id: UUID, *, agent: Person, now: datetime) -> None:
    """The colleague declines, or the holder takes the offer back.

    Raises:
        OfferGone: there is none that this agent could end.

    """
    await conversations.locked(session, conversation_id)
    ended = await session.scalar(
        update(CaseRow)
        .where(
            CaseRow.conversation_id == conversation_id,
            CaseRow.state == "claimed",
            CaseRow.offered_to.is_not(None),
            or_(CaseRow.offered_to == agent.id, CaseRow.agent_id == agent.id),
        )
        .values(offered_to=None, offer_note=None)
        .returning(CaseRow.agent_id)
        .execution_options(synchronize_session=False)
    )
    if ended is None:
        raise OfferGone
    how = OfferEnded(
        conversation_id=conversation_id, how="withdrawn" if ended == agent.id else "declined",
        agent_name=agent.name, at=now,
    )  # fmt: skip
    await record(session, how)
