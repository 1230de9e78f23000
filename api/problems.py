"""Refusals and faults as HTTP answers: application/problem+json with a stable code. Floor 3."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from core.errors import Refusal, TooMany

log = logging.getLogger("warmline.api")
_CODES = {400: "bad_input", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "wrong_media_type"}


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body = {
        "type": f"urn:warmline:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": detail,
    }
    return JSONResponse(body, status, headers=dict(headers or {}), media_type="application/problem+json")


def install(app: FastAPI) -> None:
    @app.exception_handler(Refusal)
    async def refused(_request: Request, refusal: Refusal) -> JSONResponse:
        headers = {"Retry-After": f"{refusal.retry_after:.0f}"} if isinstance(refusal, TooMany) else {}
        return problem(refusal.status, refusal.code, str(refusal), headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, "bad_input", in_words(error.errors()))

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, "refused")
        return problem(error.status_code, code, str(error.detail), error.headers)

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        log.error("a fault at %s %s", request.method, request.url.path, exc_info=error)
        return problem(500, "fault", "Something went wrong on our side. It was written to the log.")


def in_words(errors: Sequence[Any]) -> str:
    """pydantic's list of errors in one line, without the input (it may be personal)."""
    said = [f"{'.'.join(str(part) for part in e['loc'] if part != 'body') or 'body'}: {e['msg']}" for e in errors[:5]]
    return "; ".join(said)
