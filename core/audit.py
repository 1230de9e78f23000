"""The trail of what people and commands did. Floor 0."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from core.tables import AuditRow


async def note(
    session: AsyncSession,
    *,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    **facts: str | int | bool | None,
) -> None:
    """Write one line, in the transaction of the deed itself. ``facts`` may hold nothing personal."""
    session.add(AuditRow(at=now, actor=actor, action=action, subject=subject, note=dict(facts)))
    await session.flush()
