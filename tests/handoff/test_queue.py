"""handoff/queue.py: a conversation reaches one agent, once, and nobody who lost it can speak in it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core import consents, conversations, staff
from core.bus import DESK, Notice, conversation_topic
from core.consents import ConsentWithdrawn
from core.db import Database, reading, transaction
from core.errors import BadInput, NotAllowed, NotFound
from core.events import (
    ChatClaimed,
    ChatClosed,
    ChatReleased,
    ChatReturned,
    MessageSaid,
    Reason,
    Sender,
    events_after,
)
from core.staff import Person
from core.tables import AuditRow
from core.text import EmptyText
from handoff import desk_rules, presence, queue, replies, transfer
from handoff.queue import AlreadyClaimed, CannotReopen, Case, NotWithTheBot, NotYours
from handoff.replies import reply
from handoff.routing import Rules, Urgency
from handoff.summary import Fact, Summary
from handoff.tables import WaitRow
from handoff.transfer import NotAtTheDesk, OfferGone
from handoff.waiting import place as waiting_place

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LATER = NOON + 2 * MINUTE
ADA = Sender(kind="visitor")
SUMMARY = Summary("Where is order A-1?", (Fact("order", "A-1"),), ("Where is my parcel?",), "Where is order A-1?")


async def started(db: Database) -> UUID:
    async with transaction(db) as session:
        return (await conversations.start(session, now=NOON, channel="web", open_key=None))[0].id


async def agent(db: Database, name: str) -> Person:
    async with transaction(db) as session:
        return await staff.add(
            session, email=f"{name}@example.com", name=name, role="agent", password_hash=None, now=NOON, actor="test"
        )


@pytest.fixture
async def sam(db: Database) -> Person:
    return await agent(db, "Sam")


@pytest.fixture
async def kim(db: Database) -> Person:
    return await agent(db, "Kim")


@pytest.fixture
async def ada(db: Database) -> UUID:
    """Ada's conversation, which the bot holds."""
    return await started(db)


@pytest.fixture
async def waiting(db: Database, ada: UUID) -> UUID:
    """Ada's conversation, in line since noon."""
    await ask(db, ada)
    return ada


async def ask(db: Database, ada: UUID, now: datetime = NOON, reason: Reason = "frustrated") -> bool:
    async with transaction(db) as session:
        return await queue.ask(
            session, ada, reason=reason, summary=SUMMARY, now=now, sentiment="negative", frustration=0.75
        )


async def claim(db: Database, ada: UUID, who: Person, now: datetime = NOON + MINUTE) -> None:
    async with transaction(db) as session:
        await queue.claim(session, ada, agent=who, now=now)


async def say_as(db: Database, ada: UUID, who: Person, text: str = "Hello, this is Sam.") -> None:
    async with transaction(db) as session:
        await reply(session, ada, agent=who, key=uuid4().hex, text=text, now=NOON + 2 * MINUTE)


Leave = Callable[[AsyncSession, UUID, UUID], Awaitable[None]]
LEAVE: dict[str, Leave] = {
    "release": lambda session, ada, who: queue.release(session, ada, agent_id=who, now=LATER),
    "return to the bot": lambda session, ada, who: queue.return_to_bot(session, ada, agent_id=who, now=LATER),
    "close": lambda session, ada, who: queue.close(session, ada, agent_id=who, now=LATER),
}  # fmt: skip


async def leave(db: Database, how: str, ada: UUID, who: Person) -> None:
    async with transaction(db) as session:
        await LEAVE[how](session, ada, who.id)


async def state(db: Database, ada: UUID) -> tuple[str, str | None]:
    """Who holds it by the log, and how the case stands."""
    async with reading(db) as session:
        case = await queue.get(session, ada)
        return (await conversations.get(session, ada)).holder, case.state if case else None


async def case_of(db: Database, ada: UUID) -> Case:
    async with reading(db) as session:
        case = await queue.get(session, ada)
    assert case is not None
    return case


