"""handoff/presence.py: an agent who vanished does not keep anybody waiting, however it happened."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from core import conversations, staff
from core.bus import DESK, Notice
from core.db import Database, reading, transaction
from core.errors import Conflict
from core.events import ChatReleased, Reason, events_after
from core.staff import Person
from handoff import presence, queue
from handoff.presence import BEAT, GRACE, LEASE, Present, Status
from handoff.routing import Load
from handoff.summary import Summary

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NOTICED = 10 * SECOND  # a dead line, by the pings of the protocol
TICK = SECOND  # of the job that brings chats back
PROMISED = 20 * SECOND


async def agent(db: Database, name: str) -> Person:
    async with transaction(db) as session:
        return await staff.add(
            session, email=f"{name}@example.com", name=name, role="agent", password_hash=None, now=NOON, actor="test"
        )


@pytest.fixture
async def sam(db: Database) -> Person:
    """An agent who came to the desk at noon."""
    sam = await agent(db, "Sam")
    await renew(db, sam)
    return sam


@pytest.fixture
async def held(db: Database, sam: Person) -> UUID:
    """A chat that Sam holds; its visitor waits since a quarter to twelve."""
    async with transaction(db) as session:
        conversation, _, _ = await conversations.start(session, now=NOON, channel="web", open_key=None)
        await queue.ask(session, conversation.id, reason="stuck", summary=Summary(), now=NOON - timedelta(minutes=15))
        await queue.claim(session, conversation.id, agent=sam, now=NOON)
    return conversation.id


async def renew(db: Database, who: Person, now: datetime = NOON, status: Status | None = None) -> None:
    async with transaction(db) as session:
        await presence.renew(session, who.id, now, status)


async def go(db: Database, who: Person, now: datetime) -> None:
    async with transaction(db) as session:
        await presence.leave_soon(session, who.id, now)


async def bring_back(db: Database, now: datetime) -> list[UUID]:
    async with transaction(db) as session:
        return await presence.bring_back(session, now)


async def online(db: Database, now: datetime) -> int:
    async with reading(db) as session:
        return await presence.count_online(session, now)


async def test_a_lease_lasts_for_fifteen_seconds_and_each_beat_renews_it(db: Database, sam: Person) -> None:
    assert await online(db, NOON + LEASE - SECOND) == 1
    assert await online(db, NOON + LEASE) == 0
    await renew(db, sam, NOON + timedelta(seconds=BEAT))
    assert await online(db, NOON + LEASE) == 1


async def test_who_is_away_is_present_and_not_online_until_saying_otherwise(db: Database, sam: Person) -> None:
    await renew(db, sam, NOON, "away")
    await renew(db, sam, NOON + 5 * SECOND)  # a mere beat does not change it
    async with reading(db) as session:
        found = await presence.present(session, NOON + 5 * SECOND)
    assert found == [Present(sam.id, "away", 0, Load())]
    assert await online(db, NOON + 5 * SECOND) == 0
    await renew(db, sam, NOON + 6 * SECOND, "online")
    assert await online(db, NOON + 6 * SECOND) == 1


async def test_the_desk_is_told_of_changes_and_not_of_beats(db: Database, sam: Person, notices: list[Notice]) -> None:
    assert notices == [Notice(DESK)]  # arrived
    notices.clear()
    await renew(db, sam, NOON + 5 * SECOND)
    await renew(db, sam, NOON + 6 * SECOND, "online")
    assert notices == []
    await renew(db, sam, NOON + 7 * SECOND, "away")
    assert notices == [Notice(DESK)]
    notices.clear()
    await renew(db, sam, NOON + timedelta(hours=1))  # back after the lease ran out
    assert notices == [Notice(DESK)]


async def test_ten_pages_of_one_agent_that_open_at_once_are_one_presence(db: Database) -> None:
    kim = await agent(db, "Kim")
    results = await asyncio.gather(*(renew(db, kim) for _ in range(10)), return_exceptions=True)
    assert all(r is None or isinstance(r, Conflict) for r in results)  # the next beat tries again
    assert await online(db, NOON) == 1


async def test_who_is_present_is_listed_with_what_each_holds(db: Database, sam: Person, held: UUID) -> None:
    kim = await agent(db, "Kim")
    await renew(db, kim, status="away")
    async with reading(db) as session:
        found = await presence.present(session, NOON)
        assert await presence.present(session, NOON + LEASE) == []
    assert {(p.agent_id, p.status, p.holds) for p in found} == {(sam.id, "online", 1), (kim.id, "away", 0)}


async def test_while_the_agent_is_there_nothing_is_taken(db: Database, sam: Person, held: UUID) -> None:
    for beat in range(6):
        now = NOON + timedelta(seconds=BEAT) * beat
        await renew(db, sam, now)
        assert await bring_back(db, now + timedelta(seconds=BEAT)) == []


async def test_a_chat_of_an_agent_who_vanished_without_a_word_is_back_within_twenty_seconds(
    db: Database, sam: Person, held: UUID
) -> None:
    """The last beat before the line died may have been just now: that is the longest case."""
    assert await bring_back(db, NOON + LEASE - SECOND) == []
    assert LEASE + TICK <= PROMISED
    assert await bring_back(db, NOON + LEASE) == [held]
    async with reading(db) as session:
        case = await queue.get(session, held)
        released = (await events_after(session, held, 0))[-1]
        row = await conversations.get(session, held)
    assert case is not None
    assert (case.state, case.agent_id) == ("waiting", None)
    assert case.waiting_since == NOON - timedelta(minutes=15)  # its age is kept
    assert row.holder == "queue"
    assert isinstance(released, ChatReleased)
    assert released.cause == "agent_vanished"
    assert await bring_back(db, NOON + LEASE + SECOND) == []  # once


async def test_a_line_that_was_seen_dead_leaves_only_the_grace_of_a_reload(
    db: Database, sam: Person, held: UUID
) -> None:
    await renew(db, sam, NOON + NOTICED)  # the server went on beating until it noticed
    await go(db, sam, NOON + NOTICED)
    assert NOTICED + GRACE + TICK <= PROMISED
    assert await bring_back(db, NOON + NOTICED + GRACE - SECOND) == []
    assert await bring_back(db, NOON + NOTICED + GRACE) == [held]


async def test_a_page_that_is_back_in_time_keeps_its_chats(db: Database, sam: Person, held: UUID) -> None:
    await go(db, sam, NOON)
    await renew(db, sam, NOON + GRACE - SECOND)
    assert await bring_back(db, NOON + GRACE) == []
    assert await bring_back(db, NOON + GRACE - SECOND + LEASE) == [held]


async def test_leaving_soon_never_makes_a_lease_longer(db: Database, sam: Person) -> None:
    await go(db, sam, NOON + LEASE - SECOND)
    assert await online(db, NOON + LEASE) == 0


async def test_a_chat_of_a_deactivated_agent_is_back_at_once(db: Database, sam: Person, held: UUID) -> None:
    async with transaction(db) as session:
        await staff.deactivate(session, sam.id, now=NOON, actor="test")
    assert await bring_back(db, NOON) == [held]


async def test_after_a_restart_who_held_chats_gets_a_lease_to_come_back_by(
    db: Database, sam: Person, held: UUID
) -> None:
    """Nobody could renew while the only process was down."""
    back_up = NOON + timedelta(hours=1)
    kim = await agent(db, "Kim")
    await renew(db, kim)
    async with transaction(db) as session:
        await presence.grace_after_restart(session, back_up)
    assert await bring_back(db, back_up) == []
    async with reading(db) as session:
        assert [p.agent_id for p in await presence.present(session, back_up)] == [sam.id]  # Kim held nothing
    assert await bring_back(db, back_up + LEASE) == [held]


async def test_two_workers_bring_a_chat_back_once(db: Database, sam: Person, held: UUID) -> None:
    results = await asyncio.gather(*(bring_back(db, NOON + LEASE) for _ in range(6)))
    assert [chat for back in results for chat in back] == [held]
    async with reading(db) as session:
        events = await events_after(session, held, 0)
    assert [e.kind for e in events] == ["chat_queued", "chat_claimed", "chat_released"]


async def test_an_agent_who_comes_back_too_late_cannot_speak_in_it(db: Database, sam: Person, held: UUID) -> None:
    await bring_back(db, NOON + LEASE)
    await renew(db, sam, NOON + LEASE)
    with pytest.raises(queue.NotYours):
        async with transaction(db) as session:
            await queue.require_holder(session, held, agent_id=sam.id)


async def test_who_is_busy_is_still_at_the_desk_and_who_is_on_a_break_is_not(db: Database, sam: Person) -> None:
    told: list[tuple[Status, int]] = [("busy", 1), ("break", 0), ("away", 0), ("online", 1)]
    for status, here in told:
        await renew(db, sam, NOON, status)
        assert await online(db, NOON) == here, status


async def load(db: Database, who: Person, now: datetime) -> Load:
    async with reading(db) as session:
        return next(p.load for p in await presence.present(session, now) if p.agent_id == who.id)


async def take(db: Database, who: Person, now: datetime, reason: Reason) -> None:
    async with transaction(db) as session:
        chat = (await conversations.start(session, now=now, channel="web", open_key=None))[0].id
        await queue.ask(session, chat, reason=reason, summary=Summary(), now=now)
        await queue.claim(session, chat, agent=who, now=now)
        await presence.renew(session, who.id, now)


async def test_heated_chats_are_counted_in_a_row_until_a_calm_one_or_a_break(db: Database, sam: Person) -> None:
    await take(db, sam, NOON, "frustrated")
    await take(db, sam, NOON + SECOND, "abusive")
    assert await load(db, sam, NOON + SECOND) == Load(2, 2)
    await take(db, sam, NOON + 2 * SECOND, "stuck")
    assert await load(db, sam, NOON + 2 * SECOND) == Load(0, 2)
    await take(db, sam, NOON + 3 * SECOND, "frustrated")
    await renew(db, sam, NOON + 4 * SECOND, "break")
    await renew(db, sam, NOON + 5 * SECOND, "online")
    assert await load(db, sam, NOON + 5 * SECOND) == Load(0, 3)
    await take(db, sam, NOON + 6 * SECOND, "frustrated")
    assert await load(db, sam, NOON + 6 * SECOND) == Load(1, 4)


async def test_a_person_in_danger_is_no_heated_chat(db: Database, sam: Person) -> None:
    await take(db, sam, NOON, "vulnerable")
    assert await load(db, sam, NOON) == Load(0, 0)
