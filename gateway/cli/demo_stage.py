"""The parts of the demo, started in order and stopped in the opposite one."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from gateway.cli.client import Gateway, Refused
from gateway.cli.demo_phones import Phones
from gateway.cli.demo_prompt import offer_prompt
from gateway.cli.installation import ACTOR, Installation, opened
from gateway.config import Settings, load
from gateway.demo.shop import Shop, ShopSettings
from gateway.model.app import App
from gateway.model.errors import GatewayError
from gateway.model.ids import to_text
from gateway.model.limits import DEMO_START_S, PAGE_ROWS_MAX
from gateway.sandbox import Sandbox
from gateway.sandbox.rehearsal import gateway_settings
from gateway.store import api_keys, apps, credentials
from gateway.supervisor import Supervisor
from gateway.tenancy.api_keys import issue, revoke
from gateway.tenancy.apps import change_app, create_app
from gateway.tenancy.credentials import load as load_credential

_HOST: Final = "127.0.0.1"
_APP_NAME: Final = "Bell & Bean"
_KEY_NAME: Final = "demo"
_SUBJECT: Final = "mailto:demo@steeple.example"
_SETTINGS: Final = {"quiet_hours": None}
"""Whoever tries it at night wants to see it ring."""
_VISITOR: Final = "visitor-"
_POLL_S: Final = 0.1


class StageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What to play. Port 0 takes a free one."""

    data_dir: Path
    port: int
    shop_port: int
    devices: int


class Urls(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is. `api_key` is for this machine's user to paste."""

    shop: str
    gateway: str
    app: str
    api_key: str
    devices: int


class _Ready(msgspec.Struct, frozen=True):
    """The app of the demo, and what the virtual devices need of it."""

    app: str
    api_key: str
    vapid_public_key: str
    vapid_key_id: str


class Stage:
    """The demo. `play` runs it until a signal."""

    def __init__(self, settings: StageSettings) -> None:
        self._settings = settings
        self._port = settings.port or _free_port()
        self._shop_port = settings.shop_port or _free_port()
        self._gateway_url = f"http://localhost:{self._port}"

    async def play(self, *, ready: Callable[[Urls], None]) -> int:
        """Starts all parts, says where they are, and stops them after SIGINT, SIGTERM or SIGHUP; the exit code.

        Raises `GatewayError` for what keeps a part from starting.
        """
        async with AsyncExitStack() as stack:
            sandbox = await stack.enter_async_context(Sandbox())
            phones = Phones(sandbox, self._settings.data_dir)
            settings = self._gateway_settings(sandbox)
            serving = await stack.enter_async_context(_served(settings))
            made = await self._unless_ended(serving, self._with_app(settings, phones))
            gateway = Gateway(self._gateway_url, made.api_key)
            await self._unless_ended(serving, self._fill(gateway, sandbox, phones, made))
            await self._open_shop(stack, made, phones)
            ready(
                Urls(
                    shop=self._shop_origins[0],
                    gateway=self._gateway_url,
                    app=made.app,
                    api_key=made.api_key,
                    devices=self._settings.devices,
                )
            )
            return await serving

    @property
    def _shop_origins(self) -> tuple[str, ...]:
        return (f"http://localhost:{self._shop_port}", f"http://{_HOST}:{self._shop_port}")

    def _gateway_settings(self, sandbox: Sandbox) -> Settings:
        """The demo's own: neither the environment nor a steeple.toml of this folder has a say."""
        return load(
            {},
            file=Path(os.devnull),
            given={
                "data_dir": str(self._settings.data_dir),
                "bind": f"{_HOST}:{self._port}",
                "workers": 1,
                "metrics_bind": "",
                "log": "json",
                **gateway_settings(sandbox),
            },
        )

    async def _unless_ended(self, serving: "asyncio.Task[int]", work: Any) -> Any:
        """What `work` gives, or the fault that ended the gateway meanwhile."""
        working = asyncio.ensure_future(work)
        await asyncio.wait([serving, working], return_when=asyncio.FIRST_COMPLETED, timeout=DEMO_START_S)
        if working.done():
            return await working
        working.cancel()
        if serving.done():
            await serving  # raises what ended it
            raise GatewayError("draining", "The demo was stopped before it had started.")
        raise GatewayError("overloaded", f"The gateway was not ready after {DEMO_START_S:.0f} s; see the log.")

    async def _with_app(self, settings: Settings, phones: Phones) -> _Ready:
        await _answers(self._gateway_url)
        async with opened(settings) as installation:
            return await _set_up_app(installation, self._shop_origins, phones)

    async def _fill(self, gateway: Gateway, sandbox: Sandbox, phones: Phones, made: _Ready) -> None:
        """A prompt and virtual devices for the app; those of an earlier demo are no longer played by anybody."""
        await asyncio.to_thread(offer_prompt, gateway)
        await asyncio.to_thread(_forget_visitors, gateway)
        of_phones = phones.import_lines(user_prefix=_VISITOR)
        browsers = sandbox.mint_lines(
            self._settings.devices - len(of_phones),
            made.vapid_public_key,
            vapid_key_id=made.vapid_key_id,
            user_prefix=_VISITOR,
        )
        pieces = (msgspec.json.encode(line) + b"\n" for line in chain(of_phones, browsers))
        answer = await asyncio.to_thread(gateway.upload, "/v1/subscriptions/import", pieces)
        if answer["rejected"]:
            raise GatewayError("endpoint_refused", f"The gateway refused devices of the demo: {answer['errors'][:1]}")

    async def _open_shop(self, stack: AsyncExitStack, made: _Ready, phones: Phones) -> None:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        settings = ShopSettings(
            gateway_url=self._gateway_url, app=made.app, key=made.api_key, devices=self._settings.devices
        )
        runner = web.AppRunner(Shop(settings, self._shop_origins, session, phones).application(), shutdown_timeout=0.5)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, _HOST, self._shop_port).start()


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _served(settings: Settings) -> "AsyncGenerator[asyncio.Task[int]]":
    """The gateway, in processes of its own that end with this one; it handles SIGINT and SIGTERM itself."""
    serving = asyncio.create_task(Supervisor(settings, ("api", "worker", "loops")).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, os.kill, os.getpid(), signal.SIGTERM)
    try:
        yield serving
    finally:
        if not serving.done():
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.gather(serving, return_exceptions=True)


