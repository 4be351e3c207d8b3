"""Every prompt in both browsers, on the page to look at them: legible to all, reachable by keys, and never in the way.

The pictures go to STEEPLE_ARTEFACTS, to be looked at.
"""

import os
from collections.abc import AsyncIterator, Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.drivers.browser import Browser, Page
from e2e.gateway import Served
from e2e.shop import json_text

pytestmark = pytest.mark.e2e

_EVERYDAY: Final = {
    "kind": "slidedown", "visitor": "new", "theme": "plain", "scheme": "light", "language": "en", "position": "top",
    "topics": False,
    "unbidden": False,
}  # fmt: skip
_BLOCKED: Final = (
    "blocked-chrome", "blocked-firefox", "blocked-safari", "blocked-android", "blocked-android_firefox",
    "blocked-samsung", "blocked-ios",
)  # fmt: skip
_LANGUAGES: Final = (
    "ar", "cs", "da", "de", "en", "es", "fi", "fr", "he", "it", "ja", "nl", "pl", "pt", "sv", "tr", "uk",
)  # fmt: skip
_FOUND: Final = """
Promise.resolve(document.querySelector('steeple-prompt').shadowRoot.getAnimations().forEach((one) => one.finish()))
    .then(() => axe.run({include: ['steeple-prompt']}, {resultTypes: ['violations', 'incomplete']}))
    .then(({violations, incomplete}) => [...violations, ...incomplete.filter(({id}) => id === 'color-contrast')]
        .map(({id, nodes}) => [id, ...nodes.map(({target, any}) => [target, any.map((one) => one.message)])]))"""
_ARRIVED: Final = """document.querySelectorAll('steeple-prompt, #own').forEach((one) => {
    if (one.shadowRoot) one.shadowRoot.getAnimations().forEach((moving) => moving.finish());
    if (one.dataset.kind === 'inline' || one.id) one.scrollIntoView({block: 'end'});
})"""
_SMALL: Final = """[...document.querySelector('steeple-prompt').shadowRoot.querySelectorAll('button, label')]
    .filter((one) => Math.round(one.getBoundingClientRect().height) < 44).map((one) => one.textContent)"""
_LAID_OUT: Final = """[scrollY, ...[...document.body.querySelectorAll('*')].map((one) => {
    const {x, y, width, height} = one.getBoundingClientRect();
    return [x, y, width, height].join();
})]"""

_STAYS: Final = """window.setTimeout = new Proxy(setTimeout, {
    apply: (real, page, [work, wait_ms]) => (wait_ms > 5000 ? 0 : real.call(window, work, wait_ms)),
})"""
"""What says thanks does not go away by itself, however long the test takes to reach it."""

Wishes = dict[str, Any]


@pytest.fixture
async def preview(browser: Browser, served: Served) -> AsyncIterator[Page]:
    """The page to look at prompts."""
    page = await browser.new_page(f"{served.url}/preview?scheme=light")
    await page.wait_for("window.preview")
    await page.evaluate("preview.ready.then(() => true)")
    await page.evaluate("document.querySelectorAll('steeple-prompt').forEach((one) => one.remove())")
    yield page
    await page.close()


async def show(page: Page, **wishes: Any) -> None:
    """Draws a prompt."""
    await page.evaluate(f"preview.show({json_text(_EVERYDAY | wishes)}).then(() => true)")


async def focused(page: Page) -> str | None:
    """What the keyboard is on: a button's action, a topic, `card`; what the page has, by its tag."""
    return await page.evaluate("""(() => {
        const {activeElement: outer} = document;
        const inner = outer.shadowRoot && outer.shadowRoot.activeElement;
        if (!inner) return outer.id || outer.localName;
        return inner.dataset.action || inner.value || inner.className;
    })()""")


