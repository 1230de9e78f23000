"""Sign in and out. Floor 3."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.auth import COOKIE, Staff, TheHouse, limits_of, session_of, set_cookie
from api.limits import SIGN_INS
from core import audit, staff
from core.db import reading, transaction
from core.errors import NotAllowed, NotSignedIn
from core.staff import Session, WrongCredentials

router = APIRouter(prefix="/api/v1/session", tags=["session"])


class SignIn(BaseModel):
    email: str = Field(max_length=320)
    password: str = Field(max_length=1_000)


class Link(BaseModel):
    token: str = Field(max_length=100)


class NewPassword(BaseModel):
    password: str = Field(max_length=1_000)


def _shown(session: Session) -> dict[str, Any]:
    me = session.person
    return {
        "me": {"id": str(me.id), "name": me.name, "email": me.email, "role": me.role},
        "csrf": session.csrf,
    }


@router.get("")
async def who_am_i(request: Request, house: TheHouse) -> dict[str, Any]:
    found = await session_of(house, request)
    if found is None:
        raise NotSignedIn("Please sign in.")
    return _shown(found)


@router.post("")
async def sign_in(body: SignIn, request: Request, response: Response, house: TheHouse) -> dict[str, Any]:
    peer = request.client.host if request.client else ""
    await limits_of(request).spend(SIGN_INS, "sign-in", peer)
    await limits_of(request).spend(SIGN_INS, "sign-in-as", body.email.strip().lower())
    async with reading(house.db) as session:
        known = await staff.password_hash_of(session, body.email)
        person = await staff.by_email(session, body.email)
    fits = await staff.verify(known[1] if known is not None else None, body.password)
    if not fits or person is None:
        raise WrongCredentials("That e-mail address and password do not belong together.")
    async with transaction(house.db) as session:
        opened = await staff.open_session(session, person, house.now())
        await audit.note(session, actor=person.actor, action="session.opened", subject="password", now=house.now())
    set_cookie(response, house, opened.token)
    return _shown(opened)


@router.post("/link")
async def sign_in_by_link(body: Link, request: Request, response: Response, house: TheHouse) -> dict[str, Any]:
    """A one-time link, from `make run` or the owner."""
    peer = request.client.host if request.client else ""
    await limits_of(request).spend(SIGN_INS, "link", peer)
    async with transaction(house.db) as session:
        person = await staff.use_link(session, body.token, house.now())
        opened = await staff.open_session(session, person, house.now())
        await audit.note(session, actor=person.actor, action="session.opened", subject="link", now=house.now())
    set_cookie(response, house, opened.token)
    return _shown(opened)


@router.post("/password", status_code=204)
async def set_password(body: NewPassword, me: Staff, house: TheHouse) -> None:
    """Ends every other session of mine."""
    if me.person is None:
        raise NotAllowed("Only a signed-in person has a password.")
    hashed = await staff.hashed(body.password)
    async with transaction(house.db) as session:
        await staff.set_password(session, me.person.id, hashed, me.token)
        await audit.note(session, actor=me.actor, action="password.set", subject=str(me.person.id), now=house.now())


@router.delete("", status_code=204)
async def sign_out(me: Staff, response: Response, house: TheHouse) -> None:
    async with transaction(house.db) as session:
        await staff.close_session(session, me.token)
    response.delete_cookie(COOKIE, path="/")
