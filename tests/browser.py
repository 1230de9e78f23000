"""Pages of a real browser, watched for faults."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, ViewportSize

WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
PHONE = ViewportSize(width=375, height=740)


@asynccontextmanager
async def watched(chromium: Browser, width: int, height: int) -> AsyncIterator[Page]:
    """Fails the test when a script of the page fails or the page breaks its own content security policy."""
    context = await chromium.new_context(viewport={"width": width, "height": height})
    made = await context.new_page()
    faults: list[str] = []
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    yield made
    await context.close()
    assert faults == []
