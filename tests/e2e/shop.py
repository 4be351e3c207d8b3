"""A shop of the browser tests: a site on an origin of its own, its app at the gateway, and a visitor with a browser.

The site does what the SDK's page tells shops to do and no more: the script tag that `steeple app create` printed, a
worker file of one line, and a strict Content-Security-Policy on both.
"""

import struct
import zlib
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from e2e.drivers.browser import Browser, Page, until
from e2e.gateway import App, Served

SUBSCRIBE_S: Final = 40.0
"""Above the SDK's own limit, so that its answer is what a test sees."""
_PAGES: Final = Path(__file__).parent / "pages"
_REPORTS_PATH: Final = "/policy-reports"


class Site:
    """The shop's web server, reachable as `origin` and, being on this machine, by number as `other_origin`."""

    def __init__(self, gateway_url: str) -> None:
        self.gateway_url = gateway_url
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.2)
        self.port = 0
        self.snippet = ""
        """The line that the shop pastes into its pages."""
        self.files: dict[str, str] = {}
        """Further pages, and scripts where the name says so, by path."""
        self.takes_plain_markup = False
        """Whether scripts that know nothing of trusted types run on its pages, as old libraries need."""
        self.policy_reports: list[str] = []
        """What browsers reported as blocked by the policy, in pages and in the worker."""

    @property
    def origin(self) -> str:
        """Where its customers go."""
        return f"http://localhost:{self.port}"

    @property
    def other_origin(self) -> str:
        """The same pages; to a browser a site of its own."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen on a free port."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close."""
        await self._runner.cleanup()

    def _page_policy(self) -> str:
        typed = () if self.takes_plain_markup else ("require-trusted-types-for 'script'", "trusted-types steeple")
        return "; ".join(
            (
                "default-src 'none'",
                f"script-src 'self' {self.gateway_url}",
                f"connect-src {self.gateway_url}",
                "worker-src 'self'",
                "style-src 'self'",
                "img-src 'self' data:",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
                *typed,
                f"report-uri {_REPORTS_PATH}",
            )
        )

    def _worker_policy(self) -> str:
        """Without trusted types: a worker file of one line has no place to make any."""
        return "; ".join(
            (
                "default-src 'none'",
                f"script-src 'self' {self.gateway_url}",
                f"connect-src {self.gateway_url}",
                f"report-uri {_REPORTS_PATH}",
            )
        )

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        match request.path:
            case "/shop.js":
                return self._file("shop.js", "text/javascript")
            case "/shop.css":
                return self._file("shop.css", "text/css")
            case "/icon.png":
                return web.Response(body=icon(), content_type="image/png")
            case "/steeple/worker.js":
                line = f'importScripts("{self.gateway_url}/sdk/v1/worker.js")\n'
                return _text(line, "text/javascript", self._worker_policy())
            case path if path == _REPORTS_PATH:
                self.policy_reports.append(await request.text())
                return web.Response(status=204)
            case path if path in self.files:
                return self._further(path)
            case _:
                return self._file("shop.html", "text/html")

    def _further(self, path: str) -> web.Response:
        policy = self._worker_policy() if path.endswith("Worker.js") else self._page_policy()
        return _text(self.files[path], "text/javascript" if path.endswith(".js") else "text/html", policy)

    def _file(self, name: str, content_type: str) -> web.Response:
        text = (_PAGES / name).read_text("utf-8").replace("@SNIPPET@", self.snippet)
        return _text(text, content_type, self._page_policy())


class Shop(msgspec.Struct, frozen=True, eq=False):
    """A site and its app."""

    site: Site
    app: App

    @property
    def origin(self) -> str:
        """The site's."""
        return self.site.origin

    def words(self, text: str) -> str:
        """A title that no other test's notification has: the desktop is one for all."""
        return f"{text} (order {self.site.port})"


