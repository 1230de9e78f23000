"""All that the desk's page can do, over HTTP with the same rights. Floor 3."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api import desk_view, metrics
from api.auth import Agent, Staff, TheHouse
from api.protocol import Queue
from bot import records
from core import conversations
from core.db import reading, transaction
from core.events import MAX_SEQ, events_after
from handoff import left, queue, replies

router = APIRouter(prefix="/api/v1", tags=["desk"])


class Words(BaseModel):
    key: UUID
    text: str = Field(max_length=20_000)


@router.get("/queue")
async def the_queue(who: Staff, house: TheHouse) -> Queue:
    return await desk_view.snapshot(house, who.person.id if who.person is not None else None)


@router.post("/conversations/{conversation_id}/claim", status_code=204)
async def claim(conversation_id: UUID, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await queue.claim(session, conversation_id, agent=me, now=house.now())


@router.post("/conversations/{conversation_id}/release", status_code=204)
async def release(conversation_id: UUID, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await queue.release(session, conversation_id, agent_id=me.id, now=house.now())


@router.post("/conversations/{conversation_id}/return", status_code=204)
async def return_to_bot(conversation_id: UUID, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await queue.return_to_bot(session, conversation_id, agent_id=me.id, now=house.now())


@router.post("/conversations/{conversation_id}/close", status_code=204)
async def close(conversation_id: UUID, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await queue.close(session, conversation_id, agent_id=me.id, now=house.now())


@router.post("/conversations/{conversation_id}/messages")
async def reply(conversation_id: UUID, body: Words, me: Agent, house: TheHouse) -> dict[str, int]:
    async with transaction(house.db) as session:
        said = await replies.reply(
            session, conversation_id, agent=me, key=str(body.key), text=body.text, now=house.now()
        )
    metrics.MESSAGES.labels("agent").inc(not said.repeated)
    return {"seq": said.seq}


@router.get("/conversations/{conversation_id}/events")
async def events(
    conversation_id: UUID, _who: Staff, house: TheHouse, after: Annotated[int, Query(ge=0, le=MAX_SEQ)] = 0
) -> dict[str, Any]:
    async with reading(house.db) as session:
        row = await conversations.get(session, conversation_id)
        found = await events_after(session, conversation_id, after, 500)
    return {
        "last_seq": row.last_seq,
        "holder": row.holder,
        "events": [e.model_dump(mode="json") for e in found],
    }


@router.get("/conversations/{conversation_id}/decisions")
async def decisions(conversation_id: UUID, _who: Staff, house: TheHouse) -> dict[str, Any]:
    """What the bot decided in each turn, and why in plain words."""
    async with reading(house.db) as session:
        await conversations.get(session, conversation_id)
        found = await records.of_conversation(session, conversation_id)
    entries = house.search.entries_at_hand
    questions = {slug: entry.question for slug, entry in entries.items()}
    return {"decisions": [shown(record, questions) for record in found]}


def shown(record: records.Record, questions: dict[str, str]) -> dict[str, Any]:
    mood = record.reading["mood"]
    return {
        "decision_id": str(record.id),
        "at": record.at,
        "covers": record.covers,
        "decision": record.basis.decision,
        "rule": record.rule,
        "faq_id": record.basis.faq_id,
        "confidence": record.basis.confidence,
        "candidates": [
            {
                "faq_id": c["slug"],
                "question": questions.get(c["slug"], c["slug"]),
                "confidence": c["confidence"],
            }
            for c in record.candidates
        ],
        "handoff": record.basis.handoff,
        "reason": record.basis.reason,
        "sentiment": mood,
        "frustration": mood["frustration"] if mood is not None else None,
        "why": records.why(record, questions),
    }


@router.post("/left-messages/{left_id}/done", status_code=204)
async def left_message_done(left_id: UUID, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await left.done(session, left_id, agent=me, now=house.now())
