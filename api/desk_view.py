"""The desk's page as data: one snapshot that a desk replaces its own with. Floor 3."""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from api.house import House
from api.protocol import (
    AgentState,
    Fact,
    HeadStart,
    LeftMessage,
    Offered,
    Queue,
    QueueItem,
    State,
    Suggested,
    Summary,
)
from core import consents, conversations, search, staff
from core.db import reading
from core.events import Outcome
from core.tables import ConversationRow, MessageRow
from handoff import desk_rules, left, presence, queue, routing, waiting
from handoff.presence import Present
from handoff.queue import Case
from handoff.routing import Load, Rules

SHOWN_WITH_BOT = 50
SHOWN_CLOSED = 50
SHOWN_EARLIER = 20
SHOWN_FOUND = 40
LOOKED_THROUGH = 400  # messages that a search looks at, the newest first
CLOSED_COUNTS = timedelta(hours=24)
ItemState = Literal["bot", "waiting", "claimed", "closed"]


async def snapshot(house: House, me: UUID | None) -> Queue:
    now = house.now()
    async with reading(house.db) as session:
        cases = await queue.open_cases(session)
        with_bot = await conversations.recent(session, "bot", now - timedelta(hours=24), SHOWN_WITH_BOT)
        held = await conversations.many(session, [c.conversation_id for c in cases])
        rows = {**held, **{c.id: c for c in with_bot}}
        last = await conversations.latest_messages(session, list(rows))
        unscored = await consents.unscored(session, [row.visitor_id for row in rows.values()])
        names = await staff.names(session)
        messages_left = await left.waiting(session)
        agents = await presence.present(session, now)
        rules = await desk_rules.current(session)
        closed = await conversations.count_closed(session, now - CLOSED_COUNTS)
    known = [c for c in cases if c.conversation_id in rows]
    items = [_case_item(c, rows[c.conversation_id], last, names, rules, unscored) for c in known]
    claimed = [i for i in items if i.state == "claimed"]
    return Queue(
        waiting=tuple(i for i in items if i.state == "waiting"),
        mine=tuple(i for i in claimed if i.agent_id == me),
        others=tuple(i for i in claimed if i.agent_id != me),
        with_bot=tuple(_plain_item(row, last, unscored, "bot") for row in with_bot),
        left=tuple(
            LeftMessage(id=m.id, conversation_id=m.conversation_id, email=m.email, text=m.text, at=m.at)
            for m in messages_left
        ),
        agents=tuple(
            AgentState(id=a.agent_id, name=names.get(a.agent_id, ""), status=a.status, holds=a.holds) for a in agents
        ),
        suggested=_suggested(known, agents, me, rules, now),
        closed=closed,
    )


def _suggested(
    cases: Sequence[Case], agents: Sequence[Present], me: UUID | None, rules: Rules, now: datetime
) -> Suggested:
    line = [
        routing.Waiting(
            c.conversation_id, c.urgency.danger, not c.urgency.danger and (c.abusive or c.urgency.heated),
            now - c.waiting_since,
        )
        for c in cases
        if c.state == "waiting"
    ]  # fmt: skip
    mine = next((a.load for a in agents if a.agent_id == me), Load())
    others = [a.load for a in agents if a.agent_id != me and a.status == "online"]
    found = routing.suggest(line, mine, others, rules.heated_in_a_row)
    return Suggested(conversation_id=found.conversation_id, why=found.why)