class Visitor:
    """A person in front of one of the shop's pages."""

    def __init__(self, browser: Browser, page: Page, origin: str) -> None:
        self.browser = browser
        self.page = page
        self.origin = origin

    @classmethod
    async def arrive(cls, browser: Browser, origin: str, path: str = "/candles/taper") -> "Visitor":
        """Opens a page and lets the SDK settle."""
        page = await browser.new_page(origin + path)
        await page.wait_for("heard.some(([name]) => name === 'ready')", timeout_s=SUBSCRIBE_S)
        return cls(browser, page, origin)

    async def press(self, button: str) -> dict[str, Any]:
        """Clicks a button of the page; what the SDK answered."""
        name = json_text(button)
        await self.page.evaluate(f"delete answers[{name}]")
        await self.page.click(f"#{button}")
        return await self.page.wait_for(f"answers[{name}]", timeout_s=SUBSCRIBE_S)

    async def subscribe(self) -> str:
        """Says yes; the id of the subscription."""
        await self.browser.grant(self.origin)
        answer = await self.press("yes")
        assert answer["subscribed"], answer
        return answer["id"]

    async def state(self) -> dict[str, Any]:
        """What `Steeple.state()` tells."""
        return await self.page.evaluate("Steeple.state()")

    async def subscription(self) -> dict[str, Any]:
        """What the browser itself holds: `{"endpoint", "keys"}`; empty when it holds none."""
        return await self.page.evaluate(
            "navigator.serviceWorker.getRegistration('/steeple/').then(r => r.pushManager.getSubscription())"
            ".then(held => held ? held.toJSON() : {})"
        )

    async def notifications(self) -> list[dict[str, Any]]:
        """The open notifications, as the browser keeps them."""
        return await self.page.evaluate(
            "navigator.serviceWorker.getRegistration('/steeple/').then(r => r.getNotifications())"
            ".then(all => all.map(({title, body, icon, tag, lang}) => ({title, body, icon, tag, lang})))"
        )

    async def wait_an_hour(self) -> None:
        """Makes what the SDK has kept look an hour older, so that its next visit asks the gateway again."""
        await self.page.evaluate("""new Promise((resolve, reject) => {
            const opening = indexedDB.open("steeple", 1);
            opening.onerror = () => reject(opening.error);
            opening.onsuccess = () => {
                const transaction = opening.result.transaction("kv", "readwrite");
                const kept = transaction.objectStore("kv");
                const age = (key, field) => {
                    const read = kept.get(key);
                    read.onsuccess = () => kept.put({...read.result, [field]: read.result[field] - 3600e3}, key);
                };
                age("config", "at_ms");
                age("device", "seen_at_ms");
                transaction.oncomplete = () => { opening.result.close(); resolve(true); };
            };
        })""")

    async def leave(self) -> None:
        """Closes the tab."""
        await self.page.close()


async def tab_at(browser: Browser, url: str) -> Page:
    """The tab with exactly this address, once there is one."""

    async def find() -> Page | None:
        return next((page for page in await browser.pages() if page.url == url), None)

    return await until(find, what=f"a tab at {url}")


def json_text(value: object) -> str:
    """A JavaScript literal."""
    return msgspec.json.encode(value).decode()


def token_of(endpoint: str) -> str:
    """What the push service calls a subscription: the end of its address."""
    return endpoint.rpartition("/")[2]


def _text(text: str, content_type: str, policy: str) -> web.Response:
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return web.Response(text=text, content_type=content_type, charset="utf-8", headers=headers)


def icon() -> bytes:
    """A square of 16 by 16 orange points, as PNG (W3C PNG, sections 5 and 11)."""
    rows = (b"\0" + b"\xe0\x7b\x1a" * 16) * 16
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


async def open_shop(site: Site, served: Served, *origins: str) -> Shop:
    """Makes an app for these origins and puts its snippet into the site's pages."""
    app = await served.new_app(f"Wick & Wax {site.port}", *origins)
    site.snippet = app.snippet
    return Shop(site, app)