def every_look() -> Iterator[Wishes]:
    """Each kind, theme and visitor in light and dark, and both ways of writing."""
    for scheme in ("light", "dark"):
        for kind, language in product(("slidedown", "bell", "inline"), ("en", "ar")):
            yield {"scheme": scheme, "kind": kind, "language": language, "topics": True}
        for theme in ("forest", "plum", "sharp"):
            yield {"scheme": scheme, "theme": theme, "topics": True}
        for visitor in ("blocked-chrome", "iphone", "subscribed"):
            yield {"scheme": scheme, "visitor": visitor}


async def test_how_a_prompt_is_made_keeps_nobody_out(preview: Page, axe: str) -> None:
    """axe-core finds nothing in any prompt, nor in the page around it; what is pressed is at least 44 points high."""
    await preview.evaluate(axe)
    for wishes in every_look():
        await show(preview, **wishes)
        # axe looks for what lies behind a text within the body only, and prompts stand before it.
        if wishes.get("kind") != "inline":
            await preview.evaluate("document.body.append(document.querySelector('steeple-prompt'))")
        assert await preview.evaluate(_FOUND) == [], wishes
        assert await preview.evaluate(_SMALL) == [], wishes
    whole = "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations.map(({id}) => id))"
    assert await preview.evaluate(whole) == []


_GROUND: Final = """(() => {
    const card = document.querySelector('steeple-prompt').shadowRoot.querySelector('.card');
    return getComputedStyle(card).backgroundColor;
})()"""
_DARK: Final = "rgb(35, 37, 43)"
_LIGHT: Final = "rgb(255, 255, 255)"


async def test_a_prompt_is_light_or_dark_as_its_page_is(preview: Page) -> None:
    """On a dark system a site that is only ever light gets a light card; one that follows the system a dark one."""
    await preview.screenshot(width=800, height=800, dark=True)
    for said, meta, ground, expected in (
        ("light", "light dark", "", _LIGHT),
        ("light dark", "", "", _DARK),
        ("dark", "light", "", _DARK),
        ("normal", "light", "", _LIGHT),
        ("normal", "light dark", "", _DARK),
        ("normal", "", "#fbfaf8", _LIGHT),
        ("normal", "", "#12161c", _DARK),
    ):
        await preview.evaluate(f"""(() => {{
            document.documentElement.style.colorScheme = {json_text(said)};
            document.querySelector('meta[name=color-scheme]').content = {json_text(meta)};
            document.body.style.background = {json_text(ground)};
        }})()""")
        await show(preview, scheme="auto")
        assert await preview.evaluate(_GROUND) == expected, (said, meta, ground)
    await preview.screenshot(width=800, height=800, dark=False)
    await preview.evaluate("void (document.documentElement.style.colorScheme = 'light dark')")
    await show(preview, scheme="auto")
    assert await preview.evaluate(_GROUND) == _LIGHT


async def test_every_language_is_spoken_whole(preview: Page) -> None:
    """In each language, and for each browser's way out of a block, nothing is missing or sticks out of a phone."""
    await preview.screenshot(width=390, height=800)
    for wishes in [*({"language": one, "topics": True} for one in _LANGUAGES), *({"visitor": one} for one in _BLOCKED)]:
        await show(preview, **wishes)
        card = await preview.evaluate("""(() => {
            const card = document.querySelector('steeple-prompt').shadowRoot.querySelector('.card');
            const {left, right, bottom} = card.getBoundingClientRect();
            return {text: card.textContent, lang: card.lang, dir: card.dir,
                isInside: left >= 0 && right <= innerWidth && bottom <= innerHeight,
                isWhole: card.scrollWidth <= card.clientWidth && card.scrollHeight <= card.clientHeight};
        })()""")
        language = wishes.get("language", "en")
        assert "undefined" not in card["text"], wishes
        assert (card["lang"], card["dir"]) == (language, "rtl" if language in ("ar", "he") else "ltr")
        assert (card["isInside"], card["isWhole"]) == (True, True), wishes


