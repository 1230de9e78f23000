"""core/bus.py: a reader's box is bounded, says each thing once, and is empty once it is read."""

import asyncio
from uuid import uuid4

from core.bus import DESK, HOUSE, MAX_SIGNALS, Mailbox, MemoryBus, Notice, conversation_topic

ADA = conversation_topic(uuid4())


async def nothing_comes(box: Mailbox) -> bool:
    try:
        async with asyncio.timeout(0.02):
            await box.get()
    except TimeoutError:
        return True
    return False


async def test_ten_thousand_wakes_of_a_topic_are_one() -> None:
    bus = MemoryBus()
    with bus.subscription({ADA, DESK}) as box:
        await bus.publish([Notice(ADA)] * 10_000)
        assert await box.get() == ({ADA}, [])
        assert await nothing_comes(box)


async def test_of_too_many_signals_the_newest_are_kept() -> None:
    bus = MemoryBus()
    with bus.subscription({ADA}) as box:
        await bus.publish([Notice(ADA, {"n": str(n)}) for n in range(10_000)])
        woken, signals = await box.get()
    assert woken == set()
    assert [s["n"] for s in signals] == [str(n) for n in range(10_000 - MAX_SIGNALS, 10_000)]


async def test_a_reader_hears_its_own_topics_only() -> None:
    bus = MemoryBus()
    with bus.subscription({ADA}) as box:
        await bus.publish([Notice(DESK), Notice(conversation_topic(uuid4())), Notice(DESK, {"n": "1"})])
        assert await nothing_comes(box)


async def test_every_reader_of_a_topic_hears_it() -> None:
    bus = MemoryBus()
    with bus.subscription({DESK}) as sam, bus.subscription({DESK, HOUSE}) as kim:
        await bus.publish([Notice(DESK)])
        assert await sam.get() == await kim.get() == ({DESK}, [])


async def test_who_has_unsubscribed_gets_nothing() -> None:
    bus = MemoryBus()
    with bus.subscription({DESK}) as box:
        pass
    await bus.publish([Notice(DESK)])
    bus.wake_all()
    assert await nothing_comes(box)


async def test_an_error_unsubscribes_too() -> None:
    bus = MemoryBus()
    try:
        with bus.subscription({DESK}) as box:
            raise ConnectionError
    except ConnectionError:
        await bus.publish([Notice(DESK)])
    assert await nothing_comes(box)


async def test_a_wake_before_the_reader_looks_is_not_lost() -> None:
    bus = MemoryBus()
    with bus.subscription({DESK}) as box:
        await bus.publish([Notice(DESK)])
        await bus.publish([Notice(DESK, {"n": "1"})])
        assert await box.get() == ({DESK}, [{"n": "1"}])


async def test_a_sleeping_reader_is_woken() -> None:
    bus = MemoryBus()
    with bus.subscription({DESK}) as box:
        asyncio.get_running_loop().call_later(0.01, bus.deliver, [Notice(DESK)])
        async with asyncio.timeout(5):
            assert await box.get() == ({DESK}, [])


async def test_a_topic_that_is_no_longer_followed_is_not_handed_over() -> None:
    bus = MemoryBus()
    with bus.subscription({ADA, DESK}) as box:
        await bus.publish([Notice(ADA)])
        box.topics.discard(ADA)
        assert await box.get() == (set(), [])


async def test_waking_all_wakes_every_topic_of_every_reader() -> None:
    bus = MemoryBus()
    with bus.subscription({ADA}) as ada, bus.subscription({DESK, HOUSE}) as sam:
        bus.wake_all()
        assert await ada.get() == ({ADA}, [])
        assert await sam.get() == ({DESK, HOUSE}, [])
