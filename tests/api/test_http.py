"""Everything over HTTP that is no channel: problems, sessions, rights, pages, health, analysis."""

import asyncio
import importlib.util
import os
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import httpx
from fastapi.routing import APIRoute
from people import PASSWORD, PATIENCE, Running
from sqlalchemy import select, update

from api import widget_files
from api.app import create
from api.routes.public import PAGES as PAGES_FOLDER
from api.routes.public import rendered
from core.db import reading, transaction
from core.tables import ConversationRow, SignInLinkRow, StaffSessionRow
from knowledge_base import articles
from knowledge_base.articles import Author
from knowledge_base.entry import Entry

OLIVE = Author("test", "Olive")
PAGES = ("/demo", "/desk", "/owner", "/help")


def is_problem(got: httpx.Response, status: int, code: str) -> None:
    assert got.status_code == status, got.text
    assert got.headers["content-type"] == "application/problem+json"
    body = got.json()
    assert set(body) == {"type", "title", "status", "code", "detail"}
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:warmline:{code}")
    assert isinstance(body["detail"], str)
    assert "Traceback" not in got.text


# --- problems -------------------------------------------------------------------------------------


async def test_every_kind_of_no_is_a_problem_with_a_stable_code(house: Running) -> None:
    async with house.http() as http:
        is_problem(await http.get("/nowhere"), 404, "not_found")
        is_problem(await http.get("/api/v1/nowhere"), 404, "not_found")
        is_problem(await http.put("/healthz"), 405, "method_not_allowed")
        is_problem(await http.get("/api/v1/articles"), 401, "not_signed_in")
        is_problem(await http.post("/api/v1/session", json={"email": "x"}), 422, "bad_input")
        is_problem(await http.post("/api/v1/session", content=b"{"), 422, "bad_input")
        no_utf8: dict[str, Any] = {"content": b'{"\xff', "headers": {"Content-Type": "application/json"}}
        is_problem(await http.post("/api/v1/session", **no_utf8), 400, "bad_input")
        wrong = {"email": "sam@example.com", "password": "wrong"}
        is_problem(await http.post("/api/v1/session", json=wrong), 401, "wrong_credentials")
    async with house.signed_in("Olive", "owner") as olive:
        is_problem(await olive.get("/api/v1/articles/none-such"), 404, "not_found")
        is_problem(await olive.post(f"/api/v1/conversations/{uuid4()}/claim"), 404, "not_found")
        is_problem(await olive.post("/api/v1/conversations/no-uuid/claim"), 422, "bad_input")
        is_problem(await olive.get("/api/v1/articles/export?format=exe"), 422, "bad_input")
        taken = {"slug": "opening-hours", "question": "When?", "answer": "Now."}
        is_problem(await olive.post("/api/v1/articles", json=taken), 409, "slug_taken")
        stale = {"revision": 99}
        is_problem(await olive.post("/api/v1/articles/opening-hours/publish", json=stale), 409, "stale_revision")


async def test_numbers_and_characters_that_a_database_cannot_hold_are_no_fault(both_houses: Running) -> None:
    """10^30, NUL and the like are answered with a 4xx on either database, never with a 500."""
    huge, some = 10**30, uuid4()
    async with both_houses.signed_in("Olive", "owner") as http:
        answers = [
            await http.get(f"/api/v1/conversations/{some}/events?after={huge}"),
            await http.get(f"/api/v1/conversations/{some}/events?after={2**40}"),
            await http.get("/api/v1/articles/%00"),
            await http.get("/api/v1/articles/%00/history"),
            await http.delete(f"/api/v1/articles/opening-hours?revision={huge}"),
            await http.post("/api/v1/articles/opening-hours/publish", json={"revision": huge}),
            await http.post("/api/v1/articles/opening-hours/withdraw", json={"revision": huge}),
            await http.put("/api/v1/articles/opening-hours", json={"revision": -huge, "question": "q", "answer": "a"}),
            await http.post("/api/v1/articles", json={"question": "a\x00b", "answer": "x"}),
            await http.post("/api/v1/articles", json={"question": "q", "answer": "x", "category": "\x00"}),
            await http.post("/api/v1/session", json={"email": "\x00@x.yy", "password": "x"}),
            await http.post("/api/v1/session/link", json={"token": "\x00"}),
            await http.get("/static/%00.js"),
            await http.get(f"/static/{'x' * 300}.js"),
            await http.get("/api/v1/questions/unanswered?x=%ff"),
        ]
        for got in answers[:-1]:
            assert 400 <= got.status_code < 500, (str(got.request.url)[:90], got.status_code)
            assert got.headers["content-type"] == "application/problem+json"


