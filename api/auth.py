"""Who is calling: a session cookie with its CSRF token, an API key, or somebody on this machine. Floor 3."""

import ipaddress
import secrets
from dataclasses import dataclass
from typing import Annotated, cast
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from starlette.requests import HTTPConnection

from api.house import House
from api.limits import Limits
from core import staff
from core.db import reading
from core.errors import NotAllowed, NotSignedIn
from core.staff import ApiKey, Person, Role, Session

COOKIE = "warmline_session"
SAFE = {"GET", "HEAD", "OPTIONS"}


class CsrfMissing(NotAllowed):
    code = "csrf_missing"


class NeedsOwner(NotAllowed):
    code = "needs_owner"


class NeedsKey(NotSignedIn):
    code = "needs_key"


class UnknownKey(NotSignedIn):
    code = "unknown_key"


@dataclass(frozen=True, slots=True)
class Caller:
    """A person with a session, or a machine with a key; both have a role."""

    role: Role
    actor: str
    name: str
    person: Person | None
    csrf: str = ""
    token: str = ""


def house_of(connection: HTTPConnection) -> House:
    return cast(House, connection.app.state.house)


def limits_of(connection: HTTPConnection) -> Limits:
    return cast(Limits, connection.app.state.limits)


async def session_of(house: House, connection: HTTPConnection) -> Session | None:
    token = connection.cookies.get(COOKIE)
    if not token:
        return None
    async with reading(house.db) as session:
        return await staff.session_of(session, token, house.now())


async def key_of(house: House, connection: HTTPConnection) -> ApiKey | None:
    """The API key of the request; None where it brought none.

    Raises:
        UnknownKey: it brought one that is not known or was revoked.

    """
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        return None
    async with reading(house.db) as session:
        found = await staff.api_key_of(session, key.strip())
    if found is None:
        raise UnknownKey("This API key is not known (any more).")
    return found


async def caller(request: Request) -> Caller:
    """Staff, by cookie or key.

    Raises:
        NotSignedIn, UnknownKey; CsrfMissing: a cookie alone changes nothing.

    """
    house = house_of(request)
    if (key := await key_of(house, request)) is not None:
        return Caller(key.role, key.actor, key.name, None)
    found = await session_of(house, request)
    if found is None:
        raise NotSignedIn("Please sign in.")
    if request.method not in SAFE:
        sent = request.headers.get("x-csrf-token", "")
        if not secrets.compare_digest(sent.encode("utf-8", "replace"), found.csrf.encode()):
            raise CsrfMissing("The page is out of date: reload it and try again.")
    person = found.person
    return Caller(person.role, person.actor, person.name, person, found.csrf, found.token)


async def owner(found: Annotated[Caller, Depends(caller)]) -> Caller:
    """
    Raises:
        NeedsOwner.

    """
    if found.role != "owner":
        raise NeedsOwner("Only an owner may do this.")
    return found


async def agent(found: Annotated[Caller, Depends(caller)]) -> Person:
    """A person who can hold chats (a key cannot).

    Raises:
        NotAllowed.

    """
    if found.person is None:
        raise NotAllowed("Only a signed-in person can do this, not an API key.")
    return found.person


Staff = Annotated[Caller, Depends(caller)]
Owner = Annotated[Caller, Depends(owner)]
Agent = Annotated[Person, Depends(agent)]
TheHouse = Annotated[House, Depends(house_of)]


def set_cookie(response: Response, house: House, token: str) -> None:
    response.set_cookie(
        COOKIE, token, max_age=int(staff.SESSION_LIFE.total_seconds()), httponly=True, samesite="strict",
        secure=house.settings.secure_cookies, path="/",
    )  # fmt: skip


def is_local(connection: HTTPConnection) -> bool:
    """Does the caller sit on this very machine, with no proxy and no stranger's page between?"""
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip", "via"} & set(connection.headers.keys())
    host = urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
    peer = connection.client.host if connection.client else ""
    return not forwarded and _is_loopback(peer) and (host == "localhost" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin_allowed(house: House, connection: HTTPConnection, *, own_only: bool = False) -> bool:
    """A browser's page may open a socket from our own pages, or from an origin that the operator named.

    Missing, "null" and look-alike origins are refused: the whole origin is compared.
    """
    origin = connection.headers.get("origin", "")
    parts = urlsplit(origin)
    if not parts.scheme or not parts.netloc:
        return False
    own = {connection.headers.get("host", "").lower()}
    if house.settings.public_url:
        own.add(urlsplit(house.settings.public_url).netloc.lower())
    if parts.netloc.lower() in own:
        return True
    return not own_only and origin.lower() in {o.lower().rstrip("/") for o in house.settings.allowed_origins}
