"""The owner's FAQ over HTTP. Floor 3."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from api.auth import Caller, Owner, Staff, TheHouse
from bot import records
from core.db import reading, transaction
from knowledge_base import articles, exporter, importer
from knowledge_base.articles import Article, Author
from knowledge_base.entry import Entry, checked_entry

router = APIRouter(prefix="/api/v1", tags=["articles"])
RevisionNumber = Annotated[int, Field(ge=0, le=2**31 - 1)]  # of an INTEGER column


class Text(BaseModel):
    question: str = Field(max_length=5_000)
    answer: str = Field(max_length=50_000)
    category: str = Field(default="", max_length=500)
    alternates: list[str] = Field(default_factory=list, max_length=500)


class NewArticle(Text):
    slug: str | None = Field(default=None, max_length=200)


class ChangedArticle(Text):
    revision: RevisionNumber


class Revision(BaseModel):
    revision: RevisionNumber


def _author(caller: Caller) -> Author:
    return Author(caller.actor, caller.name)


def _entry(slug: str, text: Text) -> Entry:
    return checked_entry(
        slug=slug,
        category=text.category,
        question=text.question,
        answer=text.answer,
        alternates=text.alternates,
    )


def shown(article: Article) -> dict[str, Any]:
    return asdict(article)


@router.get("/articles")
async def everything(_who: Staff, house: TheHouse) -> dict[str, Any]:
    async with reading(house.db) as session:
        return {"articles": [shown(a) for a in await articles.everything(session)]}


@router.post("/articles", status_code=201)
async def create(body: NewArticle, who: Owner, house: TheHouse) -> dict[str, Any]:
    async with transaction(house.db) as session:
        slug = body.slug or await articles.free_slug(session, body.question)
        return shown(await articles.create(session, _entry(slug, body), by=_author(who), now=house.now()))


@router.get("/articles/export")
async def export(_who: Staff, house: TheHouse, format: Annotated[exporter.Format, Query()] = "jsonl") -> Response:
    async with reading(house.db) as session:
        entries = await articles.published(session)
    name, media = exporter.MEDIA[format]
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(exporter.write(entries, format), media_type=media, headers=headers)


@router.post("/articles/import")
async def bring_in(
    request: Request,
    who: Owner,
    house: TheHouse,
    name: Annotated[str, Query(max_length=300)] = "faq.jsonl",
    replace: bool = False,
) -> dict[str, int]:
    """The file itself is the body. All of it is taken, or nothing."""
    entries = importer.read(name, await _body(request))
    done = await articles.bring_in(house.db, house.encoder, entries, replace=replace, by=_author(who), now=house.now())
    return asdict(done)


async def _body(request: Request) -> bytes:
    """
    Raises:
        ImportTooLarge: as soon as it is known, not after 50 MB.

    """
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > importer.MAX_FILE:
            raise importer.ImportTooLarge(f"The file is larger than {importer.MAX_FILE // 1024 // 1024} MB.")
        parts.append(part)
    return b"".join(parts)


@router.get("/articles/{slug}")
async def one(slug: str, _who: Staff, house: TheHouse) -> dict[str, Any]:
    async with reading(house.db) as session:
        return shown(await articles.get(session, slug))


@router.put("/articles/{slug}")
async def save(slug: str, body: ChangedArticle, who: Owner, house: TheHouse) -> dict[str, Any]:
    async with transaction(house.db) as session:
        return shown(
            await articles.save(session, _entry(slug, body), revision=body.revision, by=_author(who), now=house.now())
        )


@router.post("/articles/{slug}/publish")
async def publish(slug: str, body: Revision, who: Owner, house: TheHouse) -> dict[str, Any]:
    return shown(
        await articles.publish(house.db, house.encoder, slug, revision=body.revision, by=_author(who), now=house.now())
    )


@router.post("/articles/{slug}/withdraw")
async def withdraw(slug: str, body: Revision, who: Owner, house: TheHouse) -> dict[str, Any]:
    async with transaction(house.db) as session:
        return shown(await articles.withdraw(session, slug, revision=body.revision, by=_author(who), now=house.now()))


@router.delete("/articles/{slug}", status_code=204)
async def discard(slug: str, revision: RevisionNumber, who: Owner, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await articles.discard(session, slug, revision=revision, by=_author(who), now=house.now())


@router.get("/articles/{slug}/history")
async def history(slug: str, _who: Staff, house: TheHouse) -> dict[str, Any]:
    async with reading(house.db) as session:
        await articles.get(session, slug)
        return {"versions": [asdict(v) for v in await articles.history(session, slug)]}


@router.get("/questions/unanswered")
async def unanswered(_who: Owner, house: TheHouse) -> dict[str, Any]:
    """The latest questions that the FAQ had no answer to, so that the owner can write one."""
    async with reading(house.db) as session:
        found = await records.unanswered(session)
        texts = await records.texts_of(session, found)
    return {
        "questions": [
            {
                "conversation_id": str(record.conversation_id),
                "text": texts[record.id],
                "at": record.at,
                "decision": record.basis.decision,
                "candidates": [{"faq_id": c["slug"], "confidence": c["confidence"]} for c in record.candidates[:3]],
            }
            for record in found
            if texts.get(record.id)
        ]
    }
