"""What a page may call and hear: window.Warmline, its types, its queue, and the badge of what was not read."""

import re

from people import Running
from playwright.async_api import Page, expect
from shop import WIDGET, Cable, Shop, bubbles, open_chat, say

TYPES = (WIDGET.parent / "widget.d.ts").read_text(encoding="utf-8")
QUEUE = """<script>
    window.heard = [];
    window.Warmline = [
        ['on', 'ready', () => heard.push('ready')],
        ['on', 'opened', () => heard.push('opened')],
        ['setLocale', 'fr'],
        ['open'],
    ];
</script>"""


def of_interface(name: str) -> str:
    return TYPES.partition(f"export interface {name} {{")[2].partition("\n}")[0]


async def test_every_method_of_the_types_is_there_and_no_other(shop: Shop, page: Page) -> None:
    declared = set(re.findall(r"^  (\w+)[(<]", of_interface("Warmline"), re.MULTILINE))
    await page.goto(shop.url)
    await page.wait_for_function("typeof window.Warmline?.open === 'function'")
    found = await page.evaluate("Object.entries(Warmline).map(([name, value]) => [name, typeof value])")
    assert {name for name, _ in found} == declared
    assert {kind for _, kind in found} == {"function"}
    assert len(declared) == 12


async def test_calls_before_the_script_wait_for_it(shop: Shop, page: Page) -> None:
    shop.head = QUEUE
    await page.goto(shop.url)
    await expect(page.get_by_role("textbox", name="Écrivez un message…")).to_be_visible()
    await page.wait_for_function("heard.length === 2")
    assert await page.evaluate("heard") == ["ready", "opened"]
    await page.evaluate("Warmline.push(['close'], ['nonsense'], ['hide'])")
    await expect(page.locator("warmline-chat")).to_be_hidden()


async def test_a_hidden_widget_can_be_opened_from_the_page_again(shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    await open_chat(page)
    await page.evaluate("Warmline.hide()")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.locator("warmline-chat")).to_be_hidden()
    await page.evaluate("() => { Warmline.show(); Warmline.toggle(); }")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.evaluate("Warmline.toggle()")
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_a_page_hears_the_whole_way_to_a_person_and_back(empty: Running, shop: Shop, page: Page) -> None:
    declared = re.findall(r"^  '?([a-z.]+)'?:", of_interface("WarmlineEvents"), re.MULTILINE)
    assert len(declared) == 9
    await page.goto(shop.url)
    await page.evaluate(
        """(names) => {
            window.heard = [];
            for (const name of names) Warmline.on(name, () => heard.push(name));
            addEventListener('warmline:handoff.accepted', ({ detail }) => heard.push(detail.agent_name));
            const never = () => heard.push('off was not heard');
            Warmline.on('message', never);
            Warmline.off('message', never);
            Warmline.on('message', () => { window.threw = true; throw new TypeError('the page is broken'); });
            addEventListener('error', (event) => event.preventDefault());
            window.onerror = () => true;
        }""",
        declared,
    )
    async with empty.desk("Sam") as sam:
        await page.evaluate("Warmline.requestHuman()")
        [item] = await sam.waiting(lambda rows: len(rows) == 1)
        await sam.act("claim", item["conversation_id"])
        await expect(page.locator(".who")).to_have_text("Sam · person")
        await sam.act("return_to_bot", item["conversation_id"])
        await expect(bubbles(page, "system").last).to_have_text("The bot answers again.")
    heard = await page.evaluate("heard")
    order = [name for name in heard if name in {"ready", "opened", "Sam"} or name.startswith("handoff.")]
    assert order == ["ready", "opened", "handoff.requested", "Sam", "handoff.accepted", "handoff.ended"]
    assert "off was not heard" not in heard


async def test_what_came_while_another_page_loaded_is_on_the_badge(empty: Running, shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    async with empty.desk("Sam") as sam:
        await open_chat(page)
        await page.get_by_role("button", name="Talk to a person").click()
        [item] = await sam.waiting(lambda rows: len(rows) == 1)
        await sam.act("claim", item["conversation_id"])
        await expect(page.locator(".who")).to_have_text("Sam · person")
        await page.get_by_role("button", name="Close chat").click()
        await page.goto("about:blank")
        await sam.say(item["conversation_id"], "Are you there?")
        await page.goto(shop.url)
        await expect(page.get_by_role("button", name="Chat with us (1)")).to_be_visible()
        await page.get_by_role("button", name="Chat with us (1)").click()
        await expect(bubbles(page, "agent")).to_have_text("Are you there?")
        await page.get_by_role("button", name="Close chat").click()
        await page.reload()
        await expect(page.get_by_role("button", name="Chat with us", exact=True)).to_be_visible()
        await expect(page.locator(".unread")).to_be_hidden()


async def test_what_is_written_offline_is_sent_when_the_network_returns(shop: Shop, page: Page, cable: Cable) -> None:
    await page.goto(shop.url)
    await open_chat(page)
    await say(page, "first")
    await expect(bubbles(page, "bot")).to_have_count(2)
    cable.down = True
    cable.cut()
    await say(page, "second")
    await say(page, "third")
    await expect(page.locator('[data-sender="visitor"] .meta').last).to_contain_text("Not sent yet.")
    await page.reload()  # a phone that ran out of memory
    await expect(page.get_by_role("button", name="Chat with us")).to_be_visible()
    cable.down = False
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.get_by_role("button", name="Chat with us").click()
    await expect(bubbles(page, "visitor")).to_have_text(["first", "second", "third"])
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text(["Sent", "Sent"])  # of this page


async def test_a_returning_page_that_could_not_load_the_panel_tries_again(shop: Shop, page: Page, cable: Cable) -> None:
    await page.goto(shop.url)
    await open_chat(page)
    await say(page, "first")
    await expect(bubbles(page, "bot")).to_have_count(2)
    await page.route("**/panel.js*", lambda route: route.abort())
    await page.reload()
    await expect(page.get_by_role("button", name="Chat with us")).to_be_visible()
    await page.wait_for_timeout(500)
    await page.unroute("**/panel.js*")
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(bubbles(page, "visitor")).to_have_text("first")
