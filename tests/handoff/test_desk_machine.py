"""Anybody does anything in any order, and no state comes out that should not be.

Small in the suite; WARMLINE_TEST_STEPS=10000 runs that many steps.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy.ext.asyncio import AsyncSession

from core import conversations, staff
from core.bus import Notice
from core.db import Database, connect, reading, transaction
from core.errors import Refusal
from core.events import ChatClaimed, Event, Sender, events_after
from core.staff import Person, Role
from handoff import presence, queue, transfer
from handoff.queue import Case
from handoff.replies import hand_back, reply
from handoff.summary import Summary

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ADA = Sender(kind="visitor")
SUMMARY = Summary("Where is order A-1?")
STEPS = int(os.environ.get("WARMLINE_TEST_STEPS", "400"))
LENGTH = 40
PEOPLE: list[tuple[str, Role]] = [("Sam", "agent"), ("Kim", "agent"), ("Olive", "owner")]
OWNER = 2
CHAT = st.integers(0, 1)
WHO = st.integers(0, len(PEOPLE) - 1)


@dataclass
class Model:
    """What should be so of one conversation."""

    holder: str = "bot"
    agent: int | None = None
    offered_to: int | None = None
    since: datetime | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    has_case: bool = False
    claims: int = 0
    episode: int = 1
    events: int = 0


async def started(db: Database) -> Any:
    async with transaction(db) as session:
        return (await conversations.start(session, now=NOON, channel="web", open_key=None))[0].id


async def person(db: Database, name: str, role: Role) -> Person:
    async with transaction(db) as session:
        return await staff.add(
            session, email=f"{name}@example.com", name=name, role=role, password_hash=None, now=NOON, actor="test"
        )


class DeskMachine(RuleBasedStateMachine):
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
        self.people = [self.runner.run(person(self.db, name, role)) for name, role in PEOPLE]

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

    # --- into the line and out of it

    @rule(n=CHAT)
    def ask(self, n: int) -> None:
        now = self.now + timedelta(seconds=1)
        done = self.do(lambda s: queue.ask(s, self.chats[n], reason="stuck", summary=SUMMARY, now=now))
        it = self.model[n]
        assert done is (it.holder in ("bot", "closed"))
        if done:
            it.holder, it.agent, it.since, it.events, it.has_case = "queue", None, now, it.events + 1, True
            it.outcome = it.closed_at = None

    @rule(n=CHAT)
    def leave_line(self, n: int) -> None:
        it = self.model[n]
        done = self.do(lambda s: queue.leave_line(s, self.chats[n], now=self.now))
        assert done is (it.holder == "queue")
        if done:
            it.holder, it.episode, it.events, it.closed_at = "bot", it.episode + 1, it.events + 1, self.now

    # --- to a person

    def taken(self, n: int, a: int) -> None:
        it = self.model[n]
        it.holder, it.agent, it.offered_to = "agent", a, None
        it.claims, it.events = it.claims + 1, it.events + 1

    @rule(n=CHAT, a=WHO)
    def claim(self, n: int, a: int) -> None:
        refused = self.model[n].holder != "queue"
        self.do(lambda s: queue.claim(s, self.chats[n], agent=self.people[a], now=self.now), refused=refused)
        if not refused:
            self.taken(n, a)

    @rule(n=CHAT, a=WHO)
    def step_in(self, n: int, a: int) -> None:
        it = self.model[n]
        refused = it.holder != "bot"
        now = self.now + timedelta(seconds=1)
        self.do(lambda s: queue.step_in(s, self.chats[n], agent=self.people[a], now=now), refused=refused)
        if not refused:
            it.since, it.has_case, it.outcome, it.closed_at = now, True, None, None
            self.taken(n, a)

    @rule(n=CHAT, a=WHO)
    def take_over(self, n: int, a: int) -> None:
        it = self.model[n]
        refused = a != OWNER or it.holder != "agent" or it.agent == a
        self.do(lambda s: queue.take_over(s, self.chats[n], agent=self.people[a], now=self.now), refused=refused)
        if not refused:
            self.taken(n, a)

    @rule(n=CHAT, a=WHO, days=st.sampled_from([0, 0, 0, 2]))
    def reopen(self, n: int, a: int, days: int) -> None:
        it = self.model[n]
        self.now += timedelta(days=days)
        now = self.now + timedelta(seconds=1)
        fresh = it.closed_at is not None and now - it.closed_at <= queue.REOPEN_WITHIN
        refused = it.holder != "closed" or not it.has_case or not fresh
        self.do(lambda s: queue.reopen(s, self.chats[n], agent=self.people[a], now=now), refused=refused)
        if not refused:
            it.since, it.outcome, it.closed_at = now, None, None
            self.taken(n, a)

    # --- from person to person

    @rule(n=CHAT, a=WHO, to=WHO, present=st.booleans())
    def offer(self, n: int, a: int, to: int, present: bool) -> None:
        it = self.model[n]
        self.now += timedelta(minutes=1)  # every earlier lease is over
        if present:
            self.do(lambda s: presence.renew(s, self.people[to].id, self.now))
        refused = it.agent != a or a == to or not present
        self.do(
            lambda s: transfer.offer(
                s, self.chats[n], agent=self.people[a], to=self.people[to].id, note="please", now=self.now
            ),
            refused=refused,
        )
        if not refused:
            it.offered_to, it.events = to, it.events + 1

    @rule(n=CHAT, a=WHO)
    def accept(self, n: int, a: int) -> None:
        refused = self.model[n].offered_to != a
        self.do(lambda s: transfer.accept(s, self.chats[n], agent=self.people[a], now=self.now), refused=refused)
        if not refused:
            self.taken(n, a)

    @rule(n=CHAT, a=WHO)
    def end_offer(self, n: int, a: int) -> None:
        it = self.model[n]
        refused = it.offered_to is None or a not in (it.offered_to, it.agent)
        self.do(lambda s: transfer.end_offer(s, self.chats[n], agent=self.people[a], now=self.now), refused=refused)
        if not refused:
            it.offered_to, it.events = None, it.events + 1

    # --- away from a person

    @rule(n=CHAT, a=WHO)
    def release(self, n: int, a: int) -> None:
        self.let_go(n, a, "queue", lambda s: queue.release(s, self.chats[n], agent_id=self.people[a].id, now=self.now))

    @rule(n=CHAT, a=WHO, agreed=st.sampled_from(["", "A new jar leaves today."]))
    def return_to_bot(self, n: int, a: int, agreed: str) -> None:
        self.let_go(
            n, a, "bot", lambda s: hand_back(s, self.chats[n], agent=self.people[a], agreed=agreed, now=self.now),
            events=2 if agreed else 1,
        )  # fmt: skip

    @rule(n=CHAT, a=WHO, outcome=st.sampled_from(["solved", "unsolved"]))
    def close(self, n: int, a: int, outcome: Any) -> None:
        who = self.people[a].id
        work = lambda s: queue.close(s, self.chats[n], agent_id=who, now=self.now, outcome=outcome)  # noqa: E731
        self.let_go(n, a, "closed", work, events=2, outcome=outcome)

    def let_go(
        self, n: int, a: int, to: str, work: Callable[[AsyncSession], Awaitable[object]], *, events: int = 1,
        outcome: str | None = None,
    ) -> None:  # fmt: skip
        it = self.model[n]
        refused = it.agent != a
        self.do(work, refused=refused)
        if refused:
            return
        it.holder, it.agent, it.offered_to, it.events = to, None, None, it.events + events
        if to != "queue":
            it.episode, it.closed_at, it.outcome = it.episode + 1, self.now, outcome

    @rule(a=WHO)
    def vanish(self, a: int) -> None:
        """All leases run out; whoever held something loses it to the line."""
        self.now += timedelta(minutes=1)
        back = self.do(lambda s: presence.bring_back(s, self.now))
        assert isinstance(back, list)
        for n, it in enumerate(self.model):
            assert (self.chats[n] in back) == (it.agent is not None)
            if it.agent is not None:
                it.holder, it.agent, it.offered_to, it.events = "queue", None, None, it.events + 1

    # --- words

    @rule(n=CHAT)
    def end_by_visitor(self, n: int) -> None:
        it = self.model[n]
        done = self.do(lambda s: queue.end_by_visitor(s, self.chats[n], now=self.now))
        assert done is (it.holder != "closed")
        if done:
            it.holder, it.agent, it.offered_to, it.outcome = "closed", None, None, None
            it.episode, it.events, it.closed_at = it.episode + 1, it.events + 1, self.now

    @rule(n=CHAT)
    def visitor_writes(self, n: int) -> None:
        it = self.model[n]
        self.do(lambda s: conversations.say(s, self.chats[n], sender=ADA, text="hello", key=uuid4().hex, now=self.now))
        it.events += 1
        if it.holder == "closed":
            it.holder, it.episode, it.events = "bot", it.episode + 1, it.events + 1

    @rule(n=CHAT, a=WHO)
    def agent_writes(self, n: int, a: int) -> None:
        it = self.model[n]
        refused = it.agent != a
        self.do(
            lambda s: reply(s, self.chats[n], agent=self.people[a], key=uuid4().hex, text="hello", now=self.now),
            refused=refused,
        )
        it.events += not refused

    @invariant()
    def the_log_and_the_case_agree(self) -> None:
        if not hasattr(self, "people"):
            return
        for n, it in enumerate(self.model):
            row, case, events = self.runner.run(self.seen(n))
            assert (row.holder, row.episode, row.last_seq) == (it.holder, it.episode, it.events)
            assert [e.seq for e in events] == list(range(1, it.events + 1)), "a number is missing"
            assert sum(isinstance(e, ChatClaimed) for e in events) == it.claims
            state = {"queue": "waiting", "agent": "claimed"}.get(it.holder)
            assert (case is not None) == it.has_case
            if case is None:
                continue
            assert case.state == (state or "ended")
            assert case.agent_id == self.id_of(it.agent)
            assert case.offered_to == self.id_of(it.offered_to)
            assert (case.offer_note is None) == (it.offered_to is None)
            assert (case.claimed_at is None) == (it.agent is None)
            assert (case.claims, case.waiting_since, case.outcome) == (it.claims, it.since, it.outcome)
            assert case.counts_from <= case.waiting_since

    def id_of(self, who: int | None) -> object:
        return self.people[who].id if who is not None else None

    async def seen(self, n: int) -> tuple[Any, Case | None, list[Event]]:
        async with reading(self.db) as session:
            row = await conversations.get(session, self.chats[n])
            case = await queue.get(session, self.chats[n])
            return row, case, await events_after(session, self.chats[n], 0, 1000)


def test_whatever_anybody_does_no_state_comes_out_that_should_not_be(migrated_sqlite: Path, tmp_path: Path) -> None:
    class Here(DeskMachine):
        template = migrated_sqlite
        folder = tmp_path

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=max(1, STEPS // LENGTH), stateful_step_count=LENGTH, deadline=None, derandomize=True,
            database=None, phases=[Phase.generate],  # shrinking on a real database takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
