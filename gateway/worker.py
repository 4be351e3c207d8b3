"""Every background loop: its name, its interval, its function. `app.loops_of` has the list."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from gateway.model.errors import StoreUnavailable
from gateway.telemetry import LOOP_RUNS, log


class Loop(msgspec.Struct, frozen=True, eq=False):
    """A function that is run again `every_s` seconds after its end. It is to be safe in several processes at once."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[object]]


async def run(loops: Sequence[Loop], stop: asyncio.Event) -> None:
    """Runs the loops until `stop`; each then finishes the round it is in."""
    async with asyncio.TaskGroup() as tasks:
        for loop in loops:
            tasks.create_task(_keep_running(loop, stop))


async def _keep_running(loop: Loop, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await run_once(loop)
        try:
            async with asyncio.timeout(loop.every_s):
                await stop.wait()
        except TimeoutError:
            continue


async def run_once(loop: Loop) -> bool:
    """One round; whether it went well. A fault of ours is logged and stops neither this loop nor others."""
    try:
        await loop.run()
    except StoreUnavailable:
        LOOP_RUNS.labels(loop.name, "store_unavailable").inc()
        return False
    except Exception as fault:  # noqa: BLE001 - a loop outlives its faults
        LOOP_RUNS.labels(loop.name, "failed").inc()
        log("loops").error("loop_failed", loop=loop.name, exc_info=fault)
        return False
    LOOP_RUNS.labels(loop.name, "ok").inc()
    return True
