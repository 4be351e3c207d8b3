"""The preference centre in real browsers: in the shop's page, and at the other end of a message's link."""

import os
from pathlib import Path
from typing import Any

import pytest

from e2e.drivers.browser import Browser, Page, until
from e2e.drivers.notifications import NotificationDaemon
from e2e.gateway import Served
from e2e.shop import Shop, Visitor, json_text

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browsers")]

_SHADOW = "document.querySelector('{}').shadowRoot"
_DIALOG = _SHADOW.format("steeple-preferences")
_CENTRE = _SHADOW.format("#centre")
_SIZES = {"phone": (390, 844), "desktop": (1280, 900)}


async def _findings(page: Page, axe: str) -> list[str]:
    """What axe-core has against the page as it stands, the centre in its shadow root included."""
    await page.evaluate(f"(() => {{ {axe}\n }})()")
    return await page.evaluate(
        "axe.run(document, {resultTypes: ['violations']})"
        ".then(({violations}) => violations.map(({id, nodes}) => `${id}: ${nodes[0].html.slice(0, 120)}`))"
    )


async def _pictures(page: Page, name: str) -> None:
    """Looks of it, kept in STEEPLE_ARTEFACTS for people to look at; each differs from the others."""
    folder = os.environ.get("STEEPLE_ARTEFACTS")
    seen: set[bytes] = set()
    for size, (width, height) in _SIZES.items():
        for scheme in ("light", "dark"):
            picture = await page.screenshot(width=width, height=height, dark=scheme == "dark")
            if folder:
                (Path(folder) / f"preferences-{name}-{size}-{scheme}.png").write_bytes(picture)
            seen.add(picture)
    assert len(seen) == len(_SIZES) * 2


async def _tab_to(page: Page, root: str, selector: str) -> None:
    """Goes on by the Tab key until this has the focus."""
    for _ in range(40):
        if await page.evaluate(f"{root}.activeElement?.matches({selector!r}) ?? false"):
            return
        await page.press("Tab")
    pytest.fail(f"the keyboard does not reach {selector}")


async def _subscribed(browser: Browser, shop: Shop) -> tuple[Visitor, str]:
    for slug in ("sale", "news"):
        await shop.app.call("POST", "/v1/topics", {"slug": slug, "name": slug.title()})
    visitor = await Visitor.arrive(browser, shop.origin)
    return visitor, await visitor.subscribe()


async def _token(visitor: Visitor, shop: Shop, desktop: NotificationDaemon, subscription: str) -> str:
    """What a message to this browser carries."""
    title = shop.words("Your say")
    await shop.app.send({"subscriptions": [subscription]}, title=title)
    await desktop.wait_for(title)
    return await visitor.page.evaluate(
        "navigator.serviceWorker.getRegistration('/steeple/').then(r => r.getNotifications())"
        ".then(all => all[all.length - 1].data.steeple.t)"
    )


async def test_a_visitor_chooses_in_the_shop_s_page(browser: Browser, shop: Shop, axe: str) -> None:
    """Opened by the shop, used by keyboard alone, found fit by axe-core under the strictest policy; it holds."""
    visitor, subscription = await _subscribed(browser, shop)
    page = visitor.page
    twice = await page.evaluate("Promise.all([Steeple.preferences.show(), Steeple.preferences.show()])")
    assert [one["ok"] for one in twice] == [True, True], "a double click opens one dialog"
    await page.wait_for(f"{_DIALOG}.querySelector('dialog').open")
    assert await _findings(page, axe) == []
    await _pictures(page, f"dialog-{browser.name}")

    await _tab_to(page, _DIALOG, "[name=topic][value=sale]")
    await page.press("Space")
    await _tab_to(page, _DIALOG, "[name=quiet]")
    await page.press("Space")
    await _tab_to(page, _DIALOG, "button.main")
    await page.press("Enter")
    await page.wait_for(f"{_DIALOG}.querySelector('.status').textContent === 'Saved.'")
    device = await shop.app.device(subscription)
    kept = await shop.app.call("GET", f"/v1/subscriptions/{subscription}/preferences")
    assert (device["topics"], kept["quiet_hours"]["from"]) == (["sale"], "22:00")
    assert (await visitor.state())["topics"] == ["sale"]

    await _tab_to(page, _DIALOG, "button.leave")
    await page.press("Enter")
    await page.wait_for(f"{_DIALOG}.activeElement?.id === 'title'")
    assert (await shop.app.device(subscription))["state"] == "left"
    assert (await visitor.state())["subscribed"] is False
    await page.press("Escape")
    await page.wait_for("!document.querySelector('steeple-preferences')")
    assert (await page.evaluate("Steeple.preferences.show()"))["reason"] == "not_subscribed"
    assert (await page.evaluate("faults"), shop.site.policy_reports) == ([], [])
    await visitor.leave()


