"""The decision record of each turn: written once, read by everyone who asks why. Floor 2."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import policy as rules
from bot.policy import Answer, Context, Decision, Policy, Turn, context_of, kind_of, offer_of
from bot.reading import Reading
from bot.tables import DecisionRow
from core import conversations
from core.errors import NotFound
from core.events import Basis, DecisionKind, Offer, Reason


@dataclass(frozen=True, slots=True)
class Record:
    id: UUID
    conversation_id: UUID
    at: datetime
    covers: tuple[int, ...]
    basis: Basis
    rule: str
    reading: dict[str, Any]
    policy_version: str
    model_version: str

    @property
    def candidates(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.reading["candidates"])


async def write(
    session: AsyncSession,
    *,
    conversation_id: UUID,
    episode: int,
    covers: Sequence[int],
    texts: Sequence[str],
    upto: int,
    reading: Reading,
    context: Context,
    policy: Policy,
    decision: Decision,
    model_version: str,
    now: datetime,
) -> Record:
    offer, reason = offer_of(decision)
    salt = secrets.token_hex(16)
    row = DecisionRow(
        id=uuid4(), conversation_id=conversation_id, episode=episode, upto=upto, covers=list(covers), at=now,
        decision=kind_of(decision), rule=decision.rule, confidence=reading.confidence, handoff=offer, reason=reason,
        faq_id=decision.slug if isinstance(decision, Answer) else None,
        reading={
            **reading.as_json(), "context": asdict(context), "policy": asdict(policy),
            "given_also": list(decision.also) if isinstance(decision, Answer) else [],
        },
        commitment=commitment(salt, texts), salt=salt,
        policy_version=rules.VERSION, model_version=model_version,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return _record(row)


def commitment(salt: str, texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join([salt, *texts]).encode()).hexdigest()


async def of_conversation(session: AsyncSession, conversation_id: UUID) -> list[Record]:
    rows = await session.scalars(
        select(DecisionRow).where(DecisionRow.conversation_id == conversation_id).order_by(DecisionRow.upto).limit(500)
    )
    return [_record(row) for row in rows]


def of_rows(rows: Sequence[Mapping[str, Any]]) -> list[Record]:
    """From whole rows that somebody else has read (core.privacy.everything)."""
    return [_record(DecisionRow(**row)) for row in rows]


async def one(session: AsyncSession, decision_id: UUID) -> Record:
    """
    Raises:
        NotFound: no such decision (any more).

    """
    row = await session.get(DecisionRow, decision_id)
    if row is None:
        raise NotFound("There is no such decision.")
    return _record(row)


async def many(session: AsyncSession, decision_ids: Sequence[UUID]) -> list[Record]:
    rows = await session.scalars(select(DecisionRow).where(DecisionRow.id.in_(decision_ids)))
    return [_record(row) for row in rows]


async def context(session: AsyncSession, conversation_id: UUID, episode: int, repeated: float) -> Context:
    """What the policy must know of the turns before, from their records."""
    rows = await session.scalars(
        select(DecisionRow)
        .where(DecisionRow.conversation_id == conversation_id, DecisionRow.episode == episode)
        .order_by(DecisionRow.upto.desc())
        .limit(12)
    )
    turns = [
        Turn(
            cast(DecisionKind, row.decision),
            cast(Offer, row.handoff),
            row.faq_id,
            _frustration(row.reading),
            row.reading["intents"]["tried"] >= row.reading["policy"]["tried"],
        )
        for row in reversed(list(rows))
    ]
    return context_of(turns, repeated)


async def unanswered(session: AsyncSession, limit: int = 50) -> list[Record]:
    """The latest turns in which the owner's FAQ had no answer."""
    rows = await session.scalars(
        select(DecisionRow)
        .where(
            (DecisionRow.decision.in_(("decline", "clarify")))
            | (DecisionRow.reason.in_(("stuck", "complex", "frustrated")))
        )
        .order_by(DecisionRow.at.desc())
        .limit(limit)
    )
    return [_record(row) for row in rows]


