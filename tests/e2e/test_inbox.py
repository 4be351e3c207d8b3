"""The inbox in both browsers, for somebody who refused push: what it shows, to whom it is legible, and what it costs.

The pictures go to STEEPLE_ARTEFACTS, to be looked at.
"""

import os
from pathlib import Path
from typing import Final

import pytest

from e2e.drivers.browser import Browser, Page
from e2e.shop import SUBSCRIBE_S, Shop

pytestmark = pytest.mark.e2e

_PAGES: Final = Path(__file__).parent / "pages"
_WORDS: Final = "Hand-dipped beeswax, a pair for € 6.20. Yours within two days."
_MARKUP: Final = "<img src=x onerror=alert(1)> & <b>bold</b>"
_READY: Final = "heard.some(([name]) => name === 'ready')"
_BANNER: Final = "document.querySelector('steeple-inbox[data-kind=banner]')"
_PANEL: Final = "document.querySelector('steeple-inbox[data-kind=panel]')"
_FOUND: Final = """Promise.all(document.querySelector('steeple-inbox').shadowRoot.getAnimations()
    .map(({finished}) => finished))
    .then(() => axe.run({include: ['steeple-inbox']}, {resultTypes: ['violations']}))
    .then(({violations}) => violations.map(({id, nodes}) => [id, ...nodes.map(({target, html}) => [target, html])]))"""
_FOCUS: Final = """(() => {
    const {activeElement: outer} = document;
    const inner = outer.shadowRoot && outer.shadowRoot.activeElement;
    return inner ? inner.className : outer.id || outer.localName;
})()"""


def _paste(shop: Shop) -> None:
    """Two pages that show banners; on the second one a prompt is open."""
    pasted = shop.site.snippet.replace(" defer", ' data-inbox="on" defer')
    page = (_PAGES / "shop.html").read_text("utf-8").replace("@SNIPPET@", pasted)
    prompt = '<steeple-prompt data-kind="frame"></steeple-prompt>'
    shop.site.files = {"/offers": page, "/asked": page.replace("</body>", f"{prompt}</body>")}


async def _refused(browser: Browser, shop: Shop) -> Page:
    """A page of somebody who refused push and is known to the gateway as a visitor."""
    await browser.grant(shop.origin, "denied")
    page = await browser.new_page(shop.origin + "/candles")
    await page.wait_for(_READY, timeout_s=SUBSCRIBE_S)
    assert (await page.evaluate("Steeple.inbox.read()"))["ok"]
    return page


async def _send(shop: Shop) -> None:
    lights = [{"id": "go", "title": "See the lights", "url": f"{shop.origin}/lights"}]
    messages = [
        {"title": "Candles are back", "body": _WORDS, "url": f"{shop.origin}/x", "actions": lights, "inbox": True},
        {"title": _MARKUP, "body": "<script>alert(2)</script>", "inbox": True},
        {"title": "Free delivery", "body": _WORDS, "url": f"{shop.origin}/sale", "inbox": {"banner": True}},
    ]
    for message in [await shop.app.send({"all": True}, **fields) for fields in messages]:
        await shop.app.done(message)


async def _pictures(page: Page, name: str, folder: Path) -> None:
    """Phone and desk, light and dark; nothing sticks out sideways."""
    folder.mkdir(parents=True, exist_ok=True)
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            picture = await page.screenshot(width=width, height=800, dark=scheme == "dark")
            (folder / f"{name}-{width}-{scheme}.png").write_bytes(picture)
            assert int.from_bytes(picture[16:20], "big") == width
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _readings(browser: Browser) -> int:
    """How often an inbox was asked for."""
    return sum(one.method == "GET" and one.url.partition("?")[0].endswith("/inbox") for one in browser.requests)


async def _waits_behind_a_prompt(browser: Browser, shop: Shop, open_page: Page) -> None:
    """Another tab, within the minute: it asks the gateway nothing, and its banner comes once the prompt has gone."""
    assert (await open_page.evaluate("Steeple.inbox.list()"))["ok"]  # so the minute begins now, however long it took
    before = _readings(browser)
    page = await browser.new_page(shop.origin + "/asked")
    await page.wait_for(_READY, timeout_s=SUBSCRIBE_S)
    await page.evaluate("Steeple.inbox.unread().then(() => new Promise((resolve) => setTimeout(resolve, 50)))")
    assert await page.evaluate(_BANNER) is None
    await page.evaluate("document.querySelector('steeple-prompt').remove()")
    await page.wait_for(f"{_BANNER} !== null")
    await page.close()
    assert _readings(browser) == before


async def _reads_the_panel(page: Page, name: str, folder: Path) -> None:
    """By keys alone, from the button of the page and back to it."""
    await page.evaluate("document.getElementById('sale').focus()")
    assert (await page.evaluate("Steeple.inbox.show()"))["ok"]
    assert await page.evaluate(_FOUND) == []
    shown = await page.evaluate(f"[...{_PANEL}.shadowRoot.querySelectorAll('.heading')].map((one) => one.textContent)")
    assert sorted(shown) == sorted(["Free delivery", _MARKUP, "Candles are back"])
    assert await page.evaluate(f"{_PANEL}.shadowRoot.querySelectorAll('img, script, b').length") == 0
    assert await page.evaluate(f"{_PANEL}.shadowRoot.querySelectorAll('.fresh').length") == 2
    await _pictures(page, name, folder)
    await page.wait_for("Steeple.inbox.unread().then(({unread}) => unread === 0)")
    passed: list[str] = []
    for _ in range(6):  # Firefox also stops at what scrolls
        await page.press("Tab")
        passed.append(await page.evaluate(_FOCUS))
    assert {"close", "heading", "action"} <= set(passed)
    await page.press("Escape")
    await page.wait_for(f"{_PANEL} === null")
    assert await page.evaluate("document.activeElement.id") == "sale"


async def test_who_refused_push_reads_in_the_page(browser: Browser, shop: Shop, axe: str, tmp_path: Path) -> None:
    """A banner, then a panel: legible, in nobody's way, texts as texts, on a strict page, and a page view is cheap."""
    pictures = Path(os.environ.get("STEEPLE_ARTEFACTS") or tmp_path)
    _paste(shop)
    before = _readings(browser)
    page = await _refused(browser, shop)
    assert _readings(browser) == before  # of a page without an inbox
    await _send(shop)
    await page.goto(shop.origin + "/offers")
    await page.wait_for(f"{_BANNER} !== null")
    await page.evaluate(axe)
    assert await page.evaluate(_FOUND) == []
    assert await page.evaluate("document.activeElement === document.body")
    assert (await page.evaluate("Steeple.inbox.unread()"))["unread"] == 3
    await _pictures(page, f"inbox-banner-{browser.name}", pictures)
    await _waits_behind_a_prompt(browser, shop, page)

    await page.click("steeple-inbox >>> .close")
    assert await page.evaluate(_BANNER) is None
    await page.wait_for("Steeple.inbox.unread().then(({unread}) => unread === 2)")
    await _reads_the_panel(page, f"inbox-panel-{browser.name}", pictures)

    assert await page.evaluate("faults") == []
    assert shop.site.policy_reports == []
    await page.close()