# --- sessions -------------------------------------------------------------------------------------


async def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_cannot_use(house: Running) -> None:
    person = await house.person("Sam", "agent")
    async with house.http() as http:
        got = await http.post("/api/v1/session", json={"email": " SAM@Example.com ", "password": PASSWORD})
        assert got.status_code == 200
        cookie = got.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/" in cookie
        assert got.json()["me"] == {"id": str(person.id), "name": "Sam", "email": "sam@example.com", "role": "agent"}
        assert (await http.get("/api/v1/session")).json() == got.json()
        assert got.headers["cache-control"] == "no-store"


async def test_a_cookie_alone_changes_nothing(house: Running) -> None:
    async with house.signed_in("Olive", "owner") as http:
        csrf = http.headers.pop("X-CSRF-Token")
        changing = [
            ("POST", "/api/v1/articles", {"question": "q", "answer": "a"}),
            ("POST", "/api/v1/articles/import", None),
            ("PUT", "/api/v1/articles/opening-hours", {"revision": 1, "question": "q", "answer": "a"}),
            ("POST", "/api/v1/session/password", {"password": "x" * 20}),
            ("POST", f"/api/v1/conversations/{uuid4()}/claim", None),
            ("DELETE", "/api/v1/session", None),
        ]
        for method, path, body in changing:
            for token in (b"", b"guess", csrf[:-1].encode(), csrf.upper().encode(), b"\xc3\xa4"):
                headers = httpx.Headers([(b"X-CSRF-Token", token)])
                got = await http.request(method, path, json=body, headers=headers)
                is_problem(got, 403, "csrf_missing")
        async with house.signed_in("Sam", "agent") as sam:
            got = await http.delete("/api/v1/session", headers={"X-CSRF-Token": sam.headers["X-CSRF-Token"]})
            is_problem(got, 403, "csrf_missing")
        assert (await http.delete("/api/v1/session", headers={"X-CSRF-Token": csrf})).status_code == 204
        is_problem(await http.get("/api/v1/session"), 401, "not_signed_in")


async def test_a_sign_in_link_works_once_and_not_after_half_an_hour(both_houses: Running) -> None:
    token = (await both_houses.sign_in_link("owner")).partition("#link=")[2]
    async with both_houses.http() as one, both_houses.http() as other:
        came = await asyncio.gather(*(h.post("/api/v1/session/link", json={"token": token}) for h in (one, other)))
        assert sorted(c.status_code for c in came) == [200, 401], "a double click signs in once"
        is_problem(next(c for c in came if c.status_code == 401), 401, "link_used")
        is_problem(await one.post("/api/v1/session/link", json={"token": "guess" * 8}), 401, "link_used")
        late = (await both_houses.sign_in_link("agent")).partition("#link=")[2]
        async with transaction(both_houses.house.db) as session:
            expired = both_houses.house.now() - timedelta(seconds=1)
            await session.execute(
                update(SignInLinkRow).where(SignInLinkRow.used_at.is_(None)).values(expires_at=expired)
            )
        is_problem(await one.post("/api/v1/session/link", json={"token": late}), 401, "link_expired")


async def test_guessing_passwords_or_links_is_slowed_down(house: Running) -> None:
    await house.person("Sam", "agent")
    async with house.http() as http:
        wrong = {"email": "sam@example.com", "password": "guess"}
        came = [(await http.post("/api/v1/session", json=wrong)).status_code for _ in range(11)]
        assert came == [401] * 10 + [429]
        right = await http.post("/api/v1/session", json=wrong | {"password": PASSWORD})
        is_problem(right, 429, "too_fast")
        assert int(right.headers["Retry-After"]) >= 1
        links = [(await http.post("/api/v1/session/link", json={"token": f"g{n}"})).status_code for n in range(11)]
        assert links == [401] * 10 + [429]


