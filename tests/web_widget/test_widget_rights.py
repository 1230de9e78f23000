"""What a visitor may ask of the widget about the own data, and about each reply of the bot: in a real house, whose
database is looked into. Only a house that does not answer is made up (``Wire.down``).
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from people import Running
from playwright.async_api import Browser, Page, Request, Route, expect
from shop import Shop, bubbles, open_chat, say, violations
from sqlalchemy import select

from api import rights
from core import consents, privacy
from core.db import reading, transaction
from core.tables import ConsentRow, EventRow, VisitorRow

JSON = dict[str, Any]
DOWN = {"code": "unavailable", "detail": "A part of the house does not answer.", "status": 503}


class Wire:
    """What pages ask of the visitor's routes, and methods that do not come through."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []  # method, path, body
        self.tokens: set[str] = set()
        self.down: set[str] = set()

    async def listen(self, page: Page) -> None:
        page.on("request", self._heard)
        await page.route("**/api/v1/visitor/**", self._pass)

    def _heard(self, request: Request) -> None:
        _, there, path = request.url.partition("/api/v1/visitor/")
        if not there or request.method == "OPTIONS":
            return
        body = json.loads(request.post_data) if request.post_data else None
        self.asked.append((request.method, path, body))
        self.tokens.add(request.headers.get("authorization", ""))

    async def _pass(self, route: Route) -> None:
        if route.request.method not in self.down:
            await route.continue_()
            return
        head = {"Access-Control-Allow-Origin": "*"}
        await route.fulfill(status=503, content_type="application/json", headers=head, body=json.dumps(DOWN))


@pytest.fixture
async def wire(page: Page) -> AsyncIterator[Wire]:
    wire = Wire()
    await wire.listen(page)
    yield wire
    assert not wire.down, "put the house up again"


