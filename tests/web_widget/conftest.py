"""A shop with the widget in it, a house behind it, and a page of a visitor."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser import watched
from people import Running, running
from playwright.async_api import Browser, Page
from shop import Cable, Shop, listening

from core.encoder import Encoder
from core.settings import Settings


@pytest.fixture
async def bare_shop() -> AsyncIterator[Shop]:
    """It serves widget.js itself and has not embedded it."""
    shop = Shop()
    async with listening(shop.answer) as shop.url:
        yield shop


@pytest.fixture
async def empty(bare_shop: Shop, sqlite_url: str, tmp_path: Path, encoder: Encoder) -> AsyncIterator[Running]:
    """A house with nothing in its FAQ, which starts quickly, and which the shop may use."""
    settings = Settings(database_url=sqlite_url, data_dir=tmp_path, allowed_origins=(bare_shop.url,))
    async with running(settings, encoder) as house:
        yield house


@pytest.fixture
async def shop(bare_shop: Shop, empty: Running) -> Shop:
    bare_shop.widget = empty.url
    return bare_shop


@pytest.fixture
async def cable(shop: Shop) -> AsyncIterator[Cable]:
    cable = Cable(shop.widget)
    async with listening(cable.answer) as shop.widget:
        yield cable
        cable.cut()
        await asyncio.sleep(0.05)  # the pumps end


@pytest.fixture
async def page(chromium: Browser, bare_shop: Shop) -> AsyncIterator[Page]:
    async with watched(chromium, 1000, 760) as page:
        yield page
