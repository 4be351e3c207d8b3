"""What a test may ask of a browser, whichever it is."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec

Permission = Literal["granted", "denied", "prompt"]
POLL_S = 0.02
WAIT_S = 30.0
"""A machine with too much to do takes this long over a second's work; nothing waits so long where all is well."""


class ScriptError(Exception):
    """JavaScript in the page threw; the text is what it threw."""


class BrowserGoneError(Exception):
    """The browser ended or hung up while it was spoken to."""


class Request(msgspec.Struct, kw_only=True):
    """One request that a page made; `status` is None until answered."""

    method: str
    url: str
    status: int | None = None


class Page(Protocol):
    """One tab."""

    url: str
    """As of when this object was handed out."""

    async def goto(self, url: str) -> None:
        """Load this address and wait for the load event."""
        ...

    async def evaluate(self, js: str, *, user_gesture: bool = False) -> Any:
        """The JSON value of an expression, awaited when it is a promise. Raises ScriptError."""
        ...

    async def click(self, selector: str) -> None:
        """A real mouse click in the middle of the element. `host >>> inner` looks into open shadow roots."""
        ...

    async def press(self, key: str) -> None:
        """A real key: one character, or Tab, Enter, Escape, Space."""
        ...

    async def wait_for(self, js_predicate: str, *, timeout_s: float = WAIT_S) -> Any:
        """Until the expression is truthy; returns its value."""
        ...

    async def go_offline(self, *, offline: bool = True) -> None:
        """Cut the tab's network, or mend it."""
        ...

    async def screenshot(self, *, width: int, height: int, dark: bool = False) -> bytes:
        """A PNG of the viewport at this size."""
        ...

    async def close(self) -> None:
        """Close the tab."""
        ...


class Browser(Protocol):
    """A browser process with a profile of its own."""

    name: str
    console: list[str]
    """`level: text` of every console message and uncaught error, of pages and (Chromium) workers."""
    requests: list[Request]

    async def start(self) -> None:
        """Start the process."""
        ...

    async def new_page(self, url: str) -> Page:
        """A new tab in front, loaded."""
        ...

    async def new_private_page(self, url: str) -> Page:
        """A new private window with one tab, loaded."""
        ...

    async def pages(self) -> Sequence[Page]:
        """All tabs."""
        ...

    async def grant(self, origin: str, state: Permission = "granted", *, name: str = "notifications") -> None:
        """Set a permission as if the person had answered."""
        ...

    async def restart(self) -> None:
        """End the process in order and start it with the same profile. Pages are gone, permissions stay."""
        ...

    async def stop(self) -> None:
        """End the process."""
        ...


async def until(ask: Callable[[], Awaitable[Any]], *, what: str, timeout_s: float = WAIT_S) -> Any:
    """The first truthy answer of `ask`. Raises TimeoutError with `what` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not (answer := await ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(POLL_S)
    return answer


def json_expression(js: str) -> str:
    """An expression that gives the JSON text of another one, awaited."""
    return f"(async () => JSON.stringify(await ({js})))()"


def from_json(text: str | None) -> Any:
    """The value of a JSON text; None for undefined."""
    return None if text is None else msgspec.json.decode(text)


def middle_of(selector: str) -> str:
    """An expression for [x, y] of the middle of an element, scrolled into view; throws when it is not to be seen."""
    steps = msgspec.json.encode([step.strip() for step in selector.split(">>>")]).decode()
    # Browsers drop input before the first frame is painted, so two frames are awaited.
    return f"""(async () => {{
        for (let frames = 0; frames < 2; frames++) await new Promise(requestAnimationFrame);
        let root = document, element = null;
        for (const step of {steps}) {{
            element = root.querySelector(step);
            if (!element) throw new Error("no element " + step);
            root = element.shadowRoot;
        }}
        element.scrollIntoView({{block: "center", behavior: "instant"}});
        const box = element.getBoundingClientRect();
        if (!box.width || !box.height) throw new Error("not visible: " + {steps}.join(" >>> "));
        return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
    }})()"""
