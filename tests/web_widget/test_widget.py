"""The visitor's widget in a real Chromium against a real server."""

import asyncio
import base64
import gzip
import hashlib

from people import Running
from playwright.async_api import Page, Route, expect
from shop import WIDGET, Cable, Shop, bubbles, open_chat, say, violations

from api import widget_files

SCRIPT_LIMIT = 6 * 1024  # bytes, gzipped: a whole visit before the first click
ALL_LIMIT = 25 * 1024  # with everything that a visitor can open, in the longest language
QUESTION = "How much does delivery cost?"


# --- before anything -------------------------------------------------------------------------------


def zipped(text: str) -> int:
    return len(gzip.compress(text.encode(), 9))


def sent(name: str) -> str:
    found = widget_files.file(name)
    assert found is not None
    return found[0]


def test_all_that_a_visitor_can_download_is_small() -> None:
    script = WIDGET.read_text(encoding="utf-8")
    languages = [f"languages/{path.name}" for path in (WIDGET.parent / "languages").glob("*.json")]
    assert zipped(script) <= SCRIPT_LIMIT
    assert zipped(script) + zipped(sent("panel.js")) + max(zipped(sent(name)) for name in languages) <= ALL_LIMIT


def test_it_makes_no_html_and_the_panel_needs_no_other_file() -> None:
    for source in (WIDGET.read_text(encoding="utf-8"), sent("panel.js")):
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "import "):
            assert forbidden not in source
    assert "import(" not in sent("panel.js")


