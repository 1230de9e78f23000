"""No request body may be larger than its route could want. Floor 3."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem

MOST = 1024 * 1024  # bytes; the import of a file counts its own, see routes/articles.py
IMPORT = "/api/v1/articles/import"


class BodyLimit:
    """Refuses by Content-Length before reading, and a body without one as soon as it has grown too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == IMPORT:
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > MOST:
            refusal = problem(413, "too_large", f"A request may have {MOST // 1024} KB.")
            await refusal(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            # Cut off: the route sees a client that went away, and answers nobody.
            return message if seen <= MOST else {"type": "http.disconnect"}

        await self._app(scope, counted, send)
