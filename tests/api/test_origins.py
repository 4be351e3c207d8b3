"""Which pages may read what: exact origins, and never more than that."""

import pytest

from gateway.api.routes import ROUTES
from tests.api.conftest import ORIGIN
from tests.api.paths import filled
from tests.api.world import Shop, ask, browser

_LOOK_ALIKES = [
    "https://shop.example.evil.example",
    "https://evil-shop.example",
    "https://shop.example:444",
    "http://shop.example",
    "https://SHOP.example",
    "https://shop.example.",
    "https://shop.example/",
    "https://sub.shop.example",
    "https://shop.exampl",
    "null",
    "file://",
    "https://shop.example, https://evil.example",
    "https://shop.example https://evil.example",
    "*",
    "",
]


@pytest.mark.parametrize("origin", _LOOK_ALIKES)
async def test_a_look_alike_origin_gets_nothing(shop: Shop, origin: str):
    """No permission in a preflight, none on an answer, and no device enrolled."""
    headers = {"Origin": origin}
    enrolled = await shop.page("POST", "/v1/subscriptions", {"app": shop.id, **browser()}, headers=headers)
    assert (enrolled.status, enrolled.code) == (403, "origin_refused")
    preflight = await shop.page(
        "OPTIONS", f"/v1/subscriptions?app={shop.id}", headers={**headers, "Access-Control-Request-Method": "POST"}
    )
    config = await shop.page("GET", f"/v1/sdk/config?app={shop.id}", headers=headers)
    assert (config.status, config.code) == (403, "origin_refused")
    for answer in (enrolled, preflight, config):
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


async def test_the_apps_own_origin_may_read(shop: Shop):
    """The answer names this origin, never any; caches are told that it depends on it."""
    answer = await shop.page("GET", f"/v1/sdk/config?app={shop.id}")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


async def test_an_origin_of_another_app_is_no_origin_of_this_one(shop: Shop, rival: Shop):
    """A rival on the same gateway has an origin that is known, and still may not."""
    answer = await shop.page(
        "POST", "/v1/subscriptions", {"app": shop.id, **browser()}, headers={"Origin": rival.origin}
    )
    assert (answer.status, answer.code) == (403, "origin_refused")
    preflight = await shop.page("OPTIONS", f"/v1/subscriptions?app={shop.id}", headers={"Origin": rival.origin})
    assert "Access-Control-Allow-Origin" not in preflight.headers


async def test_a_preflight_that_names_no_app_goes_by_what_any_app_has(shop: Shop):
    """Browsers name no app when they ask for a PATCH; the call itself is held to its app."""
    device = await shop.enrol()
    path = f"/v1/subscriptions/{device['id']}"
    known = await shop.page("OPTIONS", path, headers={"Access-Control-Request-Method": "PATCH"})
    assert known.status == 204
    assert known.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert known.headers["Access-Control-Allow-Methods"] == "DELETE, GET, PATCH"
    assert "Authorization" in known.headers["Access-Control-Allow-Headers"]
    assert known.headers["Access-Control-Max-Age"] == "86400"
    unknown = await shop.page("OPTIONS", path, headers={"Origin": "https://unknown.example"})
    assert "Access-Control-Allow-Origin" not in unknown.headers


async def test_a_page_can_read_why_it_was_refused(shop: Shop):
    """A refusal to the app's own page is readable, or its developer looks at a blank."""
    answer = await shop.page("POST", "/v1/subscriptions", {"app": shop.id, "channel": "webpush"})
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (422, ORIGIN)
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]


async def test_nobody_enrols_without_an_origin_or_a_key(shop: Shop):
    """A script on a server has neither; with the shop's key it may."""
    body = {"app": shop.id, **browser()}
    bare = await ask(shop.session, "POST", f"{shop.gateway.url}/v1/subscriptions", body=body)
    assert (bare.status, bare.code) == (403, "origin_refused")
    keyed = await shop.call("POST", "/v1/subscriptions", {**browser()})
    assert keyed.status == 201


async def test_server_routes_are_closed_to_pages(shop: Shop):
    """A key in a page's script would be a leak: no such call is readable from a page, preflights are not answered."""
    for route in ROUTES:
        if route.auth.kind == "key":
            answer = await shop.page(route.method, filled(route.path))
            assert "Access-Control-Allow-Origin" not in answer.headers, route.path
