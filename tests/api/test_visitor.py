"""The routes of a visitor's own data, with the token that opens the conversation."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from people import PATIENCE, Frame, Running, Visitor, running
from playwright.async_api import Browser
from sqlalchemy import select
from websockets.exceptions import ConnectionClosed

from core.db import reading
from core.encoder import Encoder
from core.settings import Settings
from core.tables import AuditRow, ConsentRow, EventRow, MessageRow

WORDS = "My parrot Zanzibar ordered a drum, when does it arrive?"
DATA, CONSENT, DECISIONS = "/api/v1/visitor/data", "/api/v1/visitor/consent", "/api/v1/visitor/decisions"
UPSET = "This is ridiculous! I've asked three times and you are completely useless!!"
HOSTILE = "</p></main><script>alert(1)</script><img src=x onerror=alert(1)>"


def is_problem(got: httpx.Response, status: int, code: str) -> None:
    assert got.status_code == status, got.text
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json()["code"] == code


@asynccontextmanager
async def holding(house: Running, token: str) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client with a visitor's token, as the widget has it."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=house.url, timeout=PATIENCE, headers=headers) as client:
        yield client


async def agree(http: httpx.AsyncClient, **purposes: bool) -> Frame:
    got = await http.post(CONSENT, json={"purposes": purposes, "version": "2026-05"})
    assert got.status_code == 200, got.text
    receipt: Frame = got.json()["receipt"]
    return receipt


async def stored(house: Running, ada: Visitor) -> list[EventRow]:
    async with reading(house.house.db) as session:
        rows = select(EventRow).where(EventRow.conversation_id == UUID(ada.conversation_id)).order_by(EventRow.seq)
        return list(await session.scalars(rows))


# --- see ------------------------------------------------------------------------------------------


async def test_a_visitor_sees_everything_that_is_stored_and_nobody_elses(both_houses: Running) -> None:
    async with both_houses.visitor() as ada, both_houses.visitor() as bea, holding(both_houses, ada.token) as http:
        await ada.ask(WORDS)
        await ada.ask_human()
        contact = {"kind": "leave_contact", "key": str(uuid4()), "email": "ada@example.com", "text": "Please write."}
        await ada.send(contact)
        await ada.until("stored", lambda f: f["key"] == contact["key"])
        await bea.ask("I am Bea, how much is delivery?")
        await agree(http, sentiment=True, remember=True)

        got = await http.get(DATA)

        assert got.status_code == 200
        assert got.headers["cache-control"] == "no-store"
        found = got.json()
        [talk] = found["conversations"]
        assert [m["text"] for m in talk["messages"] if m["from"] == "visitor"] == [WORDS]
        assert {m["name"] for m in talk["messages"] if m["from"] == "bot"} == {"Burblewick bot"}
        assert talk["decisions"][0]["why"].endswith("sure.")
        assert talk["decisions"][0]["mood"]["frustration"] >= 0
        assert [(m["email"], m["text"]) for m in talk["left_messages"]] == [("ada@example.com", "Please write.")]
        assert talk["passed_on"][0]["summary"]["open"] == WORDS
        assert found["consents"][0]["purposes"] == {"chat": True, "sentiment": True, "remember": True}
        assert set(found["stored"]) >= {"visitors", "consents", "conversations", "messages", "events", "decisions"}
        assert "Bea" not in got.text
        assert ada.token not in got.text


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


async def test_the_page_to_keep_is_one_file_without_a_script_whatever_was_said(house: Running) -> None:
    async with house.visitor() as ada, holding(house, ada.token) as http:
        await ada.ask(HOSTILE)
        await ada.ask(f"{WORDS} \u202e مرحبا")
        got = await http.get(DATA, params={"format": "html"})
        assert got.headers["content-type"] == "text/html; charset=utf-8"
        assert got.headers["content-disposition"] == 'attachment; filename="my-chat-data.html"'
        assert "default-src 'none'" in got.headers["content-security-policy"]
        page = Page(got.text)
        assert not {"script", "img", "link", "iframe", "form"} & set(page.tags)
        assert not [n for n, _ in page.attributes if n.startswith("on") or n in ("src", "href", "style")]
        assert "Zanzibar" in got.text
        assert HOSTILE not in got.text
        is_problem(await http.get(DATA, params={"format": "exe"}), 422, "bad_input")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_to_keep_is_accessible(house: Running, chromium: Browser, tmp_path: Path, scheme: Any) -> None:
    async with house.visitor() as ada, holding(house, ada.token) as http:
        await ada.ask(WORDS)
        await ada.ask_human()
        await agree(http, sentiment=False)
        file = tmp_path / "data.html"
        file.write_text((await http.get(DATA, params={"format": "html"})).text, encoding="utf-8")
    tab = await (await chromium.new_context(color_scheme=scheme, viewport={"width": 360, "height": 700})).new_page()
    faults: list[str] = []
    tab.on("console", lambda said: faults.append(said.text))
    await tab.goto(file.as_uri())
    found = await Axe().run(tab)
    assert found.response["violations"] == []
    assert faults == [], "the page's own policy was broken"
    assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    assert await tab.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "800px", "styles apply"


async def test_without_the_right_token_nothing_is_said(house: Running) -> None:
    async with house.visitor() as ada, house.http() as nobody:
        await ada.ask(WORDS)
        calls: list[tuple[str, str, Any]] = [
            ("GET", DATA, None), ("PATCH", DATA, {"email": None}), ("DELETE", DATA, None),
            ("POST", CONSENT, {"purposes": {"chat": False}, "version": "1"}), ("GET", f"{DECISIONS}/{uuid4()}", None),
        ]  # fmt: skip
        for method, path, body in calls:
            is_problem(await nobody.request(method, path, json=body), 401, "needs_token")
            for wrong in ("x" * 43, ada.token[:-1], ada.conversation_id, "Ω"):
                headers = httpx.Headers([(b"Authorization", f"Bearer {wrong}".encode())])
                got = await nobody.request(method, path, json=body, headers=headers)
                is_problem(got, 401, "unknown_token")
            is_problem(await nobody.request(method, f"{path}?token={ada.token}", json=body), 401, "needs_token")
        async with house.signed_in("Olive", "owner") as olive:
            is_problem(await olive.get(DATA), 401, "needs_token")
    assert len(await stored(house, ada)) > 2


# --- correct --------------------------------------------------------------------------------------


async def test_a_visitor_corrects_the_address_and_takes_it_back(house: Running) -> None:
    async with house.visitor() as ada, holding(house, ada.token) as http:
        for email, what in ((" Ada@Example.com ", "corrected"), (None, "removed")):
            got = await http.patch(DATA, json={"email": email})
            assert got.status_code == 200
            receipt = got.json()["receipt"]
            assert (receipt["what"], set(receipt)) == (what, {"id", "at", "what", "counts"})
            assert (await http.get(DATA)).json()["email"] == ("Ada@example.com" if email else None)
        is_problem(await http.patch(DATA, json={"email": "no address"}), 422, "bad_email")
        wrong: list[Any] = [{}, {"email": 5}, {"email": "a@b.example", "name": "x"}, []]
        for bad in wrong:
            is_problem(await http.patch(DATA, json=bad), 422, "bad_input")
    async with reading(house.house.db) as session:
        assert "xample" not in str([row.note for row in await session.scalars(select(AuditRow))])


# --- erase ----------------------------------------------------------------------------------------


async def test_a_visitor_erases_everything_once_and_the_token_is_dead(both_houses: Running) -> None:
    async with both_houses.visitor() as ada, holding(both_houses, ada.token) as http:
        await ada.ask(WORDS)
        came = await asyncio.gather(*(http.delete(DATA) for _ in range(4)))
        [done] = [c for c in came if c.status_code == 200]
        receipt = done.json()["receipt"]
        assert set(receipt) == {"id", "at", "what", "counts", "backups"}
        assert receipt["what"] == "erased"
        assert receipt["counts"]["messages"] == 3
        assert "Backups" in receipt["backups"]
        for other in came:
            if other is not done:
                assert (other.status_code, other.json()["code"]) in ((401, "unknown_token"), (404, "not_found"))
        with pytest.raises(ConnectionClosed) as gone:
            await ada.until("nothing that ever comes")
        assert gone.value.rcvd is not None
        assert gone.value.rcvd.code == 4410
        for method, path, body in (("GET", DATA, None), ("DELETE", DATA, None), ("PATCH", DATA, {"email": None})):
            is_problem(await http.request(method, path, json=body), 401, "unknown_token")
    async with reading(both_houses.house.db) as session:
        assert list(await session.scalars(select(MessageRow.id))) == []


# --- choose ---------------------------------------------------------------------------------------


async def test_who_does_not_want_to_be_scored_is_not_scored_anywhere(both_houses: Running) -> None:
    house = both_houses
    async with house.desk() as sam, house.visitor() as ada, holding(house, ada.token) as http:
        receipt = await agree(http, sentiment=False)
        assert receipt["what"] == "consent"
        assert receipt["version"] == "2026-05"
        assert receipt["purposes"] == {"chat": True, "sentiment": False, "remember": False}

        scored: list[str] = []
        models = await house.house.mind.models()
        read = type(models.mood).read
        type(models.mood).read = lambda self, encoded, text: scored.append(text) or read(self, encoded, text)  # type: ignore[method-assign,func-returns-value]
        try:
            said = await ada.ask(UPSET)
            await ada.ask("How much does delivery cost?")
        finally:
            type(models.mood).read = read  # type: ignore[method-assign]
        assert scored == [], "the mood was computed"
        assert said["basis"]["reason"] != "frustrated"

        await ada.ask_human()
        await sam.waiting(lambda rows: len(rows) == 1)
        item = sam.seen[-1]["waiting"][0]
        assert (item["sentiment"], item["frustration"], item["scored"]) == (None, None, False)
        for made in [e for e in await stored(house, ada) if e.kind == "decision_made"]:
            assert (made.body["sentiment"], made.body["frustration"], made.body["scored"]) == (None, None, False)
        found = (await http.get(DATA)).json()
        assert [d["mood"] for d in found["conversations"][0]["decisions"]] == [None] * 3
        assert '"mood":{' not in json.dumps(found["stored"]["decisions"]).replace(" ", "")
        async with house.signed_in("Olive", "owner") as olive:
            seen = (await olive.get(f"/api/v1/conversations/{ada.conversation_id}/decisions")).json()["decisions"]
            assert seen[0]["sentiment"] is seen[0]["frustration"] is None


async def test_without_a_mood_a_person_is_still_a_word_away_and_with_it_anger_is_noticed(house: Running) -> None:
    async with house.visitor() as ada, holding(house, ada.token) as http:
        assert (await ada.ask(UPSET))["basis"]["reason"] == "frustrated"
        await ada.send({"kind": "back_to_bot"})
        await ada.event("chat_returned")
        await agree(http, sentiment=False)
        said = await ada.ask(UPSET)
        assert said["basis"]["reason"] != "frustrated"
        said = await ada.ask("I want to talk to a person")
        assert (said["basis"]["handoff"], said["basis"]["reason"]) == ("requested", "asked_for_human")


async def test_who_withdraws_while_the_bot_reads_gets_no_score_either(house: Running) -> None:
    async with house.visitor() as ada, holding(house, ada.token) as http:
        read = house.house.mind.read

        async def withdrawn_while_reading(*given: Any) -> Any:
            seen = await read(*given)
            await agree(http, sentiment=False)
            return seen

        house.house.mind.read = withdrawn_while_reading  # type: ignore[assignment,method-assign]
        await ada.ask(UPSET)
        [made] = [e for e in await stored(house, ada) if e.kind == "decision_made"]
        assert (made.body["sentiment"], made.body["scored"]) == (None, False)


async def test_a_score_that_stands_at_the_desk_goes_when_it_is_no_longer_wanted(house: Running) -> None:
    async with house.desk() as sam, house.visitor() as ada, holding(house, ada.token) as http:
        await ada.ask(UPSET)
        await sam.waiting(lambda rows: len(rows) == 1 and rows[0]["frustration"] > 0.5)
        await agree(http, sentiment=False)
        await sam.waiting(lambda rows: len(rows) == 1 and rows[0]["frustration"] is None and not rows[0]["scored"])


async def test_who_withdraws_from_the_chat_ends_it_and_nothing_more_is_stored(both_houses: Running) -> None:
    house = both_houses
    async with house.desk() as sam, house.visitor() as ada, holding(house, ada.token) as http:
        await ada.ask(WORDS)
        await ada.ask_human()
        await sam.waiting(lambda rows: len(rows) == 1)
        assert (await sam.act("claim", ada.conversation_id))["kind"] == "done"
        receipt = await agree(http, chat=False)
        assert receipt["purposes"]["chat"] is False
        await ada.event("chat_closed")
        before = len(await stored(house, ada))

        key = str(uuid4())
        for frame in (
            {"kind": "say", "key": key, "text": "One more thing"}, {"kind": "ask_human", "key": key},
            {"kind": "leave_contact", "key": key, "email": "a@b.example", "text": "x"},
        ):  # fmt: skip
            await ada.send(frame)
            assert (await ada.until("refused", lambda f: f["ref"] == key))["code"] == "consent_withdrawn"
        assert (await sam.say(ada.conversation_id, "Wait!"))["code"] == "not_yours"
        assert len(await stored(house, ada)) == before

        assert (await http.get(DATA)).status_code == 200, "their rights stay"
        await agree(http, chat=True)
        await ada.ask("How much does delivery cost?")


async def test_an_answer_that_is_none_is_refused_and_each_is_kept(house: Running) -> None:
    async with house.visitor() as ada, holding(house, ada.token) as http:
        for bad in (
            {}, {"purposes": {}, "version": "1"}, {"purposes": {"chat": "yes"}, "version": "1"},
            {"purposes": {"chat": None}, "version": "1"}, {"purposes": {"spam": True}, "version": "1"},
            {"purposes": {"chat": True}}, {"purposes": {"chat": True}, "version": "a b"},
            {"purposes": {"chat": True}, "version": "x" * 41}, {"purposes": {"chat": 1}, "version": "1"},
        ):  # fmt: skip
            is_problem(await http.post(CONSENT, json=bad), 422, "bad_input")
        for n in range(3):
            await agree(http, chat=True, sentiment=n % 2 == 0)
    async with reading(house.house.db) as session:
        assert len(list(await session.scalars(select(ConsentRow.id)))) == 3


async def test_the_rights_are_not_a_way_to_keep_the_server_busy(house: Running) -> None:
    async with house.visitor() as ada, house.visitor() as bea, holding(house, ada.token) as http:
        came = [(await http.get(f"{DECISIONS}/{uuid4()}")).status_code for _ in range(61)]
        assert came == [404] * 60 + [429]
        async with holding(house, bea.token) as other:
            assert (await other.get(DATA)).status_code == 200


# --- why ------------------------------------------------------------------------------------------


async def test_a_visitor_learns_why_the_bot_replied_so(both_houses: Running) -> None:
    async with both_houses.visitor() as ada, holding(both_houses, ada.token) as http:
        said = await ada.ask("What are your opening hours?")
        got = await http.get(f"{DECISIONS}/{said['basis']['decision_id']}")
        assert got.status_code == 200
        found = got.json()
        assert (found["entry"], found["rule"]) == ("What are your opening hours?", "exact_question")
        assert found["why"].startswith("The message is the wording of an FAQ entry.")
        assert (found["handoff"], found["reason"]) == ("none", None)
        assert found["candidates"][0]["question"] == "What are your opening hours?"
        assert found["confidence"] == found["candidates"][0]["confidence"] >= 0.9
        assert set(found["versions"]) == {"policy", "model"}
        handed = (await http.get(f"{DECISIONS}/{(await ada.ask(UPSET))['basis']['decision_id']}")).json()
        assert (handed["handoff"], handed["reason"], handed["entry"]) == ("requested", "frustrated", None)


async def test_a_stranger_learns_nothing_of_another_visitors_decision(both_houses: Running) -> None:
    async with both_houses.visitor() as ada, both_houses.visitor() as mallory:
        said = await ada.ask("What are your opening hours?")
        path = f"{DECISIONS}/{said['basis']['decision_id']}"
        async with holding(both_houses, mallory.token) as http:
            is_problem(await http.get(path), 404, "not_found")
            assert (await http.get(path)).json() == (await http.get(f"{DECISIONS}/{uuid4()}")).json()
            is_problem(await http.get(f"{DECISIONS}/no-uuid"), 422, "bad_input")


# --- other sites ----------------------------------------------------------------------------------


async def test_a_page_of_a_named_origin_may_ask_with_the_token_and_no_other(
    demo_sqlite: Path, tmp_path: Path, encoder: Encoder
) -> None:
    settings = Settings(
        database_url=f"sqlite+aiosqlite:///{tmp_path / 'w.db'}", allowed_origins=("https://Shop.example",)
    )
    (tmp_path / "w.db").write_bytes(demo_sqlite.read_bytes())
    async with running(settings, encoder) as house, house.visitor() as ada, holding(house, ada.token) as http:
        asks = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}
        good, bad = {"Origin": "https://shop.example"}, {"Origin": "https://shop.example.mallory.example"}
        allowed = await http.options(DATA, headers=good | asks)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        assert "access-control-allow-credentials" not in allowed.headers
        assert (await http.options(DATA, headers=bad | asks)).status_code == 400
        assert (await http.get(DATA, headers=good)).headers["access-control-allow-origin"] == "https://shop.example"
        refused = await http.get(DATA, headers=good | {"Authorization": "Bearer x"})
        assert refused.headers["access-control-allow-origin"] == "https://shop.example", "the page can read why"
        assert "access-control-allow-origin" not in (await http.get(DATA, headers=bad)).headers
        assert "access-control-allow-origin" not in (await http.get("/api/v1/session", headers=good)).headers
