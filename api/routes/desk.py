"""All that the desk's page can do, over HTTP with the same rights. Floor 3."""

from datetime import UTC
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from api import desk_view, metrics
from api.auth import Agent, Owner, Staff, TheHouse
from api.protocol import Queue, QueueItem
from bot import records
from core import conversations
from core.db import reading, transaction
from core.events import MAX_SEQ, Outcome, events_after
from handoff import canned, desk_rules, left, notes, queue, replies, transfer
from handoff.routing import Rules

router = APIRouter(prefix="/api/v1", tags=["desk"])


class Words(BaseModel):
    key: UUID
    text: str = Field(max_length=20_000)


class Agreed(BaseModel):
    agreed: str = Field(default="", max_length=20_000)


class Ending(BaseModel):
    outcome: Outcome = "solved"


class Offering(BaseModel):
    to: UUID
    note: str = Field(max_length=1_000)


class CannedReply(BaseModel):
    name: str = Field(max_length=40)
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
async def return_to_bot(conversation_id: UUID, me: Agent, house: TheHouse, body: Agreed | None = None) -> None:
    async with transaction(house.db) as session:
        await replies.hand_back(
            session, conversation_id, agent=me, agreed=body.agreed if body is not None else "", now=house.now()
        )


@router.post("/conversations/{conversation_id}/close", status_code=204)
async def close(conversation_id: UUID, me: Agent, house: TheHouse, body: Ending | None = None) -> None:
    outcome = (body or Ending()).outcome
    async with transaction(house.db) as session:
        await queue.close(session, conversation_id, agent_id=me.id, now=house.now(), outcome=outcome)


@router.post("/conversations/{conversation_id}/reopen", status_code=204)
async def reopen(conversation_id: UUID, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await queue.reopen(session, conversation_id, agent=me, now=house.now())


@router.post("/conversations/{conversation_id}/step-in", status_code=204)
async def step_in(conversation_id: UUID, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await queue.step_in(session, conversation_id, agent=me, now=house.now())


@router.post("/conversations/{conversation_id}/take-over", status_code=204)
async def take_over(conversation_id: UUID, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await queue.take_over(session, conversation_id, agent=me, now=house.now())


@router.put("/conversations/{conversation_id}/offer", status_code=204)
async def offer(conversation_id: UUID, body: Offering, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await transfer.offer(session, conversation_id, agent=me, to=body.to, note=body.note, now=house.now())


@router.post("/conversations/{conversation_id}/offer/accept", status_code=204)
async def accept_offer(conversation_id: UUID, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await transfer.accept(session, conversation_id, agent=me, now=house.now())


@router.delete("/conversations/{conversation_id}/offer", status_code=204)
async def end_offer(conversation_id: UUID, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await transfer.end_offer(session, conversation_id, agent=me, now=house.now())


@router.post("/conversations/{conversation_id}/notes")
async def note(conversation_id: UUID, body: Words, me: Agent, house: TheHouse) -> dict[str, int]:
    async with transaction(house.db) as session:
        seq = await notes.write(
            session, conversation_id, author=me, key=str(body.key), text=body.text, now=house.now()
        )  # fmt: skip
    return {"seq": seq}


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


@router.get("/conversations")
async def closed(
    who: Staff,
    house: TheHouse,
    state: Literal["closed"] = "closed",
    mine: bool = False,
    before: AwareDatetime | None = None,
) -> desk_view.Closed:
    """Closed conversations, the latest first; ``mine``: those that I ended."""
    if before is not None:
        before = before.astimezone(UTC)
    me = who.person.id if who.person is not None else UUID(int=0)
    return await desk_view.closed(house, before, me if mine else None)


@router.get("/conversations/{conversation_id}")
async def one(conversation_id: UUID, _who: Staff, house: TheHouse) -> QueueItem:
    return await desk_view.one(house, conversation_id)


@router.get("/conversations/{conversation_id}/earlier")
async def earlier(conversation_id: UUID, _who: Staff, house: TheHouse) -> dict[str, list[desk_view.Earlier]]:
    """Further conversations of the same visitor, or with the same address left (which nobody has checked)."""
    return {"earlier": await desk_view.earlier(house, conversation_id)}


@router.get("/search")
async def search(_who: Staff, house: TheHouse, q: Annotated[str, Query(max_length=400)]) -> desk_view.FoundList:
    """What people said in all conversations: words by their beginning, "text in quotes" as it stands."""
    return await desk_view.find(house, q)


@router.get("/desk/rules")
async def rules(_who: Staff, house: TheHouse) -> Rules:
    async with reading(house.db) as session:
        return await desk_rules.current(session)


@router.put("/desk/rules", status_code=204)
async def change_rules(body: Rules, who: Owner, house: TheHouse) -> None:
    """The order of the queue, within its bounds; who waits is put into the new order at once."""
    async with transaction(house.db) as session:
        await desk_rules.change(session, body, actor=who.actor, now=house.now())


@router.get("/canned-replies")
async def canned_replies(_who: Staff, house: TheHouse) -> dict[str, Any]:
    async with reading(house.db) as session:
        found = await canned.everything(session)
    return {
        "business": house.business,
        "places": canned.PLACES,
        "replies": [{"id": r.id, "name": r.name, "text": r.text, "changed_at": r.changed_at} for r in found],
    }


@router.post("/canned-replies", status_code=201)
async def keep_reply(body: CannedReply, me: Agent, house: TheHouse) -> dict[str, UUID]:
    async with transaction(house.db) as session:
        return {"id": await canned.keep(session, name=body.name, text=body.text, by=me, now=house.now())}


@router.put("/canned-replies/{reply_id}", status_code=204)
async def change_reply(reply_id: UUID, body: CannedReply, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await canned.keep(session, name=body.name, text=body.text, by=me, now=house.now(), reply_id=reply_id)


@router.delete("/canned-replies/{reply_id}", status_code=204)
async def remove_reply(reply_id: UUID, me: Agent, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await canned.remove(session, reply_id, by=me, now=house.now())
