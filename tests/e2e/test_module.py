"""The ES module in a shop's own bundle, and a pinned version, in one real browser: the page script runs in both."""

from typing import Final

import pytest

from e2e.drivers.firefox import Firefox
from e2e.gateway import Served
from e2e.shop import SUBSCRIBE_S, Shop, json_text
from gateway import __version__
from gateway.api.sdk_files import SdkFiles
from scripts.node import SDK

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browsers")]

_PAGE: Final = """<!doctype html><html lang="en"><title>Bundled</title>
<script type="module" src="/bundled.js"></script><button id="yes">Yes</button></html>"""
_SCRIPT: Final = """import { startSteeple, VERSION } from '/steeple.mjs.js';
window.faults = [];
addEventListener('securitypolicyviolation', (event) => faults.push(event.violatedDirective));
addEventListener('unhandledrejection', (event) => faults.push(String(event.reason)));
window.version = VERSION;
window.one = startSteeple(@OPTIONS@);
window.isOne = startSteeple({}) === one && window.Steeple === one;
one.on('ready', (state) => { window.ready = state; });
document.getElementById('yes').addEventListener('click', async () => {
  window.done = await one.subscribe({ topics: ['sale'] });
  window.shown = await one.prompt.show();
});
"""


async def test_a_shop_that_bundles_the_module_has_all_of_it(firefox: Firefox, shop: Shop, served: Served) -> None:
    """Subscribed from its own script, under a strict policy; what is loaded later is found at the gateway."""
    await shop.app.call("POST", "/v1/topics", {"slug": "sale", "name": "Sales"})
    options = json_text({"gateway": served.url, "app": shop.app.id, "language": "nl"})
    shop.site.files.update(
        {
            "/bundled": _PAGE,
            "/bundled.js": _SCRIPT.replace("@OPTIONS@", options),
            "/steeple.mjs.js": (SDK / "dist" / "steeple.mjs").read_text("ascii"),
        }
    )
    await firefox.grant(shop.origin)
    seen = len(firefox.requests)
    page = await firefox.new_page(shop.origin + "/bundled")
    await page.wait_for("window.ready", timeout_s=SUBSCRIBE_S)

    await page.click("#yes")
    shown = await page.wait_for("window.shown", timeout_s=SUBSCRIBE_S)

    assert await page.evaluate("[done.ok, done.topics, isOne, faults]") == [True, ["sale"], True, []]
    assert shown["reason"] != "room_missing", shown
    assert any(
        request.url.startswith(served.url) and request.url.endswith("/prompts.js")
        for request in firefox.requests[seen:]
    )
    assert (await shop.app.device(await page.evaluate("done.id")))["language"] == "nl"
    await page.close()


async def test_a_page_that_pins_a_version_by_its_hash_gets_it_and_nothing_else(
    firefox: Firefox, shop: Shop, served: Served
) -> None:
    """With the hash of the docs push works, rooms included; with any other the browser runs nothing."""
    right = SdkFiles(SDK / "dist").fixed[__version__, "steeple.js"].integrity
    for path, integrity in (("/pinned", right), ("/forged", f"sha384-{'A' * 64}")):
        tag = f'src="{served.url}/sdk/{__version__}/steeple.js" integrity="{integrity}" crossorigin="anonymous"'
        shop.site.files[path] = f'<!doctype html><title>Pinned</title><script {tag} data-app="{shop.app.id}"></script>'

    page = await firefox.new_page(shop.origin + "/pinned")
    shown = await page.evaluate("Steeple.prompt.show()")
    assert shown["ok"], shown
    await page.goto(shop.origin + "/forged")
    assert await page.evaluate("typeof Steeple") == "undefined"
    await page.close()
