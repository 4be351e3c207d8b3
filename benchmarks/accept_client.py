"""A shop's server that sends single messages as fast as it may: `python -m benchmarks.accept_client`, order on stdin.

A process of its own, on raw sockets, so that the load costs little and what it costs is told apart. Closed loop: each
connection posts again when it has its answer. Paced (`rate`): posts are due at fixed times whether or not the gateway
keeps up, and latency counts from when a post was due, so that a stall is felt by all who waited in it.
"""

import asyncio
import resource
import sys
import time
from collections import deque
from typing import Any

import msgspec
import uvloop

from benchmarks.connection import Connection


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to do. rate: posts a second over all connections; None: closed loop."""

    host: str
    port: int
    api_key: str
    persons: int
    connections: int
    seconds: float
    warm_up_s: float
    rate: float | None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, after the warm-up. posted: all that were accepted, the warm-up's too."""

    accepted: int
    refused: int
    posted: int
    seconds: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    cpu_us: float
    """Of this client, per message."""
    due_at_s: dict[int, float]
    """When each message was due, in Unix seconds by the number of its person; of those accepted after the warm-up."""


class Load:
    """All connections of one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._taken: list[float] = []
        self._refused = 0
        self._posted = 0
        self._numbers = 0
        self._count_from_s = 0.0
        self._cpu_from_s = 0.0
        self._due_at_s: dict[int, float] = {}
        self._unix_s = time.time() - time.perf_counter()

    async def run(self) -> Answer:
        """Posts for the order's time."""
        order = self._order
        loop = asyncio.get_running_loop()
        connections = [
            (await loop.create_connection(Connection, order.host, order.port))[1] for _ in range(order.connections)
        ]
        began_s = time.perf_counter()
        self._count_from_s = began_s + order.warm_up_s
        loop.call_later(order.warm_up_s, self._note_cpu)
        until_s = self._count_from_s + order.seconds
        if order.rate is None:
            await asyncio.gather(*(self._closed(connection, until_s) for connection in connections))
        else:
            await self._paced(connections, began_s, until_s, order.rate)
        seconds = time.perf_counter() - self._count_from_s
        return self._summed(seconds, _cpu_s() - self._cpu_from_s)

    def _note_cpu(self) -> None:
        self._cpu_from_s = _cpu_s()

    async def _closed(self, connection: Connection, until_s: float) -> None:
        while (due_s := time.perf_counter()) < until_s:
            await self._one(connection, due_s)

    async def _paced(self, connections: list[Connection], began_s: float, until_s: float, rate: float) -> None:
        free: asyncio.Queue[Connection] = asyncio.Queue()
        for connection in connections:
            free.put_nowait(connection)
        under_way: set[asyncio.Task[None]] = set()
        waiting: deque[float] = deque()
        number = 0
        while (now_s := time.perf_counter()) < until_s or waiting:
            while now_s < until_s and began_s + number / rate <= now_s:
                waiting.append(began_s + number / rate)
                number += 1
            if not waiting:
                await asyncio.sleep(max(0.0, began_s + number / rate - now_s))
                continue
            task = asyncio.create_task(self._with_free(free, await free.get(), waiting.popleft()))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _with_free(self, free: "asyncio.Queue[Connection]", connection: Connection, due_s: float) -> None:
        try:
            await self._one(connection, due_s)
        finally:
            free.put_nowait(connection)

    async def _one(self, connection: Connection, due_s: float) -> None:
        person = self._next_person()
        status = await connection.post(self._request(person))
        now_s = time.perf_counter()
        self._posted += status == 202
        if due_s < self._count_from_s:
            return
        if status == 202:
            self._taken.append(now_s - due_s)
            self._due_at_s[person] = self._unix_s + due_s
        else:
            self._refused += 1

    def _next_person(self) -> int:
        self._numbers += 1
        return self._numbers % self._order.persons

    def _request(self, person: int) -> bytes:
        """A message to this person, as a shop's server posts it when an order is shipped."""
        body = msgspec.json.encode(_message(self._numbers, person))
        order = self._order
        return (
            f"POST /v1/messages HTTP/1.1\r\nHost: {order.host}:{order.port}\r\n"
            f"Authorization: Bearer {order.api_key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def _summed(self, seconds: float, cpu_s: float) -> Answer:
        taken = sorted(self._taken)
        accepted = len(taken)
        return Answer(
            accepted=accepted,
            refused=self._refused,
            posted=self._posted,
            seconds=seconds,
            p50_ms=taken[accepted // 2] * 1000 if taken else 0.0,
            p99_ms=taken[int(accepted * 0.99)] * 1000 if taken else 0.0,
            worst_ms=taken[-1] * 1000 if taken else 0.0,
            cpu_us=cpu_s / max(1, accepted) * 1e6,
            due_at_s=self._due_at_s,
        )


def _message(number: int, person: int) -> dict[str, Any]:
    return {
        "audience": {"users": [f"cust-{person}"]},
        "title": "Your order is on its way",
        "body": f"Order {number} left our house a minute ago and arrives tomorrow.",
        "url": f"https://shop.example/orders/{number}",
        "urgency": "high",
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Reads the order, runs it, prints the answer as JSON."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answer = runner.run(Load(order).run())
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
