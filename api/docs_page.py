"""/docs: Swagger UI, served by ourselves under a strict CSP. Floor 3.

Swagger UI (Apache-2.0) comes from the fastapi-offline package (MIT); only its files are used.
"""

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse

from core.errors import NotFound

router = APIRouter(include_in_schema=False)
FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
# Swagger UI draws its icons as data: images and sets style attributes; it runs no inline script.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Warmline API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="swagger"></div><script src="/docs/swagger-ui-bundle.js"></script>
<script src="/static/docs.js"></script></body></html>"""


@router.get("/docs")
async def page() -> HTMLResponse:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": CSP})


@router.get("/docs/{name}")
async def file(name: str) -> FileResponse:
    spec = find_spec("fastapi_offline")
    if name not in FILES or spec is None or spec.origin is None:
        raise NotFound("There is no such file.")
    return FileResponse(Path(spec.origin).parent / "static" / name, media_type=FILES[name])
