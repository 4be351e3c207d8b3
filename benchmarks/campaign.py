"""A message to everybody, through the real API: how fast it is planned, how fast it goes out, and what that costs."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from benchmarks.processes import CpuMeter, Level, MemoryWatch
from benchmarks.serving import Served, Shop, Stopped, end_of
from gateway.model.ids import bucket_of_message, from_text
from gateway.model.message import MessageState

MESSAGE: Final[dict[str, Any]] = {
    "audience": {"all": True},
    "title": "Half price until midnight",
    "body": "Everything in your basket costs half as much today. Tap to see what is left.",
    "url": "https://shop.example/sale?from=push",
    "icon": "https://shop.example/icon-192.png",
    "category": "transactional",
}
COMPOSED: Final[dict[str, Any]] = {
    **MESSAGE,
    "category": "marketing",
    "title": '{{ user.first_name | default: "Hello" }}, half price until midnight',
    "body": 'Everything in your {{ user.basket | default: "basket" }} costs half as much today. Tap to see more.',
}
"""Two fields for each person, under the app's quiet hours and caps."""
LOCAL: Final[dict[str, Any]] = {**COMPOSED, "schedule": {"local_time": "09:30"}, "ttl": 86_400}
"""At half past nine wherever people are, under the app's quiet hours and caps."""
_MADE_AHEAD: Final = "steeple_made_ahead_total"
_POLL_S: Final = 0.02
_PLAN_POLL_S: Final = 0.003
_WAIT_S: Final = 1800.0


class Planning(msgspec.Struct, frozen=True):
    """From the 202 to chunks that workers can claim."""

    recipients: int
    chunks: int
    seconds: list[float]


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """One message to everybody: from the API call (or its due time) to its end, when the last outcome is recorded."""

    recipients: int
    began_at_s: float
    """Unix time of the call; of the due time, if it has one."""
    seconds: float
    cpu_us: dict[str, float]
    """Per message, by group of processes; for a message with a due time what was made ahead is not in it."""
    ahead_cpu_us: dict[str, float] | None = None
    """The same from the call to the due time."""
    made_ahead: int = 0
    """Recipients whose keys were made by then."""
    memory: dict[str, Level]
    """By worker, in MB."""

    @property
    def per_s(self) -> float:
        """Messages a second, all in."""
        return self.recipients / self.seconds

    @property
    def ended_at_s(self) -> float:
        """Unix time of the last outcome."""
        return self.began_at_s + self.seconds

    @property
    def cores_busy(self) -> float:
        """CPU seconds per second of all processes together."""
        return sum(self.cpu_us.values()) * self.per_s / 1e6


async def plan(
    served: Served, shop: Shop, *, recipients: int, rounds: int, order: Mapping[str, Any] = MESSAGE
) -> Planning:
    """Sends to everybody and cancels once it is planned; a few times."""
    seconds: list[float] = []
    chunks = 0
    for _ in range(rounds):
        message = await served.call(shop, "POST", "/v1/messages", order)
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


async def send(
    served: Served,
    shop: Shop,
    *,
    recipients: int,
    in_s: float | None = None,
    is_alone: bool = True,
    message: Mapping[str, Any] = MESSAGE,
) -> Campaign:
    """One message to everybody of the app, at once or `in_s` from now, so that keys can be made ahead.

    Raises `Stopped` unless each of them got it, as the gateway counts, and once, as the sink does (`is_alone`).
    """
    arrived_before = await asyncio.to_thread(served.sink.pushes)
    workers = {name: pid for name, pid in served.pids.items() if name.startswith("worker")}
    meter = CpuMeter(served.groups).start()
    due_at = None if in_s is None else datetime.now(UTC) + timedelta(seconds=in_s)
    ahead: dict[str, float] | None = None
    made_before = await served.metric(_MADE_AHEAD)
    made = made_before
    began_at_s = time.time()
    taken = await served.call(shop, "POST", "/v1/messages", {**message, **_schedule(due_at)})
    if due_at is not None:
        began_at_s = due_at.timestamp()
        await asyncio.sleep(began_at_s - time.time())
        ahead = meter.stop()
        made = await served.metric(_MADE_AHEAD)
        meter.start()
    async with MemoryWatch(workers) as watch:
        await _until(served, shop, taken["id"], {MessageState.DONE}, every_s=_POLL_S)
        seconds = time.time() - began_at_s
        spent = meter.stop()
    arrived = await asyncio.to_thread(served.sink.pushes) - arrived_before
    counts = (await served.call(shop, "GET", f"/v1/messages/{taken['id']}"))["counts"]
    if counts["sent"] != recipients or counts["audience"] != recipients or (is_alone and arrived != recipients):
        said = await asyncio.to_thread(end_of, served.log)
        raise Stopped(f"Of {recipients} messages {arrived} arrived; the gateway says {counts}. {said}")
    return Campaign(
        recipients=recipients, began_at_s=began_at_s, seconds=seconds, memory=watch.seen(),
        cpu_us=_each(spent, recipients), ahead_cpu_us=None if ahead is None else _each(ahead, recipients),
        made_ahead=int(made - made_before),
    )  # fmt: skip


def _schedule(due_at: datetime | None) -> dict[str, Any]:
    return {} if due_at is None else {"schedule": {"at": due_at.isoformat()}}


def _each(spent: dict[str, float], recipients: int) -> dict[str, float]:
    return {name: used / recipients * 1e6 for name, used in spent.items()}


async def _until(served: Served, shop: Shop, message_id: str, states: set[MessageState], *, every_s: float) -> int:
    """Returns the message's number once its state is one of these."""
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
