"""The operator has a Postgres of their own: one whole journey of the real processes on it, named by its URL."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.chaos.books import Book, judge, topic_of_message
from tests.chaos.gateway_process import Serve
from tests.chaos.processes import sandbox_process

DEVICES = 1_200
OpenFolder = Callable[[], contextlib.AbstractContextManager[Path]]


@pytest.mark.timeout(120)
async def test_a_gateway_lives_on_a_database_of_the_operators(empty_dsn: str, open_folder: OpenFolder):
    """Schema, app, import, campaign and a single message; after a stop the database is there with all of it."""
    with open_folder() as folder:
        async with sandbox_process(folder) as sandbox, aiohttp.ClientSession() as session:
            serve = Serve(folder / "keys only", [sandbox], session, settings={"STEEPLE_DATABASE_URL": empty_dsn})
            try:
                await serve.start()
                await serve.make_app()
                await serve.shop.fill(sandbox, DEVICES)
                book = Book(sandbox.ledger)
                campaign = await serve.shop.send()
                said = await serve.shop.done(campaign, within_s=60)
                assert said["counts"]["sent"] == said["counts"]["audience"] == DEVICES, said
                assert book.copies(await topic_of_message(serve, campaign)).reached == DEVICES
                single = await serve.shop.send(audience={"users": ["u7"]})
                also_said = await serve.shop.done(single, within_s=10)
                assert also_said["counts"]["sent"] == 1
                assert await judge(serve, [book], [said, also_said], promised=[campaign, single]) == 0
                assert await serve.stop() == 0
            finally:
                await serve.clean_up()
            assert not (folder / "keys only" / "postgres").exists(), "no embedded Postgres was made"
    raw = await asyncpg.connect(empty_dsn)
    try:
        assert await raw.fetchval("SELECT count(*) FROM messages WHERE state = 4") == 2
    finally:
        await raw.close()