async def kinds(db: Database, ada: UUID) -> list[str]:
    async with reading(db) as session:
        return [e.kind for e in await events_after(session, ada, 0)]


async def test_asking_puts_a_chat_into_the_line_with_what_an_agent_should_know(
    db: Database, ada: UUID, notices: list[Notice]
) -> None:
    assert await ask(db, ada)
    assert await state(db, ada) == ("queue", "waiting")
    assert await case_of(db, ada) == Case(
        conversation_id=ada, state="waiting", reason="frustrated", sentiment="negative", frustration=0.75,
        summary=SUMMARY, waiting_since=NOON, claimed_at=None, agent_id=None, claims=0,
        urgency=Urgency("frustrated", 0.75), counts_from=NOON - 11 * MINUTE,
    )  # fmt: skip
    assert notices == [Notice(conversation_topic(ada)), Notice(DESK)]


async def test_asking_twice_keeps_the_age_the_reason_and_one_event(db: Database, waiting: UUID) -> None:
    assert not await ask(db, waiting, now=NOON + 5 * MINUTE, reason="sensitive")
    case = await case_of(db, waiting)
    assert (case.waiting_since, case.reason) == (NOON, "frustrated")
    assert await kinds(db, waiting) == ["chat_queued"]


async def test_asking_while_a_person_holds_it_changes_nothing(db: Database, waiting: UUID, sam: Person) -> None:
    await claim(db, waiting, sam)
    before = await case_of(db, waiting)
    assert not await ask(db, waiting, now=NOON + 5 * MINUTE)
    assert await case_of(db, waiting) == before
    assert await state(db, waiting) == ("agent", "claimed")


async def test_a_claim_tells_everyone_who_joined_and_is_kept_in_the_trail(
    db: Database, waiting: UUID, sam: Person, notices: list[Notice]
) -> None:
    notices.clear()
    await claim(db, waiting, sam)
    async with reading(db) as session:
        joined = (await events_after(session, waiting, 0))[-1]
        trail = (await session.scalars(select(AuditRow).where(AuditRow.action == "chat.claimed"))).one()
        waited = (await session.scalars(select(WaitRow.seconds))).one()
    assert isinstance(joined, ChatClaimed)
    assert (joined.agent_id, joined.agent_name, joined.seq) == (sam.id, "Sam", 2)
    assert (trail.actor, trail.subject) == (sam.actor, str(waiting))
    assert waited == 60.0
    assert await state(db, waiting) == ("agent", "claimed")
    case = await case_of(db, waiting)
    assert (case.agent_id, case.claimed_at, case.claims) == (sam.id, NOON + MINUTE, 1)
    assert notices == [Notice(conversation_topic(waiting)), Notice(DESK)]


async def test_a_second_claim_is_refused_to_the_loser_and_to_the_holder(
    db: Database, waiting: UUID, sam: Person, kim: Person
) -> None:
    await claim(db, waiting, sam)
    for who in (kim, sam):
        with pytest.raises(AlreadyClaimed) as refusal:
            await claim(db, waiting, who)
    assert refusal.value.code == "already_claimed"
    assert (await case_of(db, waiting)).agent_id == sam.id
    assert await kinds(db, waiting) == ["chat_queued", "chat_claimed"]


async def test_what_never_stood_in_line_cannot_be_claimed(db: Database, ada: UUID, sam: Person) -> None:
    with pytest.raises(AlreadyClaimed):
        await claim(db, ada, sam)
    assert await state(db, ada) == ("bot", None)


async def test_twenty_agents_race_and_one_wins(db: Database, waiting: UUID, notices: list[Notice]) -> None:
    agents = [await agent(db, f"agent{n}") for n in range(20)]
    notices.clear()
    results = await asyncio.gather(*(claim(db, waiting, who) for who in agents), return_exceptions=True)
    winners = [who for who, result in zip(agents, results, strict=True) if result is None]
    assert len(winners) == 1
    assert sum(isinstance(r, AlreadyClaimed) for r in results) == 19
    case = await case_of(db, waiting)
    assert (case.agent_id, case.claims) == (winners[0].id, 1)
    assert await kinds(db, waiting) == ["chat_queued", "chat_claimed"]
    assert len(notices) == 2
    async with reading(db) as session:
        assert len(list(await session.scalars(select(AuditRow).where(AuditRow.action == "chat.claimed")))) == 1


