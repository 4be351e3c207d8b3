"""Our own send path without the store: what a worker does between reading a group and settling it.

The product's own objects (group sender, lanes, renderer, receipt tokens, transport, HTTP client), as many groups at
once as a worker holds. Only the database is missing; `benchmarks.campaign` has the whole.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import uvloop

from benchmarks.campaign import MESSAGE
from benchmarks.peers.order import Clock, Order, Push, read_order
from gateway.delivery.feed import Prepared
from gateway.delivery.lane import LaneBoard
from gateway.delivery.send import GroupSender
from gateway.model.audience import Audience
from gateway.model.delivery import Device
from gateway.model.ids import new_id, new_message_id
from gateway.model.limits import GROUP_RECIPIENTS_MAX, GROUPS_IN_FLIGHT_MAX, LANE_IN_FLIGHT_MAX
from gateway.model.message import Content, Message
from gateway.policy.ending import SENT
from gateway.policy.receipt_token import ReceiptSigner
from gateway.store.database import Database
from gateway.transports import find
from gateway.transports.base import Credential, Transport, Wire
from gateway.wire.egress import EgressPolicy
from gateway.wire.http1 import Http1Client

PROVIDER: Final = "webpush"
CONTENT: Final = Content(**{name: MESSAGE[name] for name in ("title", "body", "url", "icon")})


def prepared(transport: Transport, ttl_s: int) -> Prepared:
    """The message, as the feed compiles it."""
    now = datetime.now(UTC)
    message = Message(
        app_id=1,
        id=new_message_id(0),
        content=CONTENT,
        audience=Audience(everybody=True),
        planned_at=now,
        expires_at=now + timedelta(seconds=ttl_s),
    )
    renderer = transport.renderer(CONTENT, message_id=message.id)
    signer = ReceiptSigner(1, 1, random.randbytes(32))
    return Prepared(message, now.date(), {PROVIDER: renderer}, signer, {}, ttl_s, f"1.{message.id}")


def policy_of(order: Order) -> EgressPolicy:
    """Permits the sink, as the rehearsal switch does."""
    return EgressPolicy.of(allow=[order.origin.removeprefix("https://")], sandbox=True, ca_file=Path(order.ca_file))


def credential_of(order: Order) -> Credential:
    """The app's VAPID key, opened."""
    return Credential(
        app_id=1, id=1, public_id=1, provider=PROVIDER, is_current=True,
        public={"vapid_public_key": order.public_key, "subject": order.subject}, secret=order.pem.encode(),
    )  # fmt: skip


def device_of(transport: Transport, subscription: dict[str, Any]) -> Device:
    """The device, as the store gives it back."""
    return Device(new_id(), PROVIDER, 1, transport.address(subscription).wire, 1, None, None)


def sender_of(transport: Transport) -> GroupSender:
    """The group sender of a process; its lanes are told to nobody, as there is no database to tell them through."""
    board = LaneBoard(cast("Database", None))
    return GroupSender({PROVIDER: transport}, board, clock=time.time, dice=random.SystemRandom())


def groups_of(transport: Transport, pushes: Sequence[Push]) -> list[list[Device]]:
    """Devices as the feed reads them: not part of what is timed."""
    devices = [device_of(transport, push.subscription) for push in pushes]
    return [devices[start : start + GROUP_RECIPIENTS_MAX] for start in range(0, len(devices), GROUP_RECIPIENTS_MAX)]


async def send_groups(
    sender: GroupSender, ready: Prepared, groups: Sequence[Sequence[Device]], credential: Credential
) -> None:
    """Sends them, as many at once as a worker's engine holds."""
    left = iter(groups)

    async def run() -> None:
        for group in left:
            fates = await sender.send(ready, group, {credential.id: credential}, attempt=0, strikes=0)
            assert all(fate is SENT for fate in fates), fates

    async with asyncio.TaskGroup() as runners:
        for _ in range(GROUPS_IN_FLIGHT_MAX):
            runners.create_task(run())


async def _main(order: Order) -> None:
    policy = policy_of(order)
    async with Http1Client(policy, connections_max=LANE_IN_FLIGHT_MAX) as http:
        transport = find(PROVIDER)(Wire(policy, http, time.time))
        sender, ready, credential = sender_of(transport), prepared(transport, order.ttl_s), credential_of(order)
        warm_up = groups_of(transport, order.pushes[: order.warm_up])
        timed = groups_of(transport, order.pushes[order.warm_up :])
        await send_groups(sender, ready, warm_up, credential)
        clock = Clock().start()
        await send_groups(sender, ready, timed, credential)
        clock.score(len(order.pushes) - order.warm_up)


def main() -> None:
    """Sends as a worker does."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(read_order()))


if __name__ == "__main__":
    main()