_RULES: dict[str, str] = {
    "bot_failed": "The bot could not work on this message, so it fetched a person.",
    "already_waiting": "The conversation waits for a person already; this was added to it.",
    "button": "The visitor pressed the button for a person.",
    "asked_for_human": "The message asks for a person.",
    "vulnerable": "The message sounds like somebody who needs special care, which is for a person.",
    "sensitive": "The message is about safety, health, law, privacy or a disputed payment, which is for a person.",
    "abusive": "The message insults somebody; a person was offered.",
    "frustrated_message": "The message sounds frustrated.",
    "frustrated_conversation": "The conversation as a whole became frustrating.",
    "case_specific": "The message is about one order, account or booking, which only a person can look into.",
    "about_bot": "The message asks whether a bot or a person speaks.",
    "tried_again": "Several messages say that what was tried did not help.",
    "smalltalk": "The message is small talk, not a question.",
    "same_answer_again": "The same question came again after the same answer, so the answer did not help.",
    "no_answer_again": "Several messages in a row found no answer.",
    "unreadable": "The message seems to be in a language that the bot can't read; a person was offered.",
    "several": "The message asks several things, and an FAQ entry fits each of them well enough to answer with it.",
    "confident": "One FAQ entry fits well enough to answer with it.",
    "exact_question": "The message is the wording of an FAQ entry.",
    "unsure": "Some FAQ entries may fit, none well enough to answer with it.",
    "no_entry": "No FAQ entry fits.",
}


def why(record: Record, questions: Mapping[str, str]) -> str:
    """The decision in plain words, from the record alone. ``questions``: slug -> question."""
    seen = record.reading
    return in_words(
        record.rule, record.candidates, _frustration(seen), questions, seen.get("heard", ()),
        seen.get("leaned", False),
    )  # fmt: skip


def in_words(
    rule: str,
    candidates: Sequence[Mapping[str, Any]],
    frustration: float,
    questions: Mapping[str, str],
    heard: Sequence[str] = (),
    leaned: bool = False,
) -> str:
    parts = [_RULES.get(rule, rule)]
    if leaned:
        parts.append("It was read together with the message before it.")
    if candidates and rule not in ("button", "bot_failed", "unreadable"):
        best = candidates[0]
        parts.append(f"Closest entry: “{questions.get(best['slug'], best['slug'])}”, {best['confidence']:.0%} sure.")
    if rule.startswith("frustrated"):
        parts.append(f"Frustration: {frustration:.0%} in this message.")
        if heard:
            parts.append(f"What raised it most: {', '.join(f'“{words}”' for words in heard)}.")
    return " ".join(parts)


def _frustration(reading: Mapping[str, Any]) -> float:
    """0 for a visitor who does not want to be scored."""
    return float(reading["mood"]["frustration"]) if reading["mood"] is not None else 0.0


def _record(row: DecisionRow) -> Record:
    basis = Basis(
        decision_id=row.id, decision=cast(DecisionKind, row.decision), faq_id=row.faq_id,
        also=tuple(row.reading.get("given_also", ())),
        confidence=row.confidence, handoff=cast(Offer, row.handoff), reason=cast(Reason | None, row.reason),
    )  # fmt: skip
    return Record(row.id, row.conversation_id, row.at, tuple(row.covers), basis, row.rule, row.reading,
                  row.policy_version, row.model_version)  # fmt: skip


async def texts_of(session: AsyncSession, found: Sequence[Record]) -> dict[UUID, str]:
    """What the visitors said in these turns."""
    texts: dict[UUID, str] = {}
    for record in found:
        if record.covers:
            messages = await conversations.messages_between(
                session, record.conversation_id, record.covers[0] - 1, record.covers[-1]
            )
            texts[record.id] = "\n".join(m.text for m in messages if m.sender_kind == "visitor")
    return texts
