"""Whole trips: a button in a real page, the gateway, a push service, a notification, a click, a count."""

import pytest

from e2e.drivers.browser import Browser, until
from e2e.drivers.firefox import Firefox
from e2e.drivers.notifications import NotificationDaemon
from e2e.shop import Shop, Visitor, tab_at, token_of
from gateway.sandbox import Sandbox

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browsers")]


async def test_an_order_update_is_shown_clicked_and_counted(
    browser: Browser, shop: Shop, notifications_daemon: NotificationDaemon
) -> None:
    """The person reads what the shop wrote; a click leads to the order; the shop sees one shown and one clicked."""
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    title = shop.words("Your candles have shipped")

    message = await shop.app.send(
        {"subscriptions": [subscription]},
        title=title,
        body="With you by Thursday: größer als gedacht.",
        url=f"{shop.origin}/orders/17",
        webpush={"icon": "/icon.png"},
        actions=[
            {"id": "track", "title": "Track it", "url": f"{shop.origin}/orders/17/track"},
            {"id": "change", "title": "Change address", "url": f"{shop.origin}/orders/17/address"},
        ],
    )

    shown = await notifications_daemon.wait_for(title)
    assert shown.body.endswith("With you by Thursday: größer als gedacht.")
    assert {"Track it", "Change address"} <= shown.actions.keys()
    await shop.app.counted(message, shown=1, clicked=0)
    assert [one["icon"] for one in await visitor.notifications()] == [f"{shop.origin}/icon.png"]
    await shown.click()
    await (await tab_at(browser, f"{shop.origin}/orders/17")).close()
    await shop.app.counted(message, audience=1, sent=1, shown=1, clicked=1)
    await visitor.leave()


async def test_a_button_leads_to_its_own_page_and_a_dismissal_is_counted_as_one(
    browser: Browser, shop: Shop, notifications_daemon: NotificationDaemon
) -> None:
    """Each button has its link. Closing unread is counted as closed, a click is not."""
    visitor = await Visitor.arrive(browser, shop.origin)
    everybody = {"subscriptions": [await visitor.subscribe()]}
    offered, ignored = shop.words("Tapers are back"), shop.words("Pillars are back")
    buy = {"id": "buy", "title": "Buy", "url": f"{shop.origin}/cart"}

    first = await shop.app.send(everybody, title=offered, url=f"{shop.origin}/tapers", actions=[buy])
    await (await notifications_daemon.wait_for(offered)).click("Buy")
    await (await tab_at(browser, f"{shop.origin}/cart")).close()
    await shop.app.counted(first, shown=1, clicked=1)
    second = await shop.app.send(everybody, title=ignored, url=f"{shop.origin}/pillars")
    shown = await notifications_daemon.wait_for(ignored)
    await shop.app.counted(second, shown=1)
    await shown.dismiss()

    await shop.app.counted(second, shown=1, clicked=0, closed=1)
    await shop.app.counted(first, shown=1, clicked=1, closed=0)
    assert not [page.url for page in await browser.pages() if page.url.endswith(("/tapers", "/pillars"))]
    await visitor.leave()


async def test_a_customer_is_reached_by_name_and_with_everybody(
    browser: Browser, shop: Shop, notifications_daemon: NotificationDaemon
) -> None:
    """Whether the shop names the customer or everybody, the same browser shows it.

    What was tracked there before the shop knew who it is, on a page that was left in that moment, is the customer's.
    """
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    looked = await visitor.page.evaluate("Steeple.track('view_item', {items: [{item_id: 'taper'}]})")
    assert (looked["ok"], looked["reason"]) == (True, None), looked
    await visitor.page.evaluate(
        "void (Steeple.track('add_to_cart', {currency: 'EUR', value: 49.8}), location.assign('/cart'))"
    )
    await visitor.page.wait_for(
        "location.pathname === '/cart' && (window.heard || []).some(([name]) => name === 'ready')"
    )
    await shop.app.call("PATCH", f"/v1/subscriptions/{subscription}", {"user": "cust-17"})
    counted: dict[str, int] = {}

    async def are_counted() -> bool:
        events = (await shop.app.call("GET", "/v1/users/cust-17"))["events"]
        counted.update({name: one["count"] for name, one in events.items()})
        return len(counted) > 1

    await until(are_counted, what="both events counted")
    assert counted == {"view_item": 1, "add_to_cart": 1}

    for name, audience in (("you", {"users": ["cust-17"]}), ("all of you", {"all": True})):
        title = shop.words(f"For {name}")
        message = await shop.app.send(audience, title=title)
        await notifications_daemon.wait_for(title)
        await shop.app.counted(message, audience=1, sent=1, shown=1)

    nobody = await shop.app.send({"users": ["cust-18"]}, title=shop.words("For somebody else"))
    assert (await shop.app.done(nobody))["counts"]["audience"] == 0
    await visitor.leave()


