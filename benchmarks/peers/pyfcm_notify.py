"""pyfcm as its README shows it: `notify(...)` for each message, over the session that it keeps.

Its call for many devices makes a loop, a session and an OAuth token for each, and so is no faster.
"""

from typing import Any

import msgspec
from pyfcm import FCMNotification

from benchmarks.peers.order import Clock, Order, read_order
from benchmarks.peers.service_account import written


def _fields(payload: str) -> dict[str, Any]:
    """A request's body as the arguments of `notify`."""
    message = msgspec.json.decode(payload)["message"]
    shown = message.get("notification", {})
    return {
        "fcm_token": message["token"],
        "notification_title": shown.get("title"),
        "notification_body": shown.get("body"),
        "notification_image": shown.get("image"),
        "data_payload": message.get("data"),
        "android_config": message.get("android"),
        "apns_config": message.get("apns"),
        "webpush_config": message.get("webpush"),
    }


def _send(client: FCMNotification, given: list[dict[str, Any]]) -> None:
    for fields in given:
        client.notify(**fields)


def main() -> None:
    """Sends one after the other; the CA comes by REQUESTS_CA_BUNDLE."""
    order: Order = read_order()
    at_sink = type("AtSink", (FCMNotification,), {"FCM_END_POINT_BASE": f"{order.origin}/v1/projects"})
    with written(order.credential) as file:
        client = at_sink(service_account_file=file, project_id=order.credential["project_id"])
        given = [_fields(push.payload) for push in order.pushes]
        _send(client, given[: order.warm_up])
        clock = Clock().start()
        _send(client, given[order.warm_up :])
        clock.score(len(given) - order.warm_up)


if __name__ == "__main__":
    main()