async def begun(shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    await open_chat(page)
    await say(page, "How much does delivery cost?")
    await expect(bubbles(page, "bot")).to_have_count(2)


async def visitor_of(house: Running) -> UUID:
    """The only one there is."""
    async with reading(house.house.db) as session:
        return (await session.scalars(select(VisitorRow.id))).one()


async def address(house: Running) -> str | None:
    async with reading(house.house.db) as session:
        return (await session.scalars(select(VisitorRow))).one().email


async def agreed(house: Running) -> list[ConsentRow]:
    async with reading(house.house.db) as session:
        return list(await session.scalars(select(ConsentRow).order_by(ConsentRow.number)))


def short(receipt: JSON) -> str:
    return f"Receipt {receipt['id'][:8]}, "


async def open_data(page: Page) -> None:
    await page.get_by_label("More options").click()
    await page.locator(".menu").get_by_role("button", name="Your data").click()
    await expect(page.get_by_role("heading", name="Your data")).to_be_focused()
    await expect(page.get_by_role("heading", name="Your choices")).to_be_visible()


# --- why this reply ---------------------------------------------------------------------------------

ENTRY = {"category": "Shop", "question": "When are you open?", "answer": "From nine to five.", "alternates": []}


async def with_entry(house: Running) -> None:
    async with house.signed_in("Olive", "owner") as olive:
        made = await olive.post("/api/v1/articles", json={"slug": "hours", **ENTRY})
        assert made.status_code == 201, made.text
        done = await olive.post("/api/v1/articles/hours/publish", json={"revision": made.json()["revision"]})
        assert done.status_code == 200, done.text


async def test_why_is_fetched_when_asked_and_told_in_plain_words(
    empty: Running, shop: Shop, page: Page, wire: Wire
) -> None:
    await with_entry(empty)
    await begun(shop, page)
    assert wire.asked == []
    async with page.expect_response("**/decisions/**") as answer:
        await page.get_by_text("Why this reply?").click()
    record = await (await answer.value).json()
    assert record["entry"] is None, "it knows nothing of delivery"
    [candidate] = record["candidates"]
    await expect(page.locator(".why")).to_contain_text(record["why"])
    share = f"({candidate['confidence']:.0%})"
    await expect(page.locator(".why")).to_contain_text(f"It also considered: “When are you open?” {share}.")
    versions = record["versions"]
    await expect(page.locator(".why")).to_contain_text(f"Rules {versions['policy']}, model {versions['model']}")
    [(method, path, _)] = wire.asked
    assert (method, path) == ("GET", f"decisions/{record['decision_id']}")
    [token] = wire.tokens
    assert token.startswith("Bearer ")
    assert len(token) > 30


async def test_what_the_message_brought_is_told_where_the_record_cannot_be_had(
    shop: Shop, page: Page, wire: Wire
) -> None:
    await begun(shop, page)
    wire.down = {"GET"}
    await page.get_by_text("Why this reply?").click()
    await expect(page.locator(".why")).to_contain_text("More about it could not be fetched just now.")
    await expect(page.locator(".why")).to_contain_text("No help entry fitted well enough")
    wire.down = set()


async def test_a_person_can_be_asked_to_check_a_reply_and_answers_in_the_chat(
    empty: Running, shop: Shop, page: Page, wire: Wire
) -> None:
    await begun(shop, page)
    await page.get_by_text("Why this reply?").click()
    await page.get_by_role("button", name="This is wrong").click()
    words = page.get_by_label("What is wrong?")
    await expect(words).to_be_focused()
    await words.fill("It is free over 40 euros.")
    assert await violations(page) == []
    wire.down = {"POST"}
    await page.get_by_role("button", name="Ask a person to check").click()
    await expect(page.locator(".review")).to_contain_text("That did not work.")
    await expect(words).to_have_value("It is free over 40 euros.")
    wire.down = set()
    async with page.expect_response("**/review") as asked:
        await page.get_by_role("button", name="Ask a person to check").click()
    assert (await asked.value).status == 201
    await expect(page.get_by_text("A person will check this reply and tell you here.")).to_be_focused()
    await expect(page.locator(".review")).to_contain_text("Asked on ")
    async with empty.signed_in("Sam", "agent") as sam:
        [review] = (await sam.get("/api/v1/reviews")).json()["reviews"]
        assert (review["words"], review["said"]) == ("It is free over 40 euros.", "How much does delivery cost?")
        verdict = {"outcome": "changed", "answer": "You are right, we fixed it."}
        assert (await sam.post(f"/api/v1/reviews/{review['id']}", json=verdict)).status_code == 200
    told = page.locator('[data-sender="system"]').filter(has_text="You are right, we fixed it.")
    await expect(told).to_be_visible()
    await page.get_by_text("Why this reply?").click()
    await page.get_by_text("Why this reply?").click()
    await expect(page.locator(".review")).to_contain_text("found it wrong.")
    await expect(page.locator(".review blockquote")).to_have_text("You are right, we fixed it.")


# --- your data --------------------------------------------------------------------------------------


async def test_nothing_is_asked_of_the_house_before_the_first_message(shop: Shop, page: Page, wire: Wire) -> None:
    await page.goto(shop.url)
    await open_chat(page)
    await page.locator(".intro").get_by_role("button", name="Your data").click()
    await expect(page.get_by_text("Nothing is stored about you yet.")).to_be_visible()
    await expect(page.get_by_role("button", name="Erase everything")).to_have_count(0)
    assert wire.asked == []


async def test_a_choice_before_the_first_message_is_told_before_it(
    empty: Running, shop: Shop, page: Page, wire: Wire
) -> None:
    await page.goto(shop.url)
    await open_chat(page)
    await open_data(page)
    await page.get_by_label("Read the mood of my messages").uncheck()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await page.get_by_role("button", name="Back to the chat").click()
    wire.down = {"POST"}
    await say(page, "Hello")
    await expect(page.locator(".notice")).to_contain_text("A part of the house does not answer.")
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text("Sending…")  # nothing is scored meanwhile
    wire.down = set()
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text("Sent")
    await expect(bubbles(page, "bot")).to_have_count(2)
    [consent] = await agreed(empty)
    assert consent.purposes == {"chat": True, "sentiment": False, "remember": False}
    async with reading(empty.house.db) as session:
        made = (await session.scalars(select(EventRow).where(EventRow.kind == "decision_made"))).one().body
    assert (made["sentiment"], made["frustration"], made["scored"]) == (None, None, False)


async def test_what_is_stored_is_told_and_can_be_taken_along(shop: Shop, page: Page, tmp_path: Path) -> None:
    await begun(shop, page)
    await open_data(page)
    await expect(page.locator(".sheet")).to_contain_text("so that the conversation can go on")
    await expect(page.locator(".sheet")).to_contain_text("(3 messages)")  # the greeting, too
    assert await violations(page) == []
    for button, name in (("Download to read", "my-chat.html"), ("Download as data (JSON)", "my-chat.json")):
        async with page.expect_download() as download:
            await page.get_by_role("button", name=button).click()
        got = await download.value
        assert got.suggested_filename == name
        await got.save_as(tmp_path / name)
    assert "How much does delivery cost?" in (tmp_path / "my-chat.html").read_text(encoding="utf-8")
    [talk] = json.loads((tmp_path / "my-chat.json").read_text(encoding="utf-8"))["conversations"]
    assert [m["from"] for m in talk["messages"]] == ["bot", "visitor", "bot"]


async def test_an_address_is_corrected_and_removed(empty: Running, shop: Shop, page: Page) -> None:
    await begun(shop, page)
    async with transaction(empty.house.db) as session:
        await privacy.correct_email(
            session, await visitor_of(empty), "old@example.com", actor="test", now=empty.house.now()
        )
    await open_data(page)
    box = page.get_by_role("textbox", name="E-mail address")
    await expect(box).to_have_value("old@example.com")
    await box.fill("no-dot@example")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".sheet")).to_contain_text("That did not work. That cannot be an e-mail address.")
    assert await address(empty) == "old@example.com"
    await box.fill("new@example.com")
    async with page.expect_response("**/data") as answer:
        await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".sheet")).to_contain_text(short((await (await answer.value).json())["receipt"]))
    assert await address(empty) == "new@example.com"
    await page.get_by_role("button", name="Remove").click()
    await expect(box).to_have_value("")
    assert await address(empty) is None
    await expect(page.get_by_role("button", name="Remove")).to_be_hidden()


