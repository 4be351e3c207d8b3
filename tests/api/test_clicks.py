"""Links by way of the gateway: they lead where the message says and nowhere else, and count once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from gateway.model.ids import from_text
from gateway.policy.click_links import CLICK_KINDS
from tests.api.world import Shop

_TODAY = datetime.now(UTC).date()
_PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 Version/18.4 Safari/604.1"
_ACTIONS = [
    {"id": "buy", "title": "Buy", "url": "https://shop.example/buy"},
    {"id": "later", "title": "Later"},
]


async def _sent(shop: Shop, **fields: Any) -> str:
    body = {"audience": {"all": True}, "title": "Sale", "url": "https://shop.example/sale", **fields}
    answer = await shop.call("POST", "/v1/messages", body)
    assert answer.status == 202, answer.text
    return answer.body["id"]


async def _token(shop: Shop, message: str, device: dict[str, Any], *, day: date = _TODAY) -> str:
    return await shop.token(message, device["id"], day=day, kinds=CLICK_KINDS)


async def _follow(
    shop: Shop, path: str, *, method: str = "GET", agent: str = _PHONE, **headers: str
) -> tuple[int, str | None]:
    """Status and where it leads; what leads on is not followed."""
    sent = {"User-Agent": agent, **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with aiohttp.ClientSession() as session:
        asked = session.request(method, f"{shop.gateway.url}{path}", headers=sent, allow_redirects=False)
        async with asked as answer:
            return answer.status, answer.headers.get("Location")


async def _counts(shop: Shop, message: str) -> dict[int, int]:
    rows = await shop.gateway.services.database.fetch(
        "SELECT kind, sum(n)::int AS n FROM receipt_counts WHERE app_id = $1 AND msg_id = $2 GROUP BY kind",
        shop.app.id,
        from_text("msg", message),
    )
    return {row["kind"]: row["n"] for row in rows}


async def test_a_click_leads_on_and_counts_once(shop: Shop):
    """However often the link is opened, and it was seen as well."""
    message, device = await _sent(shop), await shop.enrol()
    token = await _token(shop, message, device)
    for _ in range(3):
        assert await _follow(shop, f"/c/{token}") == (302, "https://shop.example/sale")
    assert await _counts(shop, message) == {0: 1, 1: 1}


async def test_each_button_has_its_own_link(shop: Shop):
    """The second button has none: it leads to the front page, as a click without a link does."""
    message, device = await _sent(shop, actions=_ACTIONS), await shop.enrol()
    token = await _token(shop, message, device)
    assert await _follow(shop, f"/c/{token}/1") == (302, "https://shop.example/buy")
    assert await _follow(shop, f"/c/{token}/2") == (302, f"{shop.origin}/")
    clicked = await shop.gateway.services.database.fetchval(
        "SELECT data ->> 'action' FROM receipts WHERE app_id = $1 AND kind = 1", shop.app.id
    )
    assert clicked == "buy"


async def test_a_link_with_fields_leads_its_own_person(shop: Shop):
    """It is made for this device as when it was sent, with the campaign's parameters."""
    device = await shop.enrol()
    await shop.call("PUT", "/v1/users/cust-9", {"attributes": {"size": "46 long"}})
    await shop.call("PATCH", f"/v1/subscriptions/{device['id']}", {"user": "cust-9"})
    message = await _sent(shop, url="https://shop.example/shoes?size={{ user.size }}", utm={"source": "push"})
    token = await _token(shop, message, device)
    assert await _follow(shop, f"/c/{token}") == (302, "https://shop.example/shoes?size=46%20long&utm_source=push")


