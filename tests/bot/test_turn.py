"""bot/turn.py: every visitor message gets one reply, whatever happens between reading and speaking."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

from people import Running
from sqlalchemy import select

from bot import records
from bot.tables import DecisionRow
from bot.turn import take_turn
from core import conversations
from core.conversations import messages_between
from core.db import reading, transaction
from core.events import Sender
from core.tables import MessageRow
from handoff import queue
from handoff.summary import Summary

ADA = Sender(kind="visitor")


async def opened(house: Running) -> UUID:
    async with transaction(house.house.db) as session:
        row, _token, _new = await conversations.start(session, now=house.house.now(), channel="web", open_key=None)
        return row.id


async def say(house: Running, conversation_id: UUID, text: str) -> int:
    async with transaction(house.house.db) as session:
        said = await conversations.say(
            session, conversation_id, sender=ADA, text=text, key=str(uuid4()), now=house.house.now()
        )
        return said.seq


async def bot_said(house: Running, conversation_id: UUID) -> list[MessageRow]:
    async with reading(house.house.db) as session:
        return [m for m in await messages_between(session, conversation_id, 0) if m.sender_kind == "bot"]


async def decisions(house: Running, conversation_id: UUID) -> list[DecisionRow]:
    async with reading(house.house.db) as session:
        rows = await session.scalars(select(DecisionRow).where(DecisionRow.conversation_id == conversation_id))
        return list(rows)


async def test_two_quick_messages_get_one_reply_that_covers_both(both_houses: Running) -> None:
    ada = await opened(both_houses)
    first = await say(both_houses, ada, "How much does delivery cost?")
    second = await say(both_houses, ada, "to Orkney I mean")

    await take_turn(both_houses.house.bot, ada)

    assert len(await bot_said(both_houses, ada)) == 1
    assert [d.covers for d in await decisions(both_houses, ada)] == [[first, second]]


async def test_four_workers_that_take_the_same_turn_reply_once(both_houses: Running) -> None:
    ada = await opened(both_houses)
    await say(both_houses, ada, "How much does delivery cost?")

    await asyncio.gather(*(take_turn(both_houses.house.bot, ada) for _ in range(4)))

    assert len(await bot_said(both_houses, ada)) == 1
    assert len(await decisions(both_houses, ada)) == 1


async def test_a_person_who_came_meanwhile_silences_the_bot(both_houses: Running) -> None:
    house = both_houses.house
    ada, sam = await opened(both_houses), await both_houses.person("Sam", "agent")
    await say(both_houses, ada, "How much does delivery cost?")
    plain_read = house.mind.read

    async def claimed_while_reading(*given: object) -> object:
        seen = await plain_read(*given)  # type: ignore[arg-type]
        async with transaction(house.db) as session:
            await queue.ask(session, ada, reason="complex", summary=Summary(), now=house.now())
            await queue.claim(session, ada, agent=sam, now=house.now())
        return seen

    house.mind.read = claimed_while_reading  # type: ignore[assignment,method-assign]
    await take_turn(house.bot, ada)

    assert await bot_said(both_houses, ada) == []
    assert await decisions(both_houses, ada) == []


async def test_a_message_that_came_while_the_bot_was_reading_is_answered_too(house: Running) -> None:
    ada = await opened(house)
    await say(house, ada, "How much does delivery cost?")
    plain_read = house.house.mind.read
    late: list[int] = []

    async def more_was_said(*given: object) -> object:
        if not late:
            late.append(await say(house, ada, "And when are you open?"))
        return await plain_read(*given)  # type: ignore[arg-type]

    house.house.mind.read = more_was_said  # type: ignore[assignment,method-assign]
    await take_turn(house.house.bot, ada)

    assert [d.upto for d in await decisions(house, ada)] == late
    assert len(await bot_said(house, ada)) == 1


async def test_a_bot_that_fails_fetches_a_person(both_houses: Running) -> None:
    ada = await opened(both_houses)
    await say(both_houses, ada, "How much does delivery cost?")

    async def broken(*_given: object) -> object:
        raise ValueError("a bug")

    both_houses.house.mind.read = broken  # type: ignore[assignment,method-assign]
    await both_houses.house.turns.wake(ada)

    [decision] = await decisions(both_houses, ada)
    assert (decision.decision, decision.handoff, decision.reason) == ("handoff", "requested", "bot_failure")
    async with reading(both_houses.house.db) as session:
        assert (await conversations.get(session, ada)).holder == "queue"


async def test_the_sweep_takes_a_turn_that_a_crash_left_behind_and_only_that(both_houses: Running) -> None:
    ada = await opened(both_houses)
    await say(both_houses, ada, "How much does delivery cost?")

    assert await both_houses.house.turns.sweep(timedelta(hours=1)) == 0
    assert await both_houses.house.turns.sweep(timedelta(0)) == 1
    await both_houses.house.turns.wake(ada)
    assert await both_houses.house.turns.sweep(timedelta(0)) == 0
    assert len(await bot_said(both_houses, ada)) == 1


async def test_the_decision_record_proves_what_was_read_and_says_why(house: Running) -> None:
    ada = await opened(house)
    await say(house, ada, "How much does delivery cost?")
    await take_turn(house.house.bot, ada)

    [row] = await decisions(house, ada)
    assert row.commitment == records.commitment(row.salt, ["How much does delivery cost?"])
    assert row.commitment != records.commitment(row.salt, ["How much does it cost?"])
    assert row.reading["candidates"][0]["slug"] == "delivery-cost"
    assert row.model_version != "none"
    async with reading(house.house.db) as session:
        [record] = await records.of_conversation(session, ada)
    assert "How much does delivery cost?" in records.why(record, {"delivery-cost": "How much does delivery cost?"})


async def test_who_waits_for_a_person_is_told_once_that_more_words_are_kept(house: Running) -> None:
    ada = await opened(house)
    await say(house, ada, "/human")
    await take_turn(house.house.bot, ada)
    before = len(await bot_said(house, ada))
    for text in ("My order is A-1234", "It came broken"):
        await say(house, ada, text)
        await take_turn(house.house.bot, ada)

    assert len(await bot_said(house, ada)) == before + 1
    assert [d.rule for d in await decisions(house, ada)] == ["button", "already_waiting", "already_waiting"]
    async with reading(house.house.db) as session:
        case = await queue.get(session, ada)
    assert case is not None
    assert case.summary.open == "It came broken"


async def test_what_was_said_just_before_going_back_to_the_bot_gets_its_reply(house: Running) -> None:
    ada = await opened(house)
    await say(house, ada, "/human")
    await take_turn(house.house.bot, ada)
    late = await say(house, ada, "How much does delivery cost?")
    async with transaction(house.house.db) as session:
        await queue.leave_line(session, ada, now=house.house.now())

    await take_turn(house.house.bot, ada)

    assert [d.covers for d in await decisions(house, ada)][1:] == [[late]]
    assert (await decisions(house, ada))[-1].faq_id == "delivery-cost"
