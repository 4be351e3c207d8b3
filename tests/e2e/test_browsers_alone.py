"""Both browsers, the sandbox and our own encryption, before any gateway or SDK comes in between.

When these fail, look at the drivers, the sandbox or wire/ first: nothing else takes part.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from e2e.drivers.browser import Browser, Page, ScriptError, until
from e2e.drivers.firefox import Firefox
from e2e.drivers.notifications import NotificationDaemon
from e2e.sender import Sender
from gateway.sandbox import Sandbox

pytestmark = pytest.mark.e2e

PAGE = """<!doctype html><title>shop</title><style>:root{color-scheme:light dark}</style>
<button id=ask onclick="subscribe().then(s => window.subscription = s, e => window.failure = String(e))">ask</button>
<script>
window.events = [];
navigator.serviceWorker.onmessage = e => events.push(e.data);
async function subscribe() {
  if (await Notification.requestPermission() !== "granted") throw new Error("permission " + Notification.permission);
  const registration = await navigator.serviceWorker.register("/worker.js");
  await navigator.serviceWorker.ready;
  const key = new URL(location).searchParams.get("key");
  const s = await registration.pushManager.subscribe({userVisibleOnly: true, applicationServerKey: key});
  return s.toJSON();
}
</script>"""

WORKER = """
const tell = what => clients.matchAll({includeUncontrolled: true, type: "window"})
  .then(all => all.forEach(c => c.postMessage(what)));
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", e => e.waitUntil(clients.claim()));
self.addEventListener("push", e => {
  const said = e.data ? e.data.json() : {title: "empty"};
  e.waitUntil(self.registration.showNotification(said.title, {...said, requireInteraction: true})
    .then(() => tell({kind: "shown", title: said.title})));
});
self.addEventListener("notificationclick", e => {
  e.notification.close();
  e.waitUntil(Promise.all([tell({kind: "click", title: e.notification.title, action: e.action}),
    e.action ? null : clients.openWindow("/landed")]));
});
self.addEventListener("notificationclose", e => e.waitUntil(tell({kind: "close", title: e.notification.title})));
self.addEventListener("pushsubscriptionchange", e => e.waitUntil(tell({kind: "change"})));
"""


@pytest.fixture
async def shop() -> AsyncIterator[str]:
    """A page and its worker on an origin of their own."""

    async def serve(request: web.BaseRequest) -> web.Response:
        if request.path == "/worker.js":
            return web.Response(text=WORKER, content_type="text/javascript")
        return web.Response(text=PAGE, content_type="text/html")

    runner = web.ServerRunner(web.Server(serve), shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def sender(sandbox: Sandbox) -> Sender:
    return Sender(sandbox)


async def opt_in(browser: Browser, shop: str, sender: Sender) -> tuple[Page, dict[str, Any]]:
    """A visitor who has allowed notifications and subscribed by a click; their tab and their subscription."""
    await browser.grant(shop)
    page = await browser.new_page(f"{shop}/?key={sender.key.public_base64url}")
    await page.click("#ask")
    subscription = await page.wait_for("window.failure || window.subscription")
    assert isinstance(subscription, dict), subscription
    return page, subscription


async def test_a_message_is_shown_with_its_words_and_buttons(
    browser: Browser, shop: str, sender: Sender, notifications_daemon: NotificationDaemon
) -> None:
    """What we encrypt is what the person reads."""
    page, subscription = await opt_in(browser, shop, sender)
    actions = [{"action": "buy", "title": "Buy"}, {"action": "later", "title": "Later"}]

    status = await sender.send(subscription, {"title": "Größe da", "body": "your size is back", "actions": actions})

    assert status == 201
    shown = await notifications_daemon.wait_for("Größe da")
    assert shown.body.endswith("your size is back")
    assert {"Buy", "Later"} <= shown.actions.keys()
    await page.wait_for("events.some(e => e.kind === 'shown')")
    await page.close()


async def test_a_click_comes_back_and_opens_the_page(
    browser: Browser, shop: str, sender: Sender, notifications_daemon: NotificationDaemon
) -> None:
    """A click on the notification reaches the worker, and its link opens."""
    page, subscription = await opt_in(browser, shop, sender)
    await sender.send(subscription, {"title": "click me"})

    await (await notifications_daemon.wait_for("click me")).click()

    assert await page.wait_for("events.find(e => e.kind === 'click')") == {
        "kind": "click",
        "title": "click me",
        "action": "",
    }

    async def landed() -> Page | None:
        return next((tab for tab in await browser.pages() if tab.url == f"{shop}/landed"), None)

    await (await until(landed, what="the page behind the click")).close()
    await page.close()


async def test_a_button_says_which(
    browser: Browser, shop: str, sender: Sender, notifications_daemon: NotificationDaemon
) -> None:
    """The worker hears which button was pressed."""
    page, subscription = await opt_in(browser, shop, sender)
    actions = [{"action": "buy", "title": "Buy"}, {"action": "later", "title": "Later"}]
    await sender.send(subscription, {"title": "two buttons", "actions": actions})

    await (await notifications_daemon.wait_for("two buttons")).click("Later")

    assert (await page.wait_for("events.find(e => e.kind === 'click')"))["action"] == "later"
    await page.close()


async def test_a_dismissal_comes_back(
    browser: Browser, shop: str, sender: Sender, notifications_daemon: NotificationDaemon
) -> None:
    """Closing the notification unread is told to the worker."""
    page, subscription = await opt_in(browser, shop, sender)
    await sender.send(subscription, {"title": "not now"})

    await (await notifications_daemon.wait_for("not now")).dismiss()

    assert await page.wait_for("events.find(e => e.kind === 'close')") == {"kind": "close", "title": "not now"}
    await page.close()


async def test_nobody_is_subscribed_after_a_denial(browser: Browser, shop: str, sender: Sender) -> None:
    """Who said no gets no subscription."""
    await browser.grant(shop, "denied")
    page = await browser.new_page(f"{shop}/?key={sender.key.public_base64url}")

    await page.click("#ask")

    assert "denied" in await page.wait_for("window.failure")
    await page.close()


async def test_an_unsubscribed_browser_is_gone(browser: Browser, shop: str, sender: Sender) -> None:
    """After unsubscribe() the endpoint answers 410."""
    page, subscription = await opt_in(browser, shop, sender)
    assert await page.evaluate(
        "navigator.serviceWorker.ready.then(r => r.pushManager.getSubscription()).then(s => s.unsubscribe())"
    )

    async def is_gone() -> bool:
        return await sender.send(subscription, {"title": "too late"}) == 410

    await until(is_gone, what="410")
    await page.close()


async def test_a_message_wakes_the_worker_without_a_tab(
    browser: Browser, shop: str, sender: Sender, notifications_daemon: NotificationDaemon
) -> None:
    """No tab of the shop is open, and still the message is shown."""
    page, subscription = await opt_in(browser, shop, sender)
    await page.close()

    await sender.send(subscription, {"title": "nobody home"})

    await notifications_daemon.wait_for("nobody home")


async def test_a_message_sent_while_the_browser_was_off_arrives(
    browser: Browser, shop: str, sender: Sender, notifications_daemon: NotificationDaemon
) -> None:
    """The push service keeps it; after a restart with the same profile the subscription still holds."""
    page, subscription = await opt_in(browser, shop, sender)
    await page.close()

    await browser.stop()
    try:
        assert await sender.send(subscription, {"title": "while you slept"}) == 201
        assert await sender.send(subscription, {"title": "only now"}, ttl_s=0) == 201
    finally:
        await browser.start()

    await notifications_daemon.wait_for("while you slept", timeout_s=40)
    assert "only now" not in [one.title for one in notifications_daemon.shown]


async def test_a_real_prompt_is_answered(firefox: Firefox, shop: str, sender: Sender) -> None:
    """The browser's own question, answered by its own button, leads to a subscription."""
    await firefox.grant(shop, "prompt")
    page = await firefox.new_page(f"{shop}/?key={sender.key.public_base64url}")
    await page.click("#ask")

    await firefox.answer_prompt(allow=True)

    assert (await page.wait_for("window.failure || window.subscription"))["endpoint"]
    await page.close()


