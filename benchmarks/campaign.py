"""A message to everybody, through the real API: how fast it is planned, how fast it goes out, and what that costs."""

import asyncio
import time
from typing import Any, Final

import msgspec

from benchmarks.processes import CpuMeter, Memory, MemoryWatch
from benchmarks.serving import Served, Shop, Stopped
from gateway.model.ids import bucket_of_message, from_text
from gateway.model.message import MessageState

MESSAGE: Final[dict[str, Any]] = {
    "audience": {"all": True},
    "title": "Half price until midnight",
    "body": "Everything in your basket costs half as much today. Tap to see what is left.",
    "url": "https://shop.example/sale?from=push",
    "icon": "https://shop.example/icon-192.png",
}
_POLL_S: Final = 0.02
_PLAN_POLL_S: Final = 0.003
_WAIT_S: Final = 1800.0


class Planning(msgspec.Struct, frozen=True):
    """From the 202 to chunks that workers can claim."""

    recipients: int
    chunks: int
    seconds: list[float]


class Campaign(msgspec.Struct, frozen=True):
    """One message to everybody: from the API call to the message's end, when the last outcome is recorded."""

    recipients: int
    seconds: float
    cpu_us: dict[str, float]
    """Per message, by group of processes."""
    memory: dict[str, Memory]
    """By worker."""

    @property
    def per_s(self) -> float:
        """Messages a second, all in."""
        return self.recipients / self.seconds

    @property
    def cores_busy(self) -> float:
        """CPU seconds per second of all processes together."""
        return sum(self.cpu_us.values()) * self.per_s / 1e6


async def plan(served: Served, shop: Shop, *, recipients: int, rounds: int) -> Planning:
    """Sends to everybody and cancels once it is planned; a few times."""
    seconds: list[float] = []
    chunks = 0
    for _ in range(rounds):
        message = await served.call(shop, "POST", "/v1/messages", MESSAGE)
        began_s = time.perf_counter()
        number = await _until(served, shop, message["id"], {MessageState.SENDING}, every_s=_PLAN_POLL_S)
        seconds.append(time.perf_counter() - began_s)
        await served.call(shop, "POST", f"/v1/messages/{message['id']}/cancel")
        row = await served.db.fetchrow(
            "SELECT count(*) AS chunks, sum(expected) AS recipients FROM chunks WHERE msg_id = $1 AND attempt = 0",
            number,
        )
        assert row is not None
        if row["recipients"] != recipients:
            raise Stopped(f"{row['recipients']} of {recipients} recipients were planned.")
        chunks = row["chunks"]
        await _until_idle(served, number)
    return Planning(recipients, chunks, seconds)


async def send(served: Served, shop: Shop, *, recipients: int) -> Campaign:
    """One message to everybody of the app. Raises `Stopped` unless each of them got it, once, as the sink counted."""
    arrived_before = await asyncio.to_thread(served.sink.requests)
    workers = {name: pid for name, pid in served.pids.items() if name.startswith("worker")}
    async with MemoryWatch(workers) as watch:
        meter = CpuMeter(served.groups).start()
        began_s = time.perf_counter()
        message = await served.call(shop, "POST", "/v1/messages", MESSAGE)
        await _until(served, shop, message["id"], {MessageState.DONE}, every_s=_POLL_S)
        seconds = time.perf_counter() - began_s
        spent = meter.stop()
    arrived = await asyncio.to_thread(served.sink.requests) - arrived_before - 1
    counts = (await served.call(shop, "GET", f"/v1/messages/{message['id']}"))["counts"]
    if not counts["sent"] == counts["audience"] == arrived == recipients:
        raise Stopped(f"Of {recipients} messages {arrived} arrived; the gateway says {counts}.")
    return Campaign(recipients, seconds, {name: used / recipients * 1e6 for name, used in spent.items()}, watch.seen())


async def _until(served: Served, shop: Shop, message_id: str, states: set[MessageState], *, every_s: float) -> int:
    """Returns the message's number once its state is one of these, or has passed them."""
    number = from_text("msg", message_id)
    assert number is not None
    until_s = time.monotonic() + _WAIT_S
    while time.monotonic() < until_s:
        state = await served.db.fetchval(
            "SELECT state FROM messages WHERE app_id = $1 AND bucket = $2 AND id = $3",
            shop.app.id,
            bucket_of_message(number),
            number,
        )
        if state in states:
            return number
        if state in (MessageState.FAILED, MessageState.CANCELLED):
            raise Stopped(f"The message ended as {MessageState(state).name}.")
        await asyncio.sleep(every_s)
    raise Stopped(f"The message was not done after {_WAIT_S:.0f} s.")


async def _until_idle(served: Served, message: int) -> None:
    """Groups of a cancelled message that were under way are finished by their workers."""
    while True:
        await asyncio.sleep(_POLL_S)
        if not await served.db.fetchval("SELECT count(*) FROM chunks WHERE msg_id = $1 AND state = 1", message):
            break
    await asyncio.sleep(0.5)
