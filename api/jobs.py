"""What has to happen without anybody asking. Every worker runs it; every step is safe to run twice. Floor 3."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from api import rights
from api.house import House
from core.bus import HOUSE
from core.db import transaction
from core.errors import Unavailable
from handoff import presence

log = logging.getLogger("warmline.jobs")
TICK = 1.0  # seconds
RETENTION_EVERY = 3_600.0
SCRUB_SHARE = 20  # of the time between two scrubs at most one 20th is spent in them: writers wait meanwhile
Step = Callable[[House], Awaitable[object]]


async def forever(house: House) -> None:
    """The job loop: one broken tick is logged, never the end of the loop."""
    if house.settings.workers == 1:
        await _safely(house, _grace)
    await _safely(house, lambda h: h.turns.sweep(after=timedelta(0)))
    await asyncio.gather(_ticking(house), _refreshing(house), _keeping_clean(house), _scrubbing(house))


async def _ticking(house: House) -> None:
    while True:
        await asyncio.sleep(TICK)
        await _safely(house, bring_back)
        await _safely(house, lambda h: h.turns.sweep())
        await _safely(house, rights.forget_erased)


async def _refreshing(house: House) -> None:
    """Rebuild the index as soon as the house says that it is out of date, so that no visitor waits for it."""
    with house.bus.subscription({HOUSE}) as box:
        await _safely(house, warm_up)
        while True:
            await box.get()
            await _safely(house, warm_up)


async def _keeping_clean(house: House) -> None:
    while True:
        await _safely(house, retain)
        await asyncio.sleep(RETENTION_EVERY)


async def retain(house: House) -> None:
    done = await rights.retain(house)
    if done.conversations:
        log.info("%d conversations older than %d days were erased", done.conversations, house.settings.keep_days)


async def _scrubbing(house: House) -> None:
    while house.db.is_sqlite:
        began = time.monotonic()
        await _safely(house, rights.scrub)
        await asyncio.sleep(max(TICK, SCRUB_SHARE * (time.monotonic() - began)))


async def _grace(house: House) -> None:
    async with transaction(house.db) as session:
        await presence.grace_after_restart(session, house.now())


async def bring_back(house: House) -> None:
    async with transaction(house.db) as session:
        for conversation_id in await presence.bring_back(session, house.now()):
            log.info("conversation %s is back in line: its agent vanished", conversation_id)


async def warm_up(house: House) -> None:
    await house.refresh()
    await house.search.shelf()
    await house.mind.models()


async def _safely(house: House, step: Step) -> None:
    try:
        await step(house)
    except Unavailable as refusal:
        log.warning("%s", refusal)
    except Exception:
        log.exception("a job failed; it is tried again")