async def _answers(url: str) -> None:
    """Returns once the gateway is ready; the caller has the deadline."""
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status == web.HTTPOk.status_code:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(_POLL_S)


async def _set_up_app(it: Installation, origins: tuple[str, ...], phones: Phones) -> _Ready:
    """The app as it was or a new one, with keys for its phones, and an API key in place of the last demo's."""
    app = await apps.get_by_name(it.db, _APP_NAME)
    if app is None:
        made = await create_app(
            it.db, it.vault, name=_APP_NAME, origins=origins, subject=_SUBJECT, actor=ACTOR, settings=_SETTINGS
        )
        app = made.app
    elif app.origins != origins:
        app = await change_app(it.db, app, actor=ACTOR, origins=origins)
    for provider, raw in phones.credentials().items():
        await load_credential(it.db, it.vault, app, provider, raw, actor=ACTOR, is_current=True)
    for key in await api_keys.list_of_app(it.db, app.id):
        if key.name == _KEY_NAME and key.revoked_at is None:
            await revoke(it.db, app_id=app.id, key_id=key.id, actor=ACTOR)
    issued = await issue(it.db, app_id=app.id, name=_KEY_NAME, scopes=("send", "read", "manage"), actor=ACTOR)
    return await _described(it, app, issued.text)


async def _described(it: Installation, app: App, api_key: str) -> _Ready:
    for credential in await credentials.list_of_app(it.db, app.id):
        if credential.is_current and "vapid_public_key" in credential.public:
            return _Ready(
                app=to_text("app", app.public_id),
                api_key=api_key,
                vapid_public_key=credential.public["vapid_public_key"],
                vapid_key_id=to_text("key", credential.public_id),
            )
    raise GatewayError("credential_unknown", "The app of the demo has no key; remove the demo's data directory.")


def _forget_visitors(gateway: Gateway) -> None:
    for device in list(gateway.pages("/v1/subscriptions", limit=PAGE_ROWS_MAX, state="active")):
        if str(device.get("user") or "").startswith(_VISITOR):
            try:
                gateway.call("DELETE", f"/v1/subscriptions/{device['id']}")
            except Refused:
                continue  # it is gone already
