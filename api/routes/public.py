"""What anybody may see: health, pages, static files, the help page. Floor 3."""

import gzip
import hashlib
from functools import cache, lru_cache
from html import escape
from pathlib import Path
from typing import Any

import nh3
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from markdown_it import MarkdownIt

from api import metrics, migrate, widget_files
from api.auth import TheHouse, is_local, key_of
from bot import words
from core.db import reading
from core.errors import NotAllowed, NotFound, Unavailable
from handoff import presence, queue
from knowledge_base import articles
from knowledge_base.entry import Entry

router = APIRouter(tags=["public"])
PAGES = Path(__file__).parents[2] / "web_widget"
STATIC = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".ts": "text/plain"}
STAFF_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
PUBLIC_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(house: TheHouse) -> JSONResponse:
    """Everything that a first answer needs is there."""
    checks = {
        "database": await _database(house),
        "encoder": house.encoder.error or house.encoder.state,
        "index": "ready" if house.search.loaded else "loading",
        "bus": "ready" if house.bus.healthy else "degraded",
    }
    ready = checks["database"] == checks["encoder"] == checks["index"] == "ready"
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return JSONResponse(body, 200 if ready else 503)


async def _database(house: TheHouse) -> str:
    try:
        await migrate.require_current(house.settings.url)
    except Unavailable as refusal:
        return refusal.code
    return "ready"


@router.get("/metrics")
async def show_metrics(request: Request, house: TheHouse) -> Response:
    if not is_local(request) and await key_of(house, request) is None:
        raise NotAllowed("The metrics are shown to this machine, or with an API key.")
    async with reading(house.db) as session:
        cases = await queue.open_cases(session)
        metrics.AGENTS.set(await presence.count_online(session, house.now()))
    metrics.WAITING.set(sum(c.state == "waiting" for c in cases))
    metrics.HELD.set(sum(c.state == "claimed" for c in cases))
    metrics.READY.set(house.encoder.state == "ready" and house.search.loaded)
    body, media = metrics.text()
    return Response(body, headers={"Content-Type": media})


