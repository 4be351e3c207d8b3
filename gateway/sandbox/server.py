"""The sandbox as one thing: listeners on loopback, what a gateway must be told to use them, and what they saw.

One plain port carries the endpoints of Firefox and of virtual devices, Firefox's websocket, Chromium's check-in and
registration, and the control calls; one TLS port the endpoints of browsers and Google's services for apps under their
real names, in HTTP/2 or HTTP/1.1; one Apple's service for apps, in HTTP/2; one more Chromium's message connection.
"""

import asyncio
import ipaddress
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from aiohttp import web

from gateway.sandbox.apns import CONDUCT as APPLE_CONDUCT
from gateway.sandbox.apns import AppleService
from gateway.sandbox.apple_senders import Senders
from gateway.sandbox.authority import APPLE_NAMES, APPLE_PORTS, GOOGLE_NAMES, PUSH_NAMES, Authority, make_authority
from gateway.sandbox.autopush import Ack, Autopush
from gateway.sandbox.control import control
from gateway.sandbox.devices import RECEIVER_KEYS_DEFAULT, Devices, MintedLine, SubscriptionJson
from gateway.sandbox.exchange import Serve
from gateway.sandbox.faults import Faults, Rule, RuleSet
from gateway.sandbox.fcm import CONDUCT as GOOGLE_CONDUCT
from gateway.sandbox.fcm import GoogleService, Quota
from gateway.sandbox.gcm import SERVICE as GCM
from gateway.sandbox.gcm import Gcm
from gateway.sandbox.google_accounts import GoogleAccounts
from gateway.sandbox.http2 import Conduct, Http2Line
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.listener import TlsListener
from gateway.sandbox.mailbox import Mailbox
from gateway.sandbox.phones import Phones
from gateway.sandbox.routes import CHECKIN_PATH, PUSH_PATH, REGISTER_PATH, Routes
from gateway.sandbox.webpush import PushService

_SHUTDOWN_S: Final = 0.5


