"""A shop leaves OneSignal: its page stays as it was written, its visitors come over, in real browsers."""

import asyncio
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from e2e.drivers.browser import Browser, Page, until
from e2e.drivers.notifications import NotificationDaemon
from e2e.gateway import Served
from e2e.shop import SUBSCRIBE_S, Shop, json_text, tab_at, token_of
from gateway.sandbox import Sandbox
from gateway.wire.vapid import VapidKey

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browsers")]

_PAGES: Final = Path(__file__).parent / "pages"
_WORKER: Final = "/OneSignalSDKWorker.js"
_THEIRS: Final = (
    "addEventListener('push', event => event.waitUntil(registration.showNotification('from OneSignal')));\n"
)
"""In the place of their worker, which is on their servers: it answers pushes, and knows nothing of us."""


def move_in(shop: Shop, served: Served) -> None:
    """What the shop changes: the address of one script, and the line in its worker file."""
    shop.site.files[_WORKER] = f'importScripts("{served.url}/sdk/v1/onesignal-worker.js")\n'
    html = (_PAGES / "onesignal.html").read_text("utf-8")
    shop.site.files["/moved"] = html.replace("@ONESIGNAL@", f"{served.url}/sdk/v1/onesignal.js?app={shop.app.id}")
    shop.site.files["/onesignal-page.js"] = (_PAGES / "onesignal-page.js").read_text("utf-8")


async def reach_by_onesignal(page: Page, key: VapidKey) -> str:
    """A visitor who once said yes: their worker at the shop's root, an address made with their key, tags."""
    return await page.evaluate(f"""(async () => {{
        const app = '3f8a9c1e-5c1d-4b5e-9d6f-0123456789ab';
        const rules = {{ createScriptURL: (url) => url }};
        const plain = window.trustedTypes ? trustedTypes.createPolicy('steeple', rules) : rules;
        await navigator.serviceWorker.register(
            plain.createScriptURL(`{_WORKER}?appId=${{app}}&sdkVersion=160510`), {{ scope: '/' }});
        const registration = await navigator.serviceWorker.ready;
        const key = {json_text(key.public_base64url)}.replace(/-/g, '+').replace(/_/g, '/');
        const held = await registration.pushManager.subscribe({{
            userVisibleOnly: true, applicationServerKey: Uint8Array.from(atob(key), (one) => one.charCodeAt(0)),
        }});
        await new Promise((resolve, reject) => {{
            const opening = indexedDB.open('ONE_SIGNAL_SDK_DB', 7);
            opening.onupgradeneeded = () => {{
                opening.result.createObjectStore('Options', {{ keyPath: 'key' }})
                    .put({{ key: 'optedOut', value: false }});
                opening.result.createObjectStore('properties', {{ keyPath: 'modelId' }})
                    .put({{ modelId: 'one', tags: {{ plan: 'gold' }} }});
            }};
            opening.onsuccess = () => {{ opening.result.close(); resolve(); }};
            opening.onerror = () => reject(opening.error);
        }});
        return held.endpoint;
    }})()""")


async def test_a_page_written_for_onesignal_brings_its_visitors_over(
    browser: Browser, shop: Shop, served: Served, sandbox: Sandbox, notifications_daemon: NotificationDaemon
) -> None:
    """Who said yes to OneSignal gets the shop's next message from the gateway, and was not asked again."""
    shop.site.files.update({_WORKER: _THEIRS, "/before": "<!doctype html><title>As it was</title>"})
    await browser.grant(shop.origin)
    before = await browser.new_page(shop.origin + "/before")
    theirs = await reach_by_onesignal(before, VapidKey.generate())
    await before.close()

    seen = len(browser.requests)
    move_in(shop, served)
    page = await browser.new_page(shop.origin + "/moved")
    await page.wait_for("window.isReady && changes.some((one) => one.optedIn)", timeout_s=SUBSCRIBE_S)

    assert await page.evaluate("[asked, faults]") == [0, []]
    (device,) = await shop.app.devices()
    assert await page.evaluate("[OneSignal.User.PushSubscription.id, OneSignal.Notifications.permission]") == [
        device["id"],
        True,
    ]

    async def tags() -> dict[str, Any] | None:
        told = (await shop.app.device(device["id"]))["tags"]
        return told if told == {"plan": "gold", "page": "taper"} else None

    async def is_given_up() -> bool:
        return sandbox.mailbox.is_gone(token_of(theirs))

    await asyncio.gather(
        until(tags, what="their tags and the page's at the gateway"),
        until(is_given_up, what="their address gone at the push service"),
    )
    title = shop.words("From the new tower")
    message = await shop.app.send({"all": True}, title=title, url=f"{shop.origin}/news")
    await (await notifications_daemon.wait_for(title)).click()
    await (await tab_at(browser, f"{shop.origin}/news")).close()
    await shop.app.counted(message, audience=1, sent=1, shown=1, clicked=1)
    await page.wait_for("notified.length === 1")
    title = shop.words("About this page")
    second = await shop.app.send({"all": True}, title=title, url=f"{shop.origin}/moved")
    await (await notifications_daemon.wait_for(title)).click()
    await page.wait_for("notified.length === 3")
    assert await page.evaluate("notified") == [
        ["foregroundWillDisplay", message, None],
        ["foregroundWillDisplay", second, None],
        ["click", second, f"{shop.origin}/moved"],
    ]
    asked = {urlsplit(request.url).netloc for request in browser.requests[seen:] if request.url.startswith("http")}
    assert asked == {urlsplit(shop.origin).netloc, urlsplit(served.url).netloc}
    assert shop.site.policy_reports == []
    await page.close()
