"""Real browsers, one of each for the whole run, and the sandbox that they take their messages from."""

import os
import shutil
from collections.abc import AsyncIterator
from ctypes.util import find_library

import pytest

from e2e.drivers import chromium as chromium_driver
from e2e.drivers import firefox as firefox_driver
from e2e.drivers.browser import Browser
from e2e.drivers.chromium import Chromium
from e2e.drivers.firefox import Firefox
from e2e.drivers.notifications import NotificationDaemon
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
