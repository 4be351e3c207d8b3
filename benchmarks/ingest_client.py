"""Devices that report and track: `python -m benchmarks.ingest_client`, order on stdin.

A process of its own on raw sockets. Receipts carry genuine tokens, one of each device and message; every eighth device
also clicks. Events come from devices that prove themselves with their secret. Closed loop: each connection posts again
when it has its answer. Paced (`rate`): requests are due at fixed times, and latency counts from then.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
import uvloop

from benchmarks.connection import Connection
from gateway.model.ids import new_id
from gateway.policy.receipt_token import ReceiptSigner

What = Literal["receipts", "events"]
_CLICKS_EVERY: Final = 8
_TAKEN: Final = 202


class Device(msgspec.Struct, frozen=True):
    """A device: its number, its id as text, its secret."""

    number: int
    id: str
    secret: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to do. rate: requests a second over all connections; None: closed loop. size: items of a request."""

    host: str
    port: int
    what: What
    size: int
    connections: int
    seconds: float
    warm_up_s: float
    rate: float | None
    devices: list[Device]
    app_id: int
    key_id: int
    secret: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, after the warm-up; `posted` and `refused` of the whole time, in items."""

    taken: int
    refused: int
    posted: int
    seconds: float
    p50_ms: float
    p99_ms: float
    worst_ms: float


class Load:
    """All connections of one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._requests = requests_of(order)
        self._waited_s: list[float] = []
        self._refused = 0
        self._posted = 0
        self._count_from_s = 0.0

    async def run(self) -> Answer:
        """Posts for the order's time."""
        order = self._order
        loop = asyncio.get_running_loop()
        connections = [
            (await loop.create_connection(Connection, order.host, order.port))[1] for _ in range(order.connections)
        ]
        began_s = time.perf_counter()
        self._count_from_s = began_s + order.warm_up_s
        until_s = self._count_from_s + order.seconds
        pace = _Pace(began_s, order.rate)
        await asyncio.gather(*(self._post_on(connection, pace, until_s) for connection in connections))
        return self._summed(time.perf_counter() - self._count_from_s)

    async def _post_on(self, connection: Connection, pace: "_Pace", until_s: float) -> None:
        while (due_s := await pace.turn()) < until_s:
            status = await connection.post(next(self._requests))
            if status != _TAKEN:
                self._refused += self._order.size
                continue
            self._posted += self._order.size
            if due_s >= self._count_from_s:
                self._waited_s.append(time.perf_counter() - due_s)

    def _summed(self, seconds: float) -> Answer:
        waited = sorted(self._waited_s)
        return Answer(
            taken=len(waited) * self._order.size,
            refused=self._refused,
            posted=self._posted,
            seconds=seconds,
            p50_ms=waited[len(waited) // 2] * 1000 if waited else 0.0,
            p99_ms=waited[int(len(waited) * 0.99)] * 1000 if waited else 0.0,
            worst_ms=waited[-1] * 1000 if waited else 0.0,
        )


class _Pace:
    """When the next request is due: now, or at even distances."""

    def __init__(self, began_s: float, rate: float | None) -> None:
        self._next_s = began_s
        self._step_s = None if rate is None else 1 / rate

    async def turn(self) -> float:
        """Waits for the next turn; when it was due."""
        if self._step_s is None:
            return time.perf_counter()
        due_s = self._next_s
        self._next_s += self._step_s
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        return due_s


def requests_of(order: Order) -> Iterator[bytes]:
    """Requests without end; no item comes twice."""
    bodies = _receipts(order) if order.what == "receipts" else _events(order)
    for body in bodies:
        text = msgspec.json.encode(body)
        yield (
            f"POST /v1/{order.what} HTTP/1.1\r\nHost: {order.host}:{order.port}\r\n"
            "Content-Type: text/plain;charset=UTF-8\r\nOrigin: https://shop.example\r\n"
            f"Content-Length: {len(text)}\r\n\r\n"
        ).encode() + text


def _receipts(order: Order) -> Iterator[dict[str, Any]]:
    batch: list[dict[str, Any]] = []
    signer = ReceiptSigner(order.app_id, order.key_id, order.secret)
    while True:
        message_id, day = new_id(), datetime.now(UTC).date()
        for device in order.devices:
            token = signer.sign(message_id=message_id, subscription_id=device.number, day=day)
            kinds = ("shown", "clicked") if device.number % _CLICKS_EVERY == 0 else ("shown",)
            for kind in kinds:
                batch.append({"token": token, "kind": kind, "at": datetime.now(UTC)})
                if len(batch) == order.size:
                    yield {"receipts": batch}
                    batch = []


def _events(order: Order) -> Iterator[dict[str, Any]]:
    lap = 0
    while True:
        lap += 1
        for device in order.devices:
            yield {
                "subscription": device.id,
                "secret": device.secret,
                "events": [_event(lap, number) for number in range(order.size)],
            }


def _event(lap: int, number: int) -> dict[str, Any]:
    return {
        "id": f"{lap:x}-{number:x}-{new_id():x}",
        "name": ("view_item", "view_item", "add_to_cart", "view_cart")[number % 4],
        "at": datetime.now(UTC),
        "properties": {"currency": "EUR", "value": 24.9, "items": [{"item_id": f"sku-{number}", "quantity": 1}]},
    }


def main() -> None:
    """Reads the order, runs it, prints the answer as JSON."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answer = runner.run(Load(order).run())
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
