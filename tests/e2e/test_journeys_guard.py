"""What a shop's visitors are protected from: foreign links, foreign hosts, foreign pages; and how the shop looks."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from e2e.drivers.browser import Browser
from e2e.drivers.firefox import Firefox
from e2e.drivers.notifications import NotificationDaemon
from e2e.gateway import Served
from e2e.sender import Sender
from e2e.shop import Shop, Site, Visitor, open_shop, tab_at
from gateway.sandbox import Sandbox

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browsers")]

_NETWORK = frozenset(("http", "https", "ws", "wss"))
_FOREIGN = (
    "https://evil.example/",
    "//evil.example/",
    "https://localhost.evil.example/",
    "http://user@evil.example/",
    "javascript:document.title='evil'",
    "data:text/html,evil",
    "\\\\evil.example\\",
)


async def test_a_strict_policy_is_kept_and_nobody_else_is_spoken_to(
    browser: Browser, shop: Shop, served: Served, sandbox: Sandbox, notifications_daemon: NotificationDaemon
) -> None:
    """From the first view to the click: no violation of the page's policy, no request but to shop and gateway."""
    seen = len(browser.requests)
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    title = shop.words("By the rules")
    message = await shop.app.send({"subscriptions": [subscription]}, title=title, url=f"{shop.origin}/rules")
    await (await notifications_daemon.wait_for(title)).click()
    landed = await tab_at(browser, f"{shop.origin}/rules")
    await shop.app.counted(message, shown=1, clicked=1)
    await visitor.press("no")

    assert await visitor.page.evaluate("faults") == []
    assert await landed.evaluate("window.faults") == []
    assert shop.site.policy_reports == []
    spoken_to = [urlsplit(request.url) for request in browser.requests[seen:]]
    hosts = {url.netloc for url in spoken_to if url.scheme in _NETWORK}  # the browser has pages of its own: chrome://
    assert hosts == {urlsplit(shop.origin).netloc, urlsplit(served.url).netloc}
    await landed.close()
    await visitor.leave()


async def test_a_foreign_link_opens_the_shop_instead(
    browser: Browser, shop: Shop, served: Served, sandbox: Sandbox, notifications_daemon: NotificationDaemon
) -> None:
    """Whoever stole the shop's key can send, but not lead its customers away, by no spelling of an address."""
    seen = len(browser.requests)
    visitor = await Visitor.arrive(browser, shop.origin)
    await visitor.subscribe()
    address = await visitor.subscription()
    sender = Sender(sandbox, await served.vapid_key(shop.app))

    for number, link in enumerate(_FOREIGN):
        title = shop.words(f"Hostile {number}")
        button = {"action": "go", "title": "Go", "navigate": link}
        payload: dict[str, Any] = {
            "web_push": 8030,
            "notification": {"title": title, "navigate": link, "actions": [button]},
        }
        assert await sender.send(address, payload) == 201
        await (await notifications_daemon.wait_for(title)).click("Go" if number % 2 else None)
        await (await tab_at(browser, f"{shop.origin}/")).close()

    assert not [page.url for page in await browser.pages() if "evil" in page.url]
    assert not [request.url for request in browser.requests[seen:] if "evil" in request.url]
    await visitor.leave()


async def test_a_page_of_another_origin_is_told_so(browser: Browser, site: Site, served: Served) -> None:
    """The snippet on a page that the app does not know: an answer that names the cause, and no enrolment."""
    shop = await open_shop(site, served, site.origin)
    visitor = await Visitor.arrive(browser, site.other_origin)
    await browser.grant(site.other_origin)

    answer = await visitor.press("yes")

    assert (answer["ok"], answer["subscribed"]) == (False, False)
    assert f"{site.other_origin} one of the app's origins" in answer["message"]
    assert [line for line in browser.console if site.other_origin in line and "Steeple" in line]
    assert await shop.app.devices() == []
    await visitor.leave()


async def test_a_site_that_may_keep_nothing_is_told_so(firefox: Firefox, shop: Shop) -> None:
    """The person forbids the site to keep data: no push, a reason, no fault in the page and no line in its console."""
    await firefox.block_storage(shop.origin)
    lines = len(firefox.console)
    visitor = await Visitor.arrive(firefox, shop.origin)

    assert (await visitor.press("yes"))["reason"] == "unsupported"

    assert await visitor.page.evaluate("faults") == []
    assert [line for line in firefox.console[lines:] if "Steeple" in line] == []
    await visitor.leave()


@pytest.mark.parametrize("width", [390, 1280])
async def test_the_shop_looks_right(browser: Browser, shop: Shop, width: int, tmp_path: Path) -> None:
    """On a phone and on a desk, by day and by night: nothing sticks out sideways, and the night is dark."""
    folder = Path(os.environ.get("STEEPLE_ARTEFACTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    visitor = await Visitor.arrive(browser, shop.origin)
    colours: list[str] = []
    for scheme in ("light", "dark"):
        picture = await visitor.page.screenshot(width=width, height=800, dark=scheme == "dark")
        (folder / f"shop-{browser.name}-{width}-{scheme}.png").write_bytes(picture)
        assert int.from_bytes(picture[16:20], "big") == width
        assert await visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        colours.append(await visitor.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(251, 247, 239)", "rgb(23, 19, 13)"]
    await visitor.leave()
