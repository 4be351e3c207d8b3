"""Short words for what every test of the HTTP client does."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from gateway.wire.egress import EgressPolicy
from gateway.wire.exchange import Answer, Fields, WireFailure
from gateway.wire.pool import HttpClient

NAME, OTHER = "push.example", "other.example"
SHARED = Fields([("Content-Encoding", "aes128gcm"), ("TTL", "60"), ("authorization", "vapid t=a.b.c, k=d")])


async def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def client_for(
    *ports: int, connections_max: int = 4, deadline_s: float = 5.0, lookup=loopback, dice=None, **more
) -> HttpClient:
    """May contact push.example at the first port, other.example at the second."""
    allow = [f"{name}:{port}" for name, port in zip((NAME, OTHER), ports, strict=False)]
    policy = EgressPolicy.of(allow=allow, sandbox=True, **more)
    return HttpClient(policy, connections_max=connections_max, deadline_s=deadline_s, lookup=lookup, dice=dice)


async def post(
    client: HttpClient, url: str, own: Sequence[tuple[str, str]] = (), body: bytes = b"body", fixed=SHARED, **more
) -> Answer:
    """One request to a URL that the client's own policy checks."""
    return await client.post(client._policy.check_url(url), fixed, own, body, **more)


async def failure(client: HttpClient, url: str, *given, **more) -> WireFailure:
    """Why such a request got no answer."""
    with pytest.raises(WireFailure) as caught:
        await post(client, url, *given, **more)
    return caught.value


def connections_of(client: HttpClient) -> int:
    """How many are open now."""
    return sum(len(connections.open) for connections in client._places.values())


async def until(is_so: Callable[[], bool]) -> None:
    """Waits for it, five seconds at most."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - what is waited for happens in a server, which sets no event
            await asyncio.sleep(0.01)
