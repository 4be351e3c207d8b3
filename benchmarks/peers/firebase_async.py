"""firebase-admin's `send_each_async`, in batches of 500: HTTP/2 by httpx, uvloop."""

import asyncio
from typing import Any

import firebase_admin
import msgspec
import uvloop
from firebase_admin import credentials, messaging

from benchmarks.peers.firebase_message import message_of, messaging_service
from benchmarks.peers.order import Clock, Order, read_order
from benchmarks.peers.service_account import written

_BATCH_MAX = 500
"""What `send_each_async` takes."""


async def _send(messages: list[Any]) -> None:
    for start in range(0, len(messages), _BATCH_MAX):
        answer = await messaging.send_each_async(messages[start : start + _BATCH_MAX])
        assert answer.failure_count == 0, answer.responses[0].exception


async def _main(order: Order) -> None:
    with written(order.credential) as file:
        firebase_admin.initialize_app(credentials.Certificate(file))
    messaging_service(order.origin)
    messages = [message_of(msgspec.json.decode(push.payload)["message"]) for push in order.pushes]
    await _send(messages[: order.warm_up])
    clock = Clock().start()
    await _send(messages[order.warm_up :])
    clock.score(len(messages) - order.warm_up)


def main() -> None:
    """Sends batch by batch; the CA comes by SSL_CERT_FILE (httpx) and REQUESTS_CA_BUNDLE (OAuth)."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(read_order()))


if __name__ == "__main__":
    main()
