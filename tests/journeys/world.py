"""A whole gateway in this process, the push services beside it, and a shop: what a journey needs."""

import asyncio
import contextlib
import io
import itertools
import random
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

from gateway import app as composition
from gateway.app import Base, Place
from gateway.config import Settings
from gateway.delivery.board import LaneBoard
from gateway.model.app import App
from gateway.model.ids import from_text, to_text
from gateway.sandbox import Entry, Rule, Sandbox
from gateway.store import partitions
from gateway.store.clock import DatabaseClock
from gateway.store.database import Database
from gateway.tenancy.apps import create_app
from gateway.tenancy.installation import ensure_installation
from gateway.tenancy.keyring import Keyring
from gateway.transports import find, names
from gateway.wire.egress import EgressPolicy
from gateway.wire.pool import HttpClient
from gateway.wire.vault import Vault
from tests.chaos.processes import TooLate, free_port, until
from tests.transports.fakes import wire_on

T = TypeVar("T")
HOST: Final = "127.0.0.1"
SHIFTY: Final = "push.shifty.example"
"""A permitted push service whose name server says what a test wants."""
STRANGER: Final = "stranger.push.apple.com"
"""Found at the sandbox, whose certificate does not name it."""
DEADLINE_S: Final = 2.0
"""For one request to a push service; ten seconds in production."""
DONE_S: Final = 20.0
_numbers = itertools.count(1)


class MovedClock(DatabaseClock):
    """The database's time, which a test may move on."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_s = 0.0
        self.is_still = asyncio.Lock()
        """Whoever holds it may look at the time twice, and it has not been moved."""

    def now_s(self) -> float:
        """Unix time in seconds."""
        return super().now_s() + self.ahead_s

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return time.monotonic() + self.ahead_s


class StillBoard(LaneBoard):
    """The lanes of a process. Time does not move between what it reads from the database and what it makes of that."""

    def __init__(self, db: Database, clock: MovedClock, *, role: str) -> None:
        super().__init__(db, role=role, clock=clock.monotonic_s)
        self._is_still = clock.is_still

    async def exchange(self) -> None:
        """Tells and hears, at one moment."""
        async with self._is_still:
            await super().exchange()


class World:
    """The gateway's three roles on one database, and the sandbox."""

    def __init__(self, base: Base, sandbox: Sandbox, clock: MovedClock, session: aiohttp.ClientSession) -> None:
        self.base = base
        self.db = base.db
        self.sandbox = sandbox
        self.clock = clock
        self.session = session
        self.url = base.settings.url
        self.answers: dict[str, Sequence[str]] = {}
        """What the name server says."""

    async def lookup(self, host: str, _port: int) -> Sequence[str]:
        """The name server."""
        found = self.answers.get(host)
        if found is None:
            raise OSError(None, f"no such name: {host}")
        return found

    async def shop(self, **settings: Any) -> "Shop":
        """A shop of its own for this test; it sends by night, unless the settings say otherwise."""
        made = await create_app(
            self.db, self.base.vault, name=f"shop {next(_numbers)}", origins=["https://shop.example"],
            subject="mailto:push@shop.example", settings={"quiet_hours": None, **settings},
        )  # fmt: skip
        assert made.vapid_key_public_id is not None
        return Shop(self, made.app, made.api_key_text, made.vapid_public_key, to_text("key", made.vapid_key_public_id))

    async def let_pass(self, seconds: float) -> None:
        """Time goes by: for the engine, its lanes, and what waits in the database."""
        async with self.clock.is_still:
            await self._move_on(seconds)

    async def _move_on(self, seconds: float) -> None:
        self.clock.ahead_s += seconds
        await partitions.ensure(self.db, today=self.clock.now().date())
        await self.db.execute(
            "UPDATE chunks SET due_at = due_at - $1 * interval '1 second' WHERE state = 0", float(seconds)
        )
        await self.db.execute(
            """
            UPDATE lanes SET until = until - $1 * interval '1 second',
                             rate_since = rate_since - $1 * interval '1 second'
            """,
            float(seconds),
        )
        await self.db.execute("UPDATE experiments SET decide_at = decide_at - $1 * interval '1 second'", float(seconds))
        await self.db.execute("UPDATE throttles SET next_at = next_at - $1 * interval '1 second'", float(seconds))
        await self.db.execute(
            "UPDATE subscriptions SET suspect_at = suspect_at - $1 * interval '1 second' WHERE suspect_at IS NOT NULL",
            float(seconds),
        )

    async def go_to(self, moment: datetime) -> None:
        """Time goes by until then."""
        await self.let_pass((moment - self.clock.now()).total_seconds())

    def faults(self, *rules: Rule) -> None:
        """What the push services do wrong from now on."""
        self.sandbox.order_faults(*rules)

    async def entries(self, message: str) -> list[Entry]:
        """What the push services took of a message."""
        assert self.sandbox.ledger.path is not None
        return [entry for entry in self.sandbox.ledger.read(self.sandbox.ledger.path) if entry.message == message]


