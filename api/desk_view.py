"""The desk's page as data: one snapshot that a desk replaces its own with. Floor 3."""

from collections.abc import Container, Mapping
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.house import House
from api.protocol import AgentState, Fact, LeftMessage, Queue, QueueItem, State, Summary
from core import consents, conversations, staff
from core.db import reading
from core.tables import ConversationRow, MessageRow
from handoff import left, presence, queue, waiting
from handoff.queue import Case

SHOWN_WITH_BOT = 50


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
    items = [_case_item(c, rows[c.conversation_id], last, names, unscored) for c in cases if c.conversation_id in rows]
    claimed = [i for i in items if i.state == "claimed"]
    return Queue(
        waiting=tuple(i for i in items if i.state == "waiting"),
        mine=tuple(i for i in claimed if i.agent_id == me),
        others=tuple(i for i in claimed if i.agent_id != me),
        with_bot=tuple(_bot_item(row, last, unscored) for row in with_bot),
        left=tuple(
            LeftMessage(id=m.id, conversation_id=m.conversation_id, email=m.email, text=m.text, at=m.at)
            for m in messages_left
        ),
        agents=tuple(
            AgentState(id=a.agent_id, name=names.get(a.agent_id, ""), status=a.status, holds=a.holds) for a in agents
        ),
    )


def _case_item(
    case: Case,
    row: ConversationRow,
    last: Mapping[UUID, MessageRow],
    names: Mapping[UUID, str],
    unscored: Container[UUID],
) -> QueueItem:
    summary = Summary(
        wants=case.summary.wants, tried=case.summary.tried, open=case.summary.open,
        facts=tuple(Fact(what=f.what, text=f.text) for f in case.summary.facts),
    )  # fmt: skip
    return QueueItem.model_validate(
        {
            **_common(row, last, unscored), "state": case.state, "reason": case.reason, "sentiment": case.sentiment,
            "frustration": case.frustration, "waiting_since": case.waiting_since, "claimed_at": case.claimed_at,
            "agent_id": case.agent_id, "agent_name": names.get(case.agent_id) if case.agent_id else None,
            "summary": summary,
        }
    )  # fmt: skip


def _bot_item(row: ConversationRow, last: Mapping[UUID, MessageRow], unscored: Container[UUID]) -> QueueItem:
    return QueueItem.model_validate(
        {
            **_common(row, last, unscored), "state": "bot", "reason": None, "sentiment": None, "frustration": None,
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
