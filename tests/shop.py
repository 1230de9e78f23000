"""A website that embeds the widget, the line between it and the house, and what a visitor does there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Locator, Page, expect

WIDGET = Path(__file__).parents[1] / "web_widget" / "widget.js"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
expect.set_options(timeout=15_000)  # ms; generous, a busy machine is no failure


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[str]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


class Shop:
    """A website of somebody else's, on an origin of its own, that embeds the widget."""

    def __init__(self) -> None:
        self.url = ""
        self.widget = ""  # the origin that the widget is loaded from
        self.csp = ""
        self.integrity = ""
        self.copies = 1
        self.attributes = ""  # of the script
        self.language = "en"
        self.head = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        kind, body = self._found(request.split(b" ", 2)[1].decode())
        policy = f"Content-Security-Policy: {self.csp}\r\n" if self.csp else ""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{policy}"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    def _found(self, path: str) -> tuple[str, bytes]:
        if path == "/widget.js":
            return "text/javascript", WIDGET.read_bytes()
        if path == "/markdown.js":
            return "text/javascript", (WIDGET.parent / "panel" / "markdown.js").read_bytes()
        if path == "/dom.js":
            return "text/javascript", (WIDGET.parent / "panel" / "dom.js").read_bytes()
        return "text/html; charset=utf-8", self._page().encode()

    def _page(self) -> str:
        pinned = f'integrity="{self.integrity}" crossorigin' if self.integrity else ""
        attributes = f"data-warmline {self.attributes} {pinned}"
        script = f'<script type="module" src="{self.widget}/widget.js" {attributes}></script>'
        return (
            f'<!doctype html><html lang="{self.language}"><head><title>A shop</title><link rel="icon" href="data:,">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">{self.head}</head><body><main>'
            '<h1>A shop</h1><button data-warmline-ask="Do you ship abroad?">Ask us</button></main>'
            f"{script * self.copies if self.widget else ''}</body></html>"
        )


class Cable:
    """The way between a browser and the house, which can be cut, or lose what comes back."""

    def __init__(self, house: str) -> None:
        self._port = int(house.rpartition(":")[2])
        self._ends: set[asyncio.StreamWriter] = set()
        self.deaf = False  # the browser hears nothing any more
        self.down = False

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends |= {writer, back}
        await asyncio.gather(self._pump(reader, back, False), self._pump(there, writer, True))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, homeward: bool) -> None:
        try:
            while data := await source.read(65_536):
                if not (homeward and self.deaf):
                    sink.write(data)
                    await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()


async def open_chat(page: Page) -> Locator:
    await page.get_by_role("button", name="Chat with us").click()
    await expect(page.locator('[data-sender="bot"]').first).to_be_visible()
    return page.get_by_role("textbox", name="Write a message")


async def say(page: Page, text: str) -> None:
    await page.get_by_role("textbox", name="Write a message").fill(text)
    await page.keyboard.press("Enter")


def bubbles(page: Page, sender: str) -> Locator:
    return page.locator(f'[data-sender="{sender}"] > .text')


async def violations(page: Page) -> list[str]:
    results = await Axe().run(page)
    return [f"{found['id']}: {found['nodes'][0]['target']}" for found in results.response["violations"]]