async def test_release_puts_it_back_with_its_age_kept(db: Database, waiting: UUID, sam: Person, kim: Person) -> None:
    later = await started(db)
    await ask(db, later, now=NOON + MINUTE)
    await claim(db, waiting, sam)
    await leave(db, "release", waiting, sam)
    assert await state(db, waiting) == ("queue", "waiting")
    case = await case_of(db, waiting)
    assert (case.waiting_since, case.agent_id, case.claimed_at) == (NOON, None, None)
    async with reading(db) as session:
        assert [c.conversation_id for c in await queue.open_cases(session)] == [waiting, later]
        released = (await events_after(session, waiting, 2))[0]
    assert isinstance(released, ChatReleased)
    assert released.cause == "released"
    await claim(db, waiting, kim)
    assert (await case_of(db, waiting)).claims == 2  # the fencing number rises with each holder


async def test_returning_to_the_bot_ends_the_case_and_starts_a_new_episode(
    db: Database, waiting: UUID, sam: Person
) -> None:
    await claim(db, waiting, sam)
    await leave(db, "return to the bot", waiting, sam)
    async with reading(db) as session:
        row = await conversations.get(session, waiting)
        returned = (await events_after(session, waiting, 2))[0]
    assert await state(db, waiting) == ("bot", "ended")
    assert (row.episode, row.episode_seq, row.answered_seq) == (2, 3, 3)
    assert isinstance(returned, ChatReturned)
    assert returned.by == "agent"


async def test_closing_ends_it_for_both(db: Database, waiting: UUID, sam: Person) -> None:
    await claim(db, waiting, sam)
    await leave(db, "close", waiting, sam)
    assert await state(db, waiting) == ("closed", "ended")
    assert await kinds(db, waiting) == ["chat_queued", "chat_claimed", "outcome_noted", "chat_closed"]
    case = await case_of(db, waiting)
    assert (case.outcome, case.ended_at, case.ended_by) == ("solved", LATER, sam.id)


@pytest.mark.parametrize("how", LEAVE)
async def test_only_the_holder_may_let_go(db: Database, waiting: UUID, sam: Person, kim: Person, how: str) -> None:
    with pytest.raises(NotYours):  # nobody holds it yet
        await leave(db, how, waiting, sam)
    await claim(db, waiting, sam)
    with pytest.raises(NotYours) as refusal:
        await leave(db, how, waiting, kim)
    assert refusal.value.code == "not_yours"
    assert await state(db, waiting) == ("agent", "claimed")
    await leave(db, how, waiting, sam)
    with pytest.raises(NotYours):  # twice
        await leave(db, how, waiting, sam)


async def test_who_no_longer_wants_to_wait_is_back_with_the_bot(db: Database, waiting: UUID) -> None:
    async with transaction(db) as session:
        assert await queue.leave_line(session, waiting, now=NOON)
    async with transaction(db) as session:
        assert not await queue.leave_line(session, waiting, now=NOON)
    assert await state(db, waiting) == ("bot", "ended")
    assert await kinds(db, waiting) == ["chat_queued", "chat_returned"]


async def test_leaving_the_line_too_late_changes_nothing(db: Database, waiting: UUID, sam: Person) -> None:
    await claim(db, waiting, sam)
    async with transaction(db) as session:
        assert not await queue.leave_line(session, waiting, now=NOON)
    assert await state(db, waiting) == ("agent", "claimed")


