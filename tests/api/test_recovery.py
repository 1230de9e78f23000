"""kill -9 of the real server while visitors write; the long run is benchmarks/recovery.py."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_socket
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from benchmarks.recovery import Server, free_port, play, table
from core.bus import Notice
from core.db import connect


async def test_after_kills_under_load_nothing_acknowledged_is_lost_doubled_or_unanswered(
    demo_sqlite: Path, tmp_path: Path
) -> None:
    shutil.copy(demo_sqlite, tmp_path / "warmline.db")
    report = await play(tmp_path, kills=3, visitors=5, seed=7, prepared=True)
    assert report.clean, table(report)
    assert report.acknowledged >= 10, "too little was said to prove anything"
    assert report.resends > 0, "no kill hit a message under way"
    assert report.owed > 0, "nothing was left for the start to answer"


async def test_a_connection_that_is_cancelled_while_it_closes_does_not_keep_the_process_from_ending(
    sqlite_url: str,
) -> None:
    """SQLAlchemy and aiosqlite both stop its thread then; the second waited for ever, at the very end of `serve`."""

    async def nobody(_notices: list[Notice]) -> None:
        return None

    db = connect(sqlite_url, nobody)
    async with db.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        closing = asyncio.create_task(driver.close())
        await asyncio.sleep(0)
        stopping = driver.stop()
        closing.cancel()
        _, left = await asyncio.wait([closing], timeout=5)
        await asyncio.wait_for(stopping, 5)
        await connection.invalidate()
    await db.engine.dispose()
    assert not left


async def test_a_server_that_is_told_to_stop_says_so_to_its_visitors_and_ends(
    demo_sqlite: Path, tmp_path: Path
) -> None:
    shutil.copy(demo_sqlite, tmp_path / "warmline.db")
    port = free_port()
    server = Server({"WARMLINE_DATA_DIR": str(tmp_path), "WARMLINE_PORT": str(port)}, tmp_path / "serve.log")
    server.start()
    assert server.process is not None
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    line = await connect_socket(
                        f"ws://127.0.0.1:{port}/ws/visitor", origin=Origin(f"http://127.0.0.1:{port}")
                    )
                    break
                except OSError:
                    await asyncio.sleep(0.2)
        await line.send('{"kind": "start", "key": "00000000-0000-4000-8000-000000000001"}')
        await line.send('{"kind": "say", "key": "00000000-0000-4000-8000-000000000002", "text": "Hello"}')
        async with asyncio.timeout(30):
            while json.loads(await line.recv())["kind"] != "stored":
                pass
            server.process.terminate()
            with pytest.raises(ConnectionClosed) as gone:
                await _until_closed(line)
        assert gone.value.rcvd is not None
        assert gone.value.rcvd.code in (1001, 1012)
        assert await asyncio.to_thread(server.process.wait, 20) in (0, -15)
    finally:
        if server.process.poll() is None:
            server.kill()


async def _until_closed(line: ClientConnection) -> None:
    while True:
        await line.recv()