async def test_a_choice_that_could_not_be_kept_is_taken_back(
    empty: Running, shop: Shop, page: Page, wire: Wire
) -> None:
    await begun(shop, page)
    await page.evaluate("() => { window.heard = []; Warmline.on('consent.changed', (detail) => heard.push(detail)); }")
    await open_data(page)
    box = page.get_by_label("Read the mood of my messages")
    wire.down = {"POST"}
    await box.click()
    await expect(page.locator(".sheet")).to_contain_text("That did not work.")
    await expect(box).to_be_checked()
    assert await agreed(empty) == []
    wire.down = set()
    await box.click()
    await expect(page.locator(".sheet")).to_contain_text("Saved.")
    await expect(box).not_to_be_checked()
    await expect(box).to_be_focused()
    [heard] = await page.evaluate("heard")
    [consent] = await agreed(empty)
    assert heard["purposes"] == consent.purposes == {"chat": True, "sentiment": False, "remember": False}
    assert heard["receipt"]["id"] == str(consent.id)


async def test_only_who_wishes_is_recognised_on_return(empty: Running, shop: Shop, page: Page) -> None:
    await begun(shop, page)
    assert await page.evaluate("localStorage.length") == 0
    await open_data(page)
    await page.get_by_label("Recognise me in this browser").check()
    await expect(page.locator(".sheet")).to_contain_text("Saved.")
    another = await page.context.new_page()
    await another.goto(shop.url)
    await another.get_by_role("button", name="Chat with us").click()
    await expect(bubbles(another, "visitor")).to_have_text("How much does delivery cost?")
    await open_data(another)
    await another.get_by_label("Recognise me in this browser").uncheck()
    await expect(another.locator(".sheet")).to_contain_text("Saved.")
    await page.wait_for_function("localStorage.length === 0")  # a tab hears of another's a moment later
    assert [c.purposes["remember"] for c in await agreed(empty)] == [True, False]
    await page.get_by_role("button", name="Back to the chat").click()
    await say(page, "And I am still here")
    await expect(bubbles(page, "bot")).to_have_count(3)
    assert await page.evaluate("localStorage.length") == 0  # the first tab does not bring it back


