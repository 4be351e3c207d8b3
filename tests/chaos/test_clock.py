"""A wall clock that jumps, on one worker of two. Its monotonic clock goes on as it was."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.chaos.books import Book
from tests.chaos.conftest import DEVICES, filled
from tests.chaos.gateway_process import Serve
from tests.chaos.processes import SandboxProcess, until
from tests.chaos.test_kill import a_third_is_out, nothing_was_lost

pytestmark = [pytest.mark.chaos, pytest.mark.nightly, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(180)]

Refusals = Callable[[], Awaitable[int]]
_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


@pytest.fixture(scope="module")
def faked(folder: Path) -> dict[str, str]:
    """The environment of a process whose wall clock is what `jump` says."""
    if not _LIBRARIES:
        pytest.skip("libfaketime is not installed")
    return {
        "LD_PRELOAD": str(_LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serve(
    folder: Path, sandbox: SandboxProcess, session: aiohttp.ClientSession, faked: dict[str, str]
) -> AsyncIterator[Serve]:
    """One worker of its own, and one in a second tree of processes whose clock is faked."""
    _jump(folder, "+0")
    first = Serve(folder / "data", [sandbox], session, settings={"STEEPLE_WORKERS": "1"})
    async with filled(first, sandbox) as running:
        assert running.dsn is not None
        settings = {"STEEPLE_WORKERS": "1", "STEEPLE_DATABASE_URL": running.dsn, **faked}
        second = Serve(folder / "data", [sandbox], session, settings=settings, roles="worker")
        try:
            await second.start()

            async def both_are_heard() -> bool:
                rows = await running.fetch("SELECT count(*) AS n FROM processes WHERE role = 'worker'")
                return rows[0]["n"] == 2

            await until("both workers are heard", both_are_heard, within_s=30)
            yield running
        finally:
            await second.clean_up()


@pytest.fixture
def refusals(sandbox: SandboxProcess, session: aiohttp.ClientSession) -> Refusals:
    """How many signatures were refused so far."""

    async def count() -> int:
        return (await sandbox.counted(session)).get("refused_401", 0)

    return count


def _jump(folder: Path, to: str) -> None:
    (folder / "clock").write_text(f"{to}\n")


def _wall_clock(faked: dict[str, str]) -> datetime:
    code = "import time; print(time.time())"
    said = subprocess.run([sys.executable, "-c", code], env=faked, capture_output=True, check=True, text=True)
    return datetime.fromtimestamp(float(said.stdout), UTC)


@pytest.mark.parametrize(("to", "hours"), [("+2h", 2), ("-2h", -2)])
async def test_the_wall_clock_of_a_worker_jumps(  # noqa: PLR0917 - fixtures
    serve: Serve, book: Book, refusals: Refusals, folder: Path, faked: dict[str, str], to: str, hours: int
):
    """F35: nothing is sent early, no lease is stolen, every signature is valid, nobody is told twice."""
    later = await serve.shop.send(schedule={"at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()})
    refused = await refusals()
    message, topic = await a_third_is_out(serve, book)
    _jump(folder, to)
    assert abs(_wall_clock(faked) - datetime.now(UTC) - timedelta(hours=hours)) < timedelta(minutes=1)
    assert await nothing_was_lost(serve, book, message, topic) == 0
    again = await serve.shop.send()
    said = await serve.shop.done(again, within_s=60)
    assert said["counts"]["sent"] == DEVICES
    assert (await serve.shop.message(later))["state"] == "scheduled"
    assert await refusals() == refused
    await serve.shop.call("POST", f"/v1/messages/{later}/cancel")
    _jump(folder, "+0")
    await asyncio.sleep(0.1)
