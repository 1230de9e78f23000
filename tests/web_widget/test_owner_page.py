"""The owner's FAQ editor in a real browser, against a real house."""

from collections.abc import AsyncIterator

import pytest
from axe_playwright_python.async_playwright import Axe
from browser import PHONE, WCAG, watched
from people import Running
from playwright.async_api import Browser, FilePayload, Page, expect


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with watched(chromium, 1440, 900) as page:
        yield page


async def sign_in(page: Page, house: Running) -> None:
    await page.goto(house.url + await house.sign_in_link("owner"))
    await expect(page.locator(".entry").first).to_be_visible()


async def violations(page: Page) -> list[str]:
    found = await Axe().run(page, options=WCAG)
    return [f"{v['id']}: {[n['target'] for n in v['nodes']]}" for v in found.response["violations"]]


async def first_slug(page: Page) -> str:
    slug = await page.locator(".entry").first.get_attribute("data-slug")
    assert slug is not None
    return slug


async def test_an_owner_writes_and_publishes_an_entry_by_keyboard(house: Running, page: Page) -> None:
    await sign_in(page, house)
    await page.get_by_role("button", name="New entry").first.press("Enter")
    await expect(page.get_by_label("Question", exact=True)).to_be_focused()
    await page.keyboard.type("Do you repair umbrellas?")
    await page.get_by_label("Answer", exact=True).fill("Yes, **every Thursday**.")
    await expect(page.get_by_label("Preview").locator("strong")).to_have_text("every Thursday")
    await page.get_by_label("Other phrasings").fill("my umbrella is broken\n\n my umbrella is broken \nmend a brolly")
    await expect(page.get_by_text("2 phrasings.")).to_be_visible()
    await page.keyboard.press("Control+s")
    await expect(page.get_by_text("Draft saved.")).to_be_visible()
    await expect(page.locator(".editor-badges")).to_have_text("Draft")
    await expect(page.get_by_role("button", name="Save draft")).to_be_disabled()
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".editor-badges")).to_have_text("Published")

    await page.get_by_label("What a visitor might write").fill("Do you repair umbrellas?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".candidate").first).to_contain_text("Do you repair umbrellas?")
    await page.reload()  # the address names the entry
    await expect(page.get_by_label("Question", exact=True)).to_have_value("Do you repair umbrellas?")


async def test_a_conflict_shows_both_texts_and_loses_neither(house: Running, page: Page) -> None:
    await sign_in(page, house)
    slug = await first_slug(page)
    await page.locator(".entry").first.click()
    await page.get_by_label("Answer", exact=True).fill("My long and careful answer")
    async with house.signed_in("Otto", "owner") as otto:
        theirs = (await otto.get(f"/api/v1/articles/{slug}")).json()
        text = {name: theirs[name] for name in ("revision", "question", "category", "alternates")}
        assert (await otto.put(f"/api/v1/articles/{slug}", json={**text, "answer": "What Otto wrote"})).is_success

    await page.keyboard.press("Control+s")
    conflict = page.get_by_role("group", name="Otto saved another version")
    await expect(conflict).to_contain_text("What Otto wrote")
    await expect(page.get_by_label("Answer", exact=True)).to_have_value("My long and careful answer")
    assert await violations(page) == []
    await conflict.get_by_role("button", name="Take theirs").click()
    await expect(page.get_by_label("Answer", exact=True)).to_have_value("What Otto wrote")
    await page.get_by_role("button", name="Put my text back").click()
    await expect(page.get_by_label("Answer", exact=True)).to_have_value("My long and careful answer")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("Published. The bot answers")).to_be_visible()

    await page.get_by_role("button", name="History").click()
    await expect(page.locator(".version").filter(has_text="by Otto").first).to_contain_text("What Otto wrote")
    assert await violations(page) == []


async def test_leaving_unsaved_changes_is_asked_about(house: Running, page: Page) -> None:
    await sign_in(page, house)
    await page.locator(".entry").first.click()
    await page.get_by_label("Answer", exact=True).fill("Not yet saved")
    await page.locator(".entry").nth(1).click()
    await page.get_by_role("button", name="Go on writing").click()
    await expect(page.get_by_label("Answer", exact=True)).to_have_value("Not yet saved")
    await page.locator(".entry").nth(1).click()
    await page.get_by_role("button", name="Discard my changes").click()
    await expect(page.get_by_label("Answer", exact=True)).not_to_have_value("Not yet saved")


async def test_an_import_error_names_its_line_and_a_good_file_is_counted(house: Running, page: Page) -> None:
    good = b'{"id": "umbrellas", "question": "Do you repair umbrellas?", "answer": "Yes.", "category": "Shop"}\n'
    await sign_in(page, house)
    await page.get_by_role("button", name="Import").click()
    await page.set_input_files("#import-file", jsonl(good + b'{"id": "broken", "question"\n'))
    await page.get_by_role("dialog").get_by_role("button", name="Import").click()
    await expect(page.get_by_text("Nothing was imported.")).to_be_visible()
    await expect(page.locator(".note.bad:visible")).to_contain_text("line 2")
    assert await violations(page) == []
    await page.set_input_files("#import-file", jsonl(good))
    await page.get_by_role("dialog").get_by_role("button", name="Import").click()
    await expect(page.get_by_text("1 entry added")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Do you repair umbrellas?")).to_be_visible()


def jsonl(content: bytes) -> FilePayload:
    return {"name": "faq.jsonl", "mimeType": "application/jsonl", "buffer": content}


async def test_entries_are_found_by_words_and_by_state(house: Running, page: Page) -> None:
    await sign_in(page, house)
    everything = await page.locator(".entry").count()
    await page.get_by_role("button", name="Drafts").click()
    await expect(page.get_by_text("No entry matches")).to_be_visible()
    await page.get_by_role("button", name="Published").click()
    await expect(page.locator(".entry")).to_have_count(everything)
    question = await page.locator(".entry-question").nth(3).inner_text()
    await page.get_by_role("searchbox").fill(question)
    await expect(page.locator(".entry").first).to_contain_text(question)
    assert await page.locator(".entry").count() < everything


async def test_an_agent_is_shown_the_way_to_the_desk(house: Running, page: Page) -> None:
    link = await house.sign_in_link("agent")
    await page.goto(house.url + link.replace("/desk", "/owner"))
    await expect(page.get_by_role("heading", name="This page is for owners")).to_be_visible()
    await expect(page.get_by_role("navigation").get_by_role("link", name="FAQ")).to_have_count(0)


async def test_the_editor_is_accessible_and_fits_a_phone(house: Running, page: Page) -> None:
    await sign_in(page, house)
    await page.locator(".entry").first.click()
    assert await violations(page) == []
    await page.get_by_role("tab", name="Unanswered").click()
    await expect(page.get_by_text("Nothing left unanswered")).to_be_visible()
    await page.emulate_media(color_scheme="dark")
    await page.wait_for_timeout(400)  # colours fade over into the dark theme
    assert await violations(page) == []

    await page.set_viewport_size(PHONE)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.get_by_role("button", name="Back to the entries").click()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await violations(page) == []
    await page.get_by_role("button", name="Try it").click()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
