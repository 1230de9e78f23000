"""A day at the desk in a real browser, by keyboard where there is one: passing on, notes, canned replies, search."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from axe_playwright_python.async_playwright import Axe
from browser import PHONE, WCAG, watched
from people import Running, Visitor
from playwright.async_api import Browser, Page, expect

from core.db import transaction
from handoff import canned, queue
from handoff.summary import Summary

SCREENSHOTS = os.environ.get("WARMLINE_SCREENSHOTS")
expect.set_options(timeout=15_000)


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with watched(chromium, 1440, 900) as page:
        yield page


async def picture(page: Page, name: str) -> None:
    if SCREENSHOTS:
        Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=f"{SCREENSHOTS}/desk-{name}.png")


async def violations(page: Page) -> list[str]:
    found = await Axe().run(page, options=WCAG)
    return [f"{v['id']}: {[n['target'] for n in v['nodes']]}" for v in found.response["violations"]]


async def sign_in(page: Page, house: Running, role: str = "agent") -> None:
    if role == "owner":
        link = (await house.sign_in_link("owner")).replace("/owner#", "/desk#")
    else:
        link = await house.sign_in_link("agent")
    await page.goto(house.url + link)
    await expect(page.get_by_role("heading", name="Chats")).to_be_visible()


async def in_line(ada: Visitor, words: str) -> None:
    await ada.say(words)
    await ada.ask_human()
    await ada.event("chat_queued")


async def open_first(page: Page) -> None:
    await expect(page.locator(".live .row").first).to_be_visible()
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("log")).to_be_visible()


async def take_next(page: Page) -> None:
    await expect(page.get_by_role("button", name="Take the next")).to_be_visible()
    await page.keyboard.press("n")


async def test_the_suggested_chat_is_taken_noted_in_answered_from_a_canned_reply_and_closed_by_keyboard(
    house: Running, page: Page
) -> None:
    sam = await house.person("Sam", "agent")
    async with transaction(house.house.db) as session:
        text = "Hello, this is {agent}. I look after order {order}; your phone number is {phone}?"
        await canned.keep(session, name="late-parcel", text=text, by=sam, now=house.house.now())
        await canned.keep(session, name="goodbye", text="Goodbye from {business}.", by=sam, now=house.house.now())
    async with house.visitor() as ada:
        await in_line(ada, "Where is my order BW-20931? It has still not come.")
        await sign_in(page, house)
        await expect(page.get_by_role("button", name="Take the next")).to_be_visible()
        assert await violations(page) == []
        await page.keyboard.press("n")
        reply = page.get_by_label("Your reply")
        await expect(reply).to_be_focused()

        await page.keyboard.press("Escape")
        await page.keyboard.press("m")
        await expect(page.get_by_label("Your note for the team")).to_be_focused()
        await page.keyboard.type("Third time this week with this courier.")
        await picture(page, "note")
        assert await violations(page) == []
        await page.keyboard.press("Enter")
        await expect(page.locator(".staff-note")).to_contain_text("Third time this week")

        await expect(reply).to_be_focused()
        await page.keyboard.type("/late")
        await expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
        await picture(page, "canned")
        assert await violations(page) == []
        await page.keyboard.press("Enter")
        await expect(reply).to_have_value(
            "Hello, this is Sam. I look after order BW-20931; your phone number is [phone]?"
        )
        await page.keyboard.type("0170 1234567")  # what nobody told stands selected
        await page.keyboard.press("Enter")
        said = await ada.message("agent")
        assert said["text"].endswith("your phone number is 0170 1234567?")

        await page.keyboard.press("Escape")
        await page.keyboard.press("e")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await picture(page, "outcome")
        assert await violations(page) == []
        await page.keyboard.press("2")
        await ada.event("chat_closed")
        assert "note_written" not in str(ada.seen)
        assert "Third time" not in str(ada.seen)
        assert "outcome" not in str(ada.seen)


async def test_a_closed_chat_is_found_read_and_reopened(house: Running, page: Page) -> None:
    async with house.visitor() as ada:
        await in_line(ada, "My violin <b>arrived</b> in two halves")
        await sign_in(page, house)
        await take_next(page)
        await expect(page.get_by_label("Your reply")).to_be_focused()
        await page.keyboard.press("Escape")
        await page.keyboard.press("e")
        await page.keyboard.press("Enter")
        await ada.event("chat_closed")

        await page.keyboard.press("4")
        row = page.locator(".finder .row")
        await expect(row).to_contain_text("violin")
        await expect(row).to_contain_text("Solved")
        await picture(page, "closed")
        assert await violations(page) == []

        await page.keyboard.press("/")
        await expect(page.get_by_label("Search all conversations")).to_be_focused()
        await page.keyboard.type("viol HALVES")
        await expect(page.locator(".finder mark").first).to_have_text("viol")
        await expect(row).to_contain_text("<b>arrived</b>")
        await picture(page, "search")
        assert await violations(page) == []
        await page.keyboard.press("ArrowDown")
        await expect(row).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("log")).to_contain_text("in two halves")
        await expect(page.get_by_text("This chat is closed")).to_be_visible()
        await expect(page.get_by_label("Your reply")).to_be_hidden()
        await expect(page.get_by_role("button", name="Reopen")).to_be_visible()
        await page.get_by_role("heading", name="Visitor").focus()
        await page.keyboard.press("u")
        await expect(page.get_by_label("Your reply")).to_be_focused()
        await page.keyboard.type("One thing more.")
        await page.keyboard.press("Enter")
        assert (await ada.message("agent"))["text"] == "One thing more."


async def test_a_chat_is_passed_on_with_a_note_and_both_see_each_other_there(house: Running, page: Page) -> None:
    async with house.visitor() as ada, house.desk("Kim") as kim:
        await in_line(ada, "Where is my parcel?")
        await sign_in(page, house)
        await take_next(page)
        await expect(page.get_by_label("Your reply")).to_be_focused()
        await kim.send({"kind": "watch", "conversation_id": ada.conversation_id, "after": 0})
        await expect(page.get_by_text("Kim is looking at this chat too.")).to_be_visible()
        seen = await kim.until("looking")
        assert (seen["who"]["name"], seen["here"]) == ("Sam", True)
        await kim.send({"kind": "unwatch", "conversation_id": ada.conversation_id})
        await expect(page.get_by_text("is looking at this chat")).to_be_hidden()

        await page.keyboard.press("Escape")
        await page.keyboard.press("t")
        await expect(page.get_by_role("dialog")).to_contain_text("Kim (online, 0 chats)")
        await picture(page, "transfer")
        assert await violations(page) == []
        await page.keyboard.press("Tab")
        await page.keyboard.type("She speaks French.")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".offer")).to_contain_text("Offered to Kim")
        assert await violations(page) == []
        frame = await kim.until("queue", lambda f: any(i["offered"] for i in f["others"]))
        assert frame["others"][0]["offered"]["note"] == "She speaks French."
        assert (await kim.act("accept_offer", ada.conversation_id))["kind"] == "done"
        await expect(page.get_by_text("Kim is helping here")).to_be_visible()
        assert "French" not in str(ada.seen)
        assert "looking" not in str(ada.seen)


async def test_an_owner_takes_a_chat_over_and_sets_the_order_of_the_queue(house: Running, page: Page) -> None:
    async with house.visitor() as ada, house.desk("Kim") as kim:
        await in_line(ada, "Where is my parcel?")
        assert (await kim.act("claim", ada.conversation_id))["kind"] == "done"
        await sign_in(page, house, "owner")
        await open_first(page)
        await expect(page.get_by_role("button", name="Take over")).to_be_visible()
        await page.keyboard.press("o")
        await expect(page.get_by_label("Your reply")).to_be_focused()
        assert (await kim.say(ada.conversation_id, "too late"))["code"] == "not_yours"

        await page.get_by_role("button", name="The order of the queue").click()
        await picture(page, "rules")
        assert await violations(page) == []
        await page.get_by_label("Very frustrated").fill("29")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await page.get_by_role("button", name="The order of the queue").click()
        await expect(page.get_by_label("Very frustrated")).to_have_value("29")
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Canned replies").click()
        await page.get_by_label("Name").fill("sorry")
        await page.get_by_label("Text").fill("I am sorry, {visitor}.")
        await page.get_by_role("button", name="Add").click()
        await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("{visitor} cannot be filled in")
        await picture(page, "manage-canned")
        assert await violations(page) == []
        await page.get_by_label("Text").fill("I am sorry.")
        await page.get_by_role("button", name="Add").click()
        await expect(page.locator(".canned-row")).to_contain_text("/sorry")


async def test_who_may_be_in_danger_is_first_and_the_card_says_why(house: Running, page: Page) -> None:
    async with house.visitor() as ada, house.visitor() as grace:
        await in_line(ada, "Where is my parcel?")
        await in_line(grace, "Please call me")
        async with transaction(house.house.db) as session:
            await queue.end_by_visitor(session, UUID(grace.conversation_id), now=house.house.now())
            await queue.ask(
                session, UUID(grace.conversation_id), reason="vulnerable", summary=Summary("I smell gas"),
                now=house.house.now(),
            )  # fmt: skip
        await sign_in(page, house)
        await expect(page.locator(".row").first).to_contain_text("Urgent")
        await open_first(page)
        case = page.get_by_role("region", name="Case", exact=True)
        await expect(case).to_contain_text("Counts 240 minutes more: may be in danger or distress")
        await picture(page, "danger")
        assert await violations(page) == []


async def test_abusive_words_are_hidden_until_somebody_wants_to_read_them(house: Running, page: Page) -> None:
    async with house.visitor() as ada:
        await ada.say("You useless pile of dirt")
        async with transaction(house.house.db) as session:
            await queue.ask(
                session, UUID(ada.conversation_id), reason="abusive", summary=Summary("You useless pile"),
                now=house.house.now(), abusive=True,
            )  # fmt: skip
        await sign_in(page, house)
        await expect(page.locator(".row").first).to_contain_text("Abusive")
        await open_first(page)
        await expect(page.get_by_role("button", name="Abusive words. Show them")).to_be_visible()
        await expect(page.get_by_text("You useless pile of dirt")).to_be_hidden()
        await expect(page.get_by_role("region", name="Case", exact=True)).not_to_contain_text("useless")
        await picture(page, "veiled")
        assert await violations(page) == []
        await page.get_by_role("button", name="Abusive words. Show them").press("Enter")
        await expect(page.get_by_text("You useless pile of dirt")).to_be_visible()

        await page.keyboard.press("c")
        await expect(page.get_by_label("Your reply")).to_be_focused()
        await page.keyboard.press("Escape")
        await page.keyboard.press("e")
        await page.keyboard.press("4")
        await page.get_by_role("button", name="Take a break").click()
        await expect(page.get_by_label("Your status")).to_have_value("break")


async def test_the_visitor_is_told_what_was_agreed_and_the_status_is_set_by_keyboard(
    house: Running, page: Page
) -> None:
    async with house.visitor() as ada:
        await in_line(ada, "Where is my parcel?")
        await sign_in(page, house)
        await expect(page.get_by_label("Your status")).to_have_value("online")
        await expect(page.get_by_label("Your status")).to_be_enabled()
        await page.keyboard.press("s")
        await expect(page.get_by_label("Your status")).to_be_focused()
        await page.get_by_label("Your status").select_option("busy")
        await expect(page.get_by_role("button", name="Take the next")).to_be_hidden()
        await page.keyboard.press("Escape")
        await open_first(page)
        await page.keyboard.press("c")
        await expect(page.get_by_label("Your reply")).to_be_focused()
        await page.keyboard.press("Escape")
        await page.keyboard.press("b")
        await page.keyboard.type("A new jar leaves today.")
        await page.keyboard.press("Control+Enter")
        assert (await ada.message("agent"))["text"] == "A new jar leaves today."
        await ada.event("chat_returned")


@pytest.mark.parametrize("look", ["phone", "dark", "rtl", "rtl-phone"])
async def test_the_desk_holds_together_on_a_phone_in_the_dark_and_from_right_to_left(
    house: Running, page: Page, look: str
) -> None:
    async with house.visitor() as ada, house.visitor() as grace, house.desk("Kim"):
        await in_line(ada, "This is the third time that I ask. Where is order BW-20931? ada@example.com")
        await grace.ask(f"When are you open? {uuid4().hex[:4]}")
        if "dark" in look:
            await page.emulate_media(color_scheme="dark")
        await sign_in(page, house)
        if "rtl" in look:
            await page.evaluate("document.documentElement.dir = 'rtl'")
        if "phone" in look:
            await page.set_viewport_size(PHONE)
        await expect(page.locator(".row").first).to_be_visible()
        await picture(page, f"{look}-list")
        await take_next(page)
        await expect(page.get_by_label("Your reply")).to_be_focused()
        await page.wait_for_timeout(400)
        await picture(page, f"{look}-chat")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await violations(page) == []
