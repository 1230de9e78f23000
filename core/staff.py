"""Agents and owners: accounts, sign-in, one-time links, API keys. Floor 0.

Passwords are argon2id (argon2-cffi's defaults, RFC 9106's low-memory profile). Tokens are 256 random
bits and stored as hashes, so a copy of the database opens no session.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.conversations import digest
from core.errors import BadInput, Conflict, NotFound, NotSignedIn
from core.tables import ApiKeyRow, SignInLinkRow, StaffRow, StaffSessionRow
from core.text import checked

Role = Literal["owner", "agent"]
SESSION_LIFE = timedelta(hours=12)
LINK_LIFE = timedelta(minutes=30)
MIN_PASSWORD = 12
_hasher = PasswordHasher()


class WrongCredentials(NotSignedIn):
    code = "wrong_credentials"


class LinkUsed(NotSignedIn):
    code = "link_used"


class LinkExpired(NotSignedIn):
    code = "link_expired"


class EmailTaken(Conflict):
    code = "email_taken"


class BadEmail(BadInput):
    code = "bad_email"


class WeakPassword(BadInput):
    code = "weak_password"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the staff, as the rest of the house knows them."""

    id: UUID
    name: str
    email: str
    role: Role

    @property
    def actor(self) -> str:
        return f"staff:{self.id}"


@dataclass(frozen=True, slots=True)
class Session:
    person: Person
    csrf: str
    token: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: UUID
    name: str
    role: Role

    @property
    def actor(self) -> str:
        return f"key:{self.id}"


def checked_email(text: str) -> str:
    """The address in its normal form.

    Raises:
        BadEmail: it cannot be an address. (No DNS is asked.)

    """
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise BadEmail("That does not look like an e-mail address.") from error


async def hashed(password: str) -> str:
    """
    Raises:
        WeakPassword: shorter than 12 characters.

    """
    if len(password) < MIN_PASSWORD:
        raise WeakPassword(f"A password needs at least {MIN_PASSWORD} characters.")
    return await asyncio.to_thread(_hasher.hash, password.encode("utf-8", "surrogatepass"))