class Device(msgspec.Struct, frozen=True):
    """A device of a shop: what a push service knows it by, and its id at the gateway."""

    endpoint: str
    token: str
    id: str

    @property
    def number(self) -> int:
        """The id in the database."""
        number = from_text("sub", self.id)
        assert number is not None
        return number


class Shop(msgspec.Struct, frozen=True, eq=False):
    """An app, its key, and what its server does."""

    world: World
    app: App
    api_key: str
    vapid_public_key: str
    vapid_key_id: str

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Any]:
        """Status, headers, JSON."""
        given = {"Authorization": f"Bearer {self.api_key}", **(headers or {})}
        async with self.world.session.request(method, self.world.url + path, json=body, headers=given) as answer:
            return answer.status, answer.headers, await answer.json() if answer.status != 204 else None

    async def devices(
        self, n: int = 1, *, prefix: str = "", host: str = "", lines: Sequence[dict[str, Any]] | None = None
    ) -> list[Device]:
        """New devices, in the order of `lines` (further fields of each). `host`: of which real push service."""
        sandbox = self.world.sandbox
        base = f"https://{host}/wpush/v2/" if host else sandbox.webpush_url
        order = sandbox.devices.mint(
            n, self.vapid_public_key, base_url=base, prefix=prefix, receiver_keys=4, vapid_key_id=self.vapid_key_id
        )
        minted = [{**msgspec.to_builtins(line), **(lines[at] if lines else {})} for at, line in enumerate(order)]
        await self.take(minted)
        return [await self.device_at(line["endpoint"]) for line in minted]

    async def devices_quickly(self, n: int) -> None:
        """Many new devices, without asking for the id of each."""
        order = self.world.sandbox.mint_lines(n, self.vapid_public_key, receiver_keys=4, vapid_key_id=self.vapid_key_id)
        await self.take([msgspec.to_builtins(line) for line in order])

    async def take(self, lines: Sequence[dict[str, Any]]) -> None:
        """Imports devices as they are."""
        body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        call = self.world.session.post(
            self.world.url + "/v1/subscriptions/import",
            data=io.BytesIO(body),
            headers={"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/x-ndjson"},
        )
        async with call as answer:
            said = await answer.json()
        assert answer.status == 200, said
        assert said["rejected"] == 0, said
        # A gateway's clock is right to some milliseconds: nobody comes in the very moment of a send to them.
        await self.world.db.execute(
            "UPDATE subscriptions SET registered_at = registered_at - interval '1 second' WHERE app_id = $1",
            self.app.id,
        )

    async def device_at(self, endpoint: str) -> Device:
        """The device with this endpoint."""
        number = await self.world.db.fetchval(
            "SELECT id FROM subscriptions WHERE app_id = $1 AND position($2::bytea IN wire) > 0",
            self.app.id,
            endpoint.encode(),
        )
        return Device(endpoint, endpoint.rpartition("/")[2], to_text("sub", number))

    async def send(self, audience: dict[str, Any] | None = None, **fields: Any) -> str:
        """The id of a message that got its 202."""
        body = {"audience": audience or {"all": True}, "title": "Evening bell", **fields}
        status, _, said = await self.call("POST", "/v1/messages", body)
        assert status == 202, said
        return said["id"]

    async def message(self, message: str) -> dict[str, Any]:
        """A message with its figures."""
        status, _, said = await self.call("GET", f"/v1/messages/{message}")
        assert status == 200, said
        counts = said["counts"]
        parts = ("skipped", "pending", "sent", "failed", "gone", "expired", "cancelled")
        assert counts["audience"] == sum(counts[part] for part in parts), counts
        return said

    async def done(self, message: str, *, state: str = "done", within_s: float = DONE_S) -> dict[str, Any]:
        """The message, once it is done and its figures are final. They equal the rows."""

        async def is_done() -> dict[str, Any] | None:
            said = await self.message(message)
            return said if said["state"] == state and said["exact"] else None

        said = await until(f"{message} is {state}", is_done, within_s=within_s)
        assert said is not None
        return said

    async def came_to(self, message: str, part: str, n: int, *, within_s: float = DONE_S) -> dict[str, Any]:
        """The message, once so many of its recipients are counted so."""

        async def is_so() -> dict[str, Any] | None:
            said = await self.message(message)
            return said if said["counts"][part] >= n else None

        said = await until(f"{n} of {message} are {part}", is_so, within_s=within_s)
        assert said is not None
        return said

    async def came_to_or_not(self, message: str, part: str, n: int, *, within_s: float) -> dict[str, Any]:
        """The message as it is then, or when the time is up."""
        with contextlib.suppress(TooLate):
            return await self.came_to(message, part, n, within_s=within_s)
        return await self.message(message)

    async def came_to_ledger(self, message: str, n: int, *, within_s: float = DONE_S) -> None:
        """Returns once the push services took so many of it."""

        async def are_there() -> bool:
            return len(await self.world.entries(message)) >= n

        await until(f"{n} of {message} are out", are_there, within_s=within_s)

    async def under_way(self, message: str, *, within_s: float = DONE_S) -> None:
        """Returns once a worker has a part of it in hand."""

        async def is_claimed() -> bool:
            return await self.world.db.fetchval(
                "SELECT count(*) > 0 FROM chunks WHERE msg_id = $1 AND state = 1", from_text("msg", message)
            )

        await until(f"{message} is under way", is_claimed, within_s=within_s, every_s=0.01)

    async def at_rest(self, message: str, *, within_s: float = DONE_S) -> int:
        """How many the push services took, once nobody holds a chunk of it any more."""

        async def is_at_rest() -> bool:
            return not await self.world.db.fetchval(
                "SELECT count(*) FROM chunks WHERE msg_id = $1 AND state = 1", from_text("msg", message)
            )

        await until(f"{message} is at rest", is_at_rest, within_s=within_s)
        return len(await self.world.entries(message))

    async def waits(self, message: str, n: int, *, within_s: float = DONE_S) -> None:
        """Returns once `n` recipients of the message wait for another try."""

        async def are_waiting() -> bool:
            waiting = await self.world.db.fetchval(
                "SELECT coalesce(sum(expected - seen), 0) FROM chunks"
                " WHERE msg_id = $1 AND state = 0 AND (attempt > 0 OR due_at > now() + interval '0.3 seconds')",
                from_text("msg", message),
            )
            return waiting == n

        await until(f"{n} recipients wait", are_waiting, within_s=within_s)

    async def end_of(self, message: str, device: Device) -> tuple[str, str | None]:
        """State and reason of one recipient, as the shop is told."""
        _, _, said = await self.call("GET", f"/v1/messages/{message}/recipients?subscription={device.id}")
        one = said["data"][0]
        return one["state"], one["reason"]

    async def is_kept(self, device: Device) -> bool:
        """Whether the device is still sent to."""
        state = await self.world.db.fetchval("SELECT state FROM subscriptions WHERE id = $1", device.number)
        return state == 0

    async def tokens_reached(self, message: str) -> list[str]:
        """Which endpoints took the message, in order of time."""
        return [entry.token for entry in await self.world.entries(message)]


