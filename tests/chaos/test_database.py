"""The database is there and yet of no use: answers that are lost, no connection to be had, a lock that stays."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from tests.chaos.books import Book, judge
from tests.chaos.commit_cutter import CommitCutter, commit_cutter
from tests.chaos.conftest import filled
from tests.chaos.customer import Customer
from tests.chaos.gateway_process import Serve
from tests.chaos.processes import SandboxProcess, until
from tests.chaos.test_faults import every_promise_is_kept

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(120)]

DEVICES = 6_000
_CONNECTIONS_MAX = 300
_CUTS = 12
_CUT_ALL = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'steeple %'"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def dsn(new_database: Callable[[str], Awaitable[str]]) -> str:
    """The operator's own Postgres."""
    return await new_database("template0")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cutter(dsn: str) -> AsyncIterator[CommitCutter]:
    """What stands between the gateway and Postgres."""
    async with commit_cutter(dsn) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serve(
    folder: Path, sandbox: SandboxProcess, session: aiohttp.ClientSession, cutter: CommitCutter
) -> AsyncIterator[Serve]:
    """A gateway that gets to its database only through the cutter."""
    serve = Serve(folder / "data", [sandbox], session, settings={"STEEPLE_DATABASE_URL": cutter.dsn})
    async with filled(serve, sandbox, DEVICES) as running:
        yield running


async def test_the_answer_to_a_commit_is_lost(
    serve: Serve, book: Book, session: aiohttp.ClientSession, cutter: CommitCutter
):
    """F9: what was committed counts: the same key gets the same message, and nobody is told twice."""
    customer = Customer(serve, session, name="unheard")
    cutter.victims, cutter.every = "steeple api", 2
    ordering = asyncio.create_task(customer.run(every_s=0.02))

    async def has_cut_enough() -> bool:
        return cutter.cut >= _CUTS

    await until("enough answers were lost", has_cut_enough, within_s=30)
    cutter.victims = ""
    customer.stop()
    await ordering
    assert customer.replays > 0, "no order was committed and unheard of: nothing was proved"
    await every_promise_is_kept(serve, book, customer)
    said = [await serve.shop.message(message) for message in customer.promised.values()]
    assert await judge(serve, [book], said, promised=customer.promised.values()) == 0


async def test_no_connection_is_to_be_had(serve: Serve, book: Book, dsn: str):
    """F10: somebody else holds every connection that Postgres has. Callers hear 503 within a second, and why."""
    mine = await asyncpg.connect(dsn)
    hoard: list[asyncpg.Connection] = []
    try:
        await _take_all(dsn, mine, hoard)
        answers = await asyncio.gather(*(_timed_order(serve) for _ in range(30)))
        assert {status for status, _ in answers} == {503}, answers
        assert max(seconds for _, seconds in answers) < 1.0, answers
        assert not await serve.is_ready()
        assert (await serve.shop.call("GET", "/livez", within_s=1))[0] == 200
    finally:
        for connection in hoard:
            connection.terminate()
        await mine.close()
    await serve.ready(within_s=30)
    message = await serve.shop.send()
    said = await serve.shop.done(message, within_s=40)
    assert said["counts"]["sent"] == DEVICES
    assert await judge(serve, [book], [said], promised=[message]) == 0


async def _take_all(dsn: str, mine: asyncpg.Connection, hoard: list[asyncpg.Connection]) -> None:
    """Opens connections until there are none, and cuts the gateway's own until all of those are ours as well."""
    async with asyncio.timeout(40):
        while len(hoard) < _CONNECTIONS_MAX:
            try:
                hoard.append(await asyncpg.connect(dsn))
            except asyncpg.TooManyConnectionsError:
                if not await mine.fetchval(_CUT_ALL):
                    return
    raise AssertionError(f"Postgres gave more than {_CONNECTIONS_MAX} connections")


async def _timed_order(serve: Serve) -> tuple[int, float]:
    began_s = time.monotonic()
    status, _ = await serve.shop.call("POST", "/v1/messages", {"audience": {"users": ["u1"]}, "title": "Now"})
    return status, time.monotonic() - began_s


async def test_somebody_locks_the_devices(serve: Serve, book: Book, dsn: str):
    """F11: a lock on the table of devices that stays. Callers hear 503 in the end, none hangs, nothing piles up.

    A message that is under way goes on afterwards, and tells nobody twice.
    """
    message = await serve.shop.send()
    await serve.shop.came_to(message, "sent", 500, within_s=30)
    mine = await asyncpg.connect(dsn)
    try:
        lock = mine.transaction()
        await lock.start()
        await mine.execute("LOCK TABLE subscriptions IN ACCESS EXCLUSIVE MODE")
        answers = await asyncio.gather(*(_timed_order(serve) for _ in range(40)))
        assert {status for status, _ in answers} <= {202, 503}, answers
        # A statement waits five seconds for a lock; who came while others waited is in the commit after theirs.
        assert max(seconds for _, seconds in answers) < 12.0, answers
        waiting = await mine.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
        assert waiting <= 20, f"{waiting} sessions queue behind the lock"
        await lock.rollback()
    finally:
        await mine.close()
    said = await serve.shop.done(message, within_s=40)
    assert said["counts"]["sent"] == DEVICES
    assert await judge(serve, [book], [said], promised=[message]) == 0
    assert (await _timed_order(serve))[0] == 202
