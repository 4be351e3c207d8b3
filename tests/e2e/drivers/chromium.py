"""Chromium by its DevTools protocol (chromedevtools.github.io/devtools-protocol)."""

import asyncio
import re
import shutil
from base64 import b64decode
from collections.abc import Mapping, Sequence
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
from e2e.drivers.rpc import CommandError, Rpc

_BINARIES: Final = ("chromium", "chromium-browser", "google-chrome")
_PORT_FILE: Final = re.compile(r"[0-9]+\n/devtools/browser/[0-9a-f-]{36}\s*")
_KEYS: Final = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    "Space": (" ", 32, " "),
}
_SETTINGS: Final[dict[Permission, int]] = {"granted": 1, "denied": 2}
"""How a profile's Preferences file writes a site's permission (ContentSetting of Chromium)."""


def binary() -> str | None:
    """The installed browser, if there is one."""
    return next(filter(None, map(shutil.which, _BINARIES)), None)


class ChromiumPage:
    """One tab, a DevTools target with its own session."""

    def __init__(self, browser: "Chromium", target: str, session: str, url: str) -> None:
        self._browser = browser
        self.target = target
        self._session = session
        self.url = url

    async def goto(self, url: str) -> None:
        """Load this address."""
        await self._call("Page.navigate", url=url)
        self.url = url
        # The context of the old document may vanish under the question; then it is asked again.
        ready = "document.readyState === 'complete' && location.href !== 'about:blank'"
        await until(lambda: self._unless_gone(ready), what=f"{url} loaded")

    async def evaluate(self, js: str, *, user_gesture: bool = False) -> Any:
        """The JSON value of an expression. Raises ScriptError."""
        said = await self._call(
            "Runtime.evaluate",
            expression=json_expression(js),
            awaitPromise=True,
            returnByValue=True,
            userGesture=user_gesture,
        )
        if "exceptionDetails" in said:
            details = said["exceptionDetails"]
            raise ScriptError(details.get("exception", {}).get("description") or details["text"])
        return from_json(said["result"].get("value"))

    async def click(self, selector: str) -> None:
        """A real mouse click."""
        await self._call("Page.bringToFront")
        x, y = await self.evaluate(middle_of(selector))
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            count = 0 if kind == "mouseMoved" else 1
            button = "none" if kind == "mouseMoved" else "left"
            await self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=count)

    async def press(self, key: str) -> None:
        """A real key."""
        name, code, text = _KEYS.get(key, (key, ord(key[0].upper()), key))
        said: dict[str, Any] = {"key": name, "windowsVirtualKeyCode": code, "code": key if key in _KEYS else ""}
        down = {**said, "type": "keyDown", "text": text} if text else {**said, "type": "rawKeyDown"}
        await self._call("Input.dispatchKeyEvent", **down)
        await self._call("Input.dispatchKeyEvent", type="keyUp", **said)

    async def wait_for(self, js_predicate: str, *, timeout_s: float = WAIT_S) -> Any:
        """Until the expression is truthy."""
        return await until(lambda: self.evaluate(js_predicate), what=js_predicate, timeout_s=timeout_s)

    async def slow_down(self, times: float) -> None:
        """Give the tab a processor that is so many times slower, and begin to count its main thread's time."""
        await self._call("Emulation.setCPUThrottlingRate", rate=times)
        await self._call("Performance.enable", timeDomain="threadTicks")

    async def scripting_ms(self) -> float:
        """How long its main thread has compiled and run scripts since `slow_down`, as the processor counts it."""
        metrics = (await self._call("Performance.getMetrics"))["metrics"]
        spent = {one["name"]: one["value"] for one in metrics}
        return 1000 * (spent["ScriptDuration"] + spent["V8CompileDuration"])

    async def forget(self, origin: str) -> None:
        """Clear what the origin has stored, workers included."""
        await self._call("Storage.clearDataForOrigin", origin=origin, storageTypes="all")

    async def go_offline(self, *, offline: bool = True) -> None:
        """Cut the tab's network, or mend it."""
        await self._call(
            "Network.emulateNetworkConditions", offline=offline, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )

    async def screenshot(self, *, width: int, height: int, dark: bool = False) -> bytes:
        """A PNG of the viewport."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self._call("Emulation.setEmulatedMedia", features=[scheme])
        await self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await self.wait_for(f"innerWidth === {width}")
        return b64decode((await self._call("Page.captureScreenshot", format="png"))["data"])

    async def close(self) -> None:
        """Close the tab."""
        await self._browser.call("Target.closeTarget", targetId=self.target)

    async def _unless_gone(self, js: str) -> Any:
        try:
            return await self.evaluate(js)
        except CommandError:
            return None

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._browser.call(method, session=self._session, **params)


class Chromium:
    """A headless Chromium with a profile of its own."""

    name = "chromium"

    def __init__(self, directory: Path, *, switches: Sequence[str], environment: Mapping[str, str]) -> None:
        self._profile = directory / "chromium"
        self._switches = switches
        self._environment = {**environment, "HOME": str(directory)}
        self._process = BrowserProcess(directory / "chromium.log")
        self._rpc = Rpc(self._hear)
        self._granted: dict[str, Permission] = {}
        self._sessions: dict[str, str] = {}
        self._by_number: dict[str, Request] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self.console: list[str] = []
        self.requests: list[Request] = []

    async def start(self) -> None:
        """Start the process and attach to everything it opens."""
        self._profile.mkdir(exist_ok=True)
        self._write_permissions()
        port_file = self._profile / "DevToolsActivePort"
        port_file.unlink(missing_ok=True)
        command = [
            str(binary()), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-dev-shm-usage", "--disable-component-update", "--password-store=basic",
            "--allow-pre-commit-input",  # a click right after the load counts
            f"--user-data-dir={self._profile}", "--remote-debugging-port=0", *self._switches, "about:blank",
        ]  # fmt: skip
        await self._process.start(command, self._environment)
        port, path = (await self._process.wait_for_file(port_file, _PORT_FILE)).split()
        self._rpc = Rpc(self._hear)
        await self._rpc.connect(f"ws://127.0.0.1:{port}{path}")
        await self._attach_all()

    async def stop(self) -> None:
        """End the process in order."""
        try:
            await self.call("Browser.close")
        finally:
            await self._rpc.close()
            await self._process.end()

    async def restart(self) -> None:
        """Again, with the same profile and the permissions granted so far."""
        await self.stop()
        self._sessions.clear()
        await self.start()

    async def new_page(self, url: str) -> ChromiumPage:
        """A new tab in front, loaded."""
        page = await self.new_tab()
        await page.goto(url)
        return page

    async def new_tab(self) -> ChromiumPage:
        """A new tab in front, empty."""
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        return await self._page(target, "about:blank")

    async def new_private_page(self, url: str) -> ChromiumPage:
        """A new tab in an incognito window, loaded."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = (await self.call("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        page = await self._page(target, url)
        await page.goto(url)
        return page

    async def pages(self) -> list[ChromiumPage]:
        """All tabs."""
        targets = (await self.call("Target.getTargets"))["targetInfos"]
        return [await self._page(one["targetId"], one["url"]) for one in targets if one["type"] == "page"]

    async def grant(self, origin: str, state: Permission = "granted", *, name: str = "notifications") -> None:
        """Set a permission."""
        if name == "notifications":
            self._granted[origin] = state
        await self.call("Browser.setPermission", permission={"name": name}, setting=state, origin=origin)

    async def call(self, method: str, *, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One DevTools command, to the browser or to one session."""
        extra = {} if session is None else {"sessionId": session}
        return await self._rpc.call(method, params, **extra)

    async def _page(self, target: str, url: str) -> ChromiumPage:
        async def session() -> str | None:
            return self._sessions.get(target)

        return ChromiumPage(self, target, await until(session, what="attached to the tab"), url)

    async def _attach_all(self, *, session: str | None = None) -> None:
        await self.call(
            "Target.setAutoAttach", session=session, autoAttach=True, waitForDebuggerOnStart=False, flatten=True
        )

    def _write_permissions(self) -> None:
        """Permissions set by DevTools end with the process; those in the profile stay, as a person's own do."""
        path = self._profile / "Default" / "Preferences"
        path.parent.mkdir(exist_ok=True)
        preferences: dict[str, Any] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
        settings = preferences.setdefault("profile", {}).setdefault("content_settings", {})
        sites = settings.setdefault("exceptions", {}).setdefault("notifications", {})
        for origin, state in self._granted.items():
            sites.pop(f"{origin},*", None)
            if state in _SETTINGS:
                sites[f"{origin},*"] = {"setting": _SETTINGS[state]}
        path.write_bytes(msgspec.json.encode(preferences))

    def _hear(self, said: dict[str, Any]) -> None:
        params = said.get("params", {})
        match said.get("method"):
            case "Target.attachedToTarget":
                self._chore(params["targetInfo"]["targetId"], params["sessionId"])
            case "Runtime.consoleAPICalled":
                words = [str(one.get("value", one.get("description", one["type"]))) for one in params["args"]]
                self.console.append(f"{params['type']}: {' '.join(words)}")
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.console.append(f"error: {details.get('exception', {}).get('description') or details['text']}")
            case "Network.requestWillBeSent":
                sent = params["request"]
                request = self._by_number[params["requestId"]] = Request(method=sent["method"], url=sent["url"])
                self.requests.append(request)
            case "Network.responseReceived":
                if (request := self._by_number.pop(params["requestId"], None)) is not None:
                    request.status = params["response"]["status"]
            case _:
                pass

    def _chore(self, target: str, session: str) -> None:
        task = asyncio.create_task(self._listen_to(target, session))
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def _listen_to(self, target: str, session: str) -> None:
        for method in ("Runtime.enable", "Network.enable"):
            try:
                await self.call(method, session=session)
            except CommandError:
                continue  # not every kind of target has both, and some are gone by now
        # Handed out only now: a page that loads before this would be missing from the log.
        self._sessions[target] = session
