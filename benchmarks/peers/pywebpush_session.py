"""pywebpush at its best without asyncio: one `requests.Session` for all, and the key parsed once."""

import requests
from py_vapid import Vapid
from pywebpush import webpush

from benchmarks.peers.order import Clock, Order, read_order


def _send(order: Order, session: requests.Session, key: Vapid, start: int, end: int) -> None:
    for push in order.pushes[start:end]:
        webpush(
            push.address,
            push.payload,
            vapid_private_key=key,
            vapid_claims={"sub": order.credential["subject"]},
            ttl=order.ttl_s,
            requests_session=session,
        )


def main() -> None:
    """Sends one after the other over one kept connection."""
    order = read_order()
    key = Vapid.from_string(order.credential["private_key"])
    with requests.Session() as session:
        session.verify = order.ca_file
        session.trust_env = False  # looking for proxies in the environment costs a tenth of each request
        _send(order, session, key, 0, order.warm_up)
        clock = Clock().start()
        _send(order, session, key, order.warm_up, len(order.pushes))
        clock.score(len(order.pushes) - order.warm_up)


if __name__ == "__main__":
    main()
