"""Trips on which something changes or fails midway: keys, addresses, the browser itself, an answer that got lost."""

import asyncio
from typing import Any

import pytest

from e2e.drivers.browser import Browser, until
from e2e.drivers.firefox import Firefox
from e2e.drivers.notifications import NotificationDaemon, Shown
from e2e.gateway import App, Served
from e2e.sender import Sender
from e2e.shop import Shop, Visitor, token_of
from gateway.sandbox import Sandbox
from gateway.sandbox.faults import Rule
from gateway.sandbox.ledger import Ledger

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browsers")]


async def test_subscribers_move_to_a_new_key_without_noticing(
    browser: Browser, twin_shop: Shop, served: Served, notifications_daemon: NotificationDaemon
) -> None:
    """After a rotation old and new subscribers are both reached, and the old one moves over with its next visit."""
    shop, app = twin_shop, twin_shop.app
    early = await Visitor.arrive(browser, shop.origin)
    early_id = await early.subscribe()
    old_endpoint = (await early.subscription())["endpoint"]

    rotated = await served.steeple("keys", "vapid", "rotate", "--app", app.id)

    assert rotated["id"] != app.vapid_key_id
    await _until_told(app, rotated["public"]["vapid_public_key"])
    late = await Visitor.arrive(browser, shop.site.other_origin)
    late_id = await late.subscribe()
    assert await _key_of(late) == rotated["public"]["vapid_public_key"]
    assert await _key_of(early) != rotated["public"]["vapid_public_key"]
    both = await app.send({"all": True}, title=shop.words("Under both keys"))
    await app.counted(both, audience=2, sent=2, shown=2, failed=0, gone=0)

    await early.wait_an_hour()
    back = await Visitor.arrive(browser, shop.origin)

    state = await back.state()
    assert (state["subscribed"], state["id"]) == (True, early_id)
    assert await _key_of(back) == rotated["public"]["vapid_public_key"]
    assert (await back.subscription())["endpoint"] != old_endpoint
    assert await back.page.evaluate("asked") == 0
    assert {device["id"] for device in await app.devices()} == {early_id, late_id}
    old, current = (await app.call("GET", f"/v1/apps/{app.id}/credentials/meter"))["data"]
    assert (old["devices"], current["devices"], current["came_over"]) == (0, 2, 1)
    await served.steeple("keys", "vapid", "retire", "--app", app.id, old["id"])
    title = shop.words("Under one key")
    again = await app.send({"subscriptions": [early_id]}, title=title)
    await notifications_daemon.wait_for(title)
    await app.counted(again, audience=1, sent=1, shown=1)
    for visitor in (early, late, back):
        await visitor.leave()


async def test_a_message_waits_for_a_browser_that_is_off(
    browser: Browser, shop: Shop, notifications_daemon: NotificationDaemon
) -> None:
    """What was sent while the browser was closed is shown when it starts; it is still subscribed, as the same one."""
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    title = shop.words("While you were away")
    await visitor.leave()

    await browser.stop()
    try:
        message = await shop.app.send({"subscriptions": [subscription]}, title=title)
        await shop.app.counted(message, sent=1, shown=0)
    finally:
        await browser.start()

    await notifications_daemon.wait_for(title, timeout_s=40)
    await shop.app.counted(message, shown=1)
    back = await Visitor.arrive(browser, shop.origin)
    state = await back.state()
    assert (state["subscribed"], state["id"]) == (True, subscription)
    assert len(await shop.app.devices()) == 1
    await back.leave()


async def test_a_message_that_was_sent_twice_is_shown_and_counted_once(
    browser: Browser, shop: Shop, sandbox: Sandbox, notifications_daemon: NotificationDaemon
) -> None:
    """The push service took the message, but its answer got lost: the gateway sends again, the person sees one."""
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    token = token_of((await visitor.subscription())["endpoint"])
    title = shop.words("Your order is packed")
    sandbox.order_faults(Rule(kind="reset", token_prefix=token, after_accept=True, times=1))

    message = await shop.app.send({"subscriptions": [subscription]}, title=title)

    await shop.app.counted(message, sent=1, failed=0)
    assert _deliveries(sandbox, token) == 2
    await _settle(shop, subscription, notifications_daemon)
    assert len([one for one in _shown(notifications_daemon, title) if one.is_open]) == 1
    assert len({one.number for one in _shown(notifications_daemon, title)}) == 1
    await shop.app.counted(message, shown=1, closed=0)
    sandbox.order_faults()
    await visitor.leave()