async def test_setting_a_password_ends_every_other_session_of_mine(house: Running) -> None:
    async with house.signed_in("Sam", "agent") as here, house.signed_in("Sam", "agent") as there:
        is_problem(await here.post("/api/v1/session/password", json={"password": "short"}), 422, "weak_password")
        assert (await here.post("/api/v1/session/password", json={"password": "a new long one"})).status_code == 204
        assert (await here.get("/api/v1/session")).status_code == 200
        is_problem(await there.get("/api/v1/session"), 401, "not_signed_in")


async def test_no_token_stands_in_the_database_as_it_is(house: Running) -> None:
    key = await house.api_key()
    link = (await house.sign_in_link("agent")).partition("#link=")[2]
    cookie = await house.cookie(await house.person("Sam", "agent"))
    async with house.visitor() as ada:
        token = ada.token
    async with reading(house.house.db) as session:
        kept = set(await session.scalars(select(ConversationRow.token_hash)))
        kept |= set(await session.scalars(select(StaffSessionRow.token_hash)))
    assert not kept & {key, link, cookie, token}
    files = b"".join(f.read_bytes() for f in house.house.settings.data_dir.glob("warmline.db*"))
    for secret in (key, link, cookie, token):
        assert secret.encode() not in files


# --- who may do what ------------------------------------------------------------------------------

PUBLIC = {
    "GET /", "GET /healthz", "GET /readyz", "GET /metrics", "GET /api/v1/welcome", "GET /demo", "GET /desk",
    "GET /owner", "GET /widget.js", "GET /widget/{version}/{name:path}", "GET /static/{name:path}", "GET /help",
    "GET /docs", "GET /docs/{name}",
    "GET /webhooks/rest/", "POST /webhooks/rest/webhook", "GET /webhooks/rest/messages",
    "POST /api/v1/session", "POST /api/v1/session/link", "GET /api/v1/session",
}  # fmt: skip
STAFF = {
    "GET /api/v1/articles", "GET /api/v1/articles/export", "GET /api/v1/articles/{slug}",
    "GET /api/v1/articles/{slug}/history", "GET /api/v1/queue", "GET /api/v1/conversations/{conversation_id}/events",
    "GET /api/v1/conversations/{conversation_id}/decisions", "POST /api/v1/analyze", "DELETE /api/v1/session",
    "POST /api/v1/preview", "GET /api/v1/conversations", "GET /api/v1/conversations/{conversation_id}",
    "GET /api/v1/conversations/{conversation_id}/earlier", "GET /api/v1/search", "GET /api/v1/desk/rules",
    "GET /api/v1/canned-replies", "GET /api/v1/reviews", "POST /api/v1/reviews/{review_id}",
}  # fmt: skip
VISITOR = {  # needs the token of a conversation, which none of the staff has
    "GET /api/v1/visitor/data", "PATCH /api/v1/visitor/data", "DELETE /api/v1/visitor/data",
    "POST /api/v1/visitor/consent", "GET /api/v1/visitor/decisions/{decision_id}",
    "POST /api/v1/visitor/decisions/{decision_id}/review",
}  # fmt: skip
PERSON = {  # needs somebody who can hold a chat, or has a password: no key
    "POST /api/v1/conversations/{conversation_id}/claim", "POST /api/v1/conversations/{conversation_id}/release",
    "POST /api/v1/conversations/{conversation_id}/return", "POST /api/v1/conversations/{conversation_id}/close",
    "POST /api/v1/conversations/{conversation_id}/messages", "POST /api/v1/left-messages/{left_id}/done",
    "POST /api/v1/session/password", "POST /api/v1/conversations/{conversation_id}/reopen",
    "POST /api/v1/conversations/{conversation_id}/step-in", "PUT /api/v1/conversations/{conversation_id}/offer",
    "POST /api/v1/conversations/{conversation_id}/offer/accept", "DELETE /api/v1/conversations/{conversation_id}/offer",
    "POST /api/v1/conversations/{conversation_id}/notes", "POST /api/v1/canned-replies",
    "PUT /api/v1/canned-replies/{reply_id}", "DELETE /api/v1/canned-replies/{reply_id}",
}  # fmt: skip
OWNER_PERSON = {"POST /api/v1/conversations/{conversation_id}/take-over"}  # an owner, and no key
OWNER = {
    "POST /api/v1/articles", "POST /api/v1/articles/import", "PUT /api/v1/articles/{slug}",
    "POST /api/v1/articles/{slug}/publish", "POST /api/v1/articles/{slug}/withdraw", "DELETE /api/v1/articles/{slug}",
    "POST /api/v1/ask", "GET /api/v1/questions/unanswered", "GET /api/v1/staff", "POST /api/v1/staff",
    "POST /api/v1/staff/{staff_id}/link", "POST /api/v1/staff/{staff_id}/deactivate", "PUT /api/v1/desk/rules",
}  # fmt: skip