async def test_consent_can_be_withdrawn_and_given_again(empty: Running, shop: Shop, page: Page) -> None:
    await begun(shop, page)
    await open_data(page)
    await page.get_by_role("button", name="Withdraw my consent").click()
    await expect(page.locator(".sheet")).to_contain_text("Saved.")
    assert (await agreed(empty))[-1].purposes["chat"] is False
    await page.get_by_role("button", name="Back to the chat").click()
    await expect(page.get_by_text("You withdrew your consent.")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Write a message")).to_be_hidden()
    assert await violations(page) == []
    await page.reload()
    await expect(page.get_by_text("You withdrew your consent.")).to_be_visible()
    await page.get_by_role("button", name="Allow the chat again").click()
    await say(page, "Here I am again")
    await expect(bubbles(page, "bot")).to_have_count(3)
    assert (await agreed(empty))[-1].purposes == {"chat": True, "sentiment": True, "remember": False}


async def test_what_is_written_after_a_withdrawal_elsewhere_is_not_stored_and_said_so(
    empty: Running, shop: Shop, page: Page
) -> None:
    await begun(shop, page)
    await rights.consent(empty.house, await visitor_of(empty), {"chat": False}, "1")
    await say(page, "Once more")
    await expect(page.get_by_text("You withdrew your consent.").first).to_be_visible()
    async with reading(empty.house.db) as session:
        assert not (await consents.of(session, await visitor_of(empty))).chat
        said = await session.scalars(select(EventRow.body).where(EventRow.kind == "message_said"))
        assert "Once more" not in [body["text"] for body in said]


async def test_everything_is_erased_after_a_second_word_and_with_a_receipt(
    empty: Running, shop: Shop, page: Page, wire: Wire, tmp_path: Path
) -> None:
    await begun(shop, page)
    await open_data(page)
    await page.get_by_role("button", name="Erase everything").click()
    await expect(page.get_by_role("heading", name="Erase everything about you?")).to_be_focused()
    assert await violations(page) == []
    await page.get_by_role("button", name="Keep it").click()
    await expect(page.get_by_role("heading", name="Your data")).to_be_focused()
    await visitor_of(empty)
    await page.get_by_role("button", name="Erase everything").click()
    async with page.expect_response("**/data") as answer:
        await page.get_by_role("button", name="Erase everything").click()
    receipt = (await (await answer.value).json())["receipt"]
    await expect(page.get_by_role("heading", name="Everything about you is erased")).to_be_focused()
    async with reading(empty.house.db) as session:
        assert list(await session.scalars(select(VisitorRow.id))) == []
    await expect(page.locator(".sheet")).to_contain_text("3 messages")
    await expect(page.locator(".sheet")).to_contain_text(rights.BACKUPS)
    await expect(page.locator(".sheet")).to_contain_text(short(receipt))
    assert [method for method, _, _ in wire.asked].count("DELETE") == 1
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download the receipt").click()
    await (await download.value).save_as(tmp_path / "receipt.json")
    assert json.loads((tmp_path / "receipt.json").read_text()) == receipt
    assert receipt["what"] == "erased"
    assert await page.evaluate("[localStorage.length, JSON.parse(Object.values(sessionStorage)[0])]") == [0, None]
    await page.locator(".sheet-body").get_by_role("button", name="Back to the chat").click()
    await expect(bubbles(page, "visitor")).to_have_count(0)
    await expect(bubbles(page, "bot")).to_have_count(1)
    await page.reload()
    await expect(page.get_by_role("button", name="Chat with us")).to_be_visible()
    await open_chat(page)
    await expect(bubbles(page, "visitor")).to_have_count(0)


async def test_who_is_erased_elsewhere_reads_nothing_of_it_any_more_and_may_start_anew(
    empty: Running, shop: Shop, page: Page
) -> None:
    await begun(shop, page)
    await rights.erase(empty.house, await visitor_of(empty), "test")
    await expect(page.locator(".notice")).to_contain_text("The earlier conversation is no longer available.")
    await expect(bubbles(page, "visitor")).to_have_count(0)
    await say(page, "Hello again")
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text("Sent")
    await visitor_of(empty)


async def test_an_erasure_that_failed_is_said_and_loses_nothing(shop: Shop, page: Page, wire: Wire) -> None:
    await begun(shop, page)
    await open_data(page)
    wire.down = {"DELETE"}
    await page.get_by_role("button", name="Erase everything").click()
    await page.get_by_role("button", name="Erase everything").click()
    await expect(page.locator(".sheet").get_by_role("alert")).to_contain_text("That did not work.")
    wire.down = set()
    await page.keyboard.press("Escape")
    await say(page, "Still here")
    await expect(page.locator('[data-sender="visitor"] .meta').last).to_have_text("Sent")
    await expect(bubbles(page, "visitor")).to_have_count(2)


async def test_a_page_may_ask_for_the_visitor_but_the_visitor_decides(
    empty: Running, shop: Shop, page: Page, wire: Wire
) -> None:
    await begun(shop, page)
    async with page.expect_download() as download:
        await page.evaluate("Warmline.exportMyData()")
    assert (await download.value).suggested_filename == "my-chat.json"
    await page.evaluate("() => { window.erased = 'waiting'; Warmline.eraseMyData().then((got) => { erased = got; }); }")
    await expect(page.get_by_role("heading", name="Erase everything about you?")).to_be_visible()
    assert await page.evaluate("erased") == "waiting"
    await page.keyboard.press("Escape")
    assert await page.evaluate("erased") is None
    assert "DELETE" not in {method for method, _, _ in wire.asked}
    await page.evaluate("() => { Warmline.eraseMyData().then((got) => { erased = got; }); }")
    await page.get_by_role("button", name="Erase everything").click()
    await page.wait_for_function("erased?.what === 'erased'")
    async with reading(empty.house.db) as session:
        assert list(await session.scalars(select(VisitorRow.id))) == []


async def test_the_data_fit_a_small_phone_in_every_direction(shop: Shop, chromium: Browser) -> None:
    for language, more, yours in (("de", "Weitere Möglichkeiten", "Ihre Daten"), ("ar", "خيارات أخرى", "بياناتكم")):
        shop.language = language
        context = await chromium.new_context(viewport={"width": 320, "height": 640}, color_scheme="dark")
        page = await context.new_page()
        await page.goto(shop.url)
        await page.locator(".launcher").click()
        await page.locator(".box textarea").fill("Hello")
        await page.keyboard.press("Enter")
        await expect(bubbles(page, "bot")).to_have_count(2)
        await page.get_by_label(more).click()
        await page.locator(".menu").get_by_role("button", name=yours).click()
        await expect(page.locator(".danger")).to_be_attached()
        wide = """() => [...document.querySelector('warmline-chat').shadowRoot.querySelectorAll('.sheet, .sheet *')]
            .filter((node) => !node.matches('.aside') && node.scrollWidth > node.clientWidth + 1 && node.clientWidth)
            .map((node) => `${node.localName}.${node.className}`)"""
        assert await page.evaluate(wide) == []
        assert await violations(page) == []
        await context.close()
