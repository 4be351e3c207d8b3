"""pywebpush at its best with asyncio: one aiohttp session for all, many at once, uvloop, the key parsed once."""

import asyncio
import ssl
from collections.abc import Iterator

import aiohttp
import uvloop
from py_vapid import Vapid
from pywebpush import webpush_async

from benchmarks.peers.order import Clock, Order, Push, read_order


async def _run(order: Order, session: aiohttp.ClientSession, key: Vapid, pushes: Iterator[Push]) -> None:
    for push in pushes:
        await webpush_async(
            push.address,
            push.payload,
            vapid_private_key=key,
            vapid_claims={"sub": order.credential["subject"]},
            ttl=order.ttl_s,
            timeout=aiohttp.ClientTimeout(total=30),  # type: ignore[arg-type]  # a bare number, as it says, is deprecated by aiohttp
            aiohttp_session=session,
        )


async def _send(order: Order, session: aiohttp.ClientSession, key: Vapid, start: int, end: int) -> None:
    pushes = iter(order.pushes[start:end])
    async with asyncio.TaskGroup() as runners:
        for _ in range(order.concurrency):
            runners.create_task(_run(order, session, key, pushes))


async def _main(order: Order) -> None:
    key = Vapid.from_string(order.credential["private_key"])
    connector = aiohttp.TCPConnector(limit=order.concurrency, ssl=ssl.create_default_context(cafile=order.ca_file))
    async with aiohttp.ClientSession(connector=connector) as session:
        await _send(order, session, key, 0, order.warm_up)
        clock = Clock().start()
        await _send(order, session, key, order.warm_up, len(order.pushes))
        clock.score(len(order.pushes) - order.warm_up)


def main() -> None:
    """Sends with `concurrency` runners."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(read_order()))


if __name__ == "__main__":
    main()
