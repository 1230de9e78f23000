"""Accounts of agents and owners, for owners. Floor 3."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.auth import Owner, TheHouse
from core import audit, staff
from core.db import reading, transaction
from core.errors import Conflict, NotFound
from core.staff import Person, Role

router = APIRouter(prefix="/api/v1/staff", tags=["staff"])


class YourselfInstead(Conflict):
    code = "cannot_deactivate_yourself"


class NewPerson(BaseModel):
    email: str = Field(max_length=320)
    name: str = Field(max_length=200)
    role: Role


def _shown(person: Person, active: bool) -> dict[str, Any]:
    return {"id": str(person.id), "name": person.name, "email": person.email, "role": person.role, "active": active}


@router.get("")
async def everybody(_who: Owner, house: TheHouse) -> dict[str, Any]:
    async with reading(house.db) as session:
        return {"staff": [_shown(*one) for one in await staff.everybody(session)]}


@router.post("", status_code=201)
async def add(body: NewPerson, who: Owner, house: TheHouse) -> dict[str, Any]:
    """Without a password: a one-time link lets the person in, who then sets one."""
    async with transaction(house.db) as session:
        person = await staff.add(
            session, email=body.email, name=body.name, role=body.role, password_hash=None, now=house.now(),
            actor=who.actor,
        )  # fmt: skip
    return _shown(person, True)


@router.post("/{staff_id}/link")
async def make_link(staff_id: UUID, who: Owner, house: TheHouse) -> dict[str, str]:
    """A link that signs this person in once, within half an hour. Hand it over safely."""
    async with transaction(house.db) as session:
        person = await staff.get(session, staff_id)
        if person is None:
            raise NotFound("There is no such active account.")
        token = await staff.make_link(session, person.id, house.now())
        await audit.note(session, actor=who.actor, action="link.made", subject=str(staff_id), now=house.now())
    page = "owner" if person.role == "owner" else "desk"
    return {"link": f"{house.settings.base_url}/{page}#link={token}"}


@router.post("/{staff_id}/deactivate", status_code=204)
async def deactivate(staff_id: UUID, who: Owner, house: TheHouse) -> None:
    if who.person is not None and who.person.id == staff_id:
        raise YourselfInstead("You cannot deactivate your own account; another owner can.")
    async with transaction(house.db) as session:
        await staff.deactivate(session, staff_id, now=house.now(), actor=who.actor)