def routes_of(app: Any) -> list[str]:
    """Every way in over HTTP, those of included routers too."""
    found: list[str] = []
    for route in app.routes:
        if isinstance(route, APIRoute):
            found += [f"{method} {route.path}" for method in sorted((route.methods or set()) - {"HEAD"})]
        elif hasattr(route, "effective_candidates"):  # fastapi keeps an included router as one
            found += [
                f"{m} {r.path}" for r in route.effective_candidates() for m in sorted((r.methods or set()) - {"HEAD"})
            ]
    return found


@asynccontextmanager
async def callers(house: Running) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        yield {
            "nobody": await stack.enter_async_context(house.http()),
            "agent": await stack.enter_async_context(house.signed_in("Sam", "agent")),
            "owner": await stack.enter_async_context(house.signed_in("Olive", "owner")),
            "agent key": await stack.enter_async_context(house.http(await house.api_key("agent"))),
            "owner key": await stack.enter_async_context(house.http(await house.api_key("owner"))),
        }


def may(who: str, route: str) -> bool:
    if route in PUBLIC:
        return True
    if route in VISITOR:
        return False
    if route in STAFF:
        return who != "nobody"
    if route in PERSON:
        return who in ("agent", "owner")
    if route in OWNER_PERSON:
        return who == "owner"
    assert route in OWNER, f"{route} is new: say in this test who may call it"
    return who in ("owner", "owner key")


async def test_nobody_is_allowed_what_is_not_theirs_on_any_route(house: Running) -> None:
    routes = routes_of(create(house.house))
    assert len(routes) > 30, "the routes were not found, so nothing was tested"
    assert set(routes) >= STAFF - {"POST /api/v1/preview"} | PERSON | OWNER
    forbidden_allowed, allowed_forbidden, tried = [], [], 0
    async with callers(house) as everyone:
        for route in sorted(routes):
            method, path = route.split(" ")
            address = re.sub(r"\{\w+_id\}", str(uuid4()), path)
            address = re.sub(r"\{[^}]*\}", "none-such", address)
            for who, http in everyone.items():
                if route == "DELETE /api/v1/session" and who in ("agent", "owner"):
                    continue  # it would end the caller that the next routes need
                tried += 1
                # The one route whose right to be refused depends on the body being read.
                body = {"password": PASSWORD} if path.endswith("/password") else None
                got = await http.request(method, address, json=body)
                refused = got.status_code in (401, 403)
                if refused and may(who, route) and route not in PUBLIC:
                    allowed_forbidden.append((who, route, got.status_code))
                if not refused and not may(who, route):
                    forbidden_allowed.append((who, route, got.status_code))
                assert got.status_code < 500, (who, route)
    assert forbidden_allowed == []
    assert allowed_forbidden == []
    assert tried > 150


async def test_rights_are_checked_before_the_input_is_looked_at(house: Running) -> None:
    """Who may not call it learns nothing of what it would take."""
    async with house.http() as http, house.signed_in("Sam", "agent") as sam:
        is_problem(await http.post("/api/v1/articles", json={"bad": 1}), 401, "not_signed_in")
        is_problem(await http.get(f"/api/v1/conversations/{uuid4()}/events"), 401, "not_signed_in")
        is_problem(await sam.post("/api/v1/articles", json={"question": "q", "answer": "a"}), 403, "needs_owner")
        is_problem(await sam.post("/api/v1/articles/import", content=b"rubbish"), 403, "needs_owner")


