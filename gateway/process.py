"""One process of the gateway, as the supervisor starts it: `python -m gateway.process FD`.

FD is one end of a socket pair, the only tie to the supervisor. The first line that comes is the order (who to be, and
the settings: secrets travel here rather than in arguments or the environment, which other programs can read). Later
lines ask for metrics. Where it cannot serve for a reason that no restart mends, it says so in a last line of its own
and ends with code `REFUSED`. When the supervisor is gone the socket closes, and the process stops as if told to.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import uvloop
from prometheus_client import generate_latest

import gateway
from gateway.app import Base, Place, open_base, serve_api, serve_loops, serve_worker
from gateway.config import Settings
from gateway.model.errors import GatewayError
from gateway.telemetry import BUILD_INFO, DB_POOL, LOOP_LAG_SECONDS, REGISTRY, log, set_up_logs

REFUSED: Final = os.EX_CONFIG
"""Exit code of a process that would fail the same way again: somebody has to change something first."""
_LASTING: Final = frozenset({"setting_invalid", "master_key_missing"})
METRICS_PLEASE: Final = b"metrics\n"
ORDER_BYTES_MAX: Final = 1024 * 1024
_LAG_EVERY_S: Final = 1.0
_COLLECT_AFTER: Final = 50_000
"""New objects until the youngest are looked through; Python's default is 700. Memory stays flat, see benchmarks."""

_SERVE: Final[dict[str, Callable[[Base, asyncio.Event], Awaitable[None]]]] = {
    "api": serve_api,
    "worker": serve_worker,
    "loops": serve_loops,
}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor wants of this process."""

    role: str
    process_id: int
    predecessor: int | None
    settings: Settings


class Refusal(msgspec.Struct, frozen=True):
    """Why a process cannot serve: a code of `model.errors` and a sentence."""

    code: str
    message: str


class Child:
    """This process and its tie to the supervisor."""

    def __init__(self, order: Order, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._order = order
        self._reader = reader
        self._writer = writer
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Serves until told to stop; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        place = Place(
            role=self._order.role,
            process_id=self._order.process_id,
            predecessor=self._order.predecessor,
            pid=os.getpid(),
        )
        try:
            async with open_base(self._order.settings, place) as base:
                BUILD_INFO.labels(gateway.__version__, place.role).set(1)
                tasks = [asyncio.create_task(self._answer(base)), asyncio.create_task(_watch_lag())]
                log(place.role).info("process_started", process=place.process_id)
                await _SERVE[place.role](base, self._stop)
                for task in tasks:
                    task.cancel()
        except GatewayError as fault:
            log(place.role).error("process_failed", code=fault.code, message=fault.message)
            return await self._refuse(fault) if fault.code in _LASTING else 1
        log(place.role).info("process_ended", process=place.process_id)
        return 0

    async def _refuse(self, fault: GatewayError) -> int:
        with contextlib.suppress(OSError):
            self._writer.write(msgspec.json.encode(Refusal(fault.code, fault.message)) + b"\n")
            await self._writer.drain()
        return REFUSED

    async def _answer(self, base: Base) -> None:
        """Answers the supervisor's questions; its end is our order to stop."""
        while line := await self._reader.readline():
            if line == METRICS_PLEASE:
                DB_POOL.labels("busy").set(base.db.busy)
                DB_POOL.labels("idle").set(base.db.idle)
                text = generate_latest(REGISTRY)
                self._writer.write(b"%d\n" % len(text) + text)
                await self._writer.drain()
        if not self._stop.is_set():
            log(self._order.role).warning("supervisor_gone")
            self._stop.set()


async def _watch_lag() -> None:
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + _LAG_EVERY_S
        await asyncio.sleep(_LAG_EVERY_S)
        LOOP_LAG_SECONDS.set(max(0.0, loop.time() - due_s))


async def _child(sock: socket.socket) -> int:
    reader, writer = await asyncio.open_unix_connection(sock=sock, limit=ORDER_BYTES_MAX)
    order = msgspec.json.decode(await reader.readline(), type=Order)
    set_up_logs(order.settings.log, role=order.role)
    return await Child(order, reader, writer).run()


def _spare_the_collector() -> None:
    """Modules and tables live as long as the process: going through them again and again held up requests for 20 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 50)


def main() -> int:
    """Runs the process that the supervisor ordered."""
    _spare_the_collector()
    sock = socket.socket(fileno=int(sys.argv[1]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_child(sock))


if __name__ == "__main__":
    sys.exit(main())
