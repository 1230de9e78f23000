"""Every language of the widget is complete, chosen as documented, loaded alone, and fits a small phone."""

import json
import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from shop import WIDGET, Shop, bubbles, say, violations

FOLDER = WIDGET.parent / "languages"
CATALOGUES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
}
LABELS = dict(re.findall(r"^  (\w\w): \['([^']+)', '[^']+'\],$", WIDGET.read_text(encoding="utf-8"), re.MULTILINE))
ENGLISH = CATALOGUES["en"]
WANTED = {"en", "es", "fr", "de", "it", "pt", "nl", "pl", "tr", "ar", "he", "hi", "ja", "zh"}
# What is the same word in both, or a name.
SAME = {"dir", "bot", "message", "system", "versions", "log", "agent", "personBadge", "title", "agree", "receipt"}


def forms(text: str | dict[str, str]) -> dict[str, str]:
    return {"other": text} if isinstance(text, str) else text


def holes(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_there_are_fourteen_and_the_launcher_has_a_name_in_each() -> None:
    assert set(CATALOGUES) == set(LABELS) == WANTED


@pytest.mark.parametrize("code", sorted(WANTED - {"en"}))
def test_a_language_lacks_nothing(code: str) -> None:
    found = CATALOGUES[code]
    assert list(found) == list(ENGLISH)  # in the same order, so that two files can be read side by side
    for key, text in found.items():
        assert isinstance(text, dict) == isinstance(ENGLISH[key], dict), key
        for form, words in forms(text).items():
            assert words.strip(), key
            # "one minute" may be said without its number
            missing = holes(forms(ENGLISH[key])["other"]) - holes(words) - ({"count"} if form != "other" else set())
            assert missing == set(), (key, form)
            assert holes(words) <= holes(forms(ENGLISH[key])["other"]), (key, form)
    untranslated = {key for key, text in found.items() if text == ENGLISH[key]} - SAME
    assert untranslated == set()


def test_each_says_that_the_bot_reads_english_only_in_its_own_words() -> None:
    assert len({found["botLanguages"] for found in CATALOGUES.values()}) == len(WANTED)
    assert CATALOGUES["de"]["botLanguages"] == "Der Bot liest und schreibt bisher nur Englisch."


async def test_plural_forms_and_directions_are_those_of_the_language(bare_shop: Shop, page: Page) -> None:
    await page.goto(bare_shop.url)
    wanted = await page.evaluate(
        """(codes) => Object.fromEntries(codes.map((code) => [code, {
            plurals: new Intl.PluralRules(code).resolvedOptions().pluralCategories,
            dir: (new Intl.Locale(code).textInfo ?? new Intl.Locale(code).getTextInfo()).direction,
        }]))""",
        list(CATALOGUES),
    )
    for code, found in CATALOGUES.items():
        assert found["dir"] == wanted[code]["dir"]
        for key, text in found.items():
            if isinstance(text, dict):
                assert set(text) >= set(wanted[code]["plurals"]), (code, key)


async def opened(page: Page, code: str) -> None:
    await page.get_by_role("button", name=LABELS[code]).click()
    await expect(page.get_by_role("textbox", name=CATALOGUES[code]["input"])).to_be_visible()


@pytest.mark.parametrize("code", sorted(WANTED))
async def test_it_is_loaded_alone_and_fits_a_small_phone(code: str, shop: Shop, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    shop.language = code
    await page.set_viewport_size({"width": 320, "height": 568})
    await page.goto(shop.url)
    await opened(page, code)
    assert [name for name in asked if name.endswith(".json")] == [f"{code}.json"]
    words = CATALOGUES[code]
    root = page.locator(".root")
    await expect(root).to_have_attribute("lang", code)
    await expect(root).to_have_attribute("dir", words["dir"])
    await expect(page.locator(".intro", has_text=words["botLanguages"])).to_have_count(0 if code == "en" else 1)
    await page.get_by_role("button", name=words["askPerson"]).click()
    await expect(page.locator(".strip")).to_contain_text(words["deskClosed"])
    wide = """() => [...document.querySelector('warmline-chat').shadowRoot.querySelectorAll('*')]
        .filter((node) => !node.matches('.aside, svg, path') && node.checkVisibility())
        .filter((node) => {
            const { left, right } = node.getBoundingClientRect();
            return right > innerWidth + 1 || left < -1 || (node.scrollWidth > node.clientWidth + 1 && node.clientWidth);
        }).map((node) => `${node.localName}.${node.className}`)"""
    assert await page.evaluate(wide) == []
    assert await violations(page) == []


@pytest.mark.parametrize(
    ("attribute", "page_language", "browser_language", "chosen"),
    [
        ("nl", "fr", "ja-JP", "nl"),
        ("", "fr-CH", "ja-JP", "fr"),
        ("tlh", "", "ja-JP", "ja"),
        ("", "sv", "zh-Hans-CN", "zh"),
        ("", "no language tag", "sv-SE", "en"),
        ("iw", "", "en-GB", "he"),
    ],
)
async def test_the_script_then_the_page_then_the_browser_choose_the_language(
    chromium: Browser, shop: Shop, attribute: str, page_language: str, browser_language: str, chosen: str
) -> None:
    shop.attributes = f'data-language="{attribute}"'
    shop.language = page_language
    context = await chromium.new_context(locale=browser_language)
    page = await context.new_page()
    await page.goto(shop.url)
    await expect(page.get_by_role("button", name=LABELS[chosen])).to_be_visible()
    await context.close()


async def test_another_language_keeps_the_conversation_and_what_is_written(shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    await page.evaluate("Warmline.setLocale('de-AT')")
    await expect(page.get_by_role("button", name=LABELS["de"])).to_be_visible()
    await opened(page, "de")
    await page.get_by_role("textbox").fill("Hello")
    await page.keyboard.press("Enter")
    await expect(bubbles(page, "bot")).to_have_count(2)
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text("Gesendet")
    await page.get_by_role("textbox").fill("not sent yet")
    await page.evaluate("Warmline.setLocale('ar')")
    box = page.get_by_role("textbox", name=CATALOGUES["ar"]["input"])
    await expect(box).to_have_value("not sent yet")
    await expect(bubbles(page, "visitor")).to_have_text("Hello")
    await expect(bubbles(page, "bot")).to_have_count(2)
    await expect(page.locator(".root")).to_have_attribute("dir", "rtl")
    await expect(bubbles(page, "bot").last).to_have_attribute("lang", "en")
    await page.evaluate("Warmline.setLocale('en')")
    await say(page, "And once more")
    await expect(bubbles(page, "visitor")).to_have_text(["Hello", "And once more"])
    refused = await page.evaluate("Warmline.setLocale('tlh').catch((error) => error.message)")
    assert refused == 'Warmline has no catalogue for "tlh".'


async def test_numbers_follow_the_language(shop: Shop, page: Page) -> None:
    shop.language = "de"
    await page.goto(shop.url)
    await opened(page, "de")
    await page.get_by_role("textbox").fill("x" * 4001)
    await expect(page.locator(".limit")).to_have_text("4.001 von 4.000 Zeichen")
