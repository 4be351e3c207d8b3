"""A gateway's API over real HTTP, on a database of its own. Nothing is sent here: orders are left to workers."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from gateway.analytics.ingest import Ingest
from gateway.analytics.opt_ins import OptIns
from gateway.api import routes
from gateway.api.server import listen
from gateway.api.services import Services
from gateway.config import Settings
from gateway.sending.accept import Acceptor
from gateway.store import partitions
from gateway.store.database import Database
from gateway.subscribers.enrol import Enroller
from gateway.subscribers.fences import Fences
from gateway.subscribers.tracking import Tracker
from gateway.tenancy.api_keys import ApiKeys
from gateway.tenancy.installation import ensure_installation
from gateway.tenancy.keyring import Keyring
from gateway.transports import find, names
from gateway.transports.base import Wire
from gateway.wire.egress import EgressPolicy
from gateway.wire.pool import HttpClient
from gateway.wire.vault import Vault
from tests.api.world import Gateway, Shop
from tests.transports.fakes import wire_on

ORIGIN = "https://shop.example"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api_database(
    new_database: Callable[[str], Awaitable[str]], migrated_template: str
) -> AsyncIterator[Database]:
    """One database for all tests of the API: they keep apart by having apps of their own."""
    database = await Database.open(await new_database(migrated_template), name="steeple-api-test")
    await partitions.ensure(database, today=datetime.now(UTC).date())
    yield database
    await database.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def wire() -> AsyncIterator[Wire]:
    """Push services by name only; no test sends."""
    policy = EgressPolicy.of(defaults=[host for name in names() for host in find(name).hosts])
    http = HttpClient(policy, connections_max=1)
    yield wire_on(http, policy, lambda: 0.0)
    await http.aclose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def make_gateway(
    api_database: Database, wire: Wire, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Any]:
    """Starts a gateway's API with these settings; all are stopped in the end."""
    running: list[tuple[web.AppRunner, Services]] = []
    vault = Vault(secrets.token_bytes(32))
    await ensure_installation(api_database, vault)
    sdk = tmp_path_factory.mktemp("sdk built")
    (sdk / "steeple.js").write_text("/*! Steeple 9.8.7 | MIT */\nself.x=1;\n")
    (sdk / "worker.js").write_text("/*! Steeple 9.8.7 | MIT */\nself.y=1;\n")
    (sdk / "attic.js").write_text("/*! Steeple 9.8.7 | MIT */\nself.z=1;\n")
    (sdk / "words-nl.json").write_text('{"by":"Steeple 9.8.7","yes":"Ja"}\n')
    (sdk / "Notes.js").write_text("not ours\n")

    async def make(**given: Any) -> Gateway:
        settings = msgspec.convert({"public_url": "https://push.example", "rate_public": 10_000, **given}, Settings)
        services = _services(api_database, vault, wire, sdk, settings)
        runner = await listen(
            routes.build(services), host="127.0.0.1", port=0, url=settings.url, trusted_proxies=settings.trusted_proxies
        )
        running.append((runner, services))
        return Gateway(f"http://127.0.0.1:{runner.addresses[0][1]}", services)

    yield make
    for runner, services in running:
        await runner.cleanup()
        await services.acceptor.aclose()
        await services.ingest.aclose()
        await services.opt_ins.aclose()
        await services.tracker.aclose()


def _services(database: Database, vault: Vault, wire: Wire, sdk: Path, settings: Settings) -> Services:
    keyring = Keyring(database, vault)
    transports = {name: find(name)(wire) for name in names()}

    async def is_ready() -> list[str]:
        return [] if await database.ping() else ["database"]

    return Services(
        settings=settings,
        database=database,
        keyring=keyring,
        api_keys=ApiKeys(database),
        enroller=Enroller(database, keyring, transports),
        fences=Fences(database),
        acceptor=Acceptor(database, sender=None, born_claimed_lease_s=30, clock=lambda: datetime.now(UTC)),
        transports=transports,
        vault=vault,
        ingest=Ingest(database, keyring),
        opt_ins=OptIns(database),
        tracker=Tracker(database),
        sdk_folder=sdk,
        started_at=datetime.now(UTC),
        is_ready=is_ready,
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(make_gateway: Any) -> Gateway:
    """A gateway as it comes."""
    return await make_gateway()


@pytest_asyncio.fixture(loop_scope="session")
async def changed(gateway: Gateway) -> AsyncIterator[Any]:
    """Starts the same gateway with some of its services replaced."""
    running: list[web.AppRunner] = []

    async def start(**services: Any) -> Gateway:
        given = msgspec.structs.replace(gateway.services, **services)
        runner = await listen(routes.build(given), host="127.0.0.1", port=0, url="https://push.example")
        running.append(runner)
        return Gateway(f"http://127.0.0.1:{runner.addresses[0][1]}", given)

    yield start
    for runner in running:
        await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="session")
async def shop(gateway: Gateway) -> AsyncIterator[Shop]:
    """An app with a key that may do everything in it."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield await gateway.new_shop(session, origins=[ORIGIN])


@pytest_asyncio.fixture(loop_scope="session")
async def rival(gateway: Gateway) -> AsyncIterator[Shop]:
    """Another app of the same gateway."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield await gateway.new_shop(session, origins=["https://rival.example"])
