"""What visitors may ask of the house about their data: one place for routes, commands and jobs. Floor 3."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.house import House
from bot import records, reviews
from bot.records import Record
from bot.reviews import Review
from core import consents, privacy
from core import house as facts
from core.consents import Choices, Consent, Purpose
from core.db import reading, transaction
from core.errors import Conflict
from core.events import ConsentChanged, record
from core.privacy import Receipt
from handoff import queue
from knowledge_base import articles

log = logging.getLogger("warmline.rights")
FORMAT = "warmline-visitor-data/1"
ATTEMPTS = 3
Rows = list[dict[str, Any]]

BACKUPS = (
    "Backups of the database that were made before this moment still hold your data until newer ones replace them. "
    "Ask the business how long it keeps them."
)


@dataclass(frozen=True, slots=True)
class Retained:
    visitors: int
    conversations: int


# --- erase, and forget ----------------------------------------------------------------------------


async def erase(house: House, visitor_id: UUID, actor: str) -> Receipt:
    """
    Raises:
        NotFound: no such visitor (any more).
        Conflict: conversations of this visitor began faster than they could be locked, three times.

    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            receipt = await _erase(house, visitor_id, actor)
        except Conflict:
            if attempt == ATTEMPTS:
                raise
        else:
            break
    house.mind.forget()
    return receipt


async def _erase(house: House, visitor_id: UUID, actor: str) -> Receipt:
    async with transaction(house.db) as session:
        return await privacy.erase(session, visitor_id, actor=actor, now=house.now())


async def forget_erased(house: House) -> None:
    """Somebody was erased, by whatever worker or command: drop what this process remembers of anybody."""
    async with reading(house.db) as session:
        erased = await facts.fact(session, facts.ERASED)
    if erased == house.erased:
        return
    house.mind.forget()
    house.bus.wake_all()  # open pages of whoever is gone look, and close
    house.erased = erased


async def scrub(house: House) -> bool:
    """After an erasure: no trace of it in SQLite's files. Returns False where it must be tried again."""
    async with reading(house.db) as session:
        erased, scrubbed = [await facts.fact(session, key) for key in (facts.ERASED, facts.SCRUBBED)]
    if erased is None or erased == scrubbed:
        return True
    if not await privacy.scrub(house.db):
        log.warning("the database's files are in use and still hold traces of what was erased; it is tried again")
        return False
    async with transaction(house.db) as session:
        await facts.set_fact(session, facts.SCRUBBED, erased)
    return True


async def retain(house: House, *, dry_run: bool = False) -> Retained:
    """Erase the conversations that are over for longer than the house keeps them, a visitor a transaction."""
    days, now = house.settings.keep_days, house.now()
    if days == 0:
        return Retained(0, 0)
    before = now - timedelta(days=days)
    async with reading(house.db) as session:
        found = await privacy.overdue(session, before)
    visitors = list(dict.fromkeys(visitor_id for visitor_id, _conversation in found))
    if dry_run:
        return Retained(len(visitors), len(found))
    erased = Retained(0, 0)
    for visitor_id in visitors:
        async with transaction(house.db) as session:
            done = await privacy.expire(session, visitor_id, before, now=now)
        if done is not None:
            erased = Retained(erased.visitors + 1, erased.conversations + len(done.conversations))
    return erased


# --- choose ---------------------------------------------------------------------------------------


async def consent(house: House, visitor_id: UUID, purposes: Mapping[Purpose, bool], version: str) -> Consent:
    """Keep what the visitor chose, and act on it in the same transaction.

    Raises:
        NotFound, Conflict: see core.privacy.locked.

    """
    now = house.now()
    async with transaction(house.db) as session:
        held = await privacy.locked(session, visitor_id)
        given = await consents.give(session, visitor_id, purposes, version=version, now=now)
        for row in held:
            if row.holder != "closed":
                await record(session, ConsentChanged(conversation_id=row.id, at=now, **asdict(given.choices)))
            if not given.choices.sentiment:
                await queue.drop_mood(session, row.id)
            if not given.choices.chat:
                await queue.end_by_visitor(session, row.id, now=now)
    return given


# --- see ------------------------------------------------------------------------------------------