async def test_a_key_that_is_not_known_is_refused_everywhere_though_the_cookie_would_do(house: Running) -> None:
    async with house.signed_in("Olive", "owner") as olive:
        got = await olive.get("/api/v1/articles", headers={"Authorization": "Bearer wl_unknown"})
        is_problem(got, 401, "unknown_key")


# --- pages and files ------------------------------------------------------------------------------


async def test_pages_forbid_what_they_do_not_need(house: Running) -> None:
    async with house.http() as http:
        for path in PAGES:
            got = await http.get(path)
            assert got.status_code == 200, path
            csp = got.headers["content-security-policy"]
            assert "default-src 'none'" in csp, path
            assert "unsafe" not in csp, path
            assert "frame-ancestors 'none'" in csp, path
            assert "require-trusted-types-for 'script'" in csp, path
            assert got.headers["x-content-type-options"] == "nosniff"
            assert got.headers["content-type"] == "text/html; charset=utf-8"
            assert "style=" not in got.text, path
            assert not re.search(r"<script(?![^>]*\bsrc=)", got.text), f"{path} has a script of its own"
            assert not re.search(r"\son\w+=", got.text), path


async def test_pages_load_nothing_from_elsewhere(house: Running) -> None:
    async with house.http() as http:
        for path in (*PAGES, "/docs"):
            page = (await http.get(path)).text
            loaded = re.findall(r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"([^\"]*)\"", page)
            assert loaded, path
            for address in loaded:
                assert address.startswith("/"), (path, address)
                assert not address.startswith("//"), (path, address)
                got = await http.get(address)
                assert got.status_code == 200, (path, address)
            if path != "/docs":
                assert "http://" not in " ".join(loaded)


async def test_no_file_outside_the_pages_is_served(house: Running) -> None:
    tries = [
        "../api/app.py", "..%2fapi%2fapp.py", "%2e%2e/%2e%2e/etc/passwd", "....//....//etc/passwd", "/etc/passwd",
        "%2fetc%2fpasswd", "..%5c..%5cetc", "shared/../../pyproject.toml", "..%2f..%2f..%2fetc%2fpasswd", "%00",
        "widget.js%00.css", "demo.html", "agent/index.html", "agent", "", ".", "..", "shared/", "~root", "x" * 3_000,
    ]  # fmt: skip
    swagger = importlib.util.find_spec("fastapi_offline")
    assert swagger is not None
    assert swagger.origin is not None
    # A file that is there, of a kind that is served, one folder too far away.
    tries.append(os.path.relpath(Path(swagger.origin).parent / "static" / "swagger-ui.css", PAGES_FOLDER))
    tries.append(tries[-1].replace("/", "%2f"))
    for name in tries:
        status = await raw_get(house, f"/static/{name}")
        assert status == 404, (name[:40], status)
    async with house.http() as http:
        for name in ("swagger-ui-bundle.js.map", "..%2f__init__.py", "%00"):
            assert (await http.get(f"/docs/{name}")).status_code == 404
        assert (await http.get("/static/shared/dom.js")).headers["content-type"].startswith("text/javascript")


