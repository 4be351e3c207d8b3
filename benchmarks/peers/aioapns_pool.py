"""aioapns at its best: one client, as many requests at once as its connections take, uvloop.

Its server is a constant of a class; ALPN has to be set by the caller, as it sets none.
"""

import asyncio
import logging
import ssl
from collections.abc import Iterator
from typing import Any

import msgspec
import uvloop
from aioapns import APNs, NotificationRequest, PushType
from aioapns.connection import APNsProductionClientProtocol

from benchmarks.peers.order import Clock, Order, Push, read_order


async def _run(apns: APNs, order: Order, pushes: Iterator[tuple[str, dict[str, Any]]]) -> None:
    for token, message in pushes:
        request = NotificationRequest(
            token, message, time_to_live=order.ttl_s, priority=5, push_type=PushType.ALERT, collapse_key="steeple"
        )
        answer = await apns.send_notification(request)
        assert answer.is_successful, answer.description


async def _send(apns: APNs, order: Order, pushes: list[tuple[str, dict[str, Any]]]) -> None:
    left = iter(pushes)
    async with asyncio.TaskGroup() as runners:
        for _ in range(order.concurrency):
            runners.create_task(_run(apns, order, left))


def _given(push: Push) -> tuple[str, dict[str, Any]]:
    return push.address["token"], msgspec.json.decode(push.payload)


async def _main(order: Order) -> None:
    trust = ssl.create_default_context(cafile=order.ca_file)
    trust.set_alpn_protocols(["h2"])
    key = order.credential
    apns = APNs(
        key=key["key"], key_id=key["key_id"], team_id=key["team_id"], topic=key["topic"], ssl_context=trust,
        max_connections=1,
    )  # fmt: skip
    at_sink = {"APNS_SERVER": order.host, "APNS_PORT": order.port}
    apns.pool.protocol_class = type("AtSink", (APNsProductionClientProtocol,), at_sink)
    pushes = [_given(push) for push in order.pushes]
    await _send(apns, order, pushes[: order.warm_up])
    clock = Clock().start()
    await _send(apns, order, pushes[order.warm_up :])
    clock.score(len(pushes) - order.warm_up)
    apns.pool.close()


def main() -> None:
    """Sends with `concurrency` runners."""
    logging.getLogger("aioapns").setLevel(logging.ERROR)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(read_order()))


if __name__ == "__main__":
    main()
