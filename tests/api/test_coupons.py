"""`/v1/coupons` over HTTP: what a shop's server calls, and what it hears when something is wrong."""

from typing import Any

import pytest

from tests.api.world import Shop


async def _pool(shop: Shop, **fields: Any) -> None:
    answer = await shop.call("POST", "/v1/coupons", {"pool": "winter", **fields})
    assert answer.status == 201, answer.body


async def test_a_pool_is_made_filled_shown_changed_and_deleted(shop: Shop):
    """The whole life of a pool."""
    await _pool(shop, low_at=1, expires_at="2099-01-01T00:00:00Z")
    loaded = await shop.call("POST", "/v1/coupons/winter/codes", raw=b"A-1\nA-2\nbad code\n")
    assert loaded.body == {
        "imported": 2, "known": 0, "rejected": 1,
        "errors": [{"line": 3, "code": "field_invalid", "message": loaded.body["errors"][0]["message"]}],
    }  # fmt: skip
    made = await shop.call("POST", "/v1/coupons/winter/generate", {"pattern": "W-####-????", "count": 3})
    assert (made.status, made.body["imported"]) == (201, 3)
    used = await shop.call("POST", "/v1/coupons/winter/redeem", {"code": "A-1"})
    assert used.body == {"code": "A-1", "message": None}
    again = await shop.call("POST", "/v1/coupons/winter/redeem", {"code": "A-1"})
    assert (again.status, again.body["error"]["code"]) == (409, "coupon_redeemed")
    changed = await shop.call("PATCH", "/v1/coupons/winter", {"low_at": None, "name": "Winter sale"})
    assert (changed.body["low_at"], changed.body["name"]) == (None, "Winter sale")
    shown = (await shop.call("GET", "/v1/coupons/winter")).body
    assert (shown["codes"], shown["left"], shown["redeemed"], shown["messages"]) == (5, 4, 1, [])
    assert [one["pool"] for one in (await shop.call("GET", "/v1/coupons")).body["data"]] == ["winter"]
    assert (await shop.call("DELETE", "/v1/coupons/winter")).status == 204
    assert (await shop.call("GET", "/v1/coupons/winter")).status == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/v1/coupons", {"pool": "Not A Slug"}, 422, "pool"),
        ("/v1/coupons", {"pool": "x", "low_at": -1}, 422, "low_at"),
        ("/v1/coupons", {"pool": "x", "expires_at": "2001-01-01T00:00:00Z"}, 422, "expires_at"),
        ("/v1/coupons", {"pool": "x", "expires_at": "soon"}, 422, "expires_at"),
        ("/v1/coupons", {"pool": "x", "unknown": 1}, 422, "unknown"),
        ("/v1/coupons", {"pool": "winter"}, 409, "pool"),
        ("/v1/coupons", [], 422, None),
        ("/v1/coupons/winter/generate", {"pattern": "A-#", "count": 1}, 422, "pattern"),
        ("/v1/coupons/winter/generate", {"pattern": "A-####-????", "count": 0}, 422, "count"),
        ("/v1/coupons/winter/generate", {"pattern": "A-####-????", "count": 10**9}, 422, "count"),
        ("/v1/coupons/none/generate", {"pattern": "A-####-????", "count": 1}, 404, None),
        ("/v1/coupons/winter/redeem", {"code": "nobody's"}, 404, "code"),
        ("/v1/coupons/winter/redeem", {"code": ""}, 422, "code"),
        ("/v1/coupons/winter/redeem", {}, 422, "code"),
    ],
)
async def test_what_is_wrong_is_named(shop: Shop, path: str, body: Any, status: int, param: str | None):
    """A 4xx with its field, and nothing done."""
    await _pool(shop)
    answer = await shop.call("POST", path, body)
    assert (answer.status, answer.body["error"].get("param")) == (status, param), answer.body
    shown = (await shop.call("GET", "/v1/coupons/winter")).body
    assert shown["codes"] == 0


async def test_another_app_sees_nothing(shop: Shop, rival: Shop):
    """Neither the pool nor its codes."""
    await _pool(shop)
    await shop.call("POST", "/v1/coupons/winter/codes", raw=b"A-1\n")
    for method, path, body in (
        ("GET", "/v1/coupons/winter", None),
        ("POST", "/v1/coupons/winter/redeem", {"code": "A-1"}),
        ("DELETE", "/v1/coupons/winter", None),
    ):
        assert (await rival.call(method, path, body)).status == 404
    assert (await rival.call("GET", "/v1/coupons")).body["data"] == []