async def raw_get(house: Running, target: str) -> int:
    """As the bytes are: every client library would tidy the dots away before it asks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(house.url.rpartition(":")[2]))
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    assert b"root:" not in answer
    assert b"[project]" not in answer
    return int(answer.split(b" ", 2)[1])


async def test_the_widget_may_be_loaded_by_any_site(house: Running) -> None:
    async with house.http() as http:
        files = f"/widget/{widget_files.version()}"
        assert f"'{files[1:]}/'" in (await http.get("/widget.js")).text
        for path in ("/widget.js", f"{files}/panel.js", f"{files}/languages/en.json"):
            got = await http.get(path)
            assert got.headers["access-control-allow-origin"] == "*"
            assert got.headers["cross-origin-resource-policy"] == "cross-origin"
            assert got.headers["content-encoding"] == "gzip"
            assert (await http.get(path, headers={"If-None-Match": got.headers["etag"]})).status_code == 304
        assert "immutable" in got.headers["cache-control"]
        older = await http.get("/widget/0123456789/panel.js")
        assert (older.status_code, older.headers["cache-control"]) == (200, "no-cache")
        for name in ("panel/dom.js", "languages/xx.json", "languages/../panel/dom.js", "languages/%2e%2e/a.json", ""):
            assert (await http.get(f"{files}/{name}")).status_code == 404, name
        welcome = (await http.get("/api/v1/welcome")).json()
        assert set(welcome) >= {"business", "bot_name", "greeting", "epoch"}
        assert welcome["bot_name"].endswith("bot")
        assert "not a person" in welcome["greeting"]


async def test_the_documentation_is_served_by_ourselves(house: Running) -> None:
    async with house.http() as http:
        page = await http.get("/docs")
        assert page.status_code == 200
        csp = page.headers["content-security-policy"]
        assert "script-src 'self';" in csp
        assert "http" not in page.text.replace("<!doctype html>", "")
        bundle = await http.get("/docs/swagger-ui-bundle.js")
        assert bundle.status_code == 200
        assert len(bundle.content) > 100_000
        spec = (await http.get("/openapi.json")).json()
        assert spec["openapi"].startswith("3.")
        assert len(spec["paths"]) > 20
        assert {"/webhooks/rest/webhook", "/api/v1/analyze", "/healthz", "/api/v1/articles"} <= set(spec["paths"])
        assert "/demo" not in spec["paths"]


# --- health ---------------------------------------------------------------------------------------


async def test_a_ready_house_says_so(both_houses: Running) -> None:
    async with both_houses.http() as http:
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        async with asyncio.timeout(20):
            while (got := await http.get("/readyz")).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    checks = got.json()["checks"]
    assert (checks["database"], checks["encoder"], checks["index"]) == ("ready", "ready", "ready")


async def test_a_database_that_went_away_is_told_by_readyz_and_not_by_healthz(house: Running) -> None:
    for file in house.house.settings.data_dir.glob("warmline.db*"):
        file.unlink()
    async with house.http() as http:
        got = await http.get("/readyz")
        assert got.status_code == 503
        assert got.json()["checks"]["database"] == "database_not_migrated"
        assert (await http.get("/healthz")).status_code == 200


async def test_metrics_are_for_this_machine_or_a_key_and_tell_nothing_of_anybody(house: Running) -> None:
    async with house.visitor() as ada, house.http() as http:
        await ada.say("My order is BW-4711.")
        await ada.ask_human()
        got = await http.get("/metrics")
        assert got.status_code == 200
        assert "warmline_waiting 1.0" in got.text
        assert re.search(r'warmline_messages_total\{sender="visitor"\} \d', got.text)
        for personal in ("4711", ada.token, ada.conversation_id, "Ada"):
            assert personal not in got.text
        is_problem(await http.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}), 403, "not_allowed")
        key = {"Authorization": f"Bearer {await house.api_key('agent')}", "X-Forwarded-For": "203.0.113.9"}
        assert (await http.get("/metrics", headers=key)).status_code == 200


# --- the help page --------------------------------------------------------------------------------

XSS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](data:text/html,<script>1</script>)",
    "[x](vbscript:msgbox(1))",
    "![x](https://mallory.example/pixel.png)",
    "![x](javascript:alert(1))",
    '[x](https://ok.example "onmouseover=alert(1)")',
    '[x]("onclick=alert(1)")',
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>1</script>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<style>@import url(https://mallory.example)</style>",
    "<link rel=stylesheet href=https://mallory.example>",
    "<base href=https://mallory.example>",
    "<form action=https://mallory.example><input></form>",
    "&lt;script&gt;alert(1)",
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    "</article></main><script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "' autofocus onfocus=alert(1) x='",
    "<details open ontoggle=alert(1)>",
    "\u2028<script>1</script>",
    "[x](&#106;avascript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](//mallory.example)",
    "<!--><script>alert(1)</script>-->",
    "{{constructor.constructor('alert(1)')()}}",
    "<object data=javascript:alert(1)>",
    "<meta http-equiv=refresh content=0>",
]
ALLOWED = {
    "html", "head", "meta", "title", "link", "body", "main", "nav", "ul", "ol", "li", "a", "section", "h1", "h2", "h3",
    "h4", "h5", "h6", "article", "div", "p", "br", "strong", "em", "code", "pre", "blockquote", "script",
}  # fmt: skip


class Seen(HTMLParser):
    """What a browser would make of a page: its tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def harmless(self) -> None:
        for tag, attributes in self.tags:
            assert tag in ALLOWED, tag
            assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")], tag
            if tag == "a":
                href = attributes.get("href") or "#"
                scheme = re.match(r"\s*([^/?#]*):", unquote(href))
                assert scheme is None or scheme[1] in ("http", "https", "mailto"), href
                if not href.startswith("#"):
                    assert attributes.get("rel") == "noopener noreferrer", href