def _case_item(
    case: Case,
    row: ConversationRow,
    last: Mapping[UUID, MessageRow],
    names: Mapping[UUID, str],
    rules: Rules,
    unscored: Container[UUID],
    state: ItemState | None = None,
) -> QueueItem:
    summary = Summary(
        wants=case.summary.wants, tried=case.summary.tried, open=case.summary.open,
        facts=tuple(Fact(what=f.what, text=f.text) for f in case.summary.facts),
    )  # fmt: skip
    offered = None
    if case.offered_to is not None:
        offered = Offered(
            to_id=case.offered_to, to_name=names.get(case.offered_to, ""), note=case.offer_note or ""
        )  # fmt: skip
    agent_id = case.agent_id or case.ended_by
    return QueueItem.model_validate(
        {
            **_common(row, last, unscored), "state": state or case.state, "reason": case.reason,
            "sentiment": case.sentiment,
            "frustration": case.frustration, "waiting_since": case.waiting_since, "claimed_at": case.claimed_at,
            "agent_id": agent_id, "agent_name": names.get(agent_id) if agent_id else None,
            "summary": summary, "veiled": case.abusive, "offered": offered, "outcome": case.outcome,
            "ended_at": case.ended_at,
            "head_starts": tuple(
                HeadStart(why=s.why, minutes=s.minutes) for s in routing.head_starts(case.urgency, rules)
            ),
        }
    )  # fmt: skip


def _plain_item(
    row: ConversationRow, last: Mapping[UUID, MessageRow], unscored: Container[UUID], state: Literal["bot", "closed"]
) -> QueueItem:
    """Of a conversation that nobody of the staff was ever in."""
    return QueueItem.model_validate(
        {
            **_common(row, last, unscored), "state": state, "reason": None, "sentiment": None, "frustration": None,
            "waiting_since": None, "agent_id": None, "agent_name": None, "summary": None,
        }
    )  # fmt: skip


def _common(row: ConversationRow, last: Mapping[UUID, MessageRow], unscored: Container[UUID]) -> dict[str, object]:
    message = last.get(row.id)
    return {
        "conversation_id": row.id,
        "last_text": message.text[:200] if message is not None else "",
        "last_from": message.sender_kind if message is not None else "",
        "last_at": row.last_at,
        "last_seq": row.last_seq,
        "channel": row.channel,
        "scored": row.visitor_id not in unscored,
    }


# --- what is not in the snapshot: closed, earlier, found -------------------------------------------


class Closed(BaseModel):
    items: tuple[QueueItem, ...]
    before: datetime | None  # ask for the next page with it; null: that was all


async def closed(house: House, before: datetime | None, ended_by: UUID | None) -> Closed:
    """Closed conversations, the latest first; with ``ended_by`` only those that this agent ended."""
    async with reading(house.db) as session:
        among = await queue.ended_by(session, ended_by, 500) if ended_by is not None else None
        rows = await conversations.closed(session, before, SHOWN_CLOSED, among)
        items = await _items(session, rows)
    return Closed(items=items, before=rows[-1].last_at if len(rows) == SHOWN_CLOSED else None)


async def one(house: House, conversation_id: UUID) -> QueueItem:
    """
    Raises:
        NotFound: no such conversation.

    """
    async with reading(house.db) as session:
        [item] = await _items(session, [await conversations.get(session, conversation_id)])
    return item


async def _items(session: AsyncSession, rows: Sequence[ConversationRow]) -> tuple[QueueItem, ...]:
    ids = [row.id for row in rows]
    cases = await queue.many(session, ids)
    last = await conversations.latest_messages(session, ids)
    names = await staff.names(session)
    rules = await desk_rules.current(session)
    unscored = await consents.unscored(session, [row.visitor_id for row in rows])
    states: dict[str, ItemState] = {"bot": "bot", "queue": "waiting", "agent": "claimed", "closed": "closed"}
    items = []
    for row in rows:
        state = states[row.holder]
        case = cases.get(row.id)
        if case is not None:
            items.append(_case_item(case, row, last, names, rules, unscored, state))
        else:
            items.append(_plain_item(row, last, unscored, "closed" if state == "closed" else "bot"))
    return tuple(items)


class Earlier(BaseModel):
    conversation_id: UUID
    why: Literal["same_visitor", "same_address"]
    started_at: datetime
    last_at: datetime
    holder: conversations.Holder
    outcome: Outcome | None
    about: str  # what was wanted, or the last words
    veiled: bool


