"""A backup is restored while the world has moved on."""

import asyncio
import shutil
from pathlib import Path

import aiohttp
import pytest

from tests.chaos.books import Book
from tests.chaos.gateway_process import LEASE_S, Serve
from tests.chaos.processes import SandboxProcess, run_steeple
from tests.chaos.shop import Shop
from tests.chaos.test_kill import DONE_S, a_third_is_out

pytestmark = [pytest.mark.chaos, pytest.mark.nightly, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(240)]


async def test_a_restored_backup_sends_nothing_by_itself(
    serve: Serve, book: Book, folder: Path, sandbox: SandboxProcess, session: aiohttp.ClientSession
):
    """F44: what was under way at the backup went out after it; the restored gateway waits for its operator's word."""
    message, topic = await a_third_is_out(serve, book)
    backup = folder / "then.dump"
    await run_steeple("backup", str(backup), environ=serve.environ)
    await serve.shop.done(message, within_s=DONE_S)
    assert await serve.stop() == 0
    reached = book.accepted(topic)

    restored = Serve(folder / "restored data", [sandbox], session)
    restored.data_dir.mkdir(mode=0o755)
    shutil.copy2(serve.data_dir / "master.key", restored.data_dir)
    said = await run_steeple("restore", str(backup), environ=restored.environ)
    assert said["paused"] == 1
    try:
        await restored.start()
        await asyncio.sleep(LEASE_S + 2)  # what dead workers held is free again by then
        shop = Shop(restored.url, session, serve.shop.app)
        assert (await shop.message(message))["state"] == "paused"
        assert book.accepted(topic) == reached
        assert (await shop.call("POST", f"/v1/messages/{message}/cancel"))[0] == 200
        counts = (await shop.done(message, within_s=DONE_S, state="cancelled"))["counts"]
        assert counts["cancelled"] > 0
    finally:
        await restored.clean_up()
