"""How often one may call, whose call it is, and that remembering this costs bounded memory."""

import asyncio

import pytest

from gateway.api.addresses import TrustedProxies
from gateway.api.buckets import Buckets
from gateway.model.errors import GatewayError
from tests.api.world import Gateway, Shop, browser


async def test_a_key_that_asks_too_often_is_slowed(make_gateway, shop: Shop):
    """429 with Retry-After; another key of the same app goes on."""
    gateway: Gateway = await make_gateway(rate_per_key=5)
    slowed = Shop(gateway, shop.session, shop.app, shop.key)
    answers = [await slowed.call("GET", "/v1/topics") for _ in range(8)]
    assert [answer.status for answer in answers[:5]] == [200] * 5
    assert (answers[-1].status, answers[-1].code, answers[-1].headers["Retry-After"]) == (429, "rate_limited", "1")
    assert (await slowed.call("GET", "/v1/topics", key=await shop.new_key("read"))).status == 200


async def test_a_flood_of_opt_ins_is_slowed_per_app(make_gateway, shop: Shop, rival: Shop):
    """One address, one app: a burst, then the rate; the neighbour's pages are not touched, nor the app's server."""
    gateway: Gateway = await make_gateway(rate_public=2)
    flooded, neighbour = (
        Shop(gateway, shop.session, shop.app, shop.key),
        Shop(gateway, rival.session, rival.app, rival.key),
    )
    answers = await asyncio.gather(
        *(flooded.page("POST", "/v1/subscriptions", {"app": shop.id, **browser()}) for _ in range(40))
    )
    assert 10 <= sum(answer.status == 201 for answer in answers) <= 12
    refused = [answer for answer in answers if answer.status == 429]
    assert all(answer.headers["Retry-After"] for answer in refused)
    assert refused[0].headers["Access-Control-Allow-Origin"] == shop.origin
    assert (await neighbour.page("GET", f"/v1/sdk/config?app={rival.id}")).status == 200
    assert (await flooded.call("GET", "/v1/topics")).status == 200


async def test_guessing_apps_is_slowed(make_gateway, shop: Shop):
    """Each app that does not exist costs a look-up, so an address gets only so many."""
    gateway: Gateway = await make_gateway(rate_public=2)
    guesser = Shop(gateway, shop.session, shop.app, shop.key)
    paths = [f"/v1/sdk/config?app=app_00000000000{n:02d}" for n in range(60)]
    first = [(await guesser.page("GET", path)).status for path in paths[:5]]
    await asyncio.gather(*(guesser.page("GET", path) for path in paths))
    slowed = await guesser.page("GET", paths[0])
    assert first == [404] * 5
    assert (slowed.status, slowed.code) == (429, "rate_limited")
    guessed = [await guesser.call("GET", "/v1/topics", key="stpl_sk_" + "0" * 62) for _ in range(2)]
    assert guessed[0].status == 429


async def test_behind_a_proxy_the_client_is_counted(make_gateway, shop: Shop):
    """With the proxy trusted each client has its own rate; without, a forged header changes nothing."""
    for trusted, expected in (("127.0.0.0/8", 200), ("", 429)):
        gateway: Gateway = await make_gateway(rate_public=1, trusted_proxies=trusted)
        behind = Shop(gateway, shop.session, shop.app, shop.key)
        for _ in range(8):
            await behind.page("GET", f"/v1/sdk/config?app={shop.id}", headers={"X-Forwarded-For": "198.51.100.7"})
        other = await behind.page("GET", f"/v1/sdk/config?app={shop.id}", headers={"X-Forwarded-For": "198.51.100.8"})
        assert other.status == expected


@pytest.mark.parametrize(
    ("setting", "peer", "forwarded", "client"),
    [
        ("", "203.0.113.5", "198.51.100.7", "203.0.113.5"),
        ("10.0.0.0/8", "203.0.113.5", "198.51.100.7", "203.0.113.5"),
        ("10.0.0.0/8", "10.1.1.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.0/8", "10.1.1.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.0/8", "10.1.1.1", "198.51.100.7, 10.2.2.2", "198.51.100.7"),
        ("10.0.0.0/8", "10.1.1.1", "nonsense", "10.1.1.1"),
        ("10.0.0.0/8", "10.1.1.1", "198.51.100.7, nonsense", "10.1.1.1"),
        ("10.0.0.0/8", "10.1.1.1", "", "10.1.1.1"),
        ("10.0.0.0/8", "10.1.1.1", None, "10.1.1.1"),
        ("10.0.0.0/8,::1", "::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("", "2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::"),
        ("", "::ffff:203.0.113.5", None, "203.0.113.5"),
        ("", None, "198.51.100.7", ""),
    ],
)
def test_the_client_is_the_first_that_is_no_proxy(
    setting: str, peer: str | None, forwarded: str | None, client: str
) -> None:
    """Read from the right; what cannot be read is not believed; of IPv6 a customer's network counts as one."""
    assert TrustedProxies(setting).client(peer, forwarded) == client


def test_a_proxy_that_is_no_address_is_a_wrong_setting() -> None:
    """Told at start, not at the first request."""
    with pytest.raises(GatewayError, match=r"proxy\.example"):
        TrustedProxies("10.0.0.1, proxy.example")


def test_a_bucket_fills_again() -> None:
    """A burst at once, then the rate; a wait says when the next one is due."""
    buckets: Buckets[str] = Buckets(rate=2, burst=4)
    assert [buckets.take("a", 100.0) for _ in range(4)] == [0.0] * 4
    assert buckets.take("a", 100.0) == pytest.approx(0.5)
    assert buckets.wait_s("a", 100.25) == pytest.approx(0.25)
    assert buckets.take("a", 100.5) == 0.0
    assert buckets.take("b", 100.5) == 0.0
    assert [buckets.take("a", 1000.0) for _ in range(5)] == [0.0] * 4 + [pytest.approx(0.5)]


def test_a_million_callers_take_no_more_memory_than_a_thousand() -> None:
    """The longest known are forgotten; whoever keeps calling is still counted."""
    buckets: Buckets[int] = Buckets(rate=1, burst=2, kept_max=1000)
    for caller in range(1_000_000):
        buckets.take(caller, 0.0)
    assert len(buckets) <= 1000
    assert buckets.take(999_999, 0.0) == 0.0
    assert buckets.take(999_999, 0.0) > 0.0
