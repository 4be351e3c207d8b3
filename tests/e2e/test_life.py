"""The life of a subscription in real browsers: blocked and allowed again, several tabs and apps, other workers.

Which case runs where is a table, docs/reference/life.md; `tests/docs/test_life_table.py` holds the two together.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from e2e.drivers.browser import Browser, Page, until
from e2e.drivers.firefox import Firefox
from e2e.drivers.notifications import NotificationDaemon
from e2e.gateway import Served
from e2e.life_files import move_in, say_in_tag
from e2e.sender import Sender
from e2e.shop import SUBSCRIBE_S, Shop, Site, Visitor, json_text, tab_at
from gateway.sandbox import Sandbox
from gateway.wire.vapid import VapidKey

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browsers")]

_OTHER_WORKER: Final = "/OtherProviderWorker.js"


@pytest.fixture(autouse=True)
async def nobody_else_is_spoken_to(browser: Browser, shop: Shop, served: Served) -> AsyncIterator[None]:
    """Whatever a case does, the browser's own log of requests names the shop and the gateway only."""
    move_in(shop, served.url)
    seen = len(browser.requests)
    yield
    asked = (urlsplit(request.url) for request in browser.requests[seen:])
    hosts = {url.netloc for url in asked if url.scheme in ("http", "https", "ws", "wss")}
    ours = {urlsplit(url).netloc for url in (shop.origin, shop.site.other_origin, served.url)}
    assert hosts <= ours


async def test_who_blocks_the_shop_and_allows_it_again_is_back_unasked(browser: Browser, shop: Shop) -> None:
    """Blocked in the browser's settings: off the list. Allowed again: back with the next view, words and all."""
    visitor = await Visitor.arrive(browser, shop.origin)
    first = await visitor.subscribe()
    agreed = (await shop.app.device(first))["consent"]["text"]

    await browser.grant(shop.origin, "denied")
    blocked = await _next_view(visitor)
    assert (blocked["subscribed"], blocked["reason"]) == (False, "denied")
    assert (await shop.app.device(first))["state"] == "left"
    await browser.grant(shop.origin)
    back = await _next_view(visitor)

    assert back["subscribed"]
    device = await shop.app.device(back["id"])
    assert (device["state"], device["consent"]["text"]) == ("active", agreed)
    assert await visitor.page.evaluate("asked") == 0
    await visitor.leave()


async def test_two_tabs_are_one_device_and_agree(browser: Browser, shop: Shop) -> None:
    """Yes in both at once makes one device; no in one is no in the other, which does not undo it."""
    one = await Visitor.arrive(browser, shop.origin)
    other = await Visitor.arrive(browser, shop.origin)
    await browser.grant(shop.origin)
    say_yes = "Steeple.subscribe().then(done => { window.done = done; })"
    await asyncio.gather(*(tab.page.evaluate(f"void {say_yes}", user_gesture=True) for tab in (one, other)))
    answers = [await tab.page.wait_for("window.done", timeout_s=SUBSCRIBE_S) for tab in (one, other)]

    assert [answer["subscribed"] for answer in answers] == [True, True], answers
    assert len({answer["id"] for answer in answers}) == 1
    assert len(await shop.app.devices()) == 1
    await one.press("no")
    late = await other.press("sale")
    assert (late["ok"], late["reason"]) == (False, "not_subscribed")
    assert not (await other.state())["subscribed"]
    await one.leave()
    await other.leave()


async def test_two_apps_of_one_origin_do_not_meet(
    browser: Browser, shop: Shop, site: Site, served: Served, notifications_daemon: NotificationDaemon
) -> None:
    """A shop and its outlet on one origin, each with a worker's folder: both reach the visitor, each ends alone."""
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    outlet = Shop(site, await served.new_app(f"Outlet {site.port}", site.origin))
    site.snippet = outlet.app.snippet
    say_in_tag(outlet, 'data-worker="/outlet/push/Worker.js"')
    guest = await Visitor.arrive(browser, shop.origin, "/outlet/")
    assert not (await guest.state())["subscribed"]
    assert (await guest.press("yes"))["subscribed"]

    for app, name in ((shop.app, "shop"), (outlet.app, "outlet")):
        title = shop.words(f"From the {name}")
        await app.send({"all": True}, title=title)
        await notifications_daemon.wait_for(title)
    await guest.press("no")

    assert (await visitor.state())["id"] == subscription
    assert (await shop.app.device(subscription))["state"] == "active"
    await visitor.leave()
    await guest.leave()


