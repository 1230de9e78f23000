"""What a visitor may ask of the widget about the own data, and about each reply of the bot.

THE ANSWERS OF /api/v1/visitor/ ARE INTERCEPTED HERE, in the shapes of docs/http.md: these routes are built on another
branch. At its merge ``answers`` and ``House`` go, and the tests look into the real house instead.
"""

import json
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, Route, expect
from shop import Shop, bubbles, open_chat, say, violations

AT = "2026-11-24T17:30:00Z"
RECEIPT = "0b7c7c5e-1111-4222-8333-444455556666"
JSON = dict[str, Any]


class House:
    """Answers for the visitor's routes, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []  # method, path, body
        self.tokens: set[str] = set()
        self.email: str | None = None
        self.purposes: JSON | None = None
        self.review: JSON | None = None
        self.refuses: set[str] = set()  # methods

    async def answer(self, route: Route) -> None:
        request = route.request
        path = request.url.partition("/api/v1/visitor/")[2]
        body: Any = request.post_data_json if request.post_data else None
        self.asked.append((request.method, path, body))
        self.tokens.add(await request.header_value("authorization") or "")
        if request.method in self.refuses:
            problem = {"code": "unavailable", "detail": "A part of the house does not answer.", "status": 503}
            await self._send(route, 503, problem)
        elif path.startswith("data"):
            await self._data(route, path, body)
        elif path == "consent":
            assert body["version"]
            self.purposes = body["purposes"]
            await self._send(route, 200, {"receipt": self._receipt("consent")})
        else:
            await self._decision(route, path)

    async def _data(self, route: Route, path: str, body: Any) -> None:
        match route.request.method:
            case "GET" if path.endswith("format=html"):
                head = {"Access-Control-Allow-Origin": "*"}
                await route.fulfill(status=200, content_type="text/html", headers=head, body="<h1>Yours</h1>")
            case "GET":
                given = [{"at": AT, "version": "1", "purposes": self.purposes}] if self.purposes else []
                talk = {"messages": [{"text": "one"}, {"text": "two"}], "decisions": []}
                await self._send(route, 200, {"email": self.email, "consents": given, "conversations": [talk]})
            case "PATCH":
                self.email = body["email"]
                await self._send(route, 200, {"receipt": self._receipt("corrected")})
            case _:
                counts = {"messages": 3, "conversations": 1}
                receipt = self._receipt("erased") | {"counts": counts, "backups": "Backups are replaced in 30 days."}
                await self._send(route, 200, {"receipt": receipt})

    async def _decision(self, route: Route, path: str) -> None:
        if path.endswith("/review"):
            self.review = {"state": "open", "asked_at": AT, "answered_at": None, "answer": None}
            await self._send(route, 201, self.review)
            return
        record = {
            "decision_id": path.partition("/")[2], "at": AT, "why": "No FAQ entry fits.", "rule": "no_entry",
            "entry": None, "confidence": 0.12, "handoff": "none", "reason": None,
            "candidates": [{"question": "When are you open?", "confidence": 0.12}],
            "versions": {"policy": "7", "model": "abc"}, "review": self.review,
        }  # fmt: skip
        await self._send(route, 200, record)

    def _receipt(self, what: str) -> JSON:
        return {"id": RECEIPT, "at": AT, "what": what}

    async def _send(self, route: Route, status: int, body: JSON) -> None:
        head = {"Access-Control-Allow-Origin": "*"}
        await route.fulfill(status=status, content_type="application/json", headers=head, body=json.dumps(body))


async def answers(page: Page) -> House:
    house = House()
    await page.route("**/api/v1/visitor/**", house.answer)
    return house


async def begun(shop: Shop, page: Page) -> House:
    house = await answers(page)
    await page.goto(shop.url)
    await open_chat(page)
    await say(page, "How much does delivery cost?")
    await expect(bubbles(page, "bot")).to_have_count(2)
    return house


async def open_data(page: Page) -> None:
    await page.get_by_label("More options").click()
    await page.locator(".menu").get_by_role("button", name="Your data").click()
    await expect(page.get_by_role("heading", name="Your data")).to_be_focused()
    await expect(page.get_by_role("heading", name="Your choices")).to_be_visible()


# --- why this reply ---------------------------------------------------------------------------------


async def test_why_is_fetched_when_asked_and_told_in_plain_words(shop: Shop, page: Page) -> None:
    house = await begun(shop, page)
    assert house.asked == []
    await page.get_by_text("Why this reply?").click()
    await expect(page.locator(".why")).to_contain_text("No FAQ entry fits.")
    await expect(page.locator(".why")).to_contain_text("It also considered: “When are you open?” (12%).")
    await expect(page.locator(".why")).to_contain_text("Rules 7, model abc")
    [(method, path, _)] = house.asked
    assert (method, path.partition("/")[0]) == ("GET", "decisions")
    [token] = house.tokens
    assert token.startswith("Bearer ")
    assert len(token) > 30


async def test_what_the_message_brought_is_told_where_the_record_cannot_be_had(shop: Shop, page: Page) -> None:
    house = await begun(shop, page)
    house.refuses = {"GET"}
    await page.get_by_text("Why this reply?").click()
    await expect(page.locator(".why")).to_contain_text("More about it could not be fetched just now.")
    await expect(page.locator(".why")).to_contain_text("No help entry fitted well enough")


async def test_a_person_can_be_asked_to_check_a_reply_and_its_state_is_shown(shop: Shop, page: Page) -> None:
    house = await begun(shop, page)
    await page.get_by_text("Why this reply?").click()
    await page.get_by_role("button", name="This is wrong").click()
    words = page.get_by_label("What is wrong?")
    await expect(words).to_be_focused()
    await words.fill("It is free over 40 euros.")
    assert await violations(page) == []
    house.refuses = {"POST"}
    await page.get_by_role("button", name="Ask a person to check").click()
    await expect(page.locator(".review")).to_contain_text("That did not work.")
    await expect(words).to_have_value("It is free over 40 euros.")
    house.refuses = set()
    await page.get_by_role("button", name="Ask a person to check").click()
    await expect(page.get_by_text("A person will check this reply and tell you here.")).to_be_focused()
    await expect(page.locator(".review")).to_contain_text("Nov 24, 2026")
    assert house.asked[-1][0] == "POST"
    assert house.asked[-1][2] == {"words": "It is free over 40 euros."}
    house.review = {"state": "changed", "asked_at": AT, "answered_at": AT, "answer": "You are right, we fixed it."}
    await page.get_by_text("Why this reply?").click()
    await page.get_by_text("Why this reply?").click()
    await expect(page.locator(".review")).to_contain_text("found it wrong.")
    await expect(page.locator(".review blockquote")).to_have_text("You are right, we fixed it.")


# --- your data --------------------------------------------------------------------------------------


async def test_nothing_is_asked_of_the_house_before_the_first_message(shop: Shop, page: Page) -> None:
    house = await answers(page)
    await page.goto(shop.url)
    await open_chat(page)
    await page.locator(".intro").get_by_role("button", name="Your data").click()
    await expect(page.get_by_text("Nothing is stored about you yet.")).to_be_visible()
    await expect(page.get_by_role("button", name="Erase everything")).to_have_count(0)
    assert house.asked == []


async def test_a_choice_before_the_first_message_is_told_before_it(shop: Shop, page: Page) -> None:
    house = await answers(page)
    await page.goto(shop.url)
    await open_chat(page)
    await open_data(page)
    await page.get_by_label("Read the mood of my messages").uncheck()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await page.get_by_role("button", name="Back to the chat").click()
    house.refuses = {"POST"}
    await say(page, "Hello")
    await expect(page.locator(".notice")).to_contain_text("A part of the house does not answer.")
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text("Sending…")  # nothing is scored meanwhile
    house.refuses = set()
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text("Sent")
    assert house.purposes == {"chat": True, "sentiment": False, "remember": False}


async def test_what_is_stored_is_told_and_can_be_taken_along(shop: Shop, page: Page, tmp_path: Path) -> None:
    await begun(shop, page)
    await open_data(page)
    await expect(page.locator(".sheet")).to_contain_text("so that the conversation can go on")
    await expect(page.locator(".sheet")).to_contain_text("(2 messages)")
    assert await violations(page) == []
    for button, name in (("Download to read", "my-chat.html"), ("Download as data (JSON)", "my-chat.json")):
        async with page.expect_download() as download:
            await page.get_by_role("button", name=button).click()
        got = await download.value
        assert got.suggested_filename == name
        await got.save_as(tmp_path / name)
    assert (tmp_path / "my-chat.html").read_text() == "<h1>Yours</h1>"
    assert len(json.loads((tmp_path / "my-chat.json").read_text())["conversations"]) == 1


async def test_an_address_is_corrected_and_removed(shop: Shop, page: Page) -> None:
    house = await begun(shop, page)
    house.email = "old@example.com"
    await open_data(page)
    box = page.get_by_role("textbox", name="E-mail address")
    await expect(box).to_have_value("old@example.com")
    await box.fill("new@example.com")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".sheet")).to_contain_text("Receipt 0b7c7c5e, Nov 24, 2026")
    assert house.email == "new@example.com"
    await page.get_by_role("button", name="Remove").click()
    await expect(box).to_have_value("")
    assert house.email is None
    await expect(page.get_by_role("button", name="Remove")).to_be_hidden()


async def test_a_choice_that_could_not_be_kept_is_taken_back(shop: Shop, page: Page) -> None:
    house = await begun(shop, page)
    await page.evaluate("() => { window.heard = []; Warmline.on('consent.changed', (detail) => heard.push(detail)); }")
    await open_data(page)
    box = page.get_by_label("Read the mood of my messages")
    house.refuses = {"POST"}
    await box.click()
    await expect(page.locator(".sheet")).to_contain_text("That did not work.")
    await expect(box).to_be_checked()
    house.refuses = set()
    await box.click()
    await expect(page.locator(".sheet")).to_contain_text("Saved.")
    await expect(box).not_to_be_checked()
    await expect(box).to_be_focused()
    [heard] = await page.evaluate("heard")
    assert heard["purposes"] == house.purposes == {"chat": True, "sentiment": False, "remember": False}
    assert heard["receipt"]["id"] == RECEIPT


async def test_only_who_wishes_is_recognised_on_return(shop: Shop, page: Page) -> None:
    await begun(shop, page)
    assert await page.evaluate("localStorage.length") == 0
    await open_data(page)
    await page.get_by_label("Recognise me in this browser").check()
    await expect(page.locator(".sheet")).to_contain_text("Saved.")
    another = await page.context.new_page()
    house = await answers(another)
    house.purposes = {"chat": True, "sentiment": True, "remember": True}
    await another.goto(shop.url)
    await another.get_by_role("button", name="Chat with us").click()
    await expect(bubbles(another, "visitor")).to_have_text("How much does delivery cost?")
    await open_data(another)
    await another.get_by_label("Recognise me in this browser").uncheck()
    await expect(another.locator(".sheet")).to_contain_text("Saved.")
    assert await page.evaluate("localStorage.length") == 0


async def test_consent_can_be_withdrawn_and_given_again(shop: Shop, page: Page) -> None:
    house = await begun(shop, page)
    await open_data(page)
    await page.get_by_role("button", name="Withdraw my consent").click()
    await expect(page.locator(".sheet")).to_contain_text("Saved.")
    assert house.purposes is not None
    assert house.purposes["chat"] is False
    await page.get_by_role("button", name="Back to the chat").click()
    await expect(page.get_by_text("You withdrew your consent.")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Write a message")).to_be_hidden()
    assert await violations(page) == []
    await page.reload()
    await expect(page.get_by_text("You withdrew your consent.")).to_be_visible()
    await page.get_by_role("button", name="Allow the chat again").click()
    await expect(page.get_by_role("textbox", name="Write a message")).to_be_visible()
    assert house.purposes == {"chat": True, "sentiment": True, "remember": False}


async def test_everything_is_erased_after_a_second_word_and_with_a_receipt(
    shop: Shop, page: Page, tmp_path: Path
) -> None:
    house = await begun(shop, page)
    await open_data(page)
    await page.get_by_role("button", name="Erase everything").click()
    await expect(page.get_by_role("heading", name="Erase everything about you?")).to_be_focused()
    assert await violations(page) == []
    await page.get_by_role("button", name="Keep it").click()
    await expect(page.get_by_role("heading", name="Your data")).to_be_focused()
    await page.get_by_role("button", name="Erase everything").click()
    await page.get_by_role("button", name="Erase everything").click()
    await expect(page.get_by_role("heading", name="Everything about you is erased")).to_be_focused()
    await expect(page.locator(".sheet")).to_contain_text("3 messages")
    await expect(page.locator(".sheet")).to_contain_text("Backups are replaced in 30 days.")
    await expect(page.locator(".sheet")).to_contain_text("Receipt 0b7c7c5e, Nov 24, 2026")
    assert [method for method, _, _ in house.asked].count("DELETE") == 1
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download the receipt").click()
    await (await download.value).save_as(tmp_path / "receipt.json")
    assert json.loads((tmp_path / "receipt.json").read_text())["what"] == "erased"
    assert await page.evaluate("[localStorage.length, JSON.parse(Object.values(sessionStorage)[0])]") == [0, None]
    await page.locator(".sheet-body").get_by_role("button", name="Back to the chat").click()
    await expect(bubbles(page, "visitor")).to_have_count(0)
    await expect(bubbles(page, "bot")).to_have_count(1)
    await page.reload()
    await expect(page.get_by_role("button", name="Chat with us")).to_be_visible()
    await open_chat(page)
    await expect(bubbles(page, "visitor")).to_have_count(0)


async def test_an_erasure_that_failed_is_said_and_loses_nothing(shop: Shop, page: Page) -> None:
    house = await begun(shop, page)
    await open_data(page)
    house.refuses = {"DELETE"}
    await page.get_by_role("button", name="Erase everything").click()
    await page.get_by_role("button", name="Erase everything").click()
    await expect(page.locator(".sheet").get_by_role("alert")).to_contain_text("That did not work.")
    await page.keyboard.press("Escape")
    await say(page, "Still here")
    await expect(page.locator('[data-sender="visitor"] .meta').last).to_have_text("Sent")
    await expect(bubbles(page, "visitor")).to_have_count(2)


async def test_a_page_may_ask_for_the_visitor_but_the_visitor_decides(shop: Shop, page: Page) -> None:
    house = await begun(shop, page)
    async with page.expect_download() as download:
        await page.evaluate("Warmline.exportMyData()")
    assert (await download.value).suggested_filename == "my-chat.json"
    await page.evaluate("() => { window.erased = 'waiting'; Warmline.eraseMyData().then((got) => { erased = got; }); }")
    await expect(page.get_by_role("heading", name="Erase everything about you?")).to_be_visible()
    assert await page.evaluate("erased") == "waiting"
    await page.keyboard.press("Escape")
    assert await page.evaluate("erased") is None
    assert "DELETE" not in {method for method, _, _ in house.asked}
    await page.evaluate("() => { Warmline.eraseMyData().then((got) => { erased = got; }); }")
    await page.get_by_role("button", name="Erase everything").click()
    await page.wait_for_function("erased?.what === 'erased'")


async def test_the_data_fit_a_small_phone_in_every_direction(shop: Shop, chromium: Browser) -> None:
    for language, more, yours in (("de", "Weitere Möglichkeiten", "Ihre Daten"), ("ar", "خيارات أخرى", "بياناتكم")):
        shop.language = language
        context = await chromium.new_context(viewport={"width": 320, "height": 640}, color_scheme="dark")
        page = await context.new_page()
        await answers(page)
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