async def test_a_message_that_was_closed_does_not_come_back(
    browser: Browser, shop: Shop, sandbox: Sandbox, served: Served, notifications_daemon: NotificationDaemon
) -> None:
    """The push service delivers the same message again after the person closed it: nothing appears."""
    visitor = await Visitor.arrive(browser, shop.origin)
    subscription = await visitor.subscribe()
    address = await visitor.subscription()
    sender = Sender(sandbox, await served.vapid_key(shop.app))
    title = shop.words("Once is enough")
    payload: dict[str, Any] = {
        "web_push": 8030,
        "notification": {"title": title, "data": {"steeple": {"m": "msg_0000000000001", "s": subscription, "t": "t"}}},
    }
    assert await sender.send(address, payload) == 201
    await (await notifications_daemon.wait_for(title)).dismiss()

    async def is_closed() -> bool:
        return not await visitor.notifications()

    await until(is_closed, what="the browser knows that it was closed")

    assert await sender.send(address, payload) == 201

    await _settle(shop, subscription, notifications_daemon)
    assert len(_shown(notifications_daemon, title)) == 1
    await visitor.leave()


async def test_a_new_address_keeps_the_subscriber(
    firefox: Firefox, shop: Shop, sandbox: Sandbox, notifications_daemon: NotificationDaemon
) -> None:
    """The push service lost its data and the browser says so: same id, new address, no page open, no question asked."""
    visitor = await Visitor.arrive(firefox, shop.origin)
    subscription = await visitor.subscribe()
    old = (await visitor.subscription())["endpoint"]
    assert await shop.app.endpoint() == old
    await visitor.leave()

    sandbox.forget_subscriptions()

    async def has_moved() -> bool:
        return await shop.app.endpoint() != old

    await until(has_moved, what="the gateway told of the new address", timeout_s=30)
    title = shop.words("Found again")
    message = await shop.app.send({"subscriptions": [subscription]}, title=title)
    await notifications_daemon.wait_for(title)
    await shop.app.counted(message, sent=1, shown=1)
    back = await Visitor.arrive(firefox, shop.origin)
    state = await back.state()
    assert (state["subscribed"], state["id"]) == (True, subscription)
    await back.leave()


async def _key_of(visitor: Visitor) -> str:
    """The VAPID key that the browser's subscription was made with."""
    return await visitor.page.evaluate(
        "navigator.serviceWorker.getRegistration('/steeple/').then(r => r.pushManager.getSubscription())"
        ".then(s => btoa(String.fromCharCode(...new Uint8Array(s.options.applicationServerKey)))"
        ".replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''))"
    )


async def _until_told(app: App, key: str) -> None:
    """Until pages are told to use this key: the gateway's processes hear of a change within five seconds."""

    async def is_told() -> bool:
        await asyncio.sleep(0.2)  # a public call: asked any faster, the gateway's rate for one address would run out
        settings = await app.call("GET", f"/v1/sdk/config?app={app.id}", as_page=True)
        return settings["channels"]["webpush"]["vapid_public_key"] == key

    await until(is_told, what="the new key in the page's settings")


async def _settle(shop: Shop, subscription: str, desktop: NotificationDaemon) -> None:
    """Sends one more and waits until it is shown and counted: what was on its way before has arrived by then."""
    title = shop.words("That is all")
    message = await shop.app.send({"subscriptions": [subscription]}, title=title)
    await desktop.wait_for(title)
    await shop.app.counted(message, shown=1)


def _shown(desktop: NotificationDaemon, title: str) -> list[Shown]:
    return [one for one in desktop.shown if one.title == title]


def _deliveries(sandbox: Sandbox, token: str) -> int:
    assert sandbox.ledger.path is not None
    return sum(entry.token == token for entry in Ledger.read(sandbox.ledger.path))
