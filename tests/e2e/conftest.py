"""Real browsers, one of each for the whole run, and the sandbox that they take their messages from."""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from ctypes.util import find_library
from pathlib import Path

import pytest

from e2e.drivers import chromium as chromium_driver
from e2e.drivers import firefox as firefox_driver
from e2e.drivers.browser import Browser
from e2e.drivers.chromium import Chromium
from e2e.drivers.firefox import Firefox
from e2e.drivers.notifications import NotificationDaemon
from e2e.gateway import Served
from e2e.shop import Shop, Site, open_shop
from gateway.sandbox import Sandbox


def _need(what: str, *, present: bool) -> None:
    """Skip where something is not installed; in CI, where everything must be, fail."""
    if present:
        return
    sentence = f"{what} is not installed: `make test-deps` installs what the browser tests need."
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """The push services that both browsers are connected to."""
    directory = tmp_path_factory.mktemp("sandbox")
    async with Sandbox(ledger_path=directory / "ledger.ndjson", decrypts=True, directory=directory) as running:
        yield running


@pytest.fixture(scope="session")
async def notifications_daemon(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NotificationDaemon]:
    """The desktop that both browsers show their notifications on."""
    _need("dbus-daemon", present=shutil.which("dbus-daemon") is not None)
    daemon = NotificationDaemon(tmp_path_factory.mktemp("dbus"))
    await daemon.start()
    yield daemon
    await daemon.stop()


@pytest.fixture(scope="session")
async def firefox(
    sandbox: Sandbox, notifications_daemon: NotificationDaemon, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Firefox]:
    """A running Firefox."""
    _need("Firefox", present=firefox_driver.binary() is not None)
    _need("libnotify4, through which Firefox shows notifications,", present=find_library("notify") is not None)
    browser = Firefox(
        tmp_path_factory.mktemp("firefox"),
        push_url=sandbox.firefox_ws_url,
        environment={"DBUS_SESSION_BUS_ADDRESS": notifications_daemon.address},
    )
    try:
        await browser.start()
        yield browser
    finally:
        await browser.stop()


@pytest.fixture(scope="session")
async def chromium(
    sandbox: Sandbox, notifications_daemon: NotificationDaemon, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Chromium]:
    """A running Chromium."""
    _need("Chromium", present=chromium_driver.binary() is not None)
    browser = Chromium(
        tmp_path_factory.mktemp("chromium"),
        switches=sandbox.chromium_switches,
        environment={"DBUS_SESSION_BUS_ADDRESS": notifications_daemon.address},
    )
    try:
        await browser.start()
        yield browser
    finally:
        await browser.stop()


@pytest.fixture(params=["firefox", "chromium"])
def browser(request: pytest.FixtureRequest) -> Browser:
    """Each browser in turn; only the one that is asked for is started."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
async def served(sandbox: Sandbox, open_folder: Callable[[], AbstractContextManager[Path]]) -> AsyncIterator[Served]:
    """The gateway, in processes of its own; it sends to the sandbox."""
    with open_folder() as folder:
        gateway = Served(folder, sandbox.egress_settings())
        try:
            await gateway.start()
            yield gateway
        finally:
            await gateway.stop()


@pytest.fixture(scope="session")
def axe() -> str:
    """The judge of accessibility, as a script: `axe.run()` in a page that has evaluated it."""
    script = Path(__file__).parents[2] / "sdk-js" / "node_modules" / "axe-core" / "axe.min.js"
    _need("axe-core", present=script.is_file())
    return f"(() => {{ {script.read_text('utf-8')}; return true; }})()"


@pytest.fixture
async def site(served: Served) -> AsyncIterator[Site]:
    """A shop's web server whose pages have no snippet yet."""
    site = Site(served.url)
    await site.start()
    yield site
    await site.stop()


@pytest.fixture
async def shop(site: Site, served: Served) -> Shop:
    """A shop whose app has just this origin."""
    return await open_shop(site, served, site.origin)


@pytest.fixture
async def twin_shop(site: Site, served: Served) -> Shop:
    """A shop whose app has both names of the site: two devices of one app fit into one browser."""
    return await open_shop(site, served, site.origin, site.other_origin)
