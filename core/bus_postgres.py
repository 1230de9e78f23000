"""The bus between workers: PostgreSQL's LISTEN / NOTIFY, coalesced. Floor 0.

A NOTIFY takes a lock over the whole cluster at commit, so one a write costs 0.71-0.93 of the
throughput; collecting for a few milliseconds keeps 0.82-0.97 of it (measured, limits.md). While the
link is down every mailbox is woken once a second: the database is the truth, so nothing is lost.
"""

import asyncio
import contextlib
import json
import logging
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy.engine import make_url

from core.bus import MemoryBus, Notice

CHANNEL = "warmline"
GATHER = 0.003  # seconds
PAYLOAD = 7_000  # bytes; PostgreSQL's limit is 8,000
log = logging.getLogger("warmline.bus")


class PostgresBus(MemoryBus):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._me = uuid4().hex[:12]
        self._outbox: list[Notice] = []
        self._wanted = asyncio.Event()
        self._untold = False  # was a notice lost while the link was down?
        self._connection: Any = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def healthy(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._keep_listening()), asyncio.create_task(self._keep_sending())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._connection.close(timeout=1)

    async def publish(self, notices: list[Notice]) -> None:
        self.deliver(notices)
        self._outbox.extend(notices)
        self._wanted.set()

    async def _keep_listening(self) -> None:
        while True:
            if not self.healthy:
                await self._connect()
            if not self.healthy:
                self.wake_all()
            await asyncio.sleep(1)

    async def _connect(self) -> None:
        try:
            connection = await asyncpg.connect(self._dsn, timeout=5)
            await connection.add_listener(CHANNEL, self._on_notify)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("bus link is down, polling once a second: %s", type(error).__name__)
            return
        self._connection = connection
        self.wake_all()  # listen first, then look at all that may have been missed
        if self._untold:  # the others' links may have been up all the time, so they did not look
            self._untold = False
            await self._send(_everything(self._me))

    async def _keep_sending(self) -> None:
        while True:
            await self._wanted.wait()
            await asyncio.sleep(GATHER)
            self._wanted.clear()
            notices, self._outbox = self._outbox, []
            for payload in _payloads(self._me, notices):
                await self._send(payload)

    async def _send(self, payload: str) -> None:
        if not self.healthy:
            self._untold = True
            return
        try:
            await self._connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("a notice was not sent: %s", type(error).__name__)
            self._untold = True

    def _on_notify(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        body = json.loads(str(payload))
        if body["from"] == self._me:
            return
        if body["notices"] is None:
            self.wake_all()
        else:
            self.deliver([Notice(topic, signal) for topic, signal in body["notices"]])


def _payloads(me: str, notices: list[Notice]) -> list[str]:
    """Distinct notices as JSON texts, each short enough for one NOTIFY."""
    distinct = dict.fromkeys(json.dumps([n.topic, n.signal]) for n in notices)
    out: list[str] = []
    batch: list[str] = []
    for text in distinct:
        if batch and sum(len(t.encode()) + 1 for t in batch) + len(text.encode()) > PAYLOAD:
            out.append(_payload(me, batch))
            batch = []
        batch.append(text)
    if batch:
        out.append(_payload(me, batch))
    return out


def _everything(me: str) -> str:
    """Some notices were lost, nobody knows which: look at everything."""
    return json.dumps({"from": me, "notices": None})


def _payload(me: str, batch: list[str]) -> str:
    return f'{{"from": "{me}", "notices": [{",".join(batch)}]}}'
