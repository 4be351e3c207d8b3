"""Firefox by WebDriver BiDi (w3c.github.io/webdriver-bidi), without geckodriver."""

import re
import shutil
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from e2e.drivers.browser import (
    WAIT_S,
    Permission,
    Request,
    ScriptError,
    from_json,
    json_expression,
    middle_of,
    until,
)
from e2e.drivers.process import BrowserProcess
from e2e.drivers.rpc import Rpc

_BINARIES: Final = ("firefox-esr", "firefox")
_PORT_FILE: Final = re.compile(r"\s*\{.*\}\s*", re.DOTALL)
_KEYS: Final = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Space": " "}
_EVENTS: Final = ["log.entryAdded", "network.beforeRequestSent", "network.responseCompleted"]
_COLOUR_SCHEME: Final = "layout.css.prefers-color-scheme.content-override"
_DARK, _LIGHT = 0, 1


def binary() -> str | None:
    """The installed browser, if there is one."""
    return next(filter(None, map(shutil.which, _BINARIES)), None)


def preferences(push_url: str) -> dict[str, Any]:
    """What user.js must say so that push, notifications and tests work without the internet."""
    return {
        "dom.push.serverURL": push_url,
        "dom.push.testing.allowInsecureServerURL": True,  # ws:// is refused otherwise
        "dom.push.connection.enabled": True,  # the remote agent switches push off unless a profile says this
        "dom.push.retryBaseInterval": 200,  # ms; back on the line fast after a cut
        "alerts.useSystemBackend": True,  # show notifications by D-Bus
        "browser.shell.checkDefaultBrowser": False,
        "browser.sessionstore.resume_from_crash": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "app.normandy.enabled": False,
        "app.update.disabledForTesting": True,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
    }