async def test_nobody_makes_it_lead_elsewhere(shop: Shop, rival: Shop):
    """Forged, cut, foreign, for another kind of report, too old, a button that there is not: never another address."""
    message, device = await _sent(shop), await shop.enrol()
    good = await _token(shop, message, device)
    foreign = await rival.token(message, device["id"], day=_TODAY, kinds=CLICK_KINDS)
    old = await _token(shop, message, device, day=_TODAY - timedelta(days=92))
    shown = await shop.token(message, device["id"], day=_TODAY, kinds=1)
    forged = good[:-1] + ("A" if good[-1] != "A" else "B")
    for path in (
        f"/c/{forged}", f"/c/{good[:-1]}", f"/c/{good}x", f"/c/{old}", f"/c/{shown}", "/c/https:%2F%2Fevil.example",
        f"/c/{good[:10]}{foreign[10:]}", f"/c/{good}/0", f"/c/{good}/10", f"/c/{good}/x", f"/c/{good}/-1",
        f"/c/{good}/%2F%2Fevil.example", "/c/%C3%A9", "/c/" + "A" * 5000,
    ):  # fmt: skip
        status, location = await _follow(shop, path)
        assert (status, location) == (404, None), path
    assert await _follow(shop, f"/c/{good}?to=https://evil.example") == (302, "https://shop.example/sale")
    assert await _follow(shop, f"/c/{foreign}") == (302, f"{rival.origin}/")
    assert await _counts(shop, message) == {0: 1, 1: 1}


async def test_programs_are_led_on_and_do_not_count(shop: Shop):
    """HEAD, fetching ahead, previews in chats."""
    message, device = await _sent(shop), await shop.enrol()
    path, leads = f"/c/{await _token(shop, message, device)}", (302, "https://shop.example/sale")
    assert await _follow(shop, path, method="HEAD") == leads
    assert await _follow(shop, path, Sec_Purpose="prefetch") == leads
    assert await _follow(shop, path, agent="Slackbot-LinkExpanding 1.0") == leads
    assert await _counts(shop, message) == {}


async def test_a_host_that_was_taken_off_the_list_is_led_to_no_more(shop: Shop):
    """The shop lost a domain: links in old messages lead to its front page."""
    listed = {"link_hosts": ["shop.example", "outlet.example"]}
    assert (await shop.call("PATCH", f"/v1/apps/{shop.id}", listed)).status == 200
    message, device = await _sent(shop, url="https://outlet.example/"), await shop.enrol()
    path = f"/c/{await _token(shop, message, device)}"
    assert await _follow(shop, path) == (302, "https://outlet.example/")
    assert (await shop.call("PATCH", f"/v1/apps/{shop.id}", {"link_hosts": ["shop.example"]})).status == 200
    assert await _follow(shop, path) == (302, f"{shop.origin}/")


async def test_a_device_that_left_is_led_on(shop: Shop):
    """Its person may open the link all the same."""
    message, device = (
        await _sent(shop, url="https://shop.example/hi?n={{ user.name | default: 'you' }}"),
        await shop.enrol(),
    )
    path = f"/c/{await _token(shop, message, device)}"
    headers = {"Authorization": f"Bearer {device['secret']}"}
    await shop.page("DELETE", f"/v1/subscriptions/{device['id']}", headers=headers)
    assert await _follow(shop, path) == (302, "https://shop.example/hi?n=you")


async def test_a_link_works_longer_than_it_counts(shop: Shop):
    """After a month reports are closed; whoever opens the link then still gets to the shop."""
    message, device = await _sent(shop), await shop.enrol()
    path = f"/c/{await _token(shop, message, device, day=_TODAY - timedelta(days=40))}"
    assert await _follow(shop, path) == (302, "https://shop.example/sale")
    assert await _counts(shop, message) == {}


@pytest.mark.parametrize(
    "address", ["push.shop.example", "https://push.shop.example/", "ftp://x", "https://a b", "https://" + "x" * 100, 5]
)
async def test_an_address_that_is_none_is_refused(shop: Shop, address: object):
    """A typing error would break every link in every app."""
    answer = await shop.call("PATCH", f"/v1/apps/{shop.id}", {"settings": {"click_links": address}})
    assert (answer.status, answer.param) == (422, "settings.click_links")
