"""Builds the application around one house. Floor 3."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import metadata

from fastapi import FastAPI, Request, Response

from api import docs_page, jobs, problems, sockets
from api.body_limit import BodyLimit
from api.channels import rasa_rest
from api.cors import VisitorCors
from api.house import House, build
from api.limits import Limits
from api.logs import set_up
from api.routes import articles, desk, mind, public, reviews, session, staff, visitor
from core.settings import Settings


def create(house: House) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await house.open()
        work = asyncio.create_task(jobs.forever(house))
        yield
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        await house.close()

    app = FastAPI(
        title="Warmline",
        version=version(),
        description="Support chat that says that it is a bot, and knows when to fetch a person.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.house = house
    app.state.limits = Limits()
    problems.install(app)
    app.middleware("http")(_headers)
    app.add_middleware(BodyLimit)
    app.add_middleware(VisitorCors, origins=house.settings.allowed_origins)
    for router in (
        public.router, docs_page.router, session.router, staff.router, articles.router, desk.router, mind.router,
        visitor.router, reviews.router, rasa_rest.router, sockets.router,
    ):  # fmt: skip
        app.include_router(router)
    return app


def from_environment() -> FastAPI:
    """One worker's application (uvicorn's factory)."""
    settings = Settings()
    set_up(settings.log_level)
    return create(build(settings))


def version() -> str:
    try:
        return metadata.version("warmline")
    except metadata.PackageNotFoundError:
        return "0+checkout"


async def _headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    if request.url.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
