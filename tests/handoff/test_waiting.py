"""handoff/waiting.py: nobody is told a wait that is not honest."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from core import conversations, staff
from core.db import Database, reading, transaction
from handoff import presence, queue
from handoff.summary import Summary
from handoff.tables import WaitRow
from handoff.waiting import ENOUGH, LOOK_BACK, Place, expected_wait, place

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIVE = [60.0, 120.0, 180.0, 240.0, 300.0]


@pytest.mark.parametrize(
    ("recent", "waited", "agents", "position", "expected"),
    [
        pytest.param(FIVE, 0, 1, 1, 180, id="the median"),
        pytest.param([*FIVE[:4], 9e9], 0, 1, 1, 180, id="one endless wait does not move it"),
        pytest.param([60.0] * 50, 0, 1, 1, 60, id="all alike"),
        pytest.param(FIVE, 100, 1, 1, 80, id="less what was waited already"),
        pytest.param(FIVE, 180, 1, 1, None, id="waited as long as that: not known"),
        pytest.param(FIVE, 500, 1, 1, None, id="waited longer: not 'any moment now'"),
        pytest.param(FIVE, 0, 1, 3, 540, id="third in line of one agent"),
        pytest.param(FIVE, 0, 3, 3, 180, id="third in line of three agents"),
        pytest.param(FIVE, 0, 2, 3, 270, id="third in line of two"),
        pytest.param(FIVE, 0, 9, 1, 180, id="many agents make nobody quicker than usual"),
        pytest.param(FIVE, 0, 0, 1, None, id="nobody at the desk"),
        pytest.param(FIVE[: ENOUGH - 1], 0, 1, 1, None, id="too few waits to tell"),
        pytest.param([], 0, 1, 1, None, id="no waits at all"),
        pytest.param([0.0] * 9, 0, 1, 1, None, id="nobody ever waited"),
    ],
)
def test_expected_wait(recent: list[float], waited: float, agents: int, position: int, expected: int | None) -> None:
    assert expected_wait(recent, waited, agents, position) == expected


async def waiting(db: Database, since: datetime) -> UUID:
    async with transaction(db) as session:
        conversation, _, _ = await conversations.start(session, now=NOON, channel="web", open_key=None)
        await queue.ask(session, conversation.id, reason="stuck", summary=Summary(), now=since)
    return conversation.id


async def where(db: Database, conversation_id: UUID, now: datetime = NOON) -> Place:
    async with reading(db) as session:
        return await place(session, conversation_id, now)


async def test_the_place_is_counted_by_age_and_moves_up(db: Database) -> None:
    second, first = await waiting(db, NOON - MINUTE), await waiting(db, NOON - 2 * MINUTE)
    assert await where(db, first) == Place(1, None, desk_open=False)
    assert await where(db, second) == Place(2, None, desk_open=False)
    async with transaction(db) as session:
        await queue.leave_line(session, first, now=NOON)
    assert await where(db, second) == Place(1, None, desk_open=False)
    assert await where(db, first) == Place(0, None, desk_open=False)


async def test_the_wait_is_told_from_recent_claims_while_an_agent_is_there(db: Database) -> None:
    async with transaction(db) as session:
        sam = await staff.add(
            session, email="sam@example.com", name="Sam", role="agent", password_hash=None, now=NOON, actor="test"
        )
        await presence.renew(session, sam.id, NOON)
        session.add_all(WaitRow(claimed_at=NOON - MINUTE, seconds=300.0) for _ in range(ENOUGH))
        session.add_all(WaitRow(claimed_at=NOON - LOOK_BACK, seconds=9e6) for _ in range(50))  # long ago
    ada = await waiting(db, NOON - MINUTE)
    assert await where(db, ada) == Place(1, 240, desk_open=True)
    assert await where(db, ada, NOON + timedelta(hours=1)) == Place(1, None, desk_open=False)


async def test_claiming_teaches_the_next_wait(db: Database) -> None:
    async with transaction(db) as session:
        sam = await staff.add(
            session, email="sam@example.com", name="Sam", role="agent", password_hash=None, now=NOON, actor="test"
        )
        await presence.renew(session, sam.id, NOON)
    for _ in range(ENOUGH):
        chat = await waiting(db, NOON - 2 * MINUTE)
        async with transaction(db) as session:
            await queue.claim(session, chat, agent=sam, now=NOON)
    assert await where(db, await waiting(db, NOON)) == Place(1, 120, desk_open=True)