async def earlier(house: House, conversation_id: UUID) -> list[Earlier]:
    """What else this visitor came for, the latest first.

    Raises:
        NotFound: no such conversation.

    """
    async with reading(house.db) as session:
        here = await conversations.get(session, conversation_id)
        same = await conversations.others_of_visitor(session, here, SHOWN_EARLIER)
        by_address = await left.same_address(session, conversation_id, SHOWN_EARLIER)
        others = await conversations.many(session, [i for i in by_address if i not in {row.id for row in same}])
        rows = sorted([*same, *others.values()], key=lambda row: row.last_at, reverse=True)
        cases = await queue.many(session, [row.id for row in rows])
        last = await conversations.latest_messages(session, [row.id for row in rows])
    return [_earlier(row, cases.get(row.id), last.get(row.id), row.id in others) for row in rows]


def _earlier(row: ConversationRow, case: Case | None, message: MessageRow | None, by_address: bool) -> Earlier:
    wants = case.summary.wants if case is not None else ""
    return Earlier(
        conversation_id=row.id, why="same_address" if by_address else "same_visitor", started_at=row.started_at,
        last_at=row.last_at, holder=conversations.holder_of(row), outcome=case.outcome if case is not None else None,
        about=wants or (message.text[:200] if message is not None else ""),
        veiled=case is not None and case.abusive,
    )  # fmt: skip


class Piece(BaseModel):
    text: str
    hit: bool


class Found(BaseModel):
    conversation_id: UUID
    seq: int
    sender_kind: str
    at: datetime
    snippet: tuple[Piece, ...]
    more: int  # further places of the same conversation
    holder: conversations.Holder
    veiled: bool


class FoundList(BaseModel):
    found: tuple[Found, ...]
    cut: bool  # there are older ones that were not looked at


async def find(house: House, query: str) -> FoundList:
    """Conversations in which somebody said this, each with its newest place.

    Raises:
        NothingToSearch.

    """
    terms = search.terms_of(query)
    async with reading(house.db) as session:
        hits = await search.find(session, terms, LOOKED_THROUGH)
        by_chat: dict[UUID, list[search.Hit]] = {}
        for hit in hits:
            by_chat.setdefault(hit.conversation_id, []).append(hit)
        rows = await conversations.many(session, list(by_chat)[:SHOWN_FOUND])
        cases = await queue.many(session, list(rows))
    shown = [chat for chat in by_chat if chat in rows]
    found = tuple(
        Found(
            conversation_id=chat, seq=by_chat[chat][0].seq, sender_kind=by_chat[chat][0].sender_kind,
            at=by_chat[chat][0].at, more=len(by_chat[chat]) - 1, holder=conversations.holder_of(rows[chat]),
            snippet=tuple(Piece(text=p.text, hit=p.hit) for p in search.snippet(by_chat[chat][0].text, terms)),
            veiled=chat in cases and cases[chat].abusive,
        )
        for chat in shown
    )  # fmt: skip
    return FoundList(found=found, cut=len(hits) == LOOKED_THROUGH or len(by_chat) > len(found))


# --- the visitor's side ----------------------------------------------------------------------------


async def visitor_state(house: House, conversation_id: UUID) -> State:
    async with reading(house.db) as session:
        return await _visitor_state(session, house, conversation_id)


async def _visitor_state(session: AsyncSession, house: House, conversation_id: UUID) -> State:
    row = await conversations.get(session, conversation_id)
    now = house.now()
    place = await waiting.place(session, conversation_id, now)
    in_line = row.holder == "queue"
    agent_name = None
    if row.holder == "agent":
        case = await queue.get(session, conversation_id)
        person = await staff.get(session, case.agent_id) if case is not None and case.agent_id else None
        agent_name = person.name if person is not None else None
    return State.model_validate(
        {
            "holder": row.holder,
            "agent_name": agent_name,
            "bot_thinking": row.holder == "bot" and row.answered_seq < row.last_visitor_seq,
            "position": place.position if in_line else None,
            "wait_seconds": place.wait_seconds if in_line else None,
            "desk_open": place.desk_open,
            "contact_left": in_line and await left.was_left(session, conversation_id, row.episode_seq),
        }
    )
