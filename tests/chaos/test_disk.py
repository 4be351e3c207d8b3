"""Full disks: that of the database, and that of the logs."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.chaos.books import Book, judge
from tests.chaos.conftest import filled
from tests.chaos.gateway_process import Serve
from tests.chaos.processes import SandboxProcess, until

pytestmark = [pytest.mark.chaos, pytest.mark.nightly, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(150)]

DEVICES = 4_000
_DISK_MIB = 320
_MIB = 1024 * 1024


@pytest.fixture(scope="module")
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own for the database."""
    place = folder / "small disk"
    place.mkdir(mode=0o755)
    mounted = os.geteuid() == 0 and _runs("mount", "-t", "tmpfs", "-o", f"size={_DISK_MIB}m,mode=755", "none", place)
    if not mounted:
        pytest.skip("a small disk of its own needs the right to mount one")
    try:
        yield place
    finally:
        _runs("umount", "--lazy", place)


def _runs(*command: str | Path) -> bool:
    return subprocess.run(list(map(str, command)), capture_output=True, check=False).returncode == 0


async def test_the_disk_of_the_database_is_full(
    small_disk: Path, sandbox: SandboxProcess, session: aiohttp.ClientSession, book: Book
):
    """F12: orders hear 503 until there is space again; what had a 202 is kept, and what was under way goes on."""
    serve = Serve(small_disk / "data", [sandbox], session)
    async with filled(serve, sandbox, DEVICES):
        under_way = await serve.shop.send()
        await serve.shop.came_to(under_way, "sent", 300, within_s=30)
        ballast = small_disk / "ballast"
        _fill(ballast)
        promised, refusals = await _order_until_refused(serve)
        assert refusals >= 20
        ballast.unlink()
        await serve.ready(within_s=60)
        promised.append(await serve.shop.send(audience={"users": ["u1"]}))
        said = [await serve.shop.done(message, within_s=60) for message in [under_way, *promised]]
        assert said[0]["counts"]["sent"] == DEVICES
        assert all(one["counts"]["sent"] == 1 for one in said[1:])
        assert await judge(serve, [book], said, promised=[under_way, *promised]) == 0


def _fill(ballast: Path) -> None:
    """Takes every block that is left."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for piece in (_MIB, 4096):
            with contextlib.suppress(OSError):
                while file.write(b"\1" * piece):
                    pass


async def _order_until_refused(serve: Serve) -> tuple[list[str], int]:
    """Orders until twenty in a row were refused: the messages that got a 202, and how often there was a refusal.

    No answer at all counts as one: the shop asks again then, with its key.
    """
    promised: list[str] = []
    refusals = in_a_row = 0
    async with asyncio.timeout(60):
        while in_a_row < 20:
            key = f"full-{len(promised)}-{refusals}"
            body = {"audience": {"users": ["u1"]}, "title": "Is there space?", "data": {"ballast": "x" * 2000}}
            status, said = await serve.shop.call("POST", "/v1/messages", body, key=key)
            assert status in {202, 503}, said
            if status == 202:
                promised.append(said["id"])
                in_a_row = 0
            else:
                refusals += 1
                in_a_row += 1
                await asyncio.sleep(0.1)
    return promised, refusals


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mute(folder: Path, sandbox: SandboxProcess, session: aiohttp.ClientSession) -> AsyncIterator[Serve]:
    """A gateway whose standard error goes to a disk that is always full."""
    serve = Serve(folder / "mute", [sandbox], session)
    async with filled(serve, sandbox, DEVICES) as running:
        assert await running.stop() == 0  # the first start tells the admin's key, which nobody may miss
        running.log_into(Path("/dev/full"))
        await running.start()
        yield running


async def test_the_disk_of_the_logs_is_full(mute: Serve, book: Book):
    """F13: not a line can be written, and the gateway serves, sends and heals itself; it counts what it dropped."""
    message = await mute.shop.send()
    await mute.shop.came_to(message, "sent", 100, within_s=30)
    await mute.kill(await mute.pid_of("worker"))
    said = await mute.shop.done(message, within_s=60)
    assert said["counts"]["sent"] == DEVICES
    await mute.ready(within_s=30)
    await judge(mute, [book], [said], promised=[message])

    async def counts_them() -> bool:
        return await mute.metric("steeple_log_lines_dropped_total") > 0

    await until("dropped lines are counted", counts_them, within_s=10)
    assert await mute.stop() == 0