@asynccontextmanager
async def running_world(
    db: Database, sandbox: Sandbox, *, shifty_port: int, master_key: bytes | None = None, places: Path | None = None
) -> AsyncGenerator[World]:
    """The gateway serves for the length of the block. `places`: a file of places; calls say where they come from."""
    clock = MovedClock()
    await clock.sync(db)
    vault = Vault(master_key or secrets.token_bytes(32))
    await ensure_installation(db, vault)
    port = free_port()
    settings = Settings(
        bind=f"{HOST}:{port}",
        database_url="set",
        sandbox=True,
        lease_s=5,
        born_claimed_lease_s=5,
        drain_s=2,
        groups_in_flight=1,
        geo_db="off" if places is None else str(places),
        trusted_proxies="" if places is None else HOST,
    )
    egress = sandbox.egress_settings()
    policy = EgressPolicy.of(
        defaults=[*(host for name in names() for host in find(name).hosts), f"{SHIFTY}:{shifty_port}"],
        allow=egress["STEEPLE_EGRESS_ALLOW"].split(","),
        resolve=[*egress["STEEPLE_EGRESS_RESOLVE"].split(","), f"{STRANGER}:443={HOST}:{sandbox.tls_port}"],
        sandbox=True,
        ca_file=sandbox.ca_path,
    )
    worlds: list[World] = []

    async def lookup(host: str, to_port: int) -> Sequence[str]:
        return await worlds[0].lookup(host, to_port)

    async with (
        HttpClient(policy, connections_max=256, deadline_s=DEADLINE_S, lookup=lookup) as http,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        real = DatabaseClock()
        await real.sync(db)
        wire = wire_on(http, policy, real.now_s)
        base = _base(settings, db, vault, {name: find(name)(wire) for name in names()}, clock, role="api")
        world = World(base, sandbox, clock, session)
        worlds.append(world)
        worker_place = Place(role="worker", process_id=2, predecessor=None, pid=2)
        worker = msgspec.structs.replace(base, place=worker_place, board=StillBoard(db, clock, role="worker"))
        async with _serving(base, worker):
            yield world


def _base(settings: Settings, db: Database, vault: Vault, transports: Any, clock: MovedClock, *, role: str) -> Base:
    place = Place(role=role, process_id=1, predecessor=None, pid=1)
    board = StillBoard(db, clock, role=role)
    return Base(settings, place, db, vault, Keyring(db, vault), transports, clock, board, random.Random(7))


@asynccontextmanager
async def _serving(base: Base, worker: Base) -> AsyncGenerator[None]:
    stop = asyncio.Event()
    roles = [
        composition.serve_api(base, stop),
        composition.serve_worker(worker, stop),
        composition.serve_loops(
            msgspec.structs.replace(base, place=Place(role="loops", process_id=3, predecessor=None, pid=3)), stop
        ),
    ]
    running = [asyncio.create_task(role) for role in roles]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)