async def test_nothing_is_requested_or_stored_before_the_first_click(shop: Shop, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(shop.url)
    await expect(page.get_by_role("button", name="Chat with us")).to_be_visible()
    await page.mouse.move(500, 500)
    await asyncio.sleep(0.5)
    before = [url for url in asked if not url.startswith("data:")]
    assert before == [f"{shop.url}/", f"{shop.widget}/widget.js"]
    await open_chat(page)
    files = f"{shop.widget}/widget/{widget_files.version()}"
    opened = {f"{files}/panel.js", f"{files}/languages/en.json", f"{shop.widget}/api/v1/welcome"}
    assert set(asked[len(before) :]) - set(before) == opened
    stored = "[sessionStorage.length, localStorage.length, document.cookie]"
    assert await page.evaluate(stored) == [0, 0, ""]
    assert await page.context.cookies() == []


async def test_a_panel_that_cannot_be_loaded_is_said_and_tried_again(shop: Shop, page: Page, cable: Cable) -> None:
    await page.goto(shop.url)
    cable.down = True
    cable.cut()
    await page.get_by_role("button", name="Chat with us").click()
    await expect(page.get_by_role("alert")).to_have_text("The chat could not be loaded. Please try again.")
    assert await violations(page) == []
    cable.down = False
    await open_chat(page)
    await expect(page.get_by_role("dialog")).to_be_visible()
    await expect(page.locator(".failed")).to_have_text("")


async def test_a_site_may_pin_the_script_to_its_hash(shop: Shop, page: Page) -> None:
    digest = base64.b64encode(hashlib.sha384(WIDGET.read_bytes()).digest()).decode()
    shop.integrity = f"sha384-{digest}"
    await page.goto(shop.url)
    await open_chat(page)
    shop.integrity = f"sha384-{base64.b64encode(bytes(48)).decode()}"
    await page.reload()
    await expect(page.locator("warmline-chat")).to_have_count(0)


async def test_a_script_that_is_there_twice_is_there_once(shop: Shop, page: Page) -> None:
    shop.copies = 2
    await page.goto(shop.url)
    await open_chat(page)
    await expect(page.locator("warmline-chat")).to_have_count(1)
    await page.evaluate("import('/widget.js').then((module) => module.mount())")
    await expect(page.locator("warmline-chat")).to_have_count(1)


async def test_importing_it_without_the_tag_changes_nothing(bare_shop: Shop, page: Page) -> None:
    await page.goto(bare_shop.url)
    left = await page.evaluate(
        """async () => {
            const { mount } = await import('/widget.js');
            return [typeof mount, typeof window.Warmline, customElements.get('warmline-chat') ?? null,
                document.body.children.length];
        }"""
    )
    assert left == ["function", "undefined", None, 1]


# --- talking ---------------------------------------------------------------------------------------


async def test_it_answers_on_a_foreign_site_under_a_strict_csp(house: Running, bare_shop: Shop, page: Page) -> None:
    house.house.settings = house.house.settings.model_copy(update={"allowed_origins": (bare_shop.url,)})
    bare_shop.widget = house.url
    bare_shop.csp = (
        f"default-src 'none'; script-src {house.url}; connect-src {house.url} {house.ws}; img-src data:; "
        "require-trusted-types-for 'script'"
    )
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    await page.goto(bare_shop.url)
    await open_chat(page)
    await expect(page.get_by_role("heading", name="Burblewick")).to_be_visible()
    await say(page, QUESTION)
    await expect(bubbles(page, "bot")).to_have_count(2)
    await expect(page.locator('[data-sender="bot"] .kind')).to_have_text(["Bot", "Bot"])
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text("Sent")
    panel = page.get_by_role("dialog")
    assert await panel.evaluate("node => getComputedStyle(node).display") == "flex"  # it is styled
    assert complaints == []


async def test_the_keyboard_is_enough(shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    launcher = page.get_by_role("button", name="Chat with us")
    await expect(launcher).to_be_focused()
    await page.keyboard.press("Enter")
    box = page.get_by_role("textbox", name="Write a message")
    await expect(box).to_be_focused()
    await page.keyboard.type("one")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("two")
    await page.keyboard.press("Enter")
    await expect(bubbles(page, "visitor")).to_have_text("one\ntwo")
    await expect(box).to_have_value("")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(launcher).to_be_focused()


async def test_quick_and_double_sends_arrive_once_and_in_order(shop: Shop, page: Page) -> None:
    """Seven are more than the house takes at once: the last ones wait, and none overtakes another."""
    texts = ["one", "two", "three", "four", "five", "six", "seven"]
    await page.goto(shop.url)
    box = await open_chat(page)
    for text in texts[:-1]:
        await say(page, text)
    await box.fill(texts[-1])
    await page.get_by_role("button", name="Send").dblclick()
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text(["Sent"] * 7)
    await page.reload()
    await expect(bubbles(page, "visitor")).to_have_text(texts)


async def test_the_composition_of_an_ime_is_not_sent(shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    box = await open_chat(page)
    await box.fill("にほん")
    await box.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    await expect(box).to_have_value("にほん")


async def test_a_text_that_is_too_long_is_kept(shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    box = await open_chat(page)
    await box.fill("x" * 4001)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("4,001 of 4,000 characters")).to_be_visible()
    await expect(box).to_have_value("x" * 4001)
    await expect(bubbles(page, "visitor")).to_have_count(0)


async def test_a_refused_message_says_why_and_can_be_edited(shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    box = await open_chat(page)
    await say(page, "\u200b")
    await expect(page.locator(".troubled .meta")).to_contain_text("Not sent.")
    await page.get_by_role("button", name="Edit").click()
    await expect(box).to_have_value("\u200b")
    await expect(bubbles(page, "visitor")).to_have_count(0)


async def test_why_this_reply_is_told_in_plain_words(shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    await open_chat(page)
    await say(page, QUESTION)
    await page.get_by_text("Why this reply?").click()
    await expect(page.locator(".why li").first).to_be_visible()
    await expect(page.locator(".why")).to_contain_text("FAQ entry")


async def test_the_page_talks_with_the_widget(shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    await page.evaluate(
        """() => {
            window.heard = [];
            for (const name of ['ready', 'opened', 'closed', 'message', 'handoff.requested'])
                Warmline.on(name, (detail) => heard.push(detail?.kind ? `${name} ${detail.kind}` : name));
        }"""
    )
    await page.get_by_role("button", name="Ask us").click()
    await expect(page.get_by_role("textbox", name="Write a message")).to_have_value("Do you ship abroad?")
    await expect(bubbles(page, "visitor")).to_have_count(0)
    await page.keyboard.press("Enter")
    await expect(bubbles(page, "bot")).to_have_count(2)
    await page.evaluate("Warmline.requestHuman()")
    await expect(page.get_by_role("button", name="Back to the bot")).to_be_visible()
    await page.evaluate("Warmline.close()")
    await page.wait_for_function("heard.includes('handoff.requested chat_queued')")
    heard = await page.evaluate("heard")
    assert heard[:2] == ["ready", "opened"]
    assert {"message message_said", "closed"} <= set(heard)


# --- a person --------------------------------------------------------------------------------------


async def test_a_person_can_be_had_before_any_word(empty: Running, shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    async with empty.desk("Sam") as sam:
        await open_chat(page)
        await page.get_by_role("button", name="Talk to a person").click()
        await expect(page.locator(".strip")).to_contain_text("You are number 1 in line.")
        [item] = await sam.waiting(lambda rows: len(rows) == 1)
        await sam.act("claim", item["conversation_id"])
        await expect(bubbles(page, "system").last).to_have_text("Sam, a person, has joined.")
        await expect(page.locator(".who")).to_have_text("Sam · person")
        await sam.say(item["conversation_id"], "Hello, Sam here.")
        await expect(bubbles(page, "agent")).to_have_text("Hello, Sam here.")
        await expect(page.locator('[data-sender="agent"] .from')).to_contain_text("Person")
        await sam.send({"kind": "typing", "conversation_id": item["conversation_id"]})
        await expect(page.get_by_text("Sam is writing…")).to_be_visible()
        await page.get_by_role("button", name="Close chat").click()
        await sam.say(item["conversation_id"], "Still there?")
        await expect(page.get_by_role("button", name="Chat with us (1)")).to_be_visible()
        await page.get_by_role("button", name="Chat with us (1)").click()
        await page.get_by_label("More options").click()
        await page.get_by_role("button", name="End chat").click()
        await expect(bubbles(page, "system").last).to_contain_text("You ended the chat.")
        await say(page, QUESTION)
        await expect(bubbles(page, "system").filter(has_text="The chat goes on, with the bot.")).to_be_visible()


async def test_nobody_at_the_desk_is_said_and_a_message_can_be_left(empty: Running, shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    await open_chat(page)
    await page.get_by_role("button", name="Talk to a person").click()
    await expect(page.locator(".strip")).to_contain_text("Nobody is at the desk right now.")
    await page.get_by_label("E-mail address").fill("ada@example.com")
    await page.get_by_label("Message", exact=True).fill("Please call me back.")
    assert await violations(page) == []
    await page.locator(".card").get_by_role("button", name="Send").click()
    await expect(page.get_by_text("Your message waits at the desk")).to_be_visible()
    async with empty.desk("Sam") as sam:
        queue = await sam.until("queue", lambda frame: bool(frame["left"]))
        assert [(left["email"], left["text"]) for left in queue["left"]] == [
            ("ada@example.com", "Please call me back.")
        ]
    await page.get_by_role("button", name="Back to the bot").click()
    await expect(bubbles(page, "system").last).to_have_text("The bot answers again.")


# --- a bad line ------------------------------------------------------------------------------------


async def test_a_message_whose_acknowledgement_was_lost_is_stored_once(shop: Shop, page: Page, cable: Cable) -> None:
    await page.goto(shop.url)
    await open_chat(page)
    await say(page, QUESTION)
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text("Sent")
    await expect(bubbles(page, "bot")).to_have_count(2)
    cable.deaf = True
    await say(page, "And to Norway?")
    await asyncio.sleep(0.5)  # it is stored now, and answered; the page knows neither
    cable.down = True
    cable.cut()
    await expect(page.locator('[data-sender="visitor"] .meta').last).to_contain_text("Not sent yet.")
    await say(page, "Written while the line was down")
    cable.deaf = cable.down = False
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text(["Sent"] * 3)
    await page.reload()
    await expect(bubbles(page, "visitor")).to_have_text([QUESTION, "And to Norway?", "Written while the line was down"])


async def test_a_silent_line_is_noticed_and_replaced(shop: Shop, page: Page, cable: Cable) -> None:
    await page.goto(shop.url)
    await open_chat(page)
    await say(page, QUESTION)
    await expect(bubbles(page, "bot")).to_have_count(2)
    cable.deaf = True
    await page.evaluate("dispatchEvent(new Event('online'))")  # the page pings, and hears no pong
    await expect(page.locator(".notice")).to_be_visible()
    cable.deaf = False
    cable.cut()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".notice")).to_be_hidden()
    await say(page, "Still here")
    await expect(page.locator('[data-sender="visitor"] .meta').last).to_have_text("Sent")


async def test_an_unreachable_house_is_said_and_the_bot_still_says_that_it_is_one(
    shop: Shop, page: Page, cable: Cable
) -> None:
    async def lost(route: Route) -> None:
        cable.down = True
        cable.cut()
        await route.abort()

    await page.route("**/api/v1/welcome", lost)  # the house vanishes once the panel is there
    await page.goto(shop.url)
    await open_chat(page)
    await expect(bubbles(page, "bot")).to_contain_text("I am a bot")
    await expect(page.locator(".notice")).to_be_visible()
    await page.get_by_role("button", name="Talk to a person").click()
    await expect(page.get_by_text("Asking for a person…").first).to_be_visible()
    assert await violations(page) == []
    await page.unroute("**/api/v1/welcome")
    cable.down = False
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".strip")).to_contain_text("Nobody is at the desk")
    await expect(bubbles(page, "bot").filter(has_text="I am a bot")).to_have_count(0)  # the real one came


async def test_a_forgotten_conversation_starts_anew_and_keeps_the_words(shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    await open_chat(page)
    await say(page, QUESTION)
    await expect(bubbles(page, "bot")).to_have_count(2)
    await page.evaluate(
        """() => {
            const [name] = Object.keys(sessionStorage);
            const saved = JSON.parse(sessionStorage[name]);
            sessionStorage[name] = JSON.stringify({ ...saved, token: 'unknown'.repeat(6) });
        }"""
    )
    await page.reload()
    await expect(page.get_by_text("The earlier conversation is no longer available.").first).to_be_visible()
    await page.wait_for_function("JSON.parse(sessionStorage[Object.keys(sessionStorage)[0]]) === null")
    await say(page, "Hello again")
    await expect(page.locator('[data-sender="visitor"] .meta')).to_have_text("Sent")
    await expect(bubbles(page, "visitor")).to_have_text("Hello again")


# --- looks and safety ------------------------------------------------------------------------------


async def test_axe_finds_nothing_in_light_and_dark(shop: Shop, page: Page) -> None:
    await page.goto(shop.url)
    assert await violations(page) == []
    await open_chat(page)
    await say(page, QUESTION)
    await expect(bubbles(page, "bot")).to_have_count(2)
    await page.get_by_text("Why this reply?").click()
    assert await violations(page) == []
    await page.emulate_media(color_scheme="dark")
    await page.wait_for_timeout(400)  # colours fade over into the dark theme
    assert await violations(page) == []


async def test_a_small_phone_has_no_sideways_scroll_and_large_targets(shop: Shop, page: Page) -> None:
    await page.set_viewport_size({"width": 320, "height": 568})
    await page.goto(shop.url)
    await open_chat(page)
    await say(page, "An unbreakable word: " + "w" * 300)
    await page.locator(".person").click()
    await expect(page.get_by_label("E-mail address")).to_be_visible()
    wide = """() => {
        const root = document.querySelector('warmline-chat').shadowRoot;
        return [document.documentElement, ...root.querySelectorAll('.panel, .scroll')]
            .filter((node) => node.scrollWidth > node.clientWidth).length;
    }"""
    small = """() => [...document.querySelector('warmline-chat').shadowRoot.querySelectorAll('button, summary')]
        .map((node) => [node.textContent || node.ariaLabel, node.getBoundingClientRect()])
        .filter(([, box]) => box.width && Math.min(box.width, box.height) < 43.5)
        .map(([name]) => name)"""
    assert await page.evaluate(wide) == 0
    assert await page.evaluate(small) == []
    await page.evaluate("() => { Warmline.close(); document.documentElement.dir = 'rtl'; Warmline.open(); }")
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await page.evaluate(wide) == 0


HOSTILE = [
    "<script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "[x](javascript:window.hit=1)",
    "[x](JaVaScRiPt:window.hit=1)",
    "[x](java\tscript:window.hit=1)",
    "[x](&#106;avascript:window.hit=1)",
    "[x](%6Aavascript:window.hit=1)",
    "[x]( javascript:window.hit=1)",
    "[x](data:text/html,<script>window.hit=1</script>)",
    "[x](vbscript:window.hit=1)",
    "[x](file:///etc/passwd)",
    "[x](//example.com/relative)",
    "[x](<javascript:window.hit=1>)",
    "![x](javascript:window.hit=1)",
    "<javascript:window.hit=1>",
    "[<img src=x onerror=window.hit=1>](https://example.com)",
    '[x](https://example.com/"onmouseover="window.hit=1)',
    "[x](https://example.com 'onmouseover=window.hit=1')",
    "`<script>window.hit=1</script>`",
    "**<svg onload=window.hit=1>**",
    "- <iframe srcdoc='<script>parent.hit=1</script>'>",
    "# <a href=javascript:window.hit=1>x</a>",
    "javascript://example.com/%0Awindow.hit=1",
    "https://example.com/<script>window.hit=1</script>",
    "\u202e[x](javascript:window.hit=1)",
]


async def test_markdown_makes_no_script_and_no_unsafe_link(bare_shop: Shop, page: Page) -> None:
    await page.goto(bare_shop.url)
    await page.evaluate("import('/markdown.js').then((module) => { window.render = module.renderMarkdown; })")
    found = await page.evaluate(
        """(texts) => texts.map((text) => {
            const box = document.createElement('div');
            box.append(render(text));
            document.body.append(box);
            for (const link of box.querySelectorAll('a')) link.dispatchEvent(new Event('mouseover'));
            return [...box.querySelectorAll('*')].flatMap((node) => [
                node.localName,
                ...[...node.attributes].map(({ name, value }) => name === 'href' ? new URL(value).protocol : name),
            ]);
        })""",
        HOSTILE,
    )
    allowed = {"p", "br", "strong", "em", "code", "ul", "ol", "li", "a", "https:", "target", "rel", "start"}
    assert set().union(*found) <= allowed
    assert await page.evaluate("window.hit") is None


async def test_markdown_is_rendered(bare_shop: Shop, page: Page) -> None:
    await page.goto(bare_shop.url)
    await page.evaluate("import('/markdown.js').then((module) => { window.render = module.renderMarkdown; })")

    async def html(text: str) -> str:
        script = (
            "(text) => { const box = document.createElement('div'); box.append(render(text)); return box.innerHTML; }"
        )
        made: str = await page.evaluate(script, text)
        return made.replace(' target="_blank" rel="noopener noreferrer"', "")

    assert await html("one\ntwo\n\nthree") == "<p>one<br>two</p><p>three</p>"
    assert await html("## A *b*") == "<p><strong>A <em>b</em></strong></p>"
    assert await html("- a\n- b\n  c") == "<ul><li>a</li><li>b<br>c</li></ul>"
    assert await html("Do:\n3. a\n4. b") == '<p>Do:</p><ol start="3"><li>a</li><li>b</li></ol>'
    assert await html("**b** _i_ `<c>` 3*4*5 snake_case_name") == (
        "<p><strong>b</strong> <em>i</em> <code>&lt;c&gt;</code> 3*4*5 snake_case_name</p>"
    )
    assert await html("[**b**](https://a.example/x_(y)). \\*no\\*") == (
        '<p><a href="https://a.example/x_(y)"><strong>b</strong></a>. *no*</p>'
    )
    assert await html("See https://a.example/b, or [us](mailto:a@b.example).") == (
        '<p>See <a href="https://a.example/b">https://a.example/b</a>, or <a href="mailto:a@b.example">us</a>.</p>'
    )
    slow = "(texts) => { const start = performance.now(); texts.forEach(render); return performance.now() - start; }"
    hard = [sign * 20_000 for sign in ("*", "_", "[", "`", "](", "**a ", "https://", "- ", "![a](")]
    assert await page.evaluate(slow, hard) < 4000