async def data_of(house: House, visitor_id: UUID) -> dict[str, Any]:
    """All that is stored about a visitor: told in order, and every field of it table by table.

    Raises:
        NotFound: no such visitor, or erased meanwhile.

    """
    async with reading(house.db) as session:
        questions = await questions_of(house, session)
        stored = await privacy.everything(session, visitor_id)
    [visitor] = stored["visitors"]
    given = sorted(stored["consents"], key=lambda row: row["number"])
    return {
        "format": FORMAT,
        "made_at": house.now(),
        "business": house.business,
        "visitor_id": visitor_id,
        "first_seen": visitor["created_at"],
        "email": visitor["email"],
        "consents": [{name: row[name] for name in ("at", "version", "purposes")} for row in given],
        "conversations": [
            _conversation(row, stored, questions) for row in sorted(stored["conversations"], key=_started)
        ],
        "stored": stored,
    }


async def questions_of(house: House, session: AsyncSession) -> dict[str, str]:
    """slug -> question of what is published."""
    entries = house.search.entries_at_hand or {e.slug: e for e in await articles.published(session)}
    return {slug: entry.question for slug, entry in entries.items()}


def decision_shown(record: Record, questions: Mapping[str, str], review: Review | None) -> dict[str, Any]:
    """A decision as its visitor sees it."""
    slug = record.basis.faq_id
    return {
        "decision_id": record.id,
        "at": record.at,
        "why": records.why(record, questions),
        "rule": record.rule,
        "entry": questions.get(slug, slug) if slug is not None else None,
        "also": [questions.get(more, more) for more in record.basis.also],
        "confidence": record.basis.confidence,
        "candidates": [
            {"question": questions.get(c["slug"], c["slug"]), "confidence": c["confidence"]} for c in record.candidates
        ],
        "handoff": record.basis.handoff,
        "reason": record.basis.reason,
        "versions": {"policy": record.policy_version, "model": record.model_version},
        "review": review_shown(review) if review is not None else None,
    }


def review_shown(review: Review) -> dict[str, Any]:
    return {
        "decision_id": review.decision_id,
        "state": review.state,
        "words": review.words,
        "asked_at": review.asked_at,
        "answered_at": review.answered_at,
        "answer": review.answer,
    }


def as_json(choices: Choices) -> dict[str, bool]:
    return asdict(choices)


def _conversation(row: dict[str, Any], stored: Mapping[str, Rows], questions: Mapping[str, str]) -> dict[str, Any]:
    def of(table: str, order: str) -> Rows:
        return sorted((r for r in stored[table] if r["conversation_id"] == row["id"]), key=lambda r: r[order])

    asked = {r.decision_id: r for r in reviews.of_rows(of("reviews", "asked_at"))}
    said = {e["seq"]: e["body"] for e in of("events", "seq") if e["kind"] == "message_said"}
    return {
        "conversation_id": row["id"],
        "channel": row["channel"],
        "started_at": row["started_at"],
        "last_at": row["last_at"],
        "state": row["holder"],
        "messages": [_message(m, said.get(m["seq"], {})) for m in of("messages", "seq")],
        "decisions": [
            _decision(r, questions, asked.get(r.id)) for r in records.of_rows(of("decisions", "upto"))
        ],
        "left_messages": [
            {"at": m["at"], "email": m["email"], "text": m["text"], "done_at": m["done_at"]}
            for m in of("left_messages", "at")
        ],
        "passed_on": [
            {name: case[name] for name in ("waiting_since", "claimed_at", "reason", "summary")}
            for case in of("cases", "waiting_since")
        ],
    }  # fmt: skip


def _message(row: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seq": row["seq"],
        "at": row["at"],
        "from": row["sender_kind"],
        "name": event.get("sender", {}).get("name", ""),
        "text": row["text"],
    }


def _decision(record: Record, questions: Mapping[str, str], review: Review | None) -> dict[str, Any]:
    """With what was read of the mood, which is nobody's business but the visitor's."""
    mood = record.reading["mood"] if record.reading["read"] else None
    felt = {"label": mood["label"], "frustration": mood["frustration"]} if mood is not None else None
    return decision_shown(record, questions, review) | {"answers_messages": record.covers, "mood": felt}


def _started(row: Mapping[str, Any]) -> Any:
    return row["started_at"]
