"""Ask the bot without a conversation: what would it do, what does it read. Floor 3."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.auth import Owner, Staff, TheHouse
from bot import turn
from core.text import checked

router = APIRouter(prefix="/api/v1", tags=["bot"])


class Texts(BaseModel):
    texts: list[str] = Field(max_length=64)


class Question(BaseModel):
    text: str = Field(max_length=20_000)


@router.post("/analyze")
async def analyze(body: Texts, _who: Staff, house: TheHouse) -> dict[str, Any]:
    """Sentiment, frustration and flags of up to 64 texts; nothing is stored."""
    texts = [checked(text, 20_000) for text in body.texts]
    results = []
    for mood, intents in await house.mind.analyze(texts):
        kinds = ("sensitive_kind", "smalltalk_kind")
        results.append(
            {
                "sentiment": {n: getattr(mood, n) for n in ("label", "negative", "neutral", "positive")},
                "frustration": mood.frustration,
                "frustrated": mood.frustrated,
                "flags": {name: p for name, p in asdict(intents).items() if name not in kinds},
            }
        )
    return {"results": results}


@router.post("/ask")
async def ask(body: Question, _who: Owner, house: TheHouse) -> dict[str, Any]:
    """What the bot would do with this message as the first of a conversation, and why; nothing is stored."""
    return (await turn.rehearse(house.bot, checked(body.text))).as_json()
