"""handoff/queue.py: a conversation reaches one agent, once, and nobody who lost it can speak in it."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core import conversations, staff
from core.bus import DESK, Notice, conversation_topic
from core.db import Database, connect, reading, transaction
from core.errors import NotFound, Refusal
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
from handoff import queue
from handoff.queue import AlreadyClaimed, Case, NotYours
from handoff.replies import reply
from handoff.summary import Fact, Summary
from handoff.tables import WaitRow

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
    assert await kinds(db, waiting) == ["chat_queued", "chat_claimed", "chat_closed"]


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


@dataclass
class Model:
    """What should be so of one conversation."""

    holder: str = "bot"
    agent: int | None = None
    since: datetime | None = None
    claims: int = 0
    episode: int = 1
    events: int = 0


CHAT = st.integers(0, 1)
AGENT = st.integers(0, 1)


class Line(RuleBasedStateMachine):
    """Anybody does anything in any order; the two tables must always tell the same story."""

    template: Path
    folder: Path

    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        path = self.folder / f"{uuid4().hex}.db"
        shutil.copy(self.template, path)
        self.db = connect(f"sqlite+aiosqlite:///{path}", self.to_nobody)
        self.now = NOON
        self.model = [Model(), Model()]
        self.chats = [self.runner.run(started(self.db)) for _ in self.model]
        self.agents = [self.runner.run(agent(self.db, name)) for name in ("Sam", "Kim")]

    @staticmethod
    async def to_nobody(_notices: list[Notice]) -> None:
        return None

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.db.engine.dispose())
            self.runner.close()

    def do(self, work: Callable[[AsyncSession], Awaitable[object]], *, refused: bool = False) -> object:
        """Run it in a transaction; it must be refused exactly where the model says so."""

        async def run() -> object:
            async with transaction(self.db) as session:
                return await work(session)

        self.now += timedelta(seconds=1)
        try:
            result = self.runner.run(run())
        except Refusal as refusal:
            if not refused:
                raise AssertionError(f"refused by {refusal.code}, and should not have been") from refusal
            return None
        assert not refused, "was let through, and should have been refused"
        return result

    @rule(n=CHAT)
    def ask(self, n: int) -> None:
        now = self.now + timedelta(seconds=1)
        done = self.do(lambda s: queue.ask(s, self.chats[n], reason="stuck", summary=SUMMARY, now=now))
        it = self.model[n]
        assert done is (it.holder in ("bot", "closed"))
        if done:
            it.holder, it.agent, it.since, it.events = "queue", None, now, it.events + 1

    @rule(n=CHAT, a=AGENT)
    def claim(self, n: int, a: int) -> None:
        it = self.model[n]
        refused = it.holder != "queue"
        self.do(lambda s: queue.claim(s, self.chats[n], agent=self.agents[a], now=self.now), refused=refused)
        if not refused:
            it.holder, it.agent, it.claims, it.events = "agent", a, it.claims + 1, it.events + 1

    @rule(n=CHAT, a=AGENT)
    def release(self, n: int, a: int) -> None:
        self._let_go(n, a, "release", "queue", new_episode=0)

    @rule(n=CHAT, a=AGENT)
    def return_to_bot(self, n: int, a: int) -> None:
        self._let_go(n, a, "return to the bot", "bot", new_episode=1)

    @rule(n=CHAT, a=AGENT)
    def close(self, n: int, a: int) -> None:
        self._let_go(n, a, "close", "closed", new_episode=1)

    def _let_go(self, n: int, a: int, how: str, to: str, new_episode: int) -> None:
        it = self.model[n]
        refused = it.agent != a
        self.do(lambda s: LEAVE[how](s, self.chats[n], self.agents[a].id), refused=refused)
        if not refused:
            it.holder, it.agent, it.events = to, None, it.events + 1
            it.episode += new_episode

    @rule(n=CHAT)
    def leave_line(self, n: int) -> None:
        it = self.model[n]
        done = self.do(lambda s: queue.leave_line(s, self.chats[n], now=self.now))
        assert done is (it.holder == "queue")
        if done:
            it.holder, it.episode, it.events = "bot", it.episode + 1, it.events + 1

    @rule(n=CHAT)
    def end_by_visitor(self, n: int) -> None:
        it = self.model[n]
        done = self.do(lambda s: queue.end_by_visitor(s, self.chats[n], now=self.now))
        assert done is (it.holder != "closed")
        if done:
            it.holder, it.agent, it.episode, it.events = "closed", None, it.episode + 1, it.events + 1

    @rule(n=CHAT)
    def visitor_writes(self, n: int) -> None:
        it = self.model[n]
        self.do(lambda s: conversations.say(s, self.chats[n], sender=ADA, text="hello", key=uuid4().hex, now=self.now))
        it.events += 1
        if it.holder == "closed":
            it.holder, it.episode, it.events = "bot", it.episode + 1, it.events + 1

    @rule(n=CHAT, a=AGENT)
    def agent_writes(self, n: int, a: int) -> None:
        it = self.model[n]
        refused = it.agent != a
        self.do(
            lambda s: reply(s, self.chats[n], agent=self.agents[a], key=uuid4().hex, text="hello", now=self.now),
            refused=refused,
        )
        it.events += not refused

    @invariant()
    def the_log_and_the_case_agree(self) -> None:
        if not hasattr(self, "chats"):
            return
        for n, it in enumerate(self.model):
            row, case, numbers = self.runner.run(self._seen(n))
            assert (row.holder, row.episode, row.last_seq) == (it.holder, it.episode, it.events)
            assert numbers == list(range(1, it.events + 1)), "a number is missing"
            state = {"queue": "waiting", "agent": "claimed"}.get(it.holder)
            if case is None:
                assert state is None
                continue
            assert case.state == (state or "ended")
            assert case.agent_id == (self.agents[it.agent].id if it.agent is not None else None)
            assert (case.claimed_at is None) == (it.agent is None)
            assert (case.claims, case.waiting_since) == (it.claims, it.since)

    async def _seen(self, n: int) -> tuple[Any, Case | None, list[int]]:
        async with reading(self.db) as session:
            row = await conversations.get(session, self.chats[n])
            case = await queue.get(session, self.chats[n])
            return row, case, [e.seq for e in await events_after(session, self.chats[n], 0)]


def test_whatever_anybody_does_the_log_and_the_case_agree(migrated_sqlite: Path, tmp_path: Path) -> None:
    class Here(Line):
        template = migrated_sqlite
        folder = tmp_path

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=12, stateful_step_count=30, deadline=None, derandomize=True, database=None,
            phases=[Phase.generate],  # shrinking on a real database takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