@pytest.mark.parametrize("at", ["bot", "queue", "agent"])
async def test_the_visitor_may_end_it_whoever_holds_it_and_ending_twice_is_ending_once(
    db: Database, ada: UUID, sam: Person, at: str
) -> None:
    if at != "bot":
        await ask(db, ada)
    if at == "agent":
        await claim(db, ada, sam)
    async with transaction(db) as session:
        assert await queue.end_by_visitor(session, ada, now=NOON + MINUTE)
    async with transaction(db) as session:
        assert not await queue.end_by_visitor(session, ada, now=NOON + MINUTE)
    assert await state(db, ada) == ("closed", None if at == "bot" else "ended")
    async with reading(db) as session:
        events = await events_after(session, ada, 0)
        assert await queue.held_by(session, sam.id) == []
        assert await queue.open_cases(session) == []
    assert [e.by for e in events if isinstance(e, ChatClosed)] == ["visitor"]


async def test_a_visitor_who_ends_while_an_agent_claims_leaves_one_clear_state(db: Database, sam: Person) -> None:
    async def end(ada: UUID) -> None:
        async with transaction(db) as session:
            await queue.end_by_visitor(session, ada, now=NOON)

    chats = [await started(db) for _ in range(12)]
    for ada in chats:
        await ask(db, ada)
    moves = [move for n, ada in enumerate(chats) for move in ((end(ada), claim(db, ada, sam))[:: 1 if n % 2 else -1])]
    results = await asyncio.gather(*moves, return_exceptions=True)
    assert all(r is None or isinstance(r, AlreadyClaimed) for r in results)
    for ada in chats:
        assert await state(db, ada) == ("closed", "ended")
        assert (await kinds(db, ada))[-1] == "chat_closed"
        with pytest.raises(NotYours):
            await say_as(db, ada, sam)


async def test_a_late_write_by_a_former_holder_is_refused_and_not_stored(
    db: Database, waiting: UUID, sam: Person, kim: Person
) -> None:
    with pytest.raises(NotYours):
        await say_as(db, waiting, sam)  # before it is claimed
    await claim(db, waiting, sam)
    await say_as(db, waiting, sam)
    await leave(db, "release", waiting, sam)
    with pytest.raises(NotYours):
        await say_as(db, waiting, sam)
    await claim(db, waiting, kim)
    with pytest.raises(NotYours):
        await say_as(db, waiting, sam)
    await say_as(db, waiting, kim, "Hello, this is Kim.")
    async with reading(db) as session:
        said = [e for e in await events_after(session, waiting, 0) if isinstance(e, MessageSaid)]
    assert [(e.sender.kind, e.sender.id, e.sender.name) for e in said] == [
        ("agent", sam.id, "Sam"), ("agent", kim.id, "Kim"),
    ]  # fmt: skip


async def test_an_agents_words_race_the_end_and_are_before_it_or_refused(
    db: Database, waiting: UUID, sam: Person
) -> None:
    await claim(db, waiting, sam)
    results = await asyncio.gather(
        *(say_as(db, waiting, sam) for _ in range(5)), leave(db, "close", waiting, sam),
        *(say_as(db, waiting, sam) for _ in range(5)), return_exceptions=True,
    )  # fmt: skip
    assert all(r is None or isinstance(r, NotYours) for r in results)
    assert (await kinds(db, waiting))[-1] == "chat_closed"


async def test_a_chat_that_comes_back_later_waits_anew(db: Database, waiting: UUID, sam: Person) -> None:
    await claim(db, waiting, sam)
    await leave(db, "close", waiting, sam)
    async with transaction(db) as session:
        await conversations.say(session, waiting, sender=ADA, text="hello again", key="k", now=NOON + MINUTE)
    assert await ask(db, waiting, now=NOON + 9 * MINUTE, reason="asked_for_human")
    case = await case_of(db, waiting)
    assert (case.state, case.waiting_since, case.reason) == ("waiting", NOON + 9 * MINUTE, "asked_for_human")
    assert (case.agent_id, case.claimed_at, case.claims) == (None, None, 1)


async def test_what_is_added_while_waiting_is_in_the_summary_and_later_no_more(
    db: Database, waiting: UUID, sam: Person
) -> None:
    more = Summary("It is broken.", (), (), "It is broken.")
    async with transaction(db) as session:
        await queue.update_summary(session, waiting, more)
    assert (await case_of(db, waiting)).summary == more
    await claim(db, waiting, sam)
    async with transaction(db) as session:
        await queue.update_summary(session, waiting, SUMMARY)
    assert (await case_of(db, waiting)).summary == more


