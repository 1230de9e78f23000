"""Canned replies: words that the staff use again, with places to fill in. Floor 1.

The places are filled by the desk's page, which knows what the visitor gave: {agent}, {business}, {order}, {email},
{phone}, {date}, {amount}, {reference}. What is not known stays to be filled in by hand.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.errors import BadInput, Conflict, NotFound
from core.staff import Person
from core.text import checked
from handoff.tables import CannedReplyRow

PLACES = ("agent", "business", "order", "email", "phone", "date", "amount", "reference")
MOST = 500
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_PLACE = re.compile(r"\{([^{}]*)\}")


class BadCannedReply(BadInput):
    code = "bad_canned_reply"


class NameTaken(Conflict):
    code = "name_taken"


@dataclass(frozen=True, slots=True)
class Canned:
    id: UUID
    name: str
    text: str
    changed_at: datetime


async def everything(session: AsyncSession) -> list[Canned]:
    rows = await session.scalars(select(CannedReplyRow).order_by(CannedReplyRow.name))
    return [Canned(r.id, r.name, r.text, r.changed_at) for r in rows]


async def keep(
    session: AsyncSession, *, name: str, text: str, by: Person, now: datetime, reply_id: UUID | None = None
) -> UUID:
    """Make a new one, or change the one of ``reply_id``.

    Raises:
        BadCannedReply: its name is no word of small letters and digits, it has a place that is never filled, or
            there are too many; NameTaken; NotFound; EmptyText, TextTooLong, BrokenText.

    """
    if not _NAME.fullmatch(name):
        raise BadCannedReply("A name is 1 to 40 small letters, digits, - or _, such as opening-hours.")
    checked(text)
    unknown = [place for place in _PLACE.findall(text) if place not in PLACES]
    if unknown:
        known = ", ".join(f"{{{place}}}" for place in PLACES)
        raise BadCannedReply(f"{{{unknown[0]}}} cannot be filled in. These can: {known}.")
    other = await session.scalar(select(CannedReplyRow.id).where(CannedReplyRow.name == name))
    if other is not None and other != reply_id:
        raise NameTaken("There is a reply of that name already.")
    if reply_id is None:
        if (await session.scalar(select(func.count()).select_from(CannedReplyRow)) or 0) >= MOST:
            raise BadCannedReply(f"There are {MOST} replies already. Remove one that nobody uses.")
        row = CannedReplyRow(id=uuid4(), name=name, text=text, changed_at=now, changed_by=by.id)
        session.add(row)
    else:
        found = await session.get(CannedReplyRow, reply_id, with_for_update=True)
        if found is None:
            raise NotFound("There is no such reply (any more).")
        row = found
        row.name, row.text, row.changed_at, row.changed_by = name, text, now, by.id
    await session.flush()
    await audit.note(session, actor=by.actor, action="canned_reply.kept", subject=str(row.id), now=now)
    return row.id


async def remove(session: AsyncSession, reply_id: UUID, *, by: Person, now: datetime) -> None:
    """
    Raises:
        NotFound: there is none (any more).

    """
    gone = await session.scalar(
        delete(CannedReplyRow).where(CannedReplyRow.id == reply_id).returning(CannedReplyRow.id)
    )
    if gone is None:
        raise NotFound("There is no such reply (any more).")
    await audit.note(session, actor=by.actor, action="canned_reply.removed", subject=str(reply_id), now=now)
