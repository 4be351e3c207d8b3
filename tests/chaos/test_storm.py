"""Connections to Postgres that are cut all the time, on a gateway with a lease that such weather does not outlast."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from tests.chaos.books import Book, judge
from tests.chaos.conftest import DEVICES, filled
from tests.chaos.gateway_process import Serve
from tests.chaos.processes import SandboxProcess
from tests.chaos.test_kill import HEALED_S, a_third_is_out, nothing_was_lost

pytestmark = [pytest.mark.chaos, pytest.mark.nightly, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(240)]

_CUT_ONE = """
    SELECT count(pg_terminate_backend(pid)) FROM
      (SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'steeple%' ORDER BY random() LIMIT 1) one
"""
_CUTS = 100
_EVERY_S = 0.05
_MINUTE_S = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serve(folder: Path, sandbox: SandboxProcess, session: aiohttp.ClientSession) -> AsyncIterator[Serve]:
    """Its lease is long enough for the few seconds in which a worker may not get through to the database."""
    async with filled(
        Serve(folder / "data", [sandbox], session, settings={"STEEPLE_LEASE_S": "12"}), sandbox
    ) as running:
        yield running


async def test_connections_to_postgres_are_cut_all_the_time(serve: Serve, book: Book):
    """F8, four times as hard: twenty a second, also those just being opened; what was sent stays settled."""
    message, topic = await a_third_is_out(serve, book)
    raw = await asyncpg.connect(serve.dsn)
    cut = 0
    try:
        while cut < _CUTS and (book.accepted(topic) < DEVICES or cut < _CUTS // 4):
            cut += await raw.fetchval(_CUT_ONE)
            await asyncio.sleep(_EVERY_S)
    finally:
        await raw.close()
    await nothing_was_lost(serve, book, message, topic)
    await serve.ready(within_s=HEALED_S)


async def test_connections_to_postgres_are_cut_for_a_minute(serve: Serve, book: Book):
    """F8: five a second for a minute, while one message follows the other: nothing is lost, nobody is told twice."""
    raw = await asyncpg.connect(serve.dsn)
    cutting = asyncio.create_task(_cut(raw, every_s=0.2))
    sent: list[str] = []
    try:
        until_s = time.monotonic() + _MINUTE_S
        while time.monotonic() < until_s:
            sent.append(await _sent_stubbornly(serve))
            await serve.shop.done(sent[-1], within_s=60)
    finally:
        cutting.cancel()
        await asyncio.gather(cutting, return_exceptions=True)
        await raw.close()
    said = [await serve.shop.done(message, within_s=60) for message in sent]
    assert len(said) >= 2
    assert all(one["counts"]["sent"] == DEVICES for one in said)
    assert await judge(serve, [book], said, promised=sent) == 0


async def _cut(raw: asyncpg.Connection, *, every_s: float) -> None:
    while True:
        await raw.fetchval(_CUT_ONE)
        await asyncio.sleep(every_s)


async def _sent_stubbornly(serve: Serve) -> str:
    """The id of a message, asked for again under its key until there is a 202."""
    key = str(time.monotonic())
    while True:
        body = {"audience": {"all": True}, "title": "Evening bell"}
        status, said = await serve.shop.call("POST", "/v1/messages", body, key=key)
        if status == 202:
            return said["id"]
        assert status in {409, 503}, said
        await asyncio.sleep(0.1)
