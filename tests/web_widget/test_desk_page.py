"""The desk's page in a real browser, against a real house."""

import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from axe_playwright_python.async_playwright import Axe
from browser import PHONE, WCAG, watched
from people import PASSWORD, Running, Visitor
from playwright.async_api import Browser, Page, WebSocketRoute, expect

from api import rights
from core import privacy
from core.db import reading, transaction
from handoff import presence, queue


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with watched(chromium, 1440, 900) as page:
        yield page


class Wire:
    """Between the page and the server: can hold back what the server says, and break the line."""

    def __init__(self) -> None:
        self.passes = {"everything"}
        self._route: WebSocketRoute | None = None

    async def put_between(self, page: Page) -> None:
        await page.route_web_socket("**/ws/desk", self._connect)

    def _connect(self, route: WebSocketRoute) -> None:
        self._route = route
        server = route.connect_to_server()
        server.on_message(lambda text: self._pass_on(route, str(text)))

    def _pass_on(self, route: WebSocketRoute, text: str) -> None:
        if self.passes & {"everything", json.loads(text)["kind"]}:
            route.send(text)

    async def cut(self) -> None:
        assert self._route is not None
        await self._route.close(code=1001)


async def sign_in(page: Page, house: Running) -> None:
    await page.goto(house.url + await house.sign_in_link("agent"))
    await expect(page.get_by_role("heading", name="Chats")).to_be_visible()


async def wait_for_a_person(ada: Visitor, words: str) -> None:
    await ada.say(words)
    await ada.ask_human()


async def violations(page: Page) -> list[str]:
    found = await Axe().run(page, options=WCAG)
    return [f"{v['id']}: {[n['target'] for n in v['nodes']]}" for v in found.response["violations"]]


async def test_a_sign_in_link_works_once(house: Running, chromium: Browser, page: Page) -> None:
    link = house.url + await house.sign_in_link("agent")
    await page.goto(link)
    await expect(page.get_by_text("Nobody is waiting")).to_be_visible()
    assert "link=" not in page.url
    assert await violations(page) == []

    stranger = await chromium.new_page()
    await stranger.goto(link)
    await expect(stranger.get_by_role("alert")).to_contain_text("was used before")
    await expect(stranger.get_by_role("button", name="Sign in")).to_be_visible()
    assert await violations(stranger) == []
    await stranger.close()


async def test_a_chat_is_claimed_answered_and_closed_by_keyboard_alone(house: Running, page: Page) -> None:
    async with house.visitor() as ada:
        await wait_for_a_person(ada, "The jar from order 48213 arrived broken, please help me")
        await sign_in(page, house)
        await expect(page.locator(".row").first).to_contain_text("Asked for a person")
        assert await page.title() == "(1) Desk · Warmline"

        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("log")).to_contain_text("order 48213")
        await expect(page.get_by_role("button", name="Claim to reply")).to_be_visible()
        await page.keyboard.press("c")
        await expect(page.get_by_label("Your reply")).to_be_focused()
        await page.keyboard.type("Hello, a new jar is on its way. Recjbe?")  # the letters are no shortcuts here
        await page.keyboard.press("Enter")
        said = await ada.message("agent")
        assert said["text"] == "Hello, a new jar is on its way. Recjbe?"
        await expect(page.get_by_role("log")).to_contain_text("Recjbe?")
        await expect(page.locator(".outgoing")).to_be_empty()

        await page.keyboard.press("Escape")
        await expect(page.locator(".row").first).to_be_focused()
        await page.keyboard.press("e")
        await expect(page.get_by_role("dialog")).to_contain_text("How did it end?")
        await page.keyboard.press("Enter")
        await ada.event("chat_closed")
        await expect(page.get_by_text("Nobody is waiting")).to_be_visible()
        assert await page.title() == "Desk · Warmline"


async def test_a_refused_reply_keeps_its_text_and_says_why(house: Running, page: Page) -> None:
    wire = Wire()
    await wire.put_between(page)
    async with house.visitor() as ada:
        await wait_for_a_person(ada, "Where is my parcel?")
        await sign_in(page, house)
        await page.locator(".row").first.click()
        await page.keyboard.press("c")
        await page.get_by_label("Your reply").fill("A long and careful answer")
        wire.passes = {"refused", "stored"}  # the page does not hear in time that Kim has the chat now
        await hand_to_kim(house, ada)

        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Not sent.")).to_be_visible()
        refused = page.locator(".is-refused")
        await expect(refused).to_contain_text("A long and careful answer")
        await expect(refused).to_contain_text("You do not hold this conversation")
        assert await violations(page) == []
        await refused.get_by_role("button", name="Edit").click()
        await expect(page.get_by_label("Your reply")).to_have_value("A long and careful answer")