async def test_the_longest_wait_comes_first(db: Database, sam: Person) -> None:
    chats = [await started(db) for _ in range(4)]
    for n in (2, 0, 3, 1):
        await ask(db, chats[n], now=NOON + n * MINUTE)
    await claim(db, chats[1], sam)
    async with reading(db) as session:
        found = [(c.conversation_id, c.state) for c in await queue.open_cases(session)]
        assert await queue.held_by(session, sam.id) == [chats[1]]
    assert found == list(zip(chats, ("waiting", "claimed", "waiting", "waiting"), strict=True))


async def test_an_unknown_conversation_is_refused(db: Database, sam: Person) -> None:
    with pytest.raises(NotFound):
        await ask(db, uuid4())
    with pytest.raises(NotFound):
        await claim(db, uuid4(), sam)


# --- the order ------------------------------------------------------------------------------------


async def line(db: Database) -> list[UUID]:
    async with reading(db) as session:
        return [c.conversation_id for c in await queue.open_cases(session) if c.state == "waiting"]


async def test_who_is_in_danger_stands_before_who_waited_longer_and_an_upset_one_before_a_calm_one(
    db: Database,
) -> None:
    calm, upset, unsafe = [await started(db) for _ in range(3)]
    async with transaction(db) as session:
        await queue.ask(session, calm, reason="stuck", summary=SUMMARY, now=NOON, frustration=0.1)
        await queue.ask(session, upset, reason="frustrated", summary=SUMMARY, now=NOON + 5 * MINUTE, frustration=0.9)
        await queue.ask(
            session, unsafe, reason="asked_for_human", summary=SUMMARY, now=NOON + 60 * MINUTE, danger=True
        )  # fmt: skip
    assert await line(db) == [unsafe, upset, calm]
    for place, chat in enumerate([unsafe, upset, calm], start=1):
        async with reading(db) as session:
            assert (await waiting_place(session, chat, NOON + 60 * MINUTE)).position == place


async def test_the_owners_rules_put_those_who_already_wait_into_a_new_order(db: Database) -> None:
    calm, upset = await started(db), await started(db)
    async with transaction(db) as session:
        await queue.ask(session, calm, reason="stuck", summary=SUMMARY, now=NOON, frustration=0.0)
        await queue.ask(session, upset, reason="frustrated", summary=SUMMARY, now=NOON + 5 * MINUTE, frustration=0.9)
    assert await line(db) == [upset, calm]
    async with transaction(db) as session:
        await desk_rules.change(session, Rules(frustration=0), actor="staff:olive", now=LATER)
    assert await line(db) == [calm, upset]
    async with reading(db) as session:
        assert (await desk_rules.current(session)).frustration == 0
        trail = (await session.scalars(select(AuditRow).where(AuditRow.action == "desk_rules.changed"))).one()
    assert (trail.actor, trail.note["frustration"]) == ("staff:olive", 0)


async def test_who_was_put_back_stands_a_little_further_in_front(db: Database, sam: Person) -> None:
    first, second = await started(db), await started(db)
    await ask(db, first, now=NOON)
    await ask(db, second, now=NOON + 3 * MINUTE)
    await claim(db, second, sam, now=NOON + 4 * MINUTE)
    await leave(db, "release", second, sam)
    assert await line(db) == [second, first]


# --- from person to person ------------------------------------------------------------------------


@pytest.fixture
async def held(db: Database, waiting: UUID, sam: Person, kim: Person) -> UUID:
    """Sam holds it, and both are at the desk."""
    await claim(db, waiting, sam)
    async with transaction(db) as session:
        for who in (sam, kim):
            await presence.renew(session, who.id, LATER)
    return waiting


async def offer(db: Database, chat: UUID, by: Person, to: Person, note: str = "She knows the courier.") -> None:
    async with transaction(db) as session:
        await transfer.offer(session, chat, agent=by, to=to.id, note=note, now=LATER)


