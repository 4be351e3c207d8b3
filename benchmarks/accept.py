"""Single sends through the real API: how many a second are accepted, how long a caller waits, what it all costs.

Load client, API, Postgres and delivery share the machine: nothing is left out of the figures.
"""

import asyncio
import sys
import time
from typing import Final
from urllib.parse import urlsplit

import msgspec

from benchmarks.accept_client import Answer, Order
from benchmarks.processes import CpuMeter
from benchmarks.serving import Served, Shop, Stopped

_DRAIN_S: Final = 300.0
_PERCENTILES: Final = (0.5, 0.99)


class Accepting(msgspec.Struct, frozen=True, kw_only=True):
    """What the load client saw, what it cost, and how long after the 202 the outcome was recorded."""

    client: Answer
    rate: float | None
    connections: int
    cpu_us: dict[str, float]
    """Per message, by group of processes, delivery included."""
    sent_p50_ms: float
    sent_p99_ms: float
    drain_s: float
    """From the last 202 until everything was sent and recorded."""

    @property
    def per_s(self) -> float:
        """Accepted messages a second."""
        return self.client.accepted / self.client.seconds


async def accept(
    served: Served, shop: Shop, *, persons: int, connections: int, seconds: float, warm_up_s: float, rate: float | None
) -> Accepting:
    """Runs the load client, waits until everything it sent has arrived, and counts. Raises `Stopped` if any is lost."""
    arrived_before = await asyncio.to_thread(served.sink.pushes)
    began_at = await served.db.fetchval("SELECT now()")
    meter = CpuMeter(served.groups).start()
    client = await run_client(
        served, shop, persons=persons, connections=connections, seconds=seconds, warm_up_s=warm_up_s, rate=rate
    )
    ended_s = time.perf_counter()
    await _drained(served, shop)
    drain_s = time.perf_counter() - ended_s
    spent = meter.stop()
    arrived = await asyncio.to_thread(served.sink.pushes) - arrived_before
    if client.refused or arrived != client.posted:
        raise Stopped(f"{client.posted} messages were accepted, {client.refused} refused, and {arrived} arrived.")
    row = await served.db.fetchrow(
        "SELECT percentile_cont($3::float8[]) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at))"
        " FROM messages WHERE app_id = $1 AND created_at >= $2",
        shop.app.id,
        began_at,
        list(_PERCENTILES),
    )
    assert row is not None
    half, most = row[0]
    return Accepting(
        client=msgspec.structs.replace(client, due_at_s={}),
        rate=rate,
        connections=connections,
        cpu_us={name: used / max(1, client.posted) * 1e6 for name, used in spent.items()},
        sent_p50_ms=float(half) * 1000,
        sent_p99_ms=float(most) * 1000,
        drain_s=drain_s,
    )


async def run_client(
    served: Served, shop: Shop, *, persons: int, connections: int, seconds: float, warm_up_s: float, rate: float | None
) -> Answer:
    """Runs the load client as a process of its own."""
    address = urlsplit(served.url)
    assert address.hostname is not None
    assert address.port is not None
    order = Order(
        host=address.hostname, port=address.port, api_key=shop.api_key, persons=persons,
        connections=connections, seconds=seconds, warm_up_s=warm_up_s, rate=rate,
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.accept_client",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate(msgspec.json.encode(order))
    if process.returncode:
        raise Stopped("The load client failed; see above.")
    return msgspec.json.decode(output, type=Answer)


async def _drained(served: Served, shop: Shop) -> None:
    until_s, left = time.monotonic() + _DRAIN_S, 0
    while time.monotonic() < until_s:
        left = await served.db.fetchval("SELECT count(*) FROM messages WHERE app_id = $1 AND state < 4", shop.app.id)
        if not left:
            return
        await asyncio.sleep(0.05)
    raise Stopped(f"{left} messages were not sent {_DRAIN_S:.0f} s after they were accepted.")