async def hand_to_kim(house: Running, ada: Visitor) -> None:
    sam, kim = await house.person("Sam", "agent"), await house.person("Kim", "agent")
    chat, now = UUID(ada.conversation_id), house.house.now()
    async with transaction(house.house.db) as session:
        await queue.release(session, chat, agent_id=sam.id, now=now)
    async with transaction(house.house.db) as session:
        await presence.renew(session, kim.id, now)  # or the chat would come back: Kim has no page open
        await queue.claim(session, chat, agent=kim, now=now)


async def test_a_draft_stays_when_somebody_else_takes_the_chat(house: Running, page: Page) -> None:
    async with house.visitor() as ada:
        await wait_for_a_person(ada, "Where is my parcel?")
        await sign_in(page, house)
        await page.locator(".row").first.click()
        await page.keyboard.press("c")
        await page.get_by_label("Your reply").fill("Half a thought")
        await hand_to_kim(house, ada)
        await expect(page.get_by_text("Kim is helping here. You can read along.")).to_be_visible()
        await expect(page.get_by_label("Your reply")).to_have_value("Half a thought")
        await expect(page.get_by_label("Your reply")).not_to_be_editable()


async def test_a_reply_written_while_the_line_is_down_goes_out_once(house: Running, page: Page) -> None:
    wire = Wire()
    await wire.put_between(page)
    async with house.visitor() as ada:
        await wait_for_a_person(ada, "Where is my parcel?")
        await sign_in(page, house)
        await page.locator(".row").first.click()
        await page.keyboard.press("c")
        await expect(page.get_by_label("Your reply")).to_be_focused()
        await wire.cut()
        await expect(page.get_by_text("Reconnecting…")).to_be_visible()
        await page.keyboard.type("It left on Monday")
        await page.keyboard.press("Enter")
        await ada.say("Are you there?")
        await expect(page.get_by_role("log")).to_contain_text("Are you there?")  # said while the line was down
        await expect(page.get_by_role("log")).to_contain_text("It left on Monday")
        await expect(page.get_by_text("Reconnecting…")).not_to_be_visible()
        await ada.message("agent")
        assert await page.get_by_text("It left on Monday", exact=True).count() == 1
        assert await page.get_by_text("Are you there?", exact=True).locator("xpath=ancestor::article").count() == 1


async def test_the_desk_is_accessible_and_fits_a_phone(house: Running, page: Page) -> None:
    async with house.visitor() as ada:
        await wait_for_a_person(ada, "This is the third time that I ask. Where is order 48213? ada@example.com")
        await sign_in(page, house)
        await page.locator(".row").first.click()
        await page.keyboard.press("c")
        await expect(page.get_by_label("Your reply")).to_be_focused()
        assert await violations(page) == []
        await page.emulate_media(color_scheme="dark")
        await page.wait_for_timeout(400)  # colours fade over into the dark theme
        assert await violations(page) == []

        await page.set_viewport_size(PHONE)
        assert await violations(page) == []
        for step in ("Details", "Back to the conversation", "Back to the chats"):
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            await page.get_by_role("button", name=step).click()
        await expect(page.get_by_role("heading", name="Chats")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_an_ended_session_asks_to_sign_in_and_keeps_the_draft(house: Running, page: Page) -> None:
    async with house.visitor() as ada:
        await wait_for_a_person(ada, "Where is my parcel?")
        await sign_in(page, house)
        await page.locator(".row").first.click()
        await page.keyboard.press("c")
        await page.get_by_label("Your reply").fill("Half a thought")
        other_tab = await page.context.new_page()
        await other_tab.goto(f"{house.url}/desk")
        await other_tab.locator("summary", has_text="Sam").click()
        await other_tab.get_by_role("button", name="Sign out").click()
        await expect(other_tab.get_by_role("button", name="Sign in")).to_be_visible()

        await page.get_by_label("Your reply").press("!")
        await expect(page.get_by_role("alert")).to_contain_text("You are signed out")
        await page.get_by_label("E-mail").fill("sam@example.com")
        await page.get_by_label("Password").fill("not this one")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("do not match")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Your reply")).to_have_value("Half a thought!")


async def test_an_erased_chat_is_gone_from_the_page_with_all_that_was_written_in_it(page: Page, house: Running) -> None:
    await sign_in(page, house)
    async with house.visitor() as ada:
        await ada.ask("My parrot Zanzibar wants a drum.")
        await ada.ask_human()
        row = page.get_by_role("button").filter(has_text="Zanzibar")
        await row.first.click()
        await expect(page.get_by_role("log")).to_contain_text("Zanzibar")
        async with reading(house.house.db) as session:
            visitor_id = await privacy.who(session, UUID(ada.conversation_id))
        await rights.erase(house.house, visitor_id, "test")
        await expect(page.get_by_text("This chat was erased.")).to_be_visible()
        await expect(page.get_by_role("heading", name="No chat open")).to_be_visible()
        await expect(page.get_by_text("Zanzibar")).to_have_count(0)
