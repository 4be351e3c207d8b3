"""pywebpush as its README shows it: `webpush(...)` for each message, which signs and connects each time."""

from pywebpush import webpush

from benchmarks.peers.order import Clock, Order, read_order


def _send(order: Order, start: int, end: int) -> None:
    for push in order.pushes[start:end]:
        webpush(
            push.address,
            push.payload,
            vapid_private_key=order.credential["private_key"],
            vapid_claims={"sub": order.credential["subject"]},
            ttl=order.ttl_s,
        )


def main() -> None:
    """Sends one after the other; the CA comes by REQUESTS_CA_BUNDLE."""
    order = read_order()
    _send(order, 0, order.warm_up)
    clock = Clock().start()
    _send(order, order.warm_up, len(order.pushes))
    clock.score(len(order.pushes) - order.warm_up)


if __name__ == "__main__":
    main()
