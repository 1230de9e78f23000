"""The whole story in three browsers: a visitor, an agent and an owner, against a real house.

With WARMLINE_SCREENSHOTS=FOLDER each scene is kept as a picture there.
"""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from people import Running
from playwright.async_api import Browser, Page, expect

OWN_WORDS = "How many days does delivery take?"
UNKNOWN = "Do you teach violin lessons?"
UPSET = "This is ridiculous! I've asked three times and you are completely useless!!"
ANSWER = "Only on Sundays, and only to herrings."
PATIENCE = 20_000  # ms; generous, a busy machine is no failure


@asynccontextmanager
async def window(chromium: Browser, address: str) -> AsyncIterator[Page]:
    """A browser of somebody's own. Fails when a script fails or the page breaks its own security policy."""
    context = await chromium.new_context(viewport={"width": 1360, "height": 860})
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    await page.goto(address)
    yield page
    await context.close()
    assert faults == []


async def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("WARMLINE_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def open_chat(page: Page) -> None:
    await page.get_by_role("button", name="Chat with us").click()
    log = page.get_by_role("log")
    await expect(log).to_contain_text("a computer program, not a person")
    await expect(log).to_contain_text("talk to a person")


async def ask(page: Page, text: str) -> None:
    await page.get_by_role("textbox", name="Write a message").fill(text)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("log")).to_contain_text(text)


async def test_a_visitor_is_answered_gets_upset_is_helped_by_a_person_and_the_bot_knows_next_time(
    house: Running, chromium: Browser
) -> None:
    expect.set_options(timeout=PATIENCE)
    agent_link, owner_link = await house.sign_in_link("agent"), await house.sign_in_link("owner")
    async with (
        window(chromium, house.url + agent_link) as sam,
        window(chromium, f"{house.url}/demo") as ada,
        window(chromium, house.url + owner_link) as olive,
    ):
        await expect(sam.get_by_text("Nobody is waiting")).to_be_visible()
        assert "link=" not in sam.url
        talk = ada.get_by_role("log")

        # She asks in her own words and is answered by something that says what it is.
        await picture(ada, "1-demo")
        await open_chat(ada)
        await ask(ada, OWN_WORDS)
        await expect(talk).to_contain_text("we pack the same day")
        await picture(ada, "2-answered")

        # What the FAQ does not know is not made up.
        await ask(ada, UNKNOWN)
        await expect(talk).to_contain_text(re.compile("A person can help|Do you mean one of these"))
        await expect(talk).not_to_contain_text("herrings")

        # She gets upset, and is handed over without having to ask.
        await ask(ada, UPSET)
        await expect(talk).to_contain_text("I'm passing you on to a person")
        await picture(ada, "3-handed-over")

        # Sam sees her in the line, with what she wants, and takes the chat.
        chats = sam.get_by_role("region", name="Chats")
        row = chats.get_by_role("button", name=re.compile("^Visitor")).first
        await expect(row).to_be_visible()
        await picture(sam, "4-queue")
        await row.click()
        await expect(sam.get_by_role("log")).to_contain_text(UNKNOWN)
        await expect(sam.get_by_role("region", name="Case", exact=True)).to_contain_text("violin")
        await sam.get_by_role("button", name="Claim to reply").click()
        reply = sam.get_by_label("Your reply")
        await expect(reply).to_be_editable()
        await picture(sam, "5-claimed")
        await reply.fill("Hello, this is Sam. I'm sorry about that! We do teach the violin, to herrings.")
        await sam.keyboard.press("Enter")

        # She sees who came, and that it is a person.
        await expect(talk).to_contain_text("Sam, a person, has joined")
        await expect(talk).to_contain_text("We do teach the violin")
        await ask(ada, "Thank you, Sam.")
        await expect(sam.get_by_role("log")).to_contain_text("Thank you, Sam.")
        await expect(talk.get_by_text("I'm the bot")).to_have_count(1)
        await picture(ada, "6-a-person")
        await sam.get_by_role("group", name="Actions").get_by_role("button", name="Close").click()
        await sam.get_by_role("dialog").get_by_role("button", name="Solved").first.click()
        await expect(talk).to_contain_text("Sam ended the chat")

        # Olive sees what was not known, and writes the answer.
        await olive.get_by_role("tab", name="Unanswered").click()
        missing = olive.get_by_role("listitem").filter(has_text=UNKNOWN)
        await expect(missing.first).to_be_visible()
        await picture(olive, "7-unanswered")
        await missing.first.get_by_role("button", name="New entry from this").click()
        await expect(olive.get_by_label("Question", exact=True)).to_have_value(UNKNOWN)
        await olive.get_by_label("Answer", exact=True).fill(ANSWER)
        await olive.get_by_role("button", name="Publish", exact=True).click()
        await expect(olive.get_by_text("Published. The bot answers")).to_be_visible()
        await picture(olive, "8-published")

        # The next visitor is answered.
        async with window(chromium, f"{house.url}/demo") as grace:
            await open_chat(grace)
            await ask(grace, UNKNOWN)
            await expect(grace.get_by_role("log")).to_contain_text(ANSWER)
            await picture(grace, "9-known-now")
