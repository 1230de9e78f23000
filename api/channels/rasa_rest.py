"""Rasa's REST channel, so that any client of it works. Floor 3.

POST /webhooks/rest/webhook {"sender", "message"} -> [{"recipient_id", "text", "buttons"?, "custom"}]

It goes the same way as a visitor's socket: conversations.say, then the turn, then the events are read.
"""

import time
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api import metrics
from api.auth import NeedsKey, house_of, is_local, key_of, limits_of
from api.house import House
from api.limits import MESSAGES, STARTS, Limits
from bot import records, turn
from core import conversations
from core.db import reading, transaction
from core.errors import NotFound
from core.events import MAX_SEQ, MessageSaid, Sender, events_after
from core.tables import ConversationRow

router = APIRouter(prefix="/webhooks/rest", tags=["channel: Rasa REST"])
NO_NUL = r"^[^\x00]*$"  # PostgreSQL keeps none


class Ask(BaseModel):
    model_config = ConfigDict(extra="ignore")  # Rasa's clients also send metadata and input_channel

    sender: str = Field(min_length=1, max_length=200, pattern=NO_NUL)
    message: str = Field(max_length=20_000)


async def _client(request: Request) -> str:
    """Whose conversations these are: one key's, or this machine's.

    Raises:
        NeedsKey: from elsewhere, without a key.

    """
    if (key := await key_of(house_of(request), request)) is not None:
        return str(key.id)
    if not is_local(request) or "origin" in request.headers:
        raise NeedsKey("From another machine this channel needs an API key: Authorization: Bearer KEY.")
    return "local"


Client = Annotated[str, Depends(_client)]


@router.get("/")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@router.post("/webhook")
async def ask(body: Ask, request: Request, client: Client) -> list[dict[str, Any]]:
    """Say ``message`` as ``sender`` and wait for what the bot replies.

    The reply that carries the decision has it in ``custom``. While a person holds the conversation the
    answer is []; that person's words are had by GET /webhooks/rest/messages.
    """
    house, limits = house_of(request), limits_of(request)
    if client == "local":
        await limits.spend(MESSAGES, "rest", body.sender)
    row = await _conversation(house, limits, client, body.sender)
    began = time.perf_counter()
    before = row.last_seq
    async with transaction(house.db) as session:
        await conversations.say(
            session,
            row.id,
            sender=Sender(kind="visitor"),
            text=body.message,
            key=str(uuid4()),
            now=house.now(),
        )
    metrics.MESSAGES.labels("visitor").inc()
    await house.turns.wake(row.id)
    metrics.TURNS.observe(time.perf_counter() - began)
    return await _said_by_bot(house, row, body.sender, before)


@router.get("/messages")
async def messages(
    request: Request,
    client: Client,
    sender: Annotated[str, Query(max_length=200, pattern=NO_NUL)],
    after: Annotated[int, Query(ge=0, le=MAX_SEQ)] = 0,
) -> list[dict[str, Any]]:
    """All that bot and people said to ``sender`` after number ``after``."""
    house = house_of(request)
    async with reading(house.db) as session:
        row = await conversations.by_external_key(session, f"{client}:{sender}")
        if row is None:
            raise NotFound("There is no such conversation.")
        events = await events_after(session, row.id, after, 1_000)
    return [
        _message(event, sender) | {"seq": event.seq, "from": event.sender.kind}
        for event in events
        if isinstance(event, MessageSaid) and event.sender.kind != "visitor"
    ]


async def _conversation(house: House, limits: Limits, client: str, sender: str) -> ConversationRow:
    external = f"{client}:{sender}"
    async with reading(house.db) as session:
        row = await conversations.by_external_key(session, external)
    if row is not None:
        return row
    if client == "local":
        await limits.spend(STARTS, "start", client)
    async with transaction(house.db) as session:
        row, _token, new = await conversations.start(
            session, now=house.now(), channel="rest", open_key=f"rest:{external}", external_key=external
        )
        if new:
            await turn.greet(session, house.bot, row.id)
    return row


async def _said_by_bot(house: House, row: ConversationRow, sender: str, after: int) -> list[dict[str, Any]]:
    async with reading(house.db) as session:
        events = await events_after(session, row.id, after, 100)
        made = {record.id: record for record in await records.of_conversation(session, row.id)}
    out = []
    for event in events:
        if isinstance(event, MessageSaid) and event.sender.kind == "bot":
            record = made.get(event.basis.decision_id) if event.basis is not None else None
            out.append(_message(event, sender, record))
    return out


def _message(event: MessageSaid, sender: str, record: records.Record | None = None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "recipient_id": sender,
        "text": event.text,
        "custom": {"sender_kind": event.sender.kind},
    }
    if event.buttons:
        said["buttons"] = [b.model_dump() for b in event.buttons]
    if record is not None:
        said["custom"] |= custom(record)
    return said


def custom(record: records.Record) -> dict[str, Any]:
    """The decision as the contract of this channel names it."""
    mood, basis = record.reading["mood"], record.basis
    return {
        "decision": basis.decision,
        "faq_id": basis.faq_id,
        "also": list(basis.also),
        "confidence": basis.confidence,
        "candidates": [{"faq_id": c["slug"], "confidence": c["confidence"]} for c in record.candidates],
        "handoff": basis.handoff,
        "reason": basis.reason,
        "sentiment": {n: mood[n] for n in ("label", "negative", "neutral", "positive")} if mood is not None else None,
        "frustration": mood["frustration"] if mood is not None else None,
        "decision_id": str(basis.decision_id),
    }
