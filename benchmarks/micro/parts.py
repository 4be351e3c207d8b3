"""What each step of a worker's send path costs: CPU of one process per message, medians of several rounds.

python -m benchmarks.micro.parts [--messages 2000] [--rounds 5]
"""

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import uvloop

from benchmarks import audience, contest
from benchmarks.peers import steeple_path as path
from benchmarks.peers.order import Order
from benchmarks.sink import Sink, running_sink
from gateway.delivery import settle
from gateway.delivery.feed import Group
from gateway.model.delivery import Accepted, Code, Device, Outcome, Push
from gateway.model.limits import GROUP_RECIPIENTS_MAX, LANE_IN_FLIGHT_MAX
from gateway.model.work import Chunk, ChunkKey
from gateway.policy.ending import End
from gateway.transports import find
from gateway.transports.base import Credential, Transport, Wire
from gateway.wire import ece
from gateway.wire.egress import Target
from gateway.wire.http1 import Http1Client
from gateway.wire.vapid import VapidKey, VapidSigner

_T = TypeVar("_T")
_RUNNERS: Final = 64
_HEADERS: Final = {"Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream", "TTL": "3600"}


class _Silent:
    """A transport that sends nothing: what is left is our own machinery around it."""

    def __init__(self, real: Transport) -> None:
        self.name = path.PROVIDER
        self._real = real

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


class Parts:
    """Everything that is measured, on one sink."""

    def __init__(self, order: Order, http: Http1Client) -> None:
        self._order = order
        self._http = http
        self._policy = path.policy_of(order)
        self._transport = find(path.PROVIDER)(Wire(self._policy, http, time.time))
        self._ready = path.prepared(self._transport, order.ttl_s)
        self._credential = path.credential_of(order)
        self._groups = path.groups_of(self._transport, order.pushes)
        self._devices = [device for group in self._groups for device in group]
        self._keys = [ece.parse_receiver(device.wire[1:66], device.wire[66:82]) for device in self._devices]
        self._payloads = [self._render(device) for device in self._devices]
        self._bodies = [ece.encrypt(order.pushes[0].payload.encode(), p256dh=k.public, auth=k.auth) for k in self._keys]

    async def once(self) -> dict[str, float]:
        """Microseconds per message by step, one round."""
        return {
            "encrypt": _each(self._encrypt, range(len(self._devices))),
            "of which: parse the receiver's key": _each(lambda k: ece.parse_receiver(k.public, k.auth), self._keys),
            "of which: key and agreement": _each(ece.agree, self._keys),
            "sign, kept": _each(self._signer(), [self._order.origin] * len(self._devices)),
            "sign, new": _each(self._signer(), [f"https://{n}.push.example" for n in range(len(self._devices))]),
            "render and receipt token": _each(self._render, self._devices),
            "HTTP: post to the sink": await self._in_turns(self._post),
            "transport: encrypt, sign, post": await self._in_turns(self._send),
            "lanes and runners (nothing sent)": await self._groups_through(_Silent(self._transport)),
            "worker: groups through lanes and transport": await self._groups_through(self._transport),
            "result of a group": _each(self._result, self._groups) / GROUP_RECIPIENTS_MAX,
        }

    def _encrypt(self, number: int) -> bytes:
        key = self._keys[number]
        return ece.encrypt(self._payloads[number], p256dh=key.public, auth=key.auth)

    def _signer(self) -> Callable[[str], str]:
        signer = VapidSigner(VapidKey.from_pem(self._order.pem.encode()), self._order.subject)
        return lambda origin: signer.authorization(origin, 1_800_000_000.0)

    def _render(self, device: Device) -> bytes:
        ready = self._ready
        token = ready.signer.sign(message_id=ready.message.id, subscription_id=device.subscription_id, day=ready.day)
        return ready.renderers[path.PROVIDER](device, token)

    def _target(self, device: Device) -> Target:
        return self._policy.check_url(device.wire[82:].decode())

    async def _post(self, number: int) -> None:
        answer = await self._http.post(self._target(self._devices[number]), _HEADERS, self._bodies[number])
        assert answer.status == 201

    async def _send(self, number: int) -> None:
        push = Push(1, 1, self._devices[number].wire, self._payloads[number], self._order.ttl_s, "normal", "topic")
        assert isinstance(await self._transport.send(push, self._credential), Accepted)

    async def _in_turns(self, step: Callable[[int], Awaitable[None]]) -> float:
        numbers = iter(range(len(self._devices)))

        async def run() -> None:
            for number in numbers:
                await step(number)

        before_s = time.process_time()
        await asyncio.gather(*(run() for _ in range(_RUNNERS)))
        return (time.process_time() - before_s) / len(self._devices) * 1e6

    async def _groups_through(self, transport: object) -> float:
        sender = path.sender_of(transport)  # type: ignore[arg-type]  # the silent one has what sending needs, no more
        before_s = time.process_time()
        await path.send_groups(sender, self._ready, self._groups, self._credential)
        return (time.process_time() - before_s) / len(self._devices) * 1e6

    def _result(self, devices: Sequence[Device]) -> object:
        in_order = sorted(devices, key=lambda device: device.subscription_id)
        group = Group(in_order, [], in_order[-1].subscription_id, is_last=False)
        fates = [End(Code.SENT)] * len(in_order)
        return settle.result_of(
            _chunk(), self._ready, group, fates, read_at=self._ready.message.planned_at, dice=random.Random(1)
        )


def _chunk() -> Chunk:
    return Chunk(
        key=ChunkKey(1, 0, 1, 0, 0, 0), hi=1 << 62, cursor=-1, ids=None, strikes=0, claim_no=1, expected=8000, seen=0,
        tally={},
    )  # fmt: skip


def _each(step: Callable[[_T], object], items: Sequence[_T]) -> float:
    before_s = time.process_time()
    for item in items:
        step(item)
    return (time.process_time() - before_s) / len(items) * 1e6


def order_of(sink: Sink, messages: int) -> Order:
    """As many messages as asked for, in whole groups."""
    groups = max(1, messages // GROUP_RECIPIENTS_MAX)
    return contest.order_of(sink, audience.receivers(), VapidKey.generate(), groups * GROUP_RECIPIENTS_MAX, warm_up=0)


async def measure(sink: Sink, *, messages: int, rounds: int) -> dict[str, float]:
    """Microseconds of CPU per message by step: medians."""
    order = order_of(sink, messages)
    async with Http1Client(path.policy_of(order), connections_max=LANE_IN_FLIGHT_MAX) as http:
        parts = Parts(order, http)
        await parts.once()
        found = [await parts.once() for _ in range(rounds)]
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="steeple-bench-") as made, _runner() as runner:
        folder = Path(made)
        folder.chmod(0o711)
        with running_sink(folder / "sink") as sink:
            print(f"load {os.getloadavg()[0]:.1f}; us of CPU per message")
            found = runner.run(measure(sink, messages=asked.messages, rounds=asked.rounds))
            for name, cost_us in found.items():
                print(f"{name:45} {cost_us:7.1f}")


def _runner() -> asyncio.Runner:
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


if __name__ == "__main__":
    main()