async def test_a_lost_push_service_is_noticed(firefox: Firefox, shop: str, sender: Sender, sandbox: Sandbox) -> None:
    """When the push service has lost its data, the page hears of it and can subscribe again."""
    page, _ = await opt_in(firefox, shop, sender)

    sandbox.forget_subscriptions()

    await page.wait_for("events.some(e => e.kind === 'change')")
    assert await page.evaluate("navigator.serviceWorker.ready.then(r => r.pushManager.getSubscription())") is None
    again = await page.evaluate("subscribe()")
    assert await sender.send(again, {"title": "found again"}) == 201
    await page.close()


async def test_a_screenshot_has_the_size_and_scheme_asked_for(browser: Browser, shop: str) -> None:
    """Pictures of the page can be taken in light and dark, at a phone's width."""
    page = await browser.new_page(f"{shop}/")

    dark = await page.screenshot(width=390, height=700, dark=True)
    light = await page.screenshot(width=390, height=700)

    assert dark.startswith(b"\x89PNG")
    assert dark != light
    assert int.from_bytes(dark[16:20], "big") == 390
    await page.close()


async def test_clicks_and_keys_are_a_persons(browser: Browser, shop: str) -> None:
    """They are trusted by the page, reach into shadow roots, and count as user activation."""
    page = await browser.new_page(f"{shop}/")
    await page.evaluate("""(() => {
        window.heard = [];
        const host = document.body.appendChild(document.createElement("x-card"));
        host.attachShadow({mode: "open"}).innerHTML = "<button style='margin-top: 200vh'>deep</button><input>";
        const note = e => heard.push([e.type, e.key ?? "", e.isTrusted, navigator.userActivation.isActive]);
        host.shadowRoot.querySelector("button").onclick = note;
        document.onkeydown = note;
    })()""")

    await page.click("x-card >>> button")
    await page.press("Tab")
    await page.press("a")

    assert await page.evaluate("heard") == [
        ["click", "", True, True],
        ["keydown", "Tab", True, True],
        ["keydown", "a", True, True],
    ]
    assert await page.evaluate("document.querySelector('x-card').shadowRoot.querySelector('input').value") == "a"
    await page.close()


async def test_what_goes_wrong_is_said(browser: Browser, shop: str) -> None:
    """A script's error, and a click on nothing, name themselves."""
    page = await browser.new_page(f"{shop}/")
    with pytest.raises(ScriptError, match="no such luck"):
        await page.evaluate("Promise.reject(new Error('no such luck'))")
    with pytest.raises(ScriptError, match="#nobody"):
        await page.click("#nobody")
    await page.close()


async def test_console_and_requests_are_kept(browser: Browser, shop: str) -> None:
    """What a page logs and loads can be looked at afterwards."""
    page = await browser.new_page(f"{shop}/")

    await page.evaluate("(console.warn('careful'), fetch('/landed').then(r => r.status))")

    async def heard() -> bool:
        loaded = any(r.url == f"{shop}/landed" and r.status == 200 for r in browser.requests)
        return loaded and any(line.endswith("careful") for line in browser.console)

    await until(heard, what="the console and the network log")
    await page.close()