async def test_a_prompt_moves_nothing_and_takes_no_focus(preview: Page) -> None:
    """The shop's page stays where it was, to the point, and whoever types in it goes on typing."""
    await preview.evaluate("document.querySelector('.buy').focus()")
    before = await preview.evaluate(_LAID_OUT)

    for kind in ("slidedown", "bell"):
        await show(preview, kind=kind, unbidden=True)
        assert await preview.evaluate(_LAID_OUT) == before
        assert await preview.evaluate("document.activeElement.className") == "buy"


async def test_the_keyboard_alone_is_enough(preview: Page) -> None:
    """Tab goes through a prompt in reading order, Escape sends it away, and the focus is back where it was."""
    await preview.evaluate("document.querySelector('.buy').focus()")
    await show(preview, topics=True)
    assert await focused(preview) == "card"
    passed = []
    for _ in range(4):
        await preview.press("Tab")
        passed.append(await focused(preview))
    assert passed == ["sale", "stock", "no", "yes"]

    await preview.press("Escape")

    await preview.wait_for("document.querySelector('steeple-prompt') === null")
    assert await preview.evaluate("document.activeElement.className") == "buy"


async def test_a_bell_opens_and_closes_by_keys(preview: Page) -> None:
    """Enter rings it, a yes is answered, and what says thanks goes away by Enter as well, back to the bell."""
    await show(preview, kind="bell")
    await preview.evaluate("document.querySelector('steeple-prompt').shadowRoot.querySelector('button').focus()")
    await preview.press("Enter")
    await preview.wait_for("document.querySelectorAll('steeple-prompt').length === 2")
    for _ in range(2):
        await preview.press("Tab")
    assert await focused(preview) == "yes"
    await preview.evaluate(_STAYS)

    await preview.press("Enter")
    await preview.wait_for(
        "document.querySelectorAll('steeple-prompt')[1].shadowRoot.querySelector('[data-action=close]') !== null"
    )
    assert await focused(preview) == "card"
    await preview.press("Tab")
    await preview.press("Enter")

    await preview.wait_for("document.querySelectorAll('steeple-prompt').length === 1")
    assert await focused(preview) == "bell-button bell"


async def test_the_shops_own_markup_is_asked_with(preview: Page) -> None:
    """Its yes and no are ours to hear; it is hidden until its moment, and hidden again afterwards."""
    assert await preview.evaluate("document.getElementById('own').hidden")
    await show(preview, kind="custom")
    assert not await preview.evaluate("document.getElementById('own').hidden")
    await preview.click("[data-steeple-yes]")
    await preview.wait_for("document.getElementById('state').textContent.includes('subscribed')")
    await preview.wait_for("document.getElementById('own').hidden")


@pytest.mark.parametrize("width", [390, 1280])
async def test_pictures_to_look_at(preview: Page, browser: Browser, width: int, tmp_path: Path) -> None:
    """Phone and desk, light and dark, left and right: a picture of each kind, and nothing sticks out sideways."""
    folder = Path(os.environ.get("STEEPLE_ARTEFACTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    looks = {
        "slidedown": {"topics": True},
        "slidedown-rtl": {"language": "ar", "topics": True},
        "bell": {"kind": "bell", "theme": "forest"},
        "inline": {"kind": "inline", "theme": "plum", "topics": True},
        "custom": {"kind": "custom"},
        "blocked": {"visitor": "blocked-firefox", "position": "bottom"},
        "ios": {"visitor": "iphone", "position": "bottom"},
    }
    for scheme, (name, wishes) in product(("light", "dark"), looks.items()):
        await preview.screenshot(width=width, height=800, dark=scheme == "dark")
        await show(preview, scheme=scheme, **wishes)
        if name == "bell":
            await preview.click("steeple-prompt >>> button")
            await preview.wait_for("document.querySelectorAll('steeple-prompt').length === 2")
        await preview.evaluate(_ARRIVED)
        picture = await preview.screenshot(width=width, height=800, dark=scheme == "dark")
        (folder / f"prompt-{name}-{browser.name}-{width}-{scheme}.png").write_bytes(picture)
        assert int.from_bytes(picture[16:20], "big") == width
        assert await preview.evaluate("document.documentElement.scrollWidth <= innerWidth")