async def test_visitors_of_another_provider_come_over_and_it_is_left_in_peace_until_the_shop_ends_it(
    browser: Browser, shop: Shop, sandbox: Sandbox, notifications_daemon: NotificationDaemon
) -> None:
    """One visit, no question. Both reach the visitor; with data-migrate-end only we do, and their worker is gone."""
    key = VapidKey.generate()
    theirs = await _reach_by_other_provider(browser, shop, key)
    say_in_tag(shop, f'data-migrate="{_OTHER_WORKER}"')
    visitor = await Visitor.arrive(browser, shop.origin)

    state = await visitor.state()
    assert state["subscribed"]
    assert await visitor.page.evaluate("asked") == 0
    assert await Sender(sandbox, key).send(theirs, {"title": "theirs"}) == 201
    await notifications_daemon.wait_for("From the other provider")
    title = shop.words("From us")
    await shop.app.send({"subscriptions": [state["id"]]}, title=title)
    await notifications_daemon.wait_for(title)

    say_in_tag(shop, "data-migrate-end")
    assert (await _next_view(visitor))["id"] == state["id"]
    assert await _workers(visitor.page) == ["/steeple/worker.js"]
    await visitor.leave()


async def test_a_worker_of_the_shops_own_imports_ours(
    browser: Browser, shop: Shop, notifications_daemon: NotificationDaemon
) -> None:
    """One line in a PWA's worker: messages are shown, clicks lead to their page, and it does its own work."""
    say_in_tag(shop, 'data-worker="/shopWorker.js" data-scope="/"')
    visitor = await Visitor.arrive(browser, shop.origin)
    await browser.grant(shop.origin)
    assert (await visitor.press("yes"))["subscribed"]
    title = shop.words("By way of the shop's worker")

    message = await shop.app.send({"all": True}, title=title, url=f"{shop.origin}/tapers")
    await (await notifications_daemon.wait_for(title)).click()
    await (await tab_at(browser, f"{shop.origin}/tapers")).close()

    await shop.app.counted(message, sent=1, shown=1, clicked=1)
    await visitor.page.goto(f"{shop.origin}/offline")
    assert await visitor.page.evaluate("document.body.textContent") == "kept by the shop's worker"
    await visitor.leave()


async def test_without_a_network_leaving_counts_at_once_and_is_told_later(browser: Browser, shop: Shop) -> None:
    """The line is cut, the person says no: they have left. The gateway hears of it with the first view after."""
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()

    await visitor.page.go_offline()
    left = await visitor.press("no")
    await visitor.page.go_offline(offline=False)

    assert (left["ok"], left["subscribed"]) == (True, False)
    assert (await shop.app.device(subscription))["state"] == "active"
    assert not (await _next_view(visitor))["subscribed"]
    assert (await shop.app.device(subscription))["state"] == "left"
    await visitor.leave()


async def test_a_computer_with_a_wrong_clock_and_a_page_full_of_old_scripts(
    browser: Browser, shop: Shop, notifications_daemon: NotificationDaemon
) -> None:
    """A year behind, prototypes extended and frozen, an old jQuery, a broken worker at the root: reached."""
    shop.site.takes_plain_markup = True
    scripts = "".join(f'<script src="/{name}.js"></script>' for name in ("clock", "jquery", "hostile"))
    say_in_tag(shop, 'data-language="nl"', before=scripts)
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    assert await visitor.page.evaluate("[jQuery.fn.jquery, document.body.className, new Date().getFullYear()]") == [
        "1.12.4",
        "works",
        int((await shop.app.device(subscription))["created_at"][:4]) - 1,
    ]

    title = shop.words("All the same")
    message = await shop.app.send({"subscriptions": [subscription]}, title=title)
    await notifications_daemon.wait_for(title)
    await shop.app.counted(message, sent=1, shown=1)
    assert (await _next_view(visitor))["id"] == subscription
    assert [fault for fault in await visitor.page.evaluate("faults") if "steeple" in fault.lower()] == []
    await visitor.leave()