async def add(
    session: AsyncSession,
    *,
    email: str,
    name: str,
    role: Role,
    password_hash: str | None,
    now: datetime,
    actor: str,
) -> Person:
    """
    Raises:
        BadEmail, EmailTaken, EmptyText, TextTooLong.

    """
    address = checked_email(email).lower()
    checked(name, limit=80)
    if await session.scalar(select(StaffRow.id).where(StaffRow.email == address)):
        raise EmailTaken("There is already an account with that e-mail address.")
    row = StaffRow(
        id=uuid4(),
        email=address,
        name=name,
        role=role,
        password_hash=password_hash,
        active=True,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    await audit.note(session, actor=actor, action="staff.added", subject=str(row.id), now=now, role=role)
    return _person(row)


async def everybody(session: AsyncSession) -> list[tuple[Person, bool]]:
    """All accounts, and whether each is active."""
    rows = await session.scalars(select(StaffRow).order_by(StaffRow.name))
    return [(_person(row), row.active) for row in rows]


async def deactivate(session: AsyncSession, staff_id: UUID, *, now: datetime, actor: str) -> None:
    """No more signing in, and every session ends; chats held go back into the line by themselves.

    Raises:
        NotFound: no such account, or it is not active.

    """
    found = await session.scalar(
        update(StaffRow).where(StaffRow.id == staff_id, StaffRow.active).values(active=False).returning(StaffRow.id)
    )
    if found is None:
        raise NotFound("There is no such active account.")
    await session.execute(delete(StaffSessionRow).where(StaffSessionRow.staff_id == staff_id))
    await audit.note(session, actor=actor, action="staff.deactivated", subject=str(staff_id), now=now)


async def by_email(session: AsyncSession, email: str) -> Person | None:
    row = await session.scalar(select(StaffRow).where(StaffRow.email == email.strip().lower(), StaffRow.active))
    return _person(row) if row is not None else None


async def get(session: AsyncSession, staff_id: UUID) -> Person | None:
    row = await session.get(StaffRow, staff_id)
    return _person(row) if row is not None and row.active else None


async def names(session: AsyncSession) -> dict[UUID, str]:
    return {row.id: row.name for row in await session.scalars(select(StaffRow))}


async def password_hash_of(session: AsyncSession, email: str) -> tuple[UUID, str] | None:
    row = await session.scalar(select(StaffRow).where(StaffRow.email == email.strip().lower(), StaffRow.active))
    return (row.id, row.password_hash) if row is not None and row.password_hash is not None else None


async def verify(stored: str | None, password: str) -> bool:
    """Does the password fit? Takes as long for an unknown account as for a known one."""
    return await asyncio.to_thread(_verify, stored, password)


def _verify(stored: str | None, password: str) -> bool:
    raw = password.encode("utf-8", "surrogatepass")
    if stored is None:
        _hasher.hash(raw)
        return False
    try:
        return _hasher.verify(stored, raw)
    except (VerificationError, InvalidHashError):
        return False


async def set_password(session: AsyncSession, staff_id: UUID, password_hash: str, keep_token: str) -> None:
    """Change it and end every other session of that person."""
    await session.execute(update(StaffRow).where(StaffRow.id == staff_id).values(password_hash=password_hash))
    await session.execute(
        delete(StaffSessionRow).where(
            StaffSessionRow.staff_id == staff_id, StaffSessionRow.token_hash != digest(keep_token)
        )
    )


async def open_session(session: AsyncSession, person: Person, now: datetime) -> Session:
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    session.add(
        StaffSessionRow(
            token_hash=digest(token),
            csrf=csrf,
            staff_id=person.id,
            created_at=now,
            expires_at=now + SESSION_LIFE,
        )
    )
    await session.flush()
    return Session(person, csrf, token)


async def session_of(session: AsyncSession, token: str, now: datetime) -> Session | None:
    """Who is signed in with this token, if anybody still is (expired, signed out, deactivated: nobody)."""
    found = await session.execute(
        select(StaffSessionRow, StaffRow)
        .join(StaffRow, StaffRow.id == StaffSessionRow.staff_id)
        .where(StaffSessionRow.token_hash == digest(token), StaffSessionRow.expires_at > now, StaffRow.active)
    )
    row = found.first()
    return Session(_person(row[1]), row[0].csrf, token) if row is not None else None


async def close_session(session: AsyncSession, token: str) -> None:
    await session.execute(delete(StaffSessionRow).where(StaffSessionRow.token_hash == digest(token)))


async def make_link(session: AsyncSession, staff_id: UUID, now: datetime) -> str:
    """A token that signs this person in once, within half an hour."""
    token = secrets.token_urlsafe(32)
    session.add(SignInLinkRow(token_hash=digest(token), staff_id=staff_id, expires_at=now + LINK_LIFE))
    await session.flush()
    return token


async def use_link(session: AsyncSession, token: str, now: datetime) -> Person:
    """
    Raises:
        LinkUsed, LinkExpired: one conditional UPDATE, so a double click signs in once.

    """
    staff_id = await session.scalar(
        update(SignInLinkRow)
        .where(
            SignInLinkRow.token_hash == digest(token),
            SignInLinkRow.used_at.is_(None),
            SignInLinkRow.expires_at > now,
        )
        .values(used_at=now)
        .returning(SignInLinkRow.staff_id)
    )
    person = await get(session, staff_id) if staff_id is not None else None
    if person is None:
        row = await session.get(SignInLinkRow, digest(token))
        if row is not None and row.used_at is None:
            raise LinkExpired("This sign-in link has expired. Ask for a new one, or sign in with your password.")
        raise LinkUsed("This sign-in link was used already, or is not one. Sign in with your password.")
    return person


async def make_api_key(session: AsyncSession, *, name: str, role: Role, now: datetime, actor: str) -> str:
    """The key itself; only its hash is kept."""
    checked(name, limit=80)
    key = "wl_" + secrets.token_urlsafe(32)
    row = ApiKeyRow(id=uuid4(), name=name, role=role, key_hash=digest(key), created_at=now)
    session.add(row)
    await session.flush()
    await audit.note(session, actor=actor, action="api_key.created", subject=str(row.id), now=now, role=role)
    return key


async def api_key_of(session: AsyncSession, key: str) -> ApiKey | None:
    row = await session.scalar(
        select(ApiKeyRow).where(ApiKeyRow.key_hash == digest(key), ApiKeyRow.revoked_at.is_(None))
    )
    return ApiKey(row.id, row.name, cast(Role, row.role)) if row is not None else None


def _person(row: StaffRow) -> Person:
    return Person(row.id, row.name, row.email, cast(Role, row.role))
