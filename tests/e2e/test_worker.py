"""The service worker in real browsers: what it shows, takes back, and keeps while the network is dead."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from e2e.drivers.browser import Browser, until
from e2e.drivers.chromium import Chromium
from e2e.drivers.notifications import NotificationDaemon
from e2e.gateway import Served
from e2e.relay import Relay
from e2e.sender import Sender
from e2e.shop import Shop, Site, Visitor, open_shop, tab_at
from gateway.sandbox import Sandbox

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browsers")]


@pytest.fixture
async def relay(served: Served) -> AsyncIterator[Relay]:
    """The only way from the browser to the gateway."""
    relay = Relay(urlsplit(served.url).port or 0)
    await relay.mend()
    yield relay
    await relay.cut()


async def test_a_message_is_replaced_and_taken_back(
    browser: Browser, shop: Shop, notifications_daemon: NotificationDaemon
) -> None:
    """The correction stands where the mistake stood; without one it is closed, as quietly as the browser allows."""
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    wrong, right = shop.words("Everything for a euro"), shop.words("Everything for its price")
    message = await _send(
        shop, subscription, wrong, webpush={"icon": "/icon.png", "image": "/icon.png", "timestamp": 1_700_000_000_000}
    )
    mistake = await notifications_daemon.wait_for(wrong)
    await shop.app.counted(message, shown=1)

    correction = await _recall(shop, message, title=right, url=f"{shop.origin}/sorry")

    await notifications_daemon.wait_for(right)
    assert not mistake.is_open
    assert [one["title"] for one in await visitor.notifications()] == [right]
    await shop.app.counted(correction, audience=1, sent=1, shown=1)
    await shop.app.counted(message, shown=1, closed=0, recalled=1)

    await _recall(shop, correction)
    await _all_closed(visitor)
    await visitor.leave()
    lines = [await _taken_back(shop, subscription, notifications_daemon, words) for words in ("First", "Second")]

    # Firefox lets one pass. Chromium does while our own line is on screen, and would show one of its own before.
    withdrawn = [(f"Wick & Wax {shop.site.port}", "This message was withdrawn.")]
    assert lines == ([withdrawn, []] if isinstance(browser, Chromium) else [[], withdrawn])
    back = await Visitor.arrive(browser, shop.origin)
    assert (await back.state())["subscribed"]
    await back.leave()


async def test_the_newest_of_a_tag_stands_alone_with_all_that_the_browser_shows(
    browser: Browser, shop: Shop, notifications_daemon: NotificationDaemon
) -> None:
    """Pictures and a count where the browser has them; an update takes the place of what it updates."""
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    packed, shipped = shop.words("Packed"), shop.words("Shipped")
    await _send(shop, subscription, packed, tag="order-17")
    await notifications_daemon.wait_for(packed)
    extra = {"icon": "/icon.png", "image": "/icon.png", "timestamp": 1_700_000_000_000}
    await _send(shop, subscription, shipped, tag="order-17", badge_count=3, require_interaction=True, webpush=extra)
    await notifications_daemon.wait_for(shipped)

    (open_one,) = await visitor.page.evaluate(
        "navigator.serviceWorker.getRegistration('/steeple/').then(r => r.getNotifications()).then(all => all.map("
        "({title, tag, icon, image, timestamp, requireInteraction}) =>"
        " ({title, tag, icon, image, timestamp, requireInteraction})))"
    )

    icon = f"{shop.origin}/icon.png"
    known = {"title": shipped, "tag": "order-17", "icon": icon, "requireInteraction": True}
    more = {"image": icon, "timestamp": 1_700_000_000_000} if isinstance(browser, Chromium) else {}
    assert {name: open_one.get(name) for name in {**known, **more}} == {**known, **more}
    await visitor.leave()


async def test_a_click_on_a_dead_network_is_counted_at_the_next_visit(
    browser: Browser, site: Site, served: Served, relay: Relay, notifications_daemon: NotificationDaemon
) -> None:
    """The page opens, the report waits in the browser, and goes when a page of the shop is there again."""
    shop = await open_shop(site, served, site.origin)
    site.gateway_url = relay.url
    site.snippet = site.snippet.replace(served.url, relay.url)
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    title = shop.words("In the tunnel")
    message = await _send(shop, subscription, title, url=f"{shop.origin}/tunnel")
    shown = await notifications_daemon.wait_for(title)
    await shop.app.counted(message, shown=1)

    await relay.cut()
    await shown.click()
    landed = await tab_at(browser, f"{shop.origin}/tunnel")
    await until(lambda: _is_kept(visitor), what="the click kept in the browser")
    await shop.app.counted(message, shown=1, clicked=0)
    await relay.mend()
    back = await Visitor.arrive(browser, shop.origin)

    await shop.app.counted(message, shown=1, clicked=1)
    await until(lambda: _is_sent(back), what="nothing kept any more")
    await landed.close()
    await visitor.leave()
    await back.leave()


async def test_whatever_arrives_is_shown_and_the_switch_is_obeyed(
    browser: Browser, shop: Shop, served: Served, sandbox: Sandbox, notifications_daemon: NotificationDaemon
) -> None:
    """A push without a text or a sense shows the shop's name. Switched off, the worker shows one more and is gone."""
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    address = await visitor.subscription()
    sender = Sender(sandbox, await served.vapid_key(shop.app))

    for nonsense in (None, {"web_push": 8030, "notification": [1]}):
        assert await sender.send(address, nonsense) == 201
    await until(lambda: _are_open(visitor, ["Wick & Wax", "Wick & Wax"]), what="the shop's name on screen, twice")

    title, pages = shop.words("You are there already"), len(await browser.pages())
    message = await _send(shop, subscription, title, url=f"{shop.origin}/candles/taper")
    await (await notifications_daemon.wait_for(title)).click()
    await shop.app.counted(message, clicked=1)
    assert len(await browser.pages()) == pages

    await shop.app.call("PATCH", f"/v1/apps/{shop.app.id}", {"settings": {"sdk_killed": True}})
    await shop.app.until_pages_hear(killed=True)
    await visitor.wait_an_hour()
    back = await Visitor.arrive(browser, shop.origin)
    assert (await back.state())["reason"] == "killed"
    last = shop.words("The last one")
    await _send(shop, subscription, last)
    await notifications_daemon.wait_for(last)
    await back.page.wait_for("navigator.serviceWorker.getRegistration('/steeple/').then(found => !found)")
    await visitor.leave()
    await back.leave()


