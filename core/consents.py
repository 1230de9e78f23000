"""What a visitor agreed to, purpose by purpose. Every answer is kept; the latest counts. Floor 0."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotAllowed
from core.tables import ConsentRow

Purpose = Literal["chat", "sentiment", "remember"]


class ConsentWithdrawn(NotAllowed):
    code = "consent_withdrawn"

    def __init__(self) -> None:
        super().__init__("You withdrew your consent to this chat, so nothing more is stored. Agree again to go on.")


@dataclass(frozen=True, slots=True)
class Choices:
    """
    Args:
        chat: may anything more be stored at all?
        sentiment: may the mood of messages be scored?
        remember: does the visitor want to be recognised on return? (The visitor's own browser acts on it.)

    """

    chat: bool = True
    sentiment: bool = True
    remember: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    id: UUID
    at: datetime
    version: str
    choices: Choices


async def of(session: AsyncSession, visitor_id: UUID) -> Choices:
    """What counts now; before the first answer, what the house does unless it is told otherwise."""
    row = await _latest(session, visitor_id)
    return Choices(**row.purposes) if row is not None else Choices()


async def require_chat(session: AsyncSession, visitor_id: UUID) -> None:
    """
    Raises:
        ConsentWithdrawn.

    """
    if not (await of(session, visitor_id)).chat:
        raise ConsentWithdrawn


async def unscored(session: AsyncSession, visitor_ids: Sequence[UUID]) -> set[UUID]:
    """Those of them who do not want their mood scored."""
    rows = await session.scalars(
        select(ConsentRow).where(ConsentRow.visitor_id.in_(visitor_ids)).order_by(ConsentRow.number)
    )
    latest = {row.visitor_id: row.purposes["sentiment"] for row in rows}
    return {visitor_id for visitor_id, wanted in latest.items() if not wanted}


async def give(
    session: AsyncSession, visitor_id: UUID, purposes: Mapping[Purpose, bool], *, version: str, now: datetime
) -> Consent:
    """Keep an answer; what it leaves open stays as it was. Lock the visitor first (core.privacy.locked).

    Args:
        version: of the words that the visitor was shown.

    """
    before = await _latest(session, visitor_id)
    asked: dict[str, bool] = dict(before.purposes) if before is not None else asdict(Choices())
    asked |= {str(name): yes for name, yes in purposes.items()}
    row = ConsentRow(
        id=uuid4(), visitor_id=visitor_id, number=before.number + 1 if before is not None else 1, at=now,
        version=version, purposes=asked,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return Consent(row.id, now, version, Choices(**asked))


async def _latest(session: AsyncSession, visitor_id: UUID) -> ConsentRow | None:
    found: ConsentRow | None = await session.scalar(
        select(ConsentRow).where(ConsentRow.visitor_id == visitor_id).order_by(ConsentRow.number.desc()).limit(1)
    )
    return found