async def test_a_refusal_is_final(browser: Browser, shop: Shop) -> None:
    """Who said no is not enrolled, and is never asked again: not by the button, not by the next visit."""
    visitor = await Visitor.arrive(browser, shop.origin)
    assert (await visitor.state())["permission"] == "default"
    if isinstance(browser, Firefox):  # the one with a real question when headless
        await visitor.page.click("#yes")
        await browser.answer_prompt(allow=False)
        refused = await visitor.page.wait_for("answers.yes")
    else:
        await browser.grant(shop.origin, "denied")
        refused = await visitor.press("yes")

    assert (refused["ok"], refused["reason"], refused["subscribed"]) == (False, "denied", False)
    assert await visitor.page.evaluate("heard.some(([name]) => name === 'denied')")
    again = await Visitor.arrive(browser, shop.origin)
    assert (await again.state())["reason"] == "denied"
    assert (await again.press("yes"))["reason"] == "denied"
    assert await again.page.evaluate("asked") == 0
    assert await shop.app.devices() == []
    await visitor.leave()
    await again.leave()


async def test_who_unsubscribes_is_left_alone(
    browser: Browser, shop: Shop, sandbox: Sandbox, notifications_daemon: NotificationDaemon
) -> None:
    """One click ends it everywhere: in the browser, at the push service, at the gateway; and no visit undoes it."""
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    endpoint = (await visitor.subscription())["endpoint"]

    left = await visitor.press("no")

    assert (left["ok"], left["subscribed"]) == (True, False)
    assert await visitor.subscription() == {}
    assert (await shop.app.device(subscription))["state"] == "left"

    async def is_gone() -> bool:
        return sandbox.mailbox.is_gone(token_of(endpoint))

    await until(is_gone, what="the endpoint gone at the push service")
    title = shop.words("Come back")
    by_name = await shop.app.send({"subscriptions": [subscription]}, title=title)
    to_all = await shop.app.send({"all": True}, title=title)
    assert (await shop.app.done(by_name))["counts"]["audience"] == 0
    assert (await shop.app.done(to_all))["counts"]["audience"] == 0
    again = await Visitor.arrive(browser, shop.origin)
    assert not (await again.state())["subscribed"]
    assert title not in [one.title for one in notifications_daemon.shown]
    await visitor.leave()
    await again.leave()


async def test_topics_and_language_decide_what_one_reads(
    browser: Browser, shop: Shop, notifications_daemon: NotificationDaemon
) -> None:
    """Who asked for a topic gets it, in the page's language, until they have had enough of it."""
    await shop.app.call("POST", "/v1/topics", {"slug": "sale", "name": "Sales"})
    shop.site.snippet = shop.site.snippet.replace("<script ", '<script data-language="nl-BE" ')
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    unasked = await shop.app.send({"topics": "sale"}, title=shop.words("Too early"))
    assert (await shop.app.done(unasked))["counts"]["audience"] == 0

    assert (await visitor.press("sale"))["topics"] == ["sale"]

    assert (await shop.app.device(subscription))["topics"] == ["sale"]
    dutch = shop.words("Kaarsen in de aanbieding")
    message = await shop.app.send({"topics": "sale"}, title={"en": shop.words("Candles on sale"), "nl": dutch})
    await notifications_daemon.wait_for(dutch)
    await shop.app.counted(message, audience=1, sent=1, shown=1)
    assert (await visitor.press("no-sale"))["topics"] == []
    late = await shop.app.send({"topics": "sale"}, title=shop.words("Too late"))
    assert (await shop.app.done(late))["counts"]["audience"] == 0
    await visitor.leave()