async def _are_open(visitor: Visitor, titles: list[str]) -> bool:
    return [one["title"] for one in await visitor.notifications()] == titles


async def _send(shop: Shop, subscription: str, title: str, **message: Any) -> str:
    return await shop.app.send({"subscriptions": [subscription]}, title=title, **message)


async def _recall(shop: Shop, message: str, **replacement: str) -> str:
    """The id of the recall, once it is out."""
    made = (await shop.app.call("POST", f"/v1/messages/{message}/recall", replacement))["id"]
    await shop.app.counted(made, sent=1)
    return made


async def _taken_back(shop: Shop, subscription: str, desktop: NotificationDaemon, words: str) -> list[tuple[str, str]]:
    """Title and body of what comes in place of a message that is sent and recalled while no page is open."""
    title = shop.words(words)
    message = await _send(shop, subscription, title)
    shown = await desktop.wait_for(title)
    await shop.app.counted(message, shown=1)
    before = len(desktop.shown)
    await _recall(shop, message)

    async def is_closed() -> bool:
        return not shown.is_open

    await until(is_closed, what=f"{title} closed")
    end = shop.words(f"{words}, and on")
    await _send(shop, subscription, end)
    last = await desktop.wait_for(end)
    await last.dismiss()
    return [(one.title, one.body.rpartition("\n")[2]) for one in desktop.shown[before:] if one.title != end]


async def _all_closed(visitor: Visitor) -> None:
    async def is_empty() -> bool:
        return not await visitor.notifications()

    await until(is_empty, what="no notification of the shop's open")


async def _kept(visitor: Visitor) -> list[Any]:
    """The receipts that the browser holds."""
    return await visitor.page.evaluate("""new Promise((resolve, reject) => {
        const opening = indexedDB.open("steeple", 1);
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
            const read = opening.result.transaction("kv").objectStore("kv").get("receipts");
            read.onsuccess = () => { opening.result.close(); resolve(read.result || []); };
        };
    })""")


async def _is_kept(visitor: Visitor) -> bool:
    return [one["kind"] for one in await _kept(visitor)] == ["clicked"]


async def _is_sent(visitor: Visitor) -> bool:
    return await _kept(visitor) == []
