"""core/bus_postgres.py: workers wake each other through the database, and a cut link loses nothing for good."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from core.bus import DESK, HOUSE, Mailbox, Notice, conversation_topic
from core.bus_postgres import PostgresBus, _payloads

pytestmark = pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
Pair = tuple[PostgresBus, PostgresBus]
PATIENCE = 20.0  # seconds


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  a link has no event to wait for
            await asyncio.sleep(0.01)


async def gather(box: Mailbox, enough: Callable[[set[str]], bool]) -> set[str]:
    """What the box wakes for, until it is enough."""
    woken: set[str] = set()
    async with asyncio.timeout(PATIENCE):
        while not enough(woken):
            some, _ = await box.get()
            woken |= some
    return woken


async def settled(*boxes: Mailbox) -> None:
    """Empty the boxes of what a fresh link wakes everybody with."""
    for box in boxes:
        async with asyncio.timeout(PATIENCE):
            await box.get()


@pytest.fixture
async def buses(db_url: str) -> AsyncIterator[Pair]:
    """One for each of two workers, both linked."""
    here, there = PostgresBus(db_url), PostgresBus(db_url)
    await here.start()
    await there.start()
    await until(lambda: here.healthy and there.healthy)
    yield here, there
    await here.stop()
    await there.stop()


@pytest.fixture
def cut_links(db_url: str) -> Callable[[], Awaitable[None]]:
    """The server ends every connection to this database, as a restart does."""

    async def cut() -> None:
        url = make_url(db_url).set(drivername="postgresql")
        connection = await asyncpg.connect(url.render_as_string(hide_password=False))
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()

    return cut


async def test_two_workers_hear_each_other(buses: Pair) -> None:
    here, there = buses
    signal = {"kind": "visitor", "conversation": "Zoë 🙂 \u2028 \"'"}
    with here.subscription({DESK, HOUSE}) as sam, there.subscription({DESK, HOUSE}) as kim:
        await here.publish([Notice(DESK), Notice(DESK, signal)])
        async with asyncio.timeout(PATIENCE):
            assert await kim.get() == ({DESK}, [signal])
            assert await sam.get() == ({DESK}, [signal])
        await there.publish([Notice(HOUSE)])
        async with asyncio.timeout(PATIENCE):
            assert await sam.get() == ({HOUSE}, [])


async def test_a_worker_does_not_hear_itself_twice(buses: Pair) -> None:
    here, there = buses
    with here.subscription({DESK}) as sam, there.subscription({DESK}) as kim:
        await here.publish([Notice(DESK)])
        await sam.get()
        async with asyncio.timeout(PATIENCE):
            await kim.get()  # so the notice has been round
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await sam.get()


async def test_thousands_of_topics_at_once_all_arrive(buses: Pair) -> None:
    here, there = buses
    topics = {conversation_topic(uuid4()) for _ in range(2_000)}
    with there.subscription(topics) as box:
        await here.publish([Notice(topic) for topic in topics] * 2)
        assert await gather(box, lambda woken: woken == topics) == topics


async def test_payloads_stay_under_what_one_notify_may_carry(db_url: str) -> None:
    topics = [conversation_topic(uuid4()) for _ in range(500)]
    notices = [Notice(topic) for topic in topics]
    notices += [Notice(topic, {"kind": "agent", "name": "🙂" * 80}) for topic in topics]
    payloads = _payloads("0123456789ab", notices * 3)
    assert max(len(p.encode()) for p in payloads) < 8_000
    carried = [Notice(topic, signal) for p in payloads for topic, signal in json.loads(p)["notices"]]
    assert carried == notices  # each once, in order
    assert len(payloads) < 120  # coalesced: a NOTIFY locks the whole cluster


async def test_a_killed_link_is_made_anew_and_everything_is_woken(
    buses: Pair, cut_links: Callable[[], Awaitable[None]]
) -> None:
    here, there = buses
    ada = conversation_topic(uuid4())
    with here.subscription({DESK, ada}) as sam, there.subscription({DESK}) as kim:
        await cut_links()
        await until(lambda: not here.healthy and not there.healthy)
        assert await gather(sam, lambda woken: len(woken) == 2) == {DESK, ada}
        await until(lambda: here.healthy and there.healthy)
        await settled(kim)
        await there.publish([Notice(ada)])
        assert await gather(sam, lambda woken: ada in woken)


async def test_what_was_published_while_a_link_was_down_wakes_the_others_once_it_is_back(
    buses: Pair, cut_links: Callable[[], Awaitable[None]]
) -> None:
    here, there = buses
    ada = conversation_topic(uuid4())
    await here._connection.close()  # only this worker's link; the other one polls nothing
    assert there.healthy
    with there.subscription({ada}) as box:
        await here.publish([Notice(ada)])
        assert await gather(box, lambda woken: ada in woken)
    assert here.healthy


async def test_while_there_is_no_link_every_reader_is_woken_again_and_again(db_url: str) -> None:
    bus = PostgresBus("postgresql+asyncpg://ada@127.0.0.1:1/nothing")
    with bus.subscription({DESK}) as box:
        await bus.start()
        async with asyncio.timeout(PATIENCE):
            assert await box.get() == ({DESK}, [])
            assert await box.get() == ({DESK}, [])
        assert not bus.healthy
        await bus.stop()


async def test_stopping_ends_the_link(buses: Pair) -> None:
    here, _ = buses
    await here.stop()
    assert not here.healthy
