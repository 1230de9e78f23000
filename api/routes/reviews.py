"""Decisions of the bot that visitors called wrong, for agents and owners to answer. Floor 3."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api import rights
from api.auth import Staff, TheHouse
from api.routes.desk import shown
from bot import records, reviews
from bot.reviews import MAX_ANSWER, State
from core.db import reading, transaction
from core.events import ReviewOutcome

router = APIRouter(prefix="/api/v1/reviews", tags=["reviews"])
DECIDED: tuple[State, ...] = ("upheld", "changed")
STATES: dict[str, tuple[State, ...]] = {"open": ("open",), "decided": DECIDED, "all": ("open", *DECIDED)}


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    outcome: ReviewOutcome
    answer: str = Field(max_length=20_000, description=f"to the visitor, 1 to {MAX_ANSWER:,} characters")


@router.get("")
async def listed(
    _who: Staff, house: TheHouse, state: Annotated[Literal["open", "decided", "all"], Query()] = "open"
) -> dict[str, Any]:
    """With what the visitor had said, what the bot decided and why."""
    async with reading(house.db) as session:
        found = await reviews.some(session, STATES[state])
        decided = {r.id: r for r in await records.many(session, [review.decision_id for review in found])}
        texts = await records.texts_of(session, list(decided.values()))
        questions = await rights.questions_of(house, session)
    return {
        "reviews": [
            rights.review_shown(review)
            | {
                "id": review.id,
                "conversation_id": review.conversation_id,
                "said": texts.get(review.decision_id, ""),
                "decision": shown(decided[review.decision_id], questions),
            }
            for review in found
            if review.decision_id in decided
        ]
    }


@router.post("/{review_id}")
async def decide(review_id: UUID, body: Verdict, who: Staff, house: TheHouse) -> dict[str, Any]:
    """Answer once; the visitor is told in the conversation."""
    async with transaction(house.db) as session:
        review = await reviews.decide(
            session, review_id, outcome=body.outcome, answer=body.answer, business=house.business, actor=who.actor,
            now=house.now(),
        )  # fmt: skip
    return rights.review_shown(review) | {"id": review.id, "conversation_id": review.conversation_id}