class FirefoxPage:
    """One tab, a BiDi browsing context."""

    def __init__(self, browser: "Firefox", context: str, url: str) -> None:
        self._browser = browser
        self.context = context
        self.url = url

    async def goto(self, url: str) -> None:
        """Load this address."""
        await self._call("browsingContext.navigate", url=url, wait="complete")
        self.url = url

    async def evaluate(self, js: str, *, user_gesture: bool = False) -> Any:
        """The JSON value of an expression. Raises ScriptError."""
        return await self._browser.evaluate(self.context, js, user_gesture=user_gesture)

    async def click(self, selector: str) -> None:
        """A real mouse click."""
        await self._call("browsingContext.activate")
        x, y = await self.evaluate(middle_of(selector))
        steps = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self._act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps})

    async def press(self, key: str) -> None:
        """A real key."""
        value = _KEYS.get(key, key)
        steps = [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        await self._act({"type": "key", "id": "keyboard", "actions": steps})

    async def wait_for(self, js_predicate: str, *, timeout_s: float = WAIT_S) -> Any:
        """Until the expression is truthy."""
        return await until(lambda: self.evaluate(js_predicate), what=js_predicate, timeout_s=timeout_s)

    async def go_offline(self, *, offline: bool = True) -> None:
        """Cut the tab's network, or mend it."""
        conditions = {"type": "offline"} if offline else None
        await self._browser.call(
            "emulation.setNetworkConditions", networkConditions=conditions, contexts=[self.context]
        )

    async def screenshot(self, *, width: int, height: int, dark: bool = False) -> bytes:
        """A PNG of the viewport."""
        await self._browser.set_preference(_COLOUR_SCHEME, _DARK if dark else _LIGHT)
        await self._call("browsingContext.setViewport", viewport={"width": width, "height": height})
        await self.wait_for(
            f"innerWidth === {width} && matchMedia('(prefers-color-scheme: dark)').matches === {str(dark).lower()}"
        )
        return b64decode((await self._call("browsingContext.captureScreenshot"))["data"])

    async def close(self) -> None:
        """Close the tab."""
        await self._call("browsingContext.close")

    async def _act(self, source: dict[str, Any]) -> None:
        await self._call("input.performActions", actions=[source])

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._browser.call(method, context=self.context, **params)


class Firefox:
    """A headless Firefox with a profile of its own."""

    name = "firefox"

    def __init__(self, directory: Path, *, push_url: str, environment: Mapping[str, str]) -> None:
        self._profile = directory / "firefox"
        self._environment = {**environment, "MOZ_DISABLE_CONTENT_SANDBOX": "1", "HOME": str(directory)}
        self._preferences = preferences(push_url)
        self._process = BrowserProcess(directory / "firefox.log")
        self._rpc = Rpc(self._hear)
        self._by_number: dict[str, Request] = {}
        self.console: list[str] = []
        self.requests: list[Request] = []

    async def start(self) -> None:
        """Start the process and its session."""
        self._profile.mkdir(exist_ok=True)
        lines = [f"user_pref({json_text(k)}, {json_text(v)});\n" for k, v in self._preferences.items()]
        (self._profile / "user.js").write_text("".join(lines))
        port_file = self._profile / "WebDriverBiDiServer.json"
        port_file.unlink(missing_ok=True)
        command = [
            str(binary()), "--headless", "--no-remote", "--profile", str(self._profile),
            "--remote-debugging-port", "0", "--remote-allow-system-access", "about:blank",
        ]  # fmt: skip
        await self._process.start(command, self._environment)
        server = msgspec.json.decode(await self._process.wait_for_file(port_file, _PORT_FILE))
        self._rpc = Rpc(self._hear)
        await self._rpc.connect(f"ws://{server['ws_host']}:{server['ws_port']}/session")
        await self.call("session.new", capabilities={})
        await self.call("session.subscribe", events=_EVENTS)

    async def stop(self) -> None:
        """End the process in order."""
        try:
            await self.call("browser.close")
        finally:
            await self._rpc.close()
            await self._process.end()

    async def restart(self) -> None:
        """Again, with the same profile."""
        await self.stop()
        await self.start()

    async def new_page(self, url: str) -> FirefoxPage:
        """A new tab in front, loaded."""
        context = (await self.call("browsingContext.create", type="tab"))["context"]
        page = FirefoxPage(self, context, url)
        await page.goto(url)
        return page

    async def new_private_page(self, url: str) -> FirefoxPage:
        """A new private window with one tab, loaded."""
        before = {page.context for page in await self.pages()}
        await self.evaluate(await self._chrome(), "!!OpenBrowserWindow({private: true})")

        async def opened() -> FirefoxPage | None:
            fresh = (page for page in await self.pages() if page.context not in before)
            return next((page for page in fresh if page.url == "about:privatebrowsing"), None)

        page: FirefoxPage = await until(opened, what="a private window")
        await page.wait_for("document.readyState === 'complete'")  # it would load over what is loaded now
        await page.goto(url)
        return page

    async def block_storage(self, origin: str) -> None:
        """What a person does who forbids a site to keep data."""
        uri = f"Services.io.newURI({json_text(origin)})"
        principal = f"Services.scriptSecurityManager.createContentPrincipal({uri}, {{}})"
        deny = f"Services.perms.addFromPrincipal({principal}, 'cookie', Services.perms.DENY_ACTION)"
        await self.evaluate(await self._chrome(), deny)

    async def pages(self) -> list[FirefoxPage]:
        """All tabs."""
        tree = await self.call("browsingContext.getTree", maxDepth=0)
        return [FirefoxPage(self, one["context"], one["url"]) for one in tree["contexts"]]

    async def grant(self, origin: str, state: Permission = "granted", *, name: str = "notifications") -> None:
        """Set a permission."""
        await self.call("permissions.setPermission", descriptor={"name": name}, state=state, origin=origin)

    async def answer_prompt(self, *, allow: bool) -> None:
        """Answer the permission prompt that is open, by its own buttons. Real, and only Firefox has it headless."""
        button = "button" if allow else "secondaryButton"
        js = f"""(() => {{
            const prompt = PopupNotifications.panel.firstElementChild;
            if (!prompt || PopupNotifications.panel.state !== "open") return false;
            prompt.{button}.click();
            return true;
        }})()"""

        async def answered() -> bool:
            return any([await self.evaluate(window, js) for window in await self._windows()])

        await until(answered, what="a permission prompt")

    async def set_preference(self, name: str, value: int) -> None:
        """Set an integer preference of the running browser."""
        await self.evaluate(await self._chrome(), f"Services.prefs.setIntPref({json_text(name)}, {value})")

    async def evaluate(self, context: str, js: str, *, user_gesture: bool = False) -> Any:
        """The JSON value of an expression in a tab or a window of the browser itself. Raises ScriptError."""
        said = await self.call(
            "script.evaluate",
            expression=json_expression(js),
            target={"context": context},
            awaitPromise=True,
            userActivation=user_gesture,
        )
        if said["type"] == "exception":
            raise ScriptError(said["exceptionDetails"]["text"])
        return from_json(said["result"].get("value"))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One BiDi command."""
        return await self._rpc.call(method, params)

    async def _chrome(self) -> str:
        return (await self._windows())[0]

    async def _windows(self) -> list[str]:
        tree = await self.call("browsingContext.getTree", maxDepth=0, **{"moz:scope": "chrome"})
        return [one["context"] for one in tree["contexts"] if one["url"].endswith("/browser.xhtml")]

    def _hear(self, said: dict[str, Any]) -> None:
        params = said.get("params", {})
        match said.get("method"):
            case "log.entryAdded":
                self.console.append(f"{params['level']}: {params['text']}")
            case "network.beforeRequestSent":
                sent = params["request"]
                request = self._by_number[sent["request"]] = Request(method=sent["method"], url=sent["url"])
                self.requests.append(request)
            case "network.responseCompleted":
                if (request := self._by_number.pop(params["request"]["request"], None)) is not None:
                    request.status = params["response"]["status"]
            case _:
                pass


def json_text(value: object) -> str:
    """A JavaScript literal."""
    return msgspec.json.encode(value).decode()