@router.get("/api/v1/welcome")
async def welcome(house: TheHouse) -> JSONResponse:
    """The bot's first words, for a widget that nobody has written in yet; nothing is stored."""
    async with reading(house.db) as session:
        desk_open = await presence.count_online(session, house.now()) > 0
    body: dict[str, Any] = {
        "business": house.business,
        "desk_open": desk_open,
        "bot_name": words.sender(house.business).name,
        "greeting": words.greeting(house.business),
        "epoch": house.epoch,
    }
    return JSONResponse(body, headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"})


@router.get("/", include_in_schema=False)
async def root() -> RedirectResponse:
    return RedirectResponse("/demo")


def _page(name: str, csp: str) -> FileResponse:
    headers = {"Content-Security-Policy": csp, "Cache-Control": "no-cache"}
    return FileResponse(PAGES / name, media_type="text/html; charset=utf-8", headers=headers)


@router.get("/demo", include_in_schema=False)
async def demo() -> FileResponse:
    return _page("demo.html", PUBLIC_CSP)


@router.get("/desk", include_in_schema=False)
async def desk() -> FileResponse:
    return _page("agent/index.html", STAFF_CSP)


@router.get("/owner", include_in_schema=False)
async def owner() -> FileResponse:
    return _page("owner/index.html", STAFF_CSP)


ANY_SITE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


@router.get("/widget.js", include_in_schema=False)
async def widget(request: Request) -> Response:
    headers = ANY_SITE | {"Cache-Control": "public, max-age=300"}
    return _file(request, PAGES / "widget.js", "text/javascript; charset=utf-8", headers)


@router.get("/widget/{version}/{name:path}", include_in_schema=False)
async def widget_file(version: str, name: str, request: Request) -> Response:
    """What widget.js fetches. An older widget.js, still in a cache, gets the present files and keeps none."""
    found = widget_files.file(name)
    if found is None:
        raise NotFound("There is no such file.")
    text, media = found
    is_current = version == widget_files.version()
    headers = ANY_SITE | {"Cache-Control": "public, max-age=31536000, immutable" if is_current else "no-cache"}
    return _sent(request, *_packed_text(text), media, headers)


@router.get("/static/{name:path}", include_in_schema=False)
async def static(name: str, request: Request) -> Response:
    try:
        path = (PAGES / name).resolve(strict=True)
    except (OSError, ValueError):  # it is not there, the name is too long, or has a NUL
        raise NotFound("There is no such file.") from None
    media = STATIC.get(path.suffix)
    if media is None or not path.is_relative_to(PAGES) or not path.is_file():
        raise NotFound("There is no such file.")
    return _file(request, path, media, {"Cache-Control": "no-cache"})


def _file(request: Request, path: Path, media: str, headers: dict[str, str]) -> Response:
    """A static file, gzipped for whoever takes it: the widget's 17 KB are 6 on the wire."""
    return _sent(request, *_packed(path, path.stat().st_mtime_ns), media, headers)


def _sent(request: Request, body: bytes, etag: str, media: str, headers: dict[str, str]) -> Response:
    headers |= {"ETag": etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(gzip.decompress(body), media_type=media, headers=headers)
    return Response(body, media_type=media, headers=headers | {"Content-Encoding": "gzip"})


@lru_cache(maxsize=100)
def _packed(path: Path, _changed: int) -> tuple[bytes, str]:
    return _pack(path.read_bytes())


@lru_cache(maxsize=100)
def _packed_text(text: str) -> tuple[bytes, str]:
    return _pack(text.encode())


def _pack(content: bytes) -> tuple[bytes, str]:
    body = gzip.compress(content, 9, mtime=0)
    return body, f'"{hashlib.sha256(body).hexdigest()[:24]}"'


@router.get("/help", include_in_schema=False)
async def help_page(house: TheHouse) -> HTMLResponse:
    """The published entries as one plain page; works without JavaScript."""
    async with reading(house.db) as session:
        entries = await articles.published(session)
    return HTMLResponse(_help(house.business, entries), headers={"Content-Security-Policy": PUBLIC_CSP})


def _help(business: str, entries: list[Entry]) -> str:
    title = escape(f"Help: {business}" if business else "Help")
    by_category: dict[str, list[Entry]] = {}
    for entry in entries:
        by_category.setdefault(entry.category, []).append(entry)
    links = "".join(f'<li><a href="#c{n}">{escape(c)}</a></li>' for n, c in enumerate(by_category))
    sections = "".join(
        f'<section aria-labelledby="c{n}"><h2 id="c{n}">{escape(c)}</h2>{"".join(map(_article, some))}</section>'
        for n, (c, some) in enumerate(by_category.items())
    )
    nav = f'<nav class="help-categories" aria-label="Categories"><ul>{links}</ul></nav>'
    body = nav + sections if entries else "<p>There are no entries yet.</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="/static/demo-mark.svg"><link rel="stylesheet" href="/static/help.css"></head>'
        f'<body><main class="help"><h1>{title}</h1>{body}</main>'
        '<script type="module" src="/widget.js" data-warmline></script></body></html>'
    )


def _article(entry: Entry) -> str:
    return (
        f'<article id="{entry.slug}"><h3>{escape(entry.question)}</h3>'
        f'<div class="answer">{rendered(entry.answer)}</div></article>'
    )


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "breaks": True})


def rendered(answer: str) -> str:
    """An owner's Markdown as HTML that is safe to show."""
    return nh3.clean(
        _markdown().render(answer),
        tags={
            "p",
            "br",
            "strong",
            "em",
            "code",
            "pre",
            "ul",
            "ol",
            "li",
            "a",
            "h4",
            "h5",
            "h6",
            "blockquote",
        },
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )
