"""firebase-admin's `send_each`, in batches of 500: its way of sending many, by threads over a pool of connections.

Its pool of 100 connections is mounted for Google's host alone, so the sink gets one like it.
"""

from typing import Any

import firebase_admin
import msgspec
from firebase_admin import credentials, messaging
from requests.adapters import HTTPAdapter

from benchmarks.peers.firebase_message import message_of, messaging_service
from benchmarks.peers.order import Clock, Order, read_order
from benchmarks.peers.service_account import written

_BATCH_MAX = 500
"""What `send_each` takes."""


def _send(messages: list[Any]) -> None:
    for start in range(0, len(messages), _BATCH_MAX):
        answer = messaging.send_each(messages[start : start + _BATCH_MAX])
        assert answer.failure_count == 0, answer.responses[0].exception


def main() -> None:
    """Sends batch by batch; the CA comes by REQUESTS_CA_BUNDLE."""
    order: Order = read_order()
    with written(order.credential) as file:
        firebase_admin.initialize_app(credentials.Certificate(file))
    service = messaging_service(order.origin)
    service._client.session.mount(order.origin, HTTPAdapter(pool_connections=100, pool_maxsize=100))  # noqa: SLF001 - see above
    messages = [message_of(msgspec.json.decode(push.payload)["message"]) for push in order.pushes]
    _send(messages[: order.warm_up])
    clock = Clock().start()
    _send(messages[order.warm_up :])
    clock.score(len(messages) - order.warm_up)


if __name__ == "__main__":
    main()