async def test_the_page_behind_a_message_s_link(
    browser: Browser, shop: Shop, served: Served, notifications_daemon: NotificationDaemon, axe: str
) -> None:
    """No cookie, nothing from elsewhere, no token in any address that is asked for; one key press ends it all."""
    visitor, subscription = await _subscribed(browser, shop)
    token = await _token(visitor, shop, notifications_daemon, subscription)
    said = len(browser.console)
    asked = len(browser.requests)
    page = await browser.new_page(f"{served.url}/preferences#{token}")
    await page.wait_for(f"{_CENTRE}?.querySelector('form') != null")
    assert await _findings(page, axe) == []
    await _pictures(page, f"page-{browser.name}")
    await _tab_to(page, _CENTRE, "select[name=pause]")
    await page.press("F")
    await _tab_to(page, _CENTRE, "button.main")
    await page.press("Enter")
    await page.wait_for(f"{_CENTRE}.querySelector('.status').textContent === 'Saved.'")
    kept = await shop.app.call("GET", f"/v1/subscriptions/{subscription}/preferences")
    assert kept["paused_until"] is not None

    await shop.app.call("PATCH", f"/v1/subscriptions/{subscription}", {"user": "bob"})
    await _tab_to(page, _CENTRE, "button.leave")
    await page.press("Enter")
    await page.wait_for("!document.getElementById('foreign').hidden && document.getElementById('centre').hidden")
    assert await _findings(page, axe) == []
    await page.close()
    page = await browser.new_page(f"{served.url}/preferences#{token}")
    await page.wait_for("document.getElementById('foreign')?.hidden === false")
    assert "no longer yours" in str(await page.evaluate("document.querySelector('main').innerText"))
    assert (await shop.app.device(subscription))["state"] == "active"
    await page.close()

    await shop.app.call("PATCH", f"/v1/subscriptions/{subscription}", {"user": None})
    page = await browser.new_page(f"{served.url}/preferences#{token}")
    await page.wait_for(f"{_CENTRE}?.querySelector('form') != null")
    await _tab_to(page, _CENTRE, "button.leave")
    await page.press("Enter")
    await page.wait_for(f"{_CENTRE}.activeElement?.id === 'title'")
    assert await _findings(page, axe) == []
    assert (await shop.app.device(subscription))["state"] == "left"
    records = (await shop.app.call("GET", f"/v1/subscriptions/{subscription}/consents"))["data"]
    assert [(one["act"], one["how"]) for one in records] == [("given", "page"), ("withdrawn", "link")]

    addresses = [one.url.partition("#")[0] for one in browser.requests[asked:]]
    assert all(url.startswith((served.url, "data:")) for url in addresses), addresses
    assert not any(token in url for url in addresses)
    assert await page.evaluate("document.cookie") == ""
    assert [line for line in browser.console[said:] if "error" in line.lower()] == []
    await page.close()
    await visitor.leave()


async def test_a_link_that_is_not_good_is_told_kindly(browser: Browser, served: Served, axe: str) -> None:
    """A page in words, that can be heard and read; nothing of the gateway shows through."""
    page = await browser.new_page(f"{served.url}/preferences#{'A' * 55}")
    await page.wait_for("!document.getElementById('lost').hidden")
    words: Any = await page.evaluate("document.querySelector('main').innerText")
    assert "no longer valid" in words
    assert await _findings(page, axe) == []
    await page.close()


async def test_who_left_by_the_link_is_not_brought_back_by_a_visit(
    browser: Browser, shop: Shop, served: Served, notifications_daemon: NotificationDaemon
) -> None:
    """The shop's page hears of it at the next visit, gives the browser's subscription up, and asks nobody."""
    visitor, subscription = await _subscribed(browser, shop)
    token = await _token(visitor, shop, notifications_daemon, subscription)
    request = {"method": "PATCH", "headers": {"Authorization": f"Bearer {token}"}, "body": '{"subscribed": false}'}
    asked = f"fetch({json_text(served.url + '/v1/preferences')}, {json_text(request)}).then(({{status}}) => status)"
    assert await visitor.page.evaluate(asked) == 200
    await visitor.wait_an_hour()
    await visitor.leave()
    back = await Visitor.arrive(browser, shop.origin)

    async def has_given_up() -> bool:
        return not await back.subscription()

    await until(has_given_up, what="the browser's subscription is given up")
    assert (await back.state())["subscribed"] is False
    assert [one["state"] for one in await shop.app.devices()] == ["left"]
    await back.leave()