async def test_before_consent_nothing_is_asked_loaded_or_kept(browser: Browser, shop: Shop, served: Served) -> None:
    """With the gate on, the tag's own file is all that was ever requested; afterwards everything works."""
    say_in_tag(shop, 'data-consent="required"')
    seen = len(browser.requests)
    visitor = await Visitor.arrive(browser, shop.origin)
    refused = await visitor.press("yes")
    await visitor.page.evaluate("Steeple.login('cust-17')")

    assert refused["reason"] == "consent_required"
    asked = [one.url for one in browser.requests[seen:] if urlsplit(one.url).netloc == urlsplit(served.url).netloc]
    assert asked == [f"{served.url}/sdk/v1/steeple.js"]
    assert await _workers(visitor.page) == []
    assert await visitor.page.evaluate("document.cookie") == ""
    await visitor.page.evaluate("Steeple.consent.give()")
    assert await visitor.subscribe()
    await visitor.leave()


async def test_a_private_window_is_told_what_it_can_have(browser: Browser, shop: Shop) -> None:
    """Firefox has push in it for as long as it is open, Chromium has not: an answer, and no fault in the page."""
    private = await browser.new_private_page(f"{shop.origin}/")
    await private.wait_for("heard.some(([name]) => name === 'ready')", timeout_s=SUBSCRIBE_S)
    await private.click("#yes")
    if isinstance(browser, Firefox):
        await browser.answer_prompt(allow=True)  # its private windows have push for as long as they are open
    answer = await private.wait_for("answers.yes", timeout_s=SUBSCRIBE_S)
    assert (answer["subscribed"], answer["reason"]) == (
        (True, None) if isinstance(browser, Firefox) else (False, "denied")
    )
    assert await private.evaluate("faults") == []
    await private.close()


async def _next_view(visitor: Visitor) -> dict[str, Any]:
    """The same tab shows the page again; the SDK's state once it has settled."""
    await visitor.page.goto(f"{visitor.origin}/candles/taper")
    await visitor.page.wait_for("heard.some(([name]) => name === 'ready')", timeout_s=SUBSCRIBE_S)
    return await visitor.state()


async def _workers(page: Page) -> list[str]:
    """The paths of all workers of the page's origin."""
    return await page.evaluate(
        "navigator.serviceWorker.getRegistrations().then(all => all.map("
        "one => new URL((one.active || one.waiting || one.installing).scriptURL).pathname))"
    )


async def _reach_by_other_provider(browser: Browser, shop: Shop, key: VapidKey) -> dict[str, Any]:
    """A visitor who once said yes to another provider: its worker at the root, and an address made with its key."""
    await browser.grant(shop.origin)
    page = await browser.new_page(f"{shop.origin}/bare")
    subscription = await page.evaluate(f"""(async () => {{
        const rules = {{ createScriptURL: (url) => url }};
        const plain = window.trustedTypes ? trustedTypes.createPolicy('steeple', rules) : rules;
        await navigator.serviceWorker.register(plain.createScriptURL({json_text(_OTHER_WORKER)}), {{ scope: '/' }});
        const registration = await navigator.serviceWorker.ready;
        const wanted = {{ userVisibleOnly: true, applicationServerKey: {json_text(key.public_base64url)} }};
        return (await registration.pushManager.subscribe(wanted)).toJSON();
    }})()""")

    async def is_reached() -> bool:
        return await page.evaluate(
            "navigator.serviceWorker.getRegistration('/').then(r => r.pushManager.getSubscription()).then(Boolean)"
        )

    await until(is_reached, what="the other provider's address")
    await page.close()
    return subscription
