"""The composition root: all that a process of Warmline holds, built once. Floor 3."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.mind import Mind
from bot.turn import Bot, Turns
from core import house as facts
from core.bus import Bus, MemoryBus
from core.bus_postgres import PostgresBus
from core.db import Database, connect, reading
from core.encoder import Encoder, expected_hash, locate
from core.settings import Settings
from knowledge_base.search import Search

BUSINESS = "business_name"


@dataclass(slots=True)
class House:
    settings: Settings
    db: Database
    bus: Bus
    encoder: Encoder
    search: Search
    mind: Mind
    bot: Bot
    turns: Turns
    now: Callable[[], datetime]
    business: str
    owns_encoder: bool
    epoch: str = ""
    erased: str | None = None  # the last erasure after which this process forgot what it remembered

    async def open(self) -> None:
        """Read what the database says of itself; start the bus and the encoder's thread."""
        await self.refresh()
        await self.bus.start()
        self.encoder.start()

    async def refresh(self) -> None:
        async with reading(self.db) as session:
            self.epoch = await facts.epoch(session)
            self.business = self.settings.business_name or await facts.fact(session, BUSINESS) or ""

    async def close(self) -> None:
        await self.turns.stop()
        await self.bus.stop()
        if self.owns_encoder:
            await asyncio.to_thread(self.encoder.stop)
        await self.db.engine.dispose()


def clock() -> datetime:
    return datetime.now(UTC)


def build(settings: Settings, *, now: Callable[[], datetime] = clock, encoder: Encoder | None = None) -> House:
    """
    Args:
        encoder: one that several houses share; who made it stops it.

    Raises:
        EncoderMissing: there is no encoder to answer with.

    """
    url = settings.url
    bus: Bus = MemoryBus() if url.startswith("sqlite") else PostgresBus(url)
    db = connect(url, bus.publish)
    owns_encoder = encoder is None
    encoder = encoder or Encoder(
        locate(settings.encoder), backlog=settings.encoder_backlog, expected=expected_hash(settings.encoder)
    )
    search = Search(db, encoder)
    mind = Mind(encoder, search)
    bot = Bot(db=db, mind=mind, business=lambda: house.business, now=now)
    house = House(settings, db, bus, encoder, search, mind, bot, Turns(bot), now, settings.business_name, owns_encoder)
    return house
