"""Pages of named origins may ask for a visitor's own data, with the token and without cookies. Floor 3."""

from collections.abc import Iterable

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/api/v1/visitor/"


class VisitorCors:
    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._cors = CORSMiddleware(
            app, allow_origins=[origin.lower().rstrip("/") for origin in origins],
            allow_methods=["GET", "PATCH", "POST", "DELETE"], allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Content-Disposition", "Retry-After"],
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitors = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (self._cors if visitors else self._app)(scope, receive, send)
