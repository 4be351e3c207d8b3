"""What each step of a worker's send path costs, by provider: CPU of one process per message, medians of rounds.

python -m benchmarks.micro.parts [--messages 2000] [--rounds 5] [--providers webpush apns fcm]
"""

import argparse
import asyncio
import gc
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, cast

import uvloop

from benchmarks.micro import crypto
from benchmarks.micro.clock import each
from benchmarks.orders import PROVIDERS, Orders, Provider
from benchmarks.peers import steeple_path as path
from benchmarks.peers.order import Order
from benchmarks.quiet import quiet_logs
from benchmarks.sink import Sink, running_sink
from gateway.delivery import settle
from gateway.delivery.group import Group
from gateway.model.delivery import Accepted, Code, Device, Outcome, Push
from gateway.model.limits import GROUP_RECIPIENTS_MAX
from gateway.model.work import Chunk, ChunkKey
from gateway.policy.ending import End
from gateway.transports.base import Credential, Pace, Transport
from gateway.wire.exchange import Answer
from gateway.wire.pool import HttpClient

RENDER: Final = "render and receipt token"
POST: Final = "HTTP/2: post to the sink"
SEND: Final = "transport: all that a push takes"
LANES: Final = "lanes and runners (nothing sent)"
WORKER: Final = "worker: groups through lanes and transport"
SETTLE: Final = "result of a group"
MAIN: Final = (crypto.ENCRYPT, crypto.ENCRYPT_FAST, RENDER, POST, LANES, SETTLE)
"""What together is most of a message."""
_RUNNERS: Final = 128


class _Silent:
    """A transport that sends nothing: what is left is our own machinery around it."""

    def __init__(self, real: Transport) -> None:
        self.name = real.name
        self._real = real

    @property
    def pace(self) -> Pace:
        """As the real one."""
        return self._real.pace

    @property
    def hosts(self) -> tuple[str, ...]:
        """As the real one."""
        return self._real.hosts

    def lane_of(self, wire: bytes) -> str:
        """As the real one."""
        return self._real.lane_of(wire)

    def payload_bytes_max(self, platform: int) -> int:
        """As the real one."""
        return self._real.payload_bytes_max(platform)

    async def send(self, push: Push, credential: Credential) -> Outcome:
        """Accepted, by nobody."""
        del push, credential
        return Accepted()


class _Recorder:
    """An HTTP client that remembers what it was asked to post, so that the posts can be repeated alone."""

    def __init__(self, real: HttpClient) -> None:
        self._real = real
        self.posts: list[Callable[[], Awaitable[Answer]]] = []

    async def post(self, *given: Any, **named: Any) -> Answer:
        """As the real one."""
        self.posts.append(lambda: self._real.post(*given, **named))
        return await self._real.post(*given, **named)


