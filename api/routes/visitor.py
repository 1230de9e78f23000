"""A visitor's own data: see, correct, erase, choose, ask why, ask a person to look again. Floor 3.

The token that opens the conversation's socket opens these too: ``Authorization: Bearer TOKEN``, never in an address.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator
from sqlalchemy.ext.asyncio import AsyncSession

from api import paper, rights, visitor_page
from api.auth import TheHouse, house_of, limits_of
from api.house import House
from api.limits import RIGHTS
from bot import records, reviews
from bot.records import Record
from core import conversations, privacy
from core.db import reading, transaction
from core.errors import NotFound, NotSignedIn
from core.staff import checked_email

router = APIRouter(prefix="/api/v1/visitor", tags=["visitor"])
ACTOR = "visitor"


class NeedsToken(NotSignedIn):
    code = "needs_token"


@dataclass(frozen=True, slots=True)
class Visitor:
    id: UUID


async def visitor(request: Request) -> Visitor:
    """Whose token it is.

    Raises:
        NeedsToken, UnknownToken, TokenExpired, TooFast.

    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NeedsToken("Send the token of your conversation: Authorization: Bearer TOKEN.")
    house = house_of(request)
    async with reading(house.db) as session:
        row = await conversations.by_token(session, token.strip(), house.now())
    await limits_of(request).spend(RIGHTS, "rights", str(row.visitor_id))
    return Visitor(row.visitor_id)


Me = Annotated[Visitor, Depends(visitor)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Address(Strict):
    email: str | None = Field(max_length=320)


class Purposes(Strict):
    chat: StrictBool | None = None
    sentiment: StrictBool | None = None
    remember: StrictBool | None = None

    @model_validator(mode="after")
    def says_something(self) -> "Purposes":
        if not self.model_dump(exclude_none=True):
            raise ValueError("say yes or no to at least one purpose")
        return self


class Complaint(Strict):
    words: str | None = Field(default=None, max_length=20_000, description="up to 1,000 characters")


class Agreed(Strict):
    purposes: Purposes
    version: str = Field(pattern=r"^[A-Za-z0-9._:+-]{1,40}$", description="of the words that the visitor was shown")


@router.get("/data")
async def see(me: Me, house: TheHouse, format: Annotated[Literal["json", "html"], Query()] = "json") -> Response:
    """Everything that is stored about me."""
    found = await rights.data_of(house, me.id)
    if format == "json":
        return JSONResponse(jsonable_encoder(found))
    headers = {
        "Content-Disposition": 'attachment; filename="my-chat-data.html"',
        "Content-Security-Policy": f"{paper.POLICY}; sandbox",
    }
    return HTMLResponse(visitor_page.written(found), headers=headers)


@router.patch("/data")
async def correct(body: Address, me: Me, house: TheHouse) -> dict[str, Any]:
    """Correct my e-mail address, or take it back with null."""
    email = checked_email(body.email) if body.email is not None else None
    async with transaction(house.db) as session:
        receipt = await privacy.correct_email(session, me.id, email, actor=ACTOR, now=house.now())
    return {"receipt": _shown(receipt)}


@router.delete("/data")
async def erase(me: Me, house: TheHouse) -> dict[str, Any]:
    """Erase me. The token is dead afterwards, and there is no way back."""
    receipt = await rights.erase(house, me.id, ACTOR)
    return {"receipt": _shown(receipt) | {"backups": rights.BACKUPS}}


@router.post("/consent")
async def agree(body: Agreed, me: Me, house: TheHouse) -> dict[str, Any]:
    """Agree or withdraw, purpose by purpose; what is left out stays as it was."""
    purposes = body.purposes.model_dump(exclude_none=True)
    given = await rights.consent(house, me.id, purposes, body.version)  # type: ignore[arg-type]  # keys are Purpose
    receipt = {"id": given.id, "at": given.at, "what": "consent", "version": given.version}
    return {"receipt": receipt | {"purposes": rights.as_json(given.choices)}}


@router.get("/decisions/{decision_id}")
async def why(decision_id: UUID, me: Me, house: TheHouse) -> dict[str, Any]:
    """Why the bot replied so, in plain words, from the decision record."""
    async with reading(house.db) as session:
        found = await _mine(session, decision_id, me)
        return await _explained(session, house, found)


@router.post("/decisions/{decision_id}/review", status_code=201)
async def contest(decision_id: UUID, me: Me, house: TheHouse, body: Complaint | None = None) -> dict[str, Any]:
    """This was wrong: a person shall look at it. Asking twice is asking once."""
    async with transaction(house.db) as session:
        found = await _mine(session, decision_id, me)
        complaint = body.words if body is not None else None
        return rights.review_shown(await reviews.ask(session, found, complaint=complaint, now=house.now()))


async def _mine(session: AsyncSession, decision_id: UUID, me: Visitor) -> Record:
    """
    Raises:
        NotFound: there is none, or it is another visitor's; which of both is not said.

    """
    found = await records.one(session, decision_id)
    conversation = await conversations.get(session, found.conversation_id)
    if conversation.visitor_id != me.id:
        raise NotFound("There is no such decision.")
    return found


async def _explained(session: AsyncSession, house: House, found: Record) -> dict[str, Any]:
    review = await reviews.of_decision(session, found.id)
    return rights.decision_shown(found, await rights.questions_of(house, session), review)


def _shown(receipt: privacy.Receipt) -> dict[str, Any]:
    return {"id": receipt.id, "at": receipt.at, "what": receipt.what, "counts": receipt.counts}