async def accept(db: Database, chat: UUID, who: Person) -> None:
    async with transaction(db) as session:
        await transfer.accept(session, chat, agent=who, now=LATER)


async def test_a_chat_is_passed_on_with_a_note_once_the_colleague_accepts(
    db: Database, held: UUID, sam: Person, kim: Person
) -> None:
    await offer(db, held, sam, kim)
    case = await case_of(db, held)
    assert (case.agent_id, case.offered_to, case.offer_note) == (sam.id, kim.id, "She knows the courier.")
    await say_as(db, held, sam, "One moment, my colleague knows more.")  # still Sam's
    await accept(db, held, kim)
    case = await case_of(db, held)
    assert (case.agent_id, case.offered_to, case.offer_note, case.claims) == (kim.id, None, None, 2)
    with pytest.raises(NotYours):
        await say_as(db, held, sam, "a late word")
    for how in LEAVE:
        with pytest.raises(NotYours):
            await leave(db, how, held, sam)
    await say_as(db, held, kim)
    with pytest.raises(OfferGone):
        await accept(db, held, kim)
    assert await kinds(db, held) == [
        "chat_queued", "chat_claimed", "chat_offered", "message_said", "chat_claimed", "message_said",
    ]  # fmt: skip


@pytest.mark.parametrize("who", ["sam", "kim"])
async def test_an_offer_is_declined_or_withdrawn_and_then_cannot_be_accepted(
    db: Database, held: UUID, sam: Person, kim: Person, who: str
) -> None:
    await offer(db, held, sam, kim)
    ending = {"sam": sam, "kim": kim}[who]
    async with transaction(db) as session:
        await transfer.end_offer(session, held, agent=ending, now=LATER)
    with pytest.raises(OfferGone):
        await accept(db, held, kim)
    with pytest.raises(OfferGone):
        async with transaction(db) as session:
            await transfer.end_offer(session, held, agent=ending, now=LATER)
    assert (await case_of(db, held)).agent_id == sam.id


async def test_a_chat_cannot_be_offered_to_oneself_nor_to_who_is_gone_nor_by_who_does_not_hold_it(
    db: Database, held: UUID, sam: Person, kim: Person
) -> None:
    with pytest.raises(BadInput):
        await offer(db, held, sam, sam)
    with pytest.raises(NotYours):
        await offer(db, held, kim, sam)
    with pytest.raises(NotAtTheDesk):
        await offer(db, held, sam, await agent(db, "Lee"))
    with pytest.raises(EmptyText):
        await offer(db, held, sam, kim, note="  ")
    assert (await case_of(db, held)).offered_to is None


@pytest.mark.parametrize("how", LEAVE)
async def test_an_offer_ends_with_the_holders_hold(
    db: Database, held: UUID, sam: Person, kim: Person, how: str
) -> None:
    await offer(db, held, sam, kim)
    await leave(db, how, held, sam)
    with pytest.raises(OfferGone):
        await accept(db, held, kim)


async def test_an_owner_takes_a_chat_over_and_an_agent_may_not(
    db: Database, held: UUID, sam: Person, kim: Person
) -> None:
    async with transaction(db) as session:
        olive = await staff.add(
            session, email="olive@example.com", name="Olive", role="owner", password_hash=None, now=NOON, actor="test"
        )
    with pytest.raises(NotAllowed):
        async with transaction(db) as session:
            await queue.take_over(session, held, agent=kim, now=LATER)
    async with transaction(db) as session:
        await queue.take_over(session, held, agent=olive, now=LATER)
    with pytest.raises(NotYours):
        await say_as(db, held, sam)
    with pytest.raises(AlreadyClaimed):  # her own
        async with transaction(db) as session:
            await queue.take_over(session, held, agent=olive, now=LATER)
    await say_as(db, held, olive, "Hello, this is Olive.")


