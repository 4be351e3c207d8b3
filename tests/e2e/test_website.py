"""Whoever does what docs/how-to/website.md says has push on their site, in both browsers."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from e2e.drivers.browser import Browser, Page, until
from e2e.drivers.firefox import Firefox
from e2e.drivers.notifications import NotificationDaemon
from e2e.gateway import Served
from e2e.shop import SUBSCRIBE_S, Shop, Site, open_shop
from tests.docs.page import Example, File, steps_of

pytestmark = pytest.mark.e2e

_HOW_TO: Final = Path(__file__).parents[2] / "docs" / "how-to" / "website.md"
_CARD: Final = "document.querySelector('steeple-prompt')?.shadowRoot.querySelector('.card')"
_LATER: Final = """new Promise((resolve, reject) => {
    const opening = indexedDB.open('steeple', 1);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
        const transaction = opening.result.transaction('kv', 'readwrite');
        const kept = transaction.objectStore('kv');
        const age = (key, field) => {
            const read = kept.get(key);
            read.onsuccess = () => kept.put({...read.result, [field]: read.result[field] - 3 * 86400e3}, key);
        };
        age('prompts', 'quiet_from_ms');
        age('config', 'at_ms');
        transaction.oncomplete = () => { opening.result.close(); resolve(true); };
    };
})"""


class WebSite(Site):
    """A site whose pages have the line from the command and nothing else of ours."""

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        is_page = request.path in ("/", "/basket", "/candles")
        return self._file("website.html", "text/html") if is_page else await super()._answer(request)


@pytest.fixture
async def website(served: Served) -> AsyncIterator[Shop]:
    """The first and the third step of the page: an app, and its line and worker on a site under a strict policy."""
    site = WebSite(served.url)
    await site.start()
    yield await open_shop(site, served, site.origin)
    await site.stop()


async def follow(page: str, served: Served, shop: Shop, folder: Path, *, only: str) -> None:
    """Types the commands of the page that begin so, with what is the reader's own put in."""
    for step in steps_of(page):
        if isinstance(step, File):
            (folder / step.name).write_text(step.text)
            continue
        assert isinstance(step, Example)
        for command in step.commands:
            words = [word.replace("https://shop.example", shop.origin) for word in command.words[1:]]
            if " ".join(words).startswith(only):
                words = [str(folder / word) if (folder / word).is_file() else word for word in words]
                await served.steeple(*words, "--gateway", served.url, "--key", shop.app.api_key)


async def view(page: Page, origin: str, path: str = "/") -> None:
    """Looks at a page, and waits until the script has settled."""
    await page.goto(origin + path)
    await page.evaluate("new Promise((resolve) => Steeple.on('ready', resolve)).then(() => true)")


async def asked(page: Page) -> str:
    """What the prompt says, once it has come by itself."""
    await page.wait_for(f"{_CARD} != null", timeout_s=SUBSCRIBE_S)
    return await page.evaluate(f"{_CARD}.textContent")


async def picture(page: Page, file: Path, *, width: int, height: int, dark: bool = False) -> None:
    """The page with the prompt, once it has arrived."""
    file.parent.mkdir(parents=True, exist_ok=True)
    await page.evaluate(f"{_CARD}.getAnimations().forEach((one) => one.finish())")
    file.write_bytes(await page.screenshot(width=width, height=height, dark=dark))


async def why_not(page: Page) -> str:
    """Why no prompt comes up unbidden."""
    return (await page.evaluate("Steeple.prompt.show()"))["reason"]


async def agree(browser: Browser, website: Shop, page: Page) -> None:
    """Says yes to the prompt and to the browser, whose question Chromium shows in no headless window."""
    if not isinstance(browser, Firefox):
        await browser.grant(website.origin)
    await page.click("steeple-prompt >>> [data-action=yes]")
    if isinstance(browser, Firefox):
        await browser.answer_prompt(allow=True)


async def counted(shop: Shop, **wanted: int) -> None:
    """Waits until the funnel has these figures."""
    seen: dict[str, int] = {}

    async def are_right() -> bool:
        seen.update((await shop.app.call("GET", "/v1/reports/opt-ins?days=1"))["total"])
        return all(seen[name] == number for name, number in wanted.items())

    try:
        await until(are_right, what="the funnel")
    except TimeoutError:
        pytest.fail(f"counted {seen}, not {wanted}")


async def test_push_on_a_site_in_five_minutes(
    browser: Browser, served: Served, website: Shop, notifications_daemon: NotificationDaemon, tmp_path: Path
) -> None:
    """A question, a no that is respected, colours of one's own, a yes, the first push: all by the page's own lines."""
    text, said = _HOW_TO.read_text("utf-8"), len(browser.console)
    folder = Path(os.environ.get("STEEPLE_ARTEFACTS") or tmp_path)
    await follow(text, served, website, tmp_path, only="prompts create")
    await browser.grant(website.origin, "prompt")
    page = await browser.new_page(f"{website.origin}/")

    assert "Be the first to know" in await asked(page)
    assert await page.evaluate("document.activeElement === document.body")
    await picture(page, folder / f"website-{browser.name}-desk.png", width=960, height=540)
    await page.click("steeple-prompt >>> [data-action=no]")
    await page.wait_for(f"{_CARD} == null")
    await view(page, website.origin)
    assert await why_not(page) == "not_now"

    await follow(text, served, website, tmp_path, only="prompts change")
    # A reader waits five seconds; a test does not.
    await website.app.call("PATCH", "/v1/prompts/welcome", {"rules": {"page_views": 2, "exclude": ["/basket*"]}})
    await page.evaluate(_LATER)
    await view(page, website.origin, "/basket")
    assert await page.evaluate(_CARD) is None
    await view(page, website.origin, "/candles")
    assert "Yes, please" in await asked(page)
    await picture(page, folder / f"website-{browser.name}-phone-dark.png", width=390, height=760, dark=True)
    colour = await page.evaluate(f"getComputedStyle({_CARD}.querySelector('.main')).backgroundColor")
    assert colour == "rgb(242, 184, 114)"

    await agree(browser, website, page)
    await page.wait_for(f"{_CARD}?.textContent.includes('Thank you')", timeout_s=SUBSCRIBE_S)  # it goes by itself
    assert (await page.evaluate("Steeple.state()"))["subscribed"]
    await follow(text, served, website, tmp_path, only="send")
    await notifications_daemon.wait_for("It works")
    await counted(website, asked=2, dismissed=1, yes=1, granted=1 if isinstance(browser, Firefox) else 0)
    assert website.site.policy_reports == []
    assert [line for line in browser.console[said:] if "Steeple:" in line] == []
    await page.close()