class Sandbox:
    """Fake push services on loopback. `start`, use, `stop`; or `async with Sandbox() as sandbox`."""

    def __init__(
        self,
        *,
        ledger_path: Path | None = None,
        decrypts: bool = False,
        clock: Callable[[], float] = time.time,
        directory: Path | None = None,
    ) -> None:
        """Not yet listening.

        `ledger_path`: where accepted messages are written (none: only counted). `decrypts`: open what virtual devices
        get, and read the gateway's ids in it. `clock`: Unix time, for lives of messages and tokens. `directory`: where
        the certificates lie and orders of virtual devices are remembered (none: both go with the sandbox).
        """
        self.ledger = Ledger(ledger_path)
        self.faults = Faults()
        self.mailbox = Mailbox(clock)
        self.devices = Devices()
        self.phones = Phones(clock)
        self.senders = Senders(clock)
        self.accounts = GoogleAccounts(clock)
        self.apple_conduct: Conduct = APPLE_CONDUCT
        self.google_conduct: Conduct = GOOGLE_CONDUCT
        self.lines: set[Http2Line] = set()
        self._clock = clock
        self._directory = directory
        push = PushService(
            mailbox=self.mailbox,
            devices=self.devices,
            ledger=self.ledger,
            faults=self.faults,
            clock=clock,
            decrypts=decrypts,
        )
        self._apple = AppleService(
            senders=self.senders, phones=self.phones, ledger=self.ledger, faults=self.faults, clock=clock
        )
        self._google = GoogleService(
            accounts=self.accounts, phones=self.phones, ledger=self.ledger, faults=self.faults, clock=clock
        )
        self._gcm = Gcm(self.mailbox, clock)
        self._autopush = Autopush(self.mailbox, endpoint_base=lambda: self.webpush_url)
        self._stack = AsyncExitStack()
        self._host = ""
        self._routes = Routes(
            push=push,
            fcm=self._google.serve,
            autopush=self._autopush,
            gcm=self._gcm,
            control=partial(control, self),
        )
        self.port = 0
        self.tls_port = 0
        self.apns_port = 0
        self.ca_path = Path()

    async def __aenter__(self) -> Self:
        """Start on free ports."""
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop."""
        await self.stop()

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, tls_port: int = 0, mcs_port: int = 0, apns_port: int = 0
    ) -> None:
        """Listen; port 0 takes a free one.

        Raises:
            ValueError: `host` is not a loopback address: anybody could mint devices and order faults.
            OSError: a port is taken; nothing is left listening.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError("The sandbox listens on loopback addresses only.")
        self._host = host
        try:
            await self._listen_everywhere(port=port, tls_port=tls_port, mcs_port=mcs_port, apns_port=apns_port)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Hang up on everybody, stop listening, close the ledger."""
        for agent in self.mailbox.agents():
            self.mailbox.hang_up(agent)
        await self._stack.aclose()
        self.ledger.close()

    # --- where everything is ------------------------------------------------------------------------------------------
    @property
    def origin(self) -> str:
        """The plain port's origin, by name: a gateway sends to no IP address, in a rehearsal neither."""
        return f"http://localhost:{self.port}"

    @property
    def webpush_url(self) -> str:
        """What endpoints of Firefox and of virtual devices begin with."""
        return self.origin + PUSH_PATH

    @property
    def firefox_ws_url(self) -> str:
        """For the preference dom.push.serverURL."""
        return f"ws://{self._authority(self.port)}/"

    @property
    def chromium_switches(self) -> list[str]:
        """The command line that makes Chromium take its messages from here."""
        return [
            f"--gcm-checkin-url={self.origin}{CHECKIN_PATH}",
            f"--gcm-registration-url={self.origin}{REGISTER_PATH}",
            f"--gcm-mcs-endpoint=https://localhost:{self._gcm.port}",
            "--ignore-certificate-errors",
        ]

    def egress_settings(self) -> dict[str, str]:
        """The environment that makes a gateway send here, and only here and to the default push hosts."""
        here = f"localhost:{self.port}"
        # localhost is named as well: a machine may look it up as ::1 first, where nobody listens.
        found_at = {here: self.port} | {f"{name}:443": self.tls_port for name in (*PUSH_NAMES, *GOOGLE_NAMES)}
        found_at |= {f"{name}:{port}": self.apns_port for name in APPLE_NAMES for port in APPLE_PORTS}
        return {
            "STEEPLE_SANDBOX": "1",
            "STEEPLE_EGRESS_ALLOW": ",".join((here, *PUSH_NAMES, *GOOGLE_NAMES, *APPLE_NAMES)),
            "STEEPLE_EGRESS_RESOLVE": ",".join(f"{name}={self._authority(port)}" for name, port in found_at.items()),
            "STEEPLE_EGRESS_CA": str(self.ca_path),
        }

    def describe(self) -> dict[str, object]:
        """All of the above, for people."""
        return {
            "webpush_url": self.webpush_url,
            "firefox_ws_url": self.firefox_ws_url,
            "chromium_switches": self.chromium_switches,
            "gateway_settings": self.egress_settings(),
            "virtual_devices": self.devices.count(),
            "virtual_phones": self.phones.tokens.count(),
            "ledger": None if self.ledger.path is None else str(self.ledger.path),
        }

    # --- what one can do ----------------------------------------------------------------------------------------------
    @property
    def acks(self) -> list[Ack]:
        """What Firefox said about messages and channels, the oldest first."""
        return list(self._autopush.acks)

    def mint_lines(
        self,
        n: int,
        vapid_public_key: str | bytes | None,
        *,
        prefix: str = "",
        receiver_keys: int = RECEIVER_KEYS_DEFAULT,
        vapid_key_id: str | None = None,
        user_prefix: str | None = None,
    ) -> Iterator[MintedLine]:
        """Virtual devices as they are made, see `Devices.mint`."""
        return self.devices.mint(
            n,
            vapid_public_key,
            base_url=self.webpush_url,
            prefix=prefix,
            receiver_keys=receiver_keys,
            vapid_key_id=vapid_key_id,
            user_prefix=user_prefix,
        )

    def mint(
        self,
        n: int,
        vapid_public_key: str | bytes | None,
        *,
        prefix: str = "",
        receiver_keys: int = RECEIVER_KEYS_DEFAULT,
    ) -> list[SubscriptionJson]:
        """`n` virtual devices as browsers give subscriptions: `{"endpoint", "keys": {"p256dh", "auth"}}`."""
        lines = self.mint_lines(n, vapid_public_key, prefix=prefix, receiver_keys=receiver_keys)
        return [
            {"endpoint": line.endpoint, "keys": {"p256dh": line.keys.p256dh, "auth": line.keys.auth}} for line in lines
        ]

    def order_faults(self, *rules: Rule, seed: int = 0) -> None:
        """Replace the fault rules."""
        self.faults.put(RuleSet(rules=list(rules), seed=seed))

    def set_quota(self, quota: Quota) -> None:
        """How much Google's service for apps takes from now on."""
        self._google.quota = quota

    def limit_streams(self, limit: int) -> None:
        """Send SETTINGS_MAX_CONCURRENT_STREAMS on every HTTP/2 connection that stands."""
        for line in list(self.lines):
            line.limit_streams(limit)

    def forget_subscriptions(self) -> int:
        """Lose every browser's subscriptions, as a push service that lost its data; says of how many browsers.

        Firefox is told, by a new id when it comes back: it drops them and fires pushsubscriptionchange. Chromium is
        not: its endpoints answer 410, and only its page can find out by subscribing anew.
        """
        agents = self.mailbox.agents()
        for agent in agents:
            if agent.service == GCM:
                self.mailbox.close_all(agent)
            else:
                self.mailbox.forget(agent.agent_id)
        return len(agents)

    def drop_lines(self) -> int:
        """Cut every browser's connection; they will come back by themselves."""
        connected = [agent for agent in self.mailbox.agents() if agent.connection is not None]
        for agent in connected:
            self.mailbox.hang_up(agent)
        return len(connected)

    # --- inside -------------------------------------------------------------------------------------------------------
    def _authority(self, port: int) -> str:
        return f"[{self._host}]:{port}" if ":" in self._host else f"{self._host}:{port}"

    def _certificates(self) -> Path:
        if self._directory is None:
            return Path(self._stack.enter_context(TemporaryDirectory(prefix="steeple-sandbox-")))
        self._directory.mkdir(parents=True, exist_ok=True)
        self.devices.remember_in(self._directory / "devices.ndjson")
        self.phones.tokens.remember_in(self._directory / "phones.ndjson")
        return self._directory

    async def _listen_everywhere(self, *, port: int, tls_port: int, mcs_port: int, apns_port: int) -> None:
        authority = make_authority(self._certificates(), now=datetime.fromtimestamp(self._clock(), UTC))
        self.ca_path = authority.ca_path
        self.senders.clients = authority.clients
        self.port = await self._listen(port)
        await self._listen_tls(authority, tls_port=tls_port, apns_port=apns_port)
        await self._gcm.start(self._host, mcs_port, authority.mcs_context)
        self._stack.push_async_callback(self._gcm.stop)
        self._routes.answer_as(
            plain={self._authority(self.port), f"localhost:{self.port}"},
            tls={self._authority(self.tls_port), f"localhost:{self.tls_port}"},
        )

    async def _listen_tls(self, authority: Authority, *, tls_port: int, apns_port: int) -> None:
        google = TlsListener(lambda: self._line(self._routes.tls_http2, self.google_conduct), self.lines)
        apple = TlsListener(lambda: self._line(self._apple.serve, self.apple_conduct), self.lines)
        http1 = web.Server(self._routes.tls)
        self.tls_port = await google.listen(self._stack, self._host, tls_port, authority.server_context, http1)
        self.apns_port = await apple.listen(self._stack, self._host, apns_port, authority.apple_context)

    def _line(self, serve: Serve, conduct: Conduct) -> Http2Line:
        return Http2Line(serve, conduct, self.lines, self.ledger.counters)

    async def _listen(self, port: int) -> int:
        runner = web.ServerRunner(web.Server(self._routes.plain), shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, self._host, port, backlog=1024).start()
        return int(runner.addresses[0][1])


async def run(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls_port: int = 0,
    mcs_port: int = 0,
    apns_port: int = 0,
    ledger_path: Path | None = None,
    decrypts: bool = False,
    directory: Path | None = None,
    ready: Callable[[Sandbox], None] | None = None,
    until: asyncio.Event,
) -> None:
    """A sandbox until `until` is set: what stands behind `steeple sandbox`. `ready` is called once it listens."""
    sandbox = Sandbox(ledger_path=ledger_path, decrypts=decrypts, directory=directory)
    await sandbox.start(host, port, tls_port=tls_port, mcs_port=mcs_port, apns_port=apns_port)
    try:
        if ready is not None:
            ready(sandbox)
        await until.wait()
    finally:
        await sandbox.stop()