async def test_who_steps_in_takes_the_chat_from_the_bot_and_what_is_unanswered_with_it(
    db: Database, ada: UUID, sam: Person
) -> None:
    async with transaction(db) as session:
        await conversations.say(session, ada, sender=ADA, text="hello?", key="k", now=NOON)
        await queue.step_in(session, ada, agent=sam, now=LATER)
    async with reading(db) as session:
        row = await conversations.get(session, ada)
        recent = list(await session.scalars(select(WaitRow.seconds)))
    assert row.answered_seq == row.last_visitor_seq
    assert recent == [None]  # nobody waited, so the honest wait does not learn of it
    assert await state(db, ada) == ("agent", "claimed")
    assert (await case_of(db, ada)).reason == "stepped_in"
    with pytest.raises(NotWithTheBot):
        async with transaction(db) as session:
            await queue.step_in(session, ada, agent=sam, now=LATER)


async def test_what_was_agreed_is_said_to_the_visitor_before_the_bot_is_back(
    db: Database, held: UUID, sam: Person, kim: Person
) -> None:
    with pytest.raises(NotYours):
        async with transaction(db) as session:
            await replies.hand_back(session, held, agent=kim, agreed="A lie.", now=LATER)
    async with transaction(db) as session:
        await replies.hand_back(session, held, agent=sam, agreed="A new jar leaves today.", now=LATER)
    async with reading(db) as session:
        *_, said, returned = await events_after(session, held, 0)
    assert isinstance(said, MessageSaid)
    assert (said.text, said.sender.name) == ("A new jar leaves today.", "Sam")
    assert isinstance(returned, ChatReturned)
    assert await state(db, held) == ("bot", "ended")


async def test_a_closed_chat_is_reopened_within_a_day_and_not_later(
    db: Database, held: UUID, sam: Person, kim: Person
) -> None:
    async with transaction(db) as session:
        await queue.close(session, held, agent_id=sam.id, now=NOON, outcome="unsolved")
    for late in (queue.REOPEN_WITHIN + MINUTE,):
        with pytest.raises(CannotReopen):
            async with transaction(db) as session:
                await queue.reopen(session, held, agent=kim, now=NOON + late)
    async with transaction(db) as session:
        await queue.reopen(session, held, agent=kim, now=NOON + queue.REOPEN_WITHIN)
    case = await case_of(db, held)
    assert (case.state, case.agent_id, case.outcome, case.ended_at) == ("claimed", kim.id, None, None)
    assert case.waiting_since == NOON + queue.REOPEN_WITHIN  # put back, it does not jump over a whole day's line
    with pytest.raises(CannotReopen):
        async with transaction(db) as session:
            await queue.reopen(session, held, agent=sam, now=NOON + queue.REOPEN_WITHIN)
    await say_as(db, held, kim, "One thing more.")


async def test_nobody_reopens_the_chat_of_who_withdrew_the_consent(db: Database, waiting: UUID, sam: Person) -> None:
    await claim(db, waiting, sam)
    async with transaction(db) as session:
        visitor_id = (await conversations.get(session, waiting)).visitor_id
        await consents.give(session, visitor_id, {"chat": False}, version="1", now=LATER)
        await queue.end_by_visitor(session, waiting, now=LATER)
    with pytest.raises(ConsentWithdrawn):
        async with transaction(db) as session:
            await queue.reopen(session, waiting, agent=sam, now=LATER)
    assert await state(db, waiting) == ("closed", "ended")


async def test_a_mood_that_may_not_be_kept_no_longer_moves_a_chat_forward(db: Database) -> None:
    calm, upset = await started(db), await started(db)
    async with transaction(db) as session:
        await queue.ask(session, calm, reason="complex", summary=SUMMARY, now=NOON - MINUTE)
        await queue.ask(session, upset, reason="complex", summary=SUMMARY, now=NOON, frustration=0.9)
    assert await line(db) == [upset, calm]
    async with transaction(db) as session:
        await queue.drop_mood(session, upset)
    assert await line(db) == [calm, upset]
    found = await case_of(db, upset)
    assert (found.frustration, found.urgency.heated, found.counts_from) == (None, False, NOON)
