"""How long a single message takes from the call of the API until the push service has it.

The load client notes when each message was due, the sink when its push arrived: neither is ours to flatter. A push is
accepted by the service when nginx has read it, so this is what a shop's customer waits for, without the last mile.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from benchmarks import audience
from benchmarks.accept import run_client
from benchmarks.accept_client import Answer
from benchmarks.campaign import Campaign, send
from benchmarks.serving import Served, Shop, Stopped

URGENCY: Final = "high"
"""Of single messages; the campaign's is normal, so the sink tells them apart."""
_ARRIVE_S: Final = 60.0
_CONNECTIONS: Final = 8
_WARM_UP_S: Final = 1.0
_LEAD_S: Final = 2.5
"""The load client has started and is warm by then."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from when a message was due until its push arrived."""

    beside: str
    """What else the gateway did meanwhile."""
    rate: float
    """Messages a second that were offered."""
    messages: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    worst_ms: float


async def idle(served: Served, shop: Shop, *, persons: int, rate: float, seconds: float) -> Latency:
    """While nothing else is to be done."""
    client = await _client(served, shop, persons=persons, rate=rate, seconds=seconds)
    arrived = await _arrivals(served, client.due_at_s)
    return _latency("nothing", rate, client.due_at_s, arrived)


async def beside_campaign(
    served: Served, shop: Shop, *, persons: int, rate: float, recipients: int, seconds: float
) -> tuple[Latency, Campaign]:
    """While the same app sends a campaign; messages that were due meanwhile count. `seconds`: the client's."""
    load = asyncio.create_task(_client(served, shop, persons=persons, rate=rate, seconds=seconds))
    await asyncio.sleep(_LEAD_S)
    sent = await send(served, shop, recipients=recipients, is_alone=False)
    client = await load
    counted = {person: due for person, due in client.due_at_s.items() if sent.began_at_s <= due <= sent.ended_at_s}
    if not counted:
        raise Stopped("The campaign was over before a single message was due: take more recipients.")
    arrived = await _arrivals(served, client.due_at_s)
    return _latency(f"a campaign to {recipients:,}", rate, counted, arrived), sent


async def _client(served: Served, shop: Shop, *, persons: int, rate: float, seconds: float) -> Answer:
    if rate * (seconds + _WARM_UP_S) > persons * 0.9:
        raise Stopped(f"{rate * seconds:,.0f} messages need more than {persons:,} persons, one for each.")
    client = await run_client(
        served, shop, persons=persons, connections=_CONNECTIONS, seconds=seconds, warm_up_s=_WARM_UP_S, rate=rate
    )
    if client.refused:
        raise Stopped(f"{client.refused} single messages were refused.")
    return client


async def _arrivals(served: Served, due: Mapping[int, float]) -> dict[int, float]:
    """When each person's push arrived. Raises `Stopped` when one does not."""
    paths = {person: audience.timed_path(person) for person in due}
    arrived: dict[int, float] = {}
    for _ in range(int(_ARRIVE_S)):
        seen = await asyncio.to_thread(served.sink.arrivals, URGENCY)
        arrived = {
            person: seen[path] for person, path in paths.items() if path in seen and seen[path] >= due[person] - 0.01
        }
        if len(arrived) == len(paths):
            return arrived
        await asyncio.sleep(1.0)
    raise Stopped(f"{len(paths) - len(arrived)} of {len(paths)} single messages did not arrive.")


def _latency(beside: str, rate: float, due: Mapping[int, float], arrived: Mapping[int, float]) -> Latency:
    taken = sorted((arrived[person] - due_s) * 1000 for person, due_s in due.items())
    return Latency(
        beside=beside, rate=rate, messages=len(taken), p50_ms=percentile(taken, 0.5), p90_ms=percentile(taken, 0.9),
        p99_ms=percentile(taken, 0.99), worst_ms=taken[-1],
    )  # fmt: skip


def percentile(ascending: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))]
