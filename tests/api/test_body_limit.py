"""api/body_limit.py: nobody fills our memory with one request."""

from collections.abc import AsyncIterator

from httpx import RemoteProtocolError
from people import Running

from api.body_limit import MOST

PATH = "/webhooks/rest/webhook"
JSON = {"Content-Type": "application/json"}


async def test_a_body_that_says_it_is_too_large_is_refused_unread(house: Running) -> None:
    async with house.http() as client:
        refused = await client.post(PATH, content=b"x" * (MOST + 1), headers=JSON)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


async def test_a_body_that_grows_too_large_is_cut_off(house: Running) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    async with house.http() as client:
        try:
            answer = await client.post(PATH, content=endless(), headers=JSON)
        except RemoteProtocolError:
            return  # the server hung up, which is as good
        assert answer.status_code >= 400


async def test_an_ordinary_body_passes(house: Running) -> None:
    async with house.http() as client:
        answer = await client.post(PATH, json={"sender": "a", "message": "hello " * 500})
    assert answer.status_code == 200