def test_an_answer_becomes_html_that_can_do_nothing() -> None:
    for text in XSS:
        seen = Seen(rendered(text))
        seen.harmless()
        assert not [tag for tag, _ in seen.tags if tag in ("script", "img", "link", "meta")], text
    assert rendered("**Open** [daily](https://ok.example)") == (
        '<p><strong>Open</strong> <a href="https://ok.example" rel="noopener noreferrer">daily</a></p>\n'
    )


async def test_the_help_page_shows_what_is_published_and_survives_hostile_entries(house: Running) -> None:
    hostile = [Entry(f"x{n}", text[:80].strip() or "c", text[:500], text, (text,)) for n, text in enumerate(XSS)]
    await articles.bring_in(
        house.house.db, house.house.encoder, hostile, replace=False, by=OLIVE, now=house.house.now()
    )
    async with house.signed_in("Olive", "owner") as olive:
        draft = {"question": "A draft that nobody may see", "answer": "Secret."}
        assert (await olive.post("/api/v1/articles", json=draft)).status_code == 201
    async with house.http() as http:
        got = await http.get("/help")
    assert got.status_code == 200
    assert "What are your opening hours?" in got.text
    assert "Burblewick" in got.text
    assert "A draft that nobody may see" not in got.text
    seen = Seen(got.text)
    seen.harmless()
    scripts = [attributes for tag, attributes in seen.tags if tag == "script"]
    assert [s.get("src") for s in scripts] == ["/widget.js"]
    assert sum(tag == "article" for tag, _ in seen.tags) == 44 + len(XSS)
    assert sum(tag == "main" for tag, _ in seen.tags) == 1


# --- analysis -------------------------------------------------------------------------------------


async def test_analyze_reads_up_to_64_texts_and_stores_nothing(house: Running) -> None:
    async with house.http(await house.api_key("agent")) as http:
        got = await http.post("/api/v1/analyze", json={"texts": ["Where is it?!! I asked three times!!", "Hello"]})
        assert got.status_code == 200
        results = got.json()["results"]
        assert len(results) == 2
        for result in results:
            assert set(result) == {"sentiment", "frustration", "frustrated", "flags"}
            assert set(result["sentiment"]) == {"label", "negative", "neutral", "positive"}
            assert set(result["flags"]) >= {
                "asks_human", "declines_human", "case_specific", "sensitive", "vulnerable", "abusive", "smalltalk",
            }  # fmt: skip
            assert all(isinstance(p, int | float) and 0 <= p <= 1 for p in result["flags"].values())
            assert isinstance(result["frustrated"], bool)
        assert (await http.post("/api/v1/analyze", json={"texts": []})).json() == {"results": []}
        assert len((await http.post("/api/v1/analyze", json={"texts": ["x"] * 64})).json()["results"]) == 64
        is_problem(await http.post("/api/v1/analyze", json={"texts": ["x"] * 65}), 422, "bad_input")
        is_problem(await http.post("/api/v1/analyze", json={"texts": ["fine", " "]}), 422, "empty_text")
        is_problem(await http.post("/api/v1/analyze", json={"texts": ["\x00"]}), 422, "broken_text")
        is_problem(await http.post("/api/v1/analyze", json={"texts": "Hello"}), 422, "bad_input")
    async with house.http() as http:
        is_problem(await http.post("/api/v1/analyze", json={"texts": ["Hello"]}), 401, "not_signed_in")
    async with reading(house.house.db) as session:
        assert list(await session.scalars(select(ConversationRow.id))) == []
