"""kill -9 under load: is anything that was acknowledged lost, doubled, or left without its one reply?

    python benchmarks/recovery.py --kills 10 --visitors 20 [--seed 1] [--database-url postgresql+asyncpg://...]

A real `serve` process is killed again and again while visitors write. A visitor sends a message again, with
the same key and over a new socket, until it is acknowledged. Afterwards the database is read and compared
with what the visitors were told. The database must be empty, or not exist yet.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Origin

from api.demo import FAQ
from bot.tables import DecisionRow
from core.bus import Notice
from core.db import Database, reading
from core.db import connect as open_database
from core.tables import ConversationRow, EventRow, MessageRow

ROOT = Path(__file__).parents[1]
QUESTIONS = (
    "What are your opening hours?", "How long does delivery take?", "Do you sell gift cards?", "Are you hiring?",
    "Which workshops do you run and what do they cost?", "Do you supply shops, cafés and restaurants?",
    "How does the Jar Club work?", "Which payment methods do you accept?",
)  # fmt: skip
DRAIN = 120.0  # seconds for the last replies; the encoder is loaded first


@dataclass
class Server:
    """One `serve` process after the other, on the same database and port."""

    settings: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    first_acks: list[float] = field(default_factory=list)  # seconds from each start to the first acknowledgement
    sending: asyncio.Event = field(default_factory=asyncio.Event)  # somebody just sent a message
    _waits_for_ack: bool = False
    _acked: asyncio.Event = field(default_factory=asyncio.Event)

    def environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("WARMLINE_")}
        path = os.pathsep.join(p for p in (str(ROOT), clean.get("PYTHONPATH", "")) if p)
        return clean | self.settings | {"PYTHONPATH": path}

    def run(self, *command: str) -> None:
        """A command of ours, to its end."""
        with self.log.open("ab") as log:
            subprocess.run(
                [sys.executable, "-m", "api", *command],
                env=self.environment(), cwd=self.log.parent, stdout=log, stderr=log, check=True,
            )  # fmt: skip

    def start(self) -> None:
        self.started = time.monotonic()
        self._waits_for_ack = True
        self._acked.clear()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api", "serve"],
                env=self.environment(), cwd=self.log.parent, stdout=log, stderr=log,
            )  # fmt: skip

    def acked(self) -> None:
        if self._waits_for_ack:
            self._waits_for_ack = False
            self.first_acks.append(time.monotonic() - self.started)
            self._acked.set()

    async def first_ack(self) -> None:
        await asyncio.wait_for(self._acked.wait(), DRAIN)

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(30)


@dataclass
class Visitor:
    """Writes one message after the other; each is sent again until it is acknowledged."""

    url: str
    origin: Origin
    server: Server
    chance: random.Random
    token: str | None = None
    conversation_id: str = ""
    last_seen: int = 0
    acked: dict[str, int] = field(default_factory=dict)  # key -> seq
    sent: set[str] = field(default_factory=set)
    resends: int = 0
    faults: list[str] = field(default_factory=list)
    _start_key: str = ""
    _open: tuple[str, str] | None = None  # key and text that wait for their acknowledgement

    async def live(self, until: asyncio.Event) -> None:
        self._start_key = str(UUID(int=self.chance.getrandbits(128), version=4))
        while not (until.is_set() and self._open is None):
            with contextlib.suppress(OSError, TimeoutError, WebSocketException, InvalidHandshake):
                async with connect(self.url, origin=self.origin, open_timeout=5) as line:
                    await self._come_in(line)
                    await self._talk(line, until)
            await asyncio.sleep(self.chance.uniform(0.05, 0.3))

    async def catch_up(self, upto: int) -> None:
        """See what is left to see."""
        async with connect(self.url, origin=self.origin) as line:
            await self._come_in(line)
            while self.last_seen < upto:
                await self._next(line, 10)

    async def _come_in(self, line: ClientConnection) -> None:
        if self.token is None:
            await line.send(json.dumps({"kind": "start", "key": self._start_key}))
        else:
            await line.send(json.dumps({"kind": "resume", "token": self.token, "after": self.last_seen}))
        welcome = await self._next(line, 10)
        if welcome["kind"] != "welcome":
            raise TimeoutError  # refused for a moment (the database is busy): come again
        if welcome["reset"]:
            self.faults.append("reset")
        self.conversation_id = welcome["conversation_id"]
        self.token = welcome["token"] or self.token

    async def _talk(self, line: ClientConnection, until: asyncio.Event) -> None:
        while not (until.is_set() and self._open is None):
            if self._open is None:
                key = str(UUID(int=self.chance.getrandbits(128), version=4))
                self._open = (key, self.chance.choice(QUESTIONS))
            key, words = self._open
            self.resends += key in self.sent
            self.sent.add(key)
            await line.send(json.dumps({"kind": "say", "key": key, "text": words}))
            self.server.sending.set()
            await self._until_acked(line, key)
            await self._listen(line, self.chance.uniform(0.8, 1.6))

    async def _until_acked(self, line: ClientConnection, key: str) -> None:
        while True:
            frame = await self._next(line, 10)
            if frame["kind"] == "stored" and frame["key"] == key:
                self.server.acked()
                if self.acked.setdefault(key, frame["seq"]) != frame["seq"]:
                    self.faults.append("another number for the same key")
                self._open = None
                return
            if frame["kind"] == "refused" and frame["ref"] == key:
                await self._listen(line, frame["retry_after"] or 0.3)
                return  # and send it again

    async def _listen(self, line: ClientConnection, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                await self._next(line, left)

    async def _next(self, line: ClientConnection, patience: float) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(line.recv(), patience))
        if frame["kind"] == "happened":
            if frame["prev"] != self.last_seen:
                self.faults.append(f"saw {self.last_seen}, was sent the one after {frame['prev']}")
            self.last_seen = frame["event"]["seq"]
        return frame


@dataclass(frozen=True)
class Report:
    kills: int
    visitors: int
    owed: int  # conversations without their reply at the last kill, after which nobody wrote any more
    acknowledged: int
    resends: int
    lost: int  # acknowledged, and not in the database under the number that was told
    doubled: int  # one key, several messages
    unanswered: int  # messages that no reply covers
    answered_twice: int
    gaps: int  # in the numbers of a conversation
    seen_wrong: int  # what a visitor saw twice, not at all or out of order
    integrity: str
    first_ack: tuple[float, ...]  # seconds from each start; the first one is no restart

    @property
    def clean(self) -> bool:
        faults = self.lost + self.doubled + self.unanswered + self.answered_twice + self.gaps + self.seen_wrong
        return faults == 0 and self.integrity == "ok"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def play(
    folder: Path, *, kills: int, visitors: int, seed: int, database_url: str = "", prepared: bool = False
) -> Report:
    """
    Args:
        folder: for the log and, without ``database_url``, the database.
        prepared: the database is migrated and has the demo business's FAQ.

    """
    chance, port = random.Random(seed), free_port()  # noqa: S311
    url = database_url or f"sqlite+aiosqlite:///{folder / 'warmline.db'}"
    server = Server(
        {"WARMLINE_DATABASE_URL": url, "WARMLINE_DATA_DIR": str(folder), "WARMLINE_PORT": str(port)},
        folder / "serve.log",
    )
    if not prepared:
        server.run("migrate")
        server.run("faq", "import", str(FAQ))
    people = [
        Visitor(
            f"ws://127.0.0.1:{port}/ws/visitor", Origin(f"http://127.0.0.1:{port}"), server,
            random.Random(chance.getrandbits(64)),  # noqa: S311
        )
        for _ in range(visitors)
    ]  # fmt: skip
    enough = asyncio.Event()
    server.start()
    try:
        crowd = [asyncio.create_task(one.live(enough)) for one in people]
        for number in range(kills - 1):
            await server.first_ack()
            # The encoder needs some seconds to load: a kill before that leaves every message unanswered.
            await asyncio.sleep(chance.uniform(0.1, 8.0))
            # Then aim: between a message and its commit, its acknowledgement or its reply.
            server.sending.clear()
            await asyncio.wait_for(server.sending.wait(), DRAIN)
            await asyncio.sleep(0 if number == 0 else chance.uniform(0, chance.choice((0.01, 0.05, 0.3))))
            server.kill()
            server.start()
        # Before the last kill everybody falls silent while the encoder still loads: no message will wake the
        # turns that are owed, so the start itself must.
        await server.first_ack()
        await asyncio.sleep(0.3)
        enough.set()
        server.kill()
        owed = await _owed(url)
        server.start()
        await asyncio.wait_for(asyncio.gather(*crowd), DRAIN)
        db = open_database(url, _nobody)
        try:
            await _until_answered(db)
            for one in people:
                await asyncio.wait_for(one.catch_up(await _last_for_visitor(db, one)), DRAIN)
            server.stop()
            return await _read(db, people, kills, owed, tuple(server.first_acks))
        finally:
            await db.engine.dispose()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()


async def _nobody(_notices: list[Notice]) -> None:
    return None


async def _until_answered(db: Database) -> None:
    end = time.monotonic() + DRAIN
    while time.monotonic() < end:
        async with reading(db) as session:
            open_ones = await session.scalar(
                select(ConversationRow.id)
                .where(ConversationRow.answered_seq < ConversationRow.last_visitor_seq)
                .limit(1)
            )
        if open_ones is None:
            return
        await asyncio.sleep(0.2)


async def _last_for_visitor(db: Database, one: Visitor) -> int:
    async with reading(db) as session:
        found = await session.scalar(
            select(EventRow.seq)
            .where(EventRow.conversation_id == UUID(one.conversation_id), EventRow.kind == "message_said")
            .order_by(EventRow.seq.desc())
            .limit(1)
        )
    return found or 0


async def _owed(url: str) -> int:
    db = open_database(url, _nobody)
    async with reading(db) as session:
        found = await session.scalars(
            select(ConversationRow.id).where(ConversationRow.answered_seq < ConversationRow.last_visitor_seq)
        )
        count = len(list(found))
    await db.engine.dispose()
    return count


async def _read(db: Database, people: list[Visitor], kills: int, owed: int, first_acks: tuple[float, ...]) -> Report:
    async with reading(db) as session:
        messages = list(await session.scalars(select(MessageRow).order_by(MessageRow.seq)))
        decisions = list(await session.scalars(select(DecisionRow)))
        events = list(await session.scalars(select(EventRow).order_by(EventRow.seq)))
        last = {row.id: row.last_seq for row in await session.scalars(select(ConversationRow))}
        integrity = "ok"
        if db.is_sqlite:
            integrity = str(await session.scalar(text("PRAGMA integrity_check")))
    stored = Counter((str(m.conversation_id), m.client_key) for m in messages)
    number = {(str(m.conversation_id), m.client_key): m.seq for m in messages}
    told = {(one.conversation_id, key): seq for one in people for key, seq in one.acked.items()}
    said = {(m.conversation_id, m.seq) for m in messages if m.sender_kind == "visitor"}
    covered = Counter((d.conversation_id, seq) for d in decisions for seq in d.covers)
    replies = Counter(
        e.body["basis"]["decision_id"] for e in events if e.kind == "message_said" and e.body.get("basis")
    )
    numbers: dict[UUID, list[int]] = {}
    for event in events:
        numbers.setdefault(event.conversation_id, []).append(event.seq)
    known = {(one.conversation_id, key) for one in people for key in one.sent}
    strangers = {
        (str(c), k) for c, k in ((m.conversation_id, m.client_key) for m in messages if m.sender_kind == "visitor")
    }
    return Report(
        kills=kills,
        visitors=len(people),
        owed=owed,
        acknowledged=len(told),
        resends=sum(one.resends for one in people),
        lost=sum(number.get(key) != seq for key, seq in told.items()),
        doubled=sum(count - 1 for count in stored.values()) + len(strangers - known),
        unanswered=len(said - set(covered)) + sum(replies[str(d.id)] == 0 for d in decisions),
        answered_twice=sum(count - 1 for count in covered.values()) + sum(n - 1 for n in replies.values()),
        gaps=sum(found != list(range(1, last[c] + 1)) for c, found in numbers.items()),
        seen_wrong=sum(len(one.faults) for one in people),
        integrity=integrity,
        first_ack=first_acks,
    )


def table(report: Report) -> str:
    again = report.first_ack[1:] or report.first_ack
    rows = [
        ("kills", report.kills), ("visitors", report.visitors), ("messages acknowledged", report.acknowledged),
        ("sent again", report.resends), ("replies owed at the last kill", report.owed),
        ("acknowledged but lost", report.lost), ("doubled", report.doubled),
        ("unanswered", report.unanswered), ("answered twice", report.answered_twice),
        ("conversations with a gap", report.gaps), ("seen twice, missed or out of order", report.seen_wrong),
        ("integrity", report.integrity),
        ("restart to first ack, median s", f"{statistics.median(again):.2f}"),
        ("restart to first ack, longest s", f"{max(again):.2f}"),
    ]  # fmt: skip
    return "\n".join(f"{name:36}{value!s:>12}" for name, value in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database-url", default="")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(
            play(
                Path(folder), kills=arguments.kills, visitors=arguments.visitors, seed=arguments.seed,
                database_url=arguments.database_url,
            )
        )  # fmt: skip
    print(table(report))
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