class Parts:
    """Everything that is measured of one provider, on one sink."""

    def __init__(self, order: Order, sending: path.SendPath) -> None:
        self._order = order
        self._path = sending
        self._transport = sending.transport
        self._groups = sending.groups(order.pushes)
        self._devices = [device for group in self._groups for device in group]
        self._payloads = [self._render(device) for device in self._devices]
        self._posts: list[Callable[[], Awaitable[Answer]]] = []

    async def prepare(self) -> None:
        """Sends everything once: connections and tokens are there afterwards, and it is known what is posted."""
        recorder = _Recorder(self._path.http)
        transport = self._path.transport_on(cast("HttpClient", recorder))
        await self._path.send(self._path.sender(transport), self._groups)
        self._posts = recorder.posts[-len(self._devices) :]

    async def once(self) -> dict[str, float]:
        """Microseconds per message by step, one round."""
        return {
            **self._encryption(),
            POST: await self._in_turns(self._post),
            RENDER: each(self._render, self._devices),
            SEND: await self._in_turns(self._send),
            LANES: await self._groups_through(_Silent(self._transport)),
            WORKER: await self._groups_through(self._transport),
            SETTLE: each(self._result, self._groups) / GROUP_RECIPIENTS_MAX,
        }

    def _render(self, device: Device) -> bytes:
        ready = self._path.ready
        token = ready.signer.sign(message_id=ready.message.id, subscription_id=device.subscription_id, day=ready.day)
        return ready.compiled[device.provider].render(device, token, self._order.ttl_s)

    def _encryption(self) -> dict[str, float]:
        if self._order.provider != "webpush":
            return {}
        return crypto.measure([(device.wire[1:66], device.wire[66:82]) for device in self._devices], self._payloads[0])

    async def _post(self, number: int) -> None:
        answer = await self._posts[number]()
        assert answer.status < 300

    async def _send(self, number: int) -> None:
        ready = self._path.ready
        push = Push(
            1, 1, self._devices[number].wire, self._payloads[number], self._order.ttl_s, "normal", ready.collapse_key,
            ready.compiled[self._transport.name].options,
        )  # fmt: skip
        assert isinstance(await self._transport.send(push, self._path.credential), Accepted)

    async def _in_turns(self, step: Callable[[int], Awaitable[None]]) -> float:
        numbers = iter(range(len(self._devices)))

        async def run() -> None:
            for number in numbers:
                await step(number)

        before_s = time.process_time()
        await asyncio.gather(*(run() for _ in range(_RUNNERS)))
        return (time.process_time() - before_s) / len(self._devices) * 1e6

    async def _groups_through(self, transport: object) -> float:
        sender = self._path.sender(transport)  # type: ignore[arg-type]  # the silent one has what sending needs, no more
        before_s = time.process_time()
        await self._path.send(sender, self._groups)
        return (time.process_time() - before_s) / len(self._devices) * 1e6

    def _result(self, devices: Sequence[Device]) -> object:
        in_order = sorted(devices, key=lambda device: device.subscription_id)
        group = Group(in_order, [], in_order[-1].subscription_id, is_last=False)
        fates = [End(Code.SENT)] * len(in_order)
        ready = self._path.ready
        return settle.result_of(_chunk(), ready, group, fates, read_at=ready.message.planned_at, dice=random.Random(1))


def _chunk() -> Chunk:
    return Chunk(
        key=ChunkKey(1, 0, 1, 0, 0, 0), hi=1 << 62, cursor=-1, ids=None, strikes=0, claim_no=1, expected=8000, seen=0,
        tally={},
    )  # fmt: skip


async def measure(
    sink: Sink, *, messages: int, rounds: int, providers: Sequence[Provider] = PROVIDERS
) -> dict[Provider, dict[str, float]]:
    """Microseconds of CPU per message by step: medians."""
    gc.set_threshold(*path.COLLECT_AFTER)
    orders = Orders(sink)
    count = max(1, messages // GROUP_RECIPIENTS_MAX) * GROUP_RECIPIENTS_MAX
    found: dict[Provider, dict[str, float]] = {}
    for provider in providers:
        order = orders.order(provider, count, warm_up=0, concurrency=1)
        found[provider] = await _of_provider(order, rounds)
    return found


async def _of_provider(order: Order, rounds: int) -> dict[str, float]:
    async with path.opened(order) as sending:
        parts = Parts(order, sending)
        await parts.prepare()
        await parts.once()
        seen = [await parts.once() for _ in range(rounds)]
    return {name: statistics.median(one[name] for one in seen) for name in seen[0]}


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--providers", nargs="+", choices=PROVIDERS, default=list(PROVIDERS))
    asked = parser.parse_args()
    quiet_logs()
    with tempfile.TemporaryDirectory(prefix="steeple-bench-") as made, _runner() as runner:
        folder = Path(made)
        folder.chmod(0o711)
        with running_sink(folder / "sink") as sink:
            print(f"load {os.getloadavg()[0]:.1f}; us of CPU per message")
            found = runner.run(measure(sink, messages=asked.messages, rounds=asked.rounds, providers=asked.providers))
    for provider, steps in found.items():
        print(provider)
        for name, cost_us in steps.items():
            print(f"  {name:45} {cost_us:7.1f}")


def _runner() -> asyncio.Runner:
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


if __name__ == "__main__":
    main()
