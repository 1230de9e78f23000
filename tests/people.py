"""The cast and how they act: Ada the visitor, Sam and Kim the agents, Olive the owner, Mallory.

``running`` starts a real uvicorn in the test's own loop; ``Visitor`` and ``Desk`` speak the protocol over
real sockets, as the pages do.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from api.app import create
from api.cli import server_options
from api.demo import AUTHOR, FAQ, NAME
from api.house import BUSINESS, House, build
from core import house as facts
from core import staff
from core.db import reading, transaction
from core.encoder import Encoder
from core.settings import Settings
from core.staff import Person, Role
from knowledge_base import articles, importer

PASSWORD = "correct horse battery staple"
PATIENCE = 20.0  # seconds; generous, a busy machine is no failure
Frame = dict[str, Any]


class Running:
    """A house that answers on a port of its own."""

    def __init__(self, house: House, url: str) -> None:
        self.house = house
        self.url = url
        self.origin = Origin(url)
        self._hash: str | None = None

    @property
    def ws(self) -> str:
        return self.url.replace("http://", "ws://")

    async def person(self, name: str, role: Role) -> Person:
        """Sam, Kim or Olive, with PASSWORD; made when first asked for."""
        email = f"{name.lower()}@example.com"
        async with reading(self.house.db) as session:
            if (known := await staff.by_email(session, email)) is not None:
                return known
        self._hash = self._hash or await staff.hashed(PASSWORD)
        async with transaction(self.house.db) as session:
            return await staff.add(
                session,
                email=email,
                name=name,
                role=role,
                password_hash=self._hash,
                now=self.house.now(),
                actor="test",
            )

    async def sign_in_link(self, role: Role) -> str:
        """A path with a one-time link: /desk#link=... for an agent, /owner#link=... for an owner."""
        person = await self.person(*(("Olive", "owner") if role == "owner" else ("Sam", "agent")))
        async with transaction(self.house.db) as session:
            token = await staff.make_link(session, person.id, self.house.now())
        return f"/{'owner' if role == 'owner' else 'desk'}#link={token}"

    async def api_key(self, role: Role = "owner") -> str:
        async with transaction(self.house.db) as session:
            return await staff.make_api_key(session, name="test", role=role, now=self.house.now(), actor="test")

    async def cookie(self, person: Person) -> str:
        async with transaction(self.house.db) as session:
            return (await staff.open_session(session, person, self.house.now())).token

    @asynccontextmanager
    async def signed_in(self, name: str, role: Role) -> AsyncIterator[httpx.AsyncClient]:
        """An HTTP client with a session and its CSRF token, as a page has them."""
        person = await self.person(name, role)
        async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE) as client:
            found = (await client.post("/api/v1/session", json={"email": person.email, "password": PASSWORD})).json()
            client.headers["X-CSRF-Token"] = found["csrf"]
            yield client

    @asynccontextmanager
    async def http(self, key: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE, headers=headers) as client:
            yield client

    @asynccontextmanager
    async def visitor(self, token: str | None = None, after: int = 0) -> AsyncIterator["Visitor"]:
        """A visitor with an open conversation: a new one, or the one of ``token``."""
        async with connect(f"{self.ws}/ws/visitor", origin=self.origin) as socket:
            ada = Visitor(socket)
            first = (
                {"kind": "resume", "token": token, "after": after} if token else {"kind": "start", "key": str(uuid4())}
            )
            await ada.send(first)
            ada.welcome = await ada.until("welcome")
            ada.token = ada.welcome["token"] or token or ""
            yield ada

    @asynccontextmanager
    async def desk(self, name: str = "Sam") -> AsyncIterator["Desk"]:
        person = await self.person(name, "agent")
        cookie = f"warmline_session={await self.cookie(person)}"
        async with connect(
            f"{self.ws}/ws/desk",
            origin=self.origin,
            additional_headers={"Cookie": cookie},
        ) as socket:
            sam = Desk(socket, person)
            await sam.until("desk_welcome")
            yield sam


async def load_demo(url: str, encoder: Encoder) -> None:
    """Put the demo business into a migrated database."""
    house = build(Settings(database_url=url), encoder=encoder)
    await articles.bring_in(
        house.db, encoder, importer.read(FAQ.name, FAQ.read_bytes()), replace=False, by=AUTHOR, now=house.now()
    )
    async with transaction(house.db) as session:
        await facts.set_fact(session, BUSINESS, NAME)
    await house.db.engine.dispose()


class Client:
    """One open socket. ``seen`` keeps every frame that came, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[Frame] = []
        self._read = 0

    async def send(self, frame: Frame) -> None:
        await self.socket.send(json.dumps(frame))

    async def next(self) -> Frame:
        async with asyncio.timeout(PATIENCE):
            frame: Frame = json.loads(await self.socket.recv())
        self.seen.append(frame)
        return frame

    async def until(self, kind: str, fits: Callable[[Frame], bool] = lambda _frame: True) -> Frame:
        """The next frame of this kind that fits; frames that came before count once."""
        while True:
            while self._read < len(self.seen):
                frame = self.seen[self._read]
                self._read += 1
                if frame["kind"] == kind and fits(frame):
                    return frame
            await self.next()

    async def event(self, kind: str, fits: Callable[[Frame], bool] = lambda _event: True) -> Frame:
        found = await self.until("happened", lambda f: f["event"]["kind"] == kind and fits(f["event"]))
        event: Frame = found["event"]
        return event

    async def happened(self, kind: str, fits: Callable[[Frame], bool] = lambda _event: True) -> Frame:
        """That event, whether it comes or has come already: it may come before the answer to what caused it."""
        while True:
            for event in self.events:
                if event["kind"] == kind and fits(event):
                    return event
            await self.next()

    async def shows(self, fits: Callable[[Frame], bool]) -> Frame:
        """What the page now knows of its chat, once it fits."""
        while True:
            states = [frame for frame in self.seen if frame["kind"] == "state"]
            if states and fits(states[-1]):
                return states[-1]
            await self.next()

    async def message(self, sender: str) -> Frame:
        return await self.event("message_said", lambda e: e["sender"]["kind"] == sender)

    @property
    def events(self) -> list[Frame]:
        return [f["event"] for f in self.seen if f["kind"] == "happened"]


class Visitor(Client):
    welcome: Frame
    token: str

    @property
    def conversation_id(self) -> str:
        return str(self.welcome["conversation_id"])

    async def say(self, text: str, key: UUID | None = None) -> Frame:
        """Say it and wait until it is durable."""
        sent = str(key or uuid4())
        await self.send({"kind": "say", "key": sent, "text": text})
        return await self.until("stored", lambda f: f["key"] == sent)

    async def ask(self, text: str) -> Frame:
        """Say it and wait for the bot's reply (one that rests on a decision)."""
        await self.say(text)
        return await self.event("message_said", lambda e: e["sender"]["kind"] == "bot" and e["basis"] is not None)

    async def ask_human(self) -> Frame:
        key = str(uuid4())
        await self.send({"kind": "ask_human", "key": key})
        return await self.until("stored", lambda f: f["key"] == key)


class Desk(Client):
    def __init__(self, socket: ClientConnection, person: Person) -> None:
        super().__init__(socket)
        self.person = person

    async def act(self, kind: str, conversation_id: str, **more: object) -> Frame:
        """Send an action; returns `done` or `refused`."""
        ref = uuid4().hex
        await self.send({"kind": kind, "conversation_id": conversation_id, "ref": ref, **more})
        while True:
            for frame in self.seen:
                if frame.get("ref") == ref:
                    return frame
            await self.next()

    async def say(self, conversation_id: str, text: str, key: UUID | None = None) -> Frame:
        sent = str(key or uuid4())
        await self.send({"kind": "say", "conversation_id": conversation_id, "key": sent, "text": text, "ref": sent})
        while True:
            for frame in self.seen:
                if sent in (frame.get("ref"), frame.get("key")) and frame["kind"] in ("stored", "refused"):
                    return frame
            await self.next()

    async def waiting(self, fits: Callable[[list[Frame]], bool]) -> list[Frame]:
        frame = await self.until("queue", lambda f: fits(f["waiting"]))
        rows: list[Frame] = frame["waiting"]
        return rows


class Server(uvicorn.Server):
    """Without uvicorn's signal handlers: pytest keeps its own."""

    def install_signal_handlers(self) -> None:
        return None


@asynccontextmanager
async def running(settings: Settings, encoder: Encoder) -> AsyncIterator[Running]:
    house = build(settings, encoder=encoder)
    options = server_options(settings) | {"port": 0, "timeout_graceful_shutdown": 1}
    server = Server(uvicorn.Config(create(house), **options))
    task = asyncio.create_task(server._serve())
    while not server.started:
        if task.done():
            task.result()
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Running(house, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        await task
