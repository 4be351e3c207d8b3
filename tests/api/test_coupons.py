"""`/v1/coupons` over HTTP: what a shop's server calls, and what it hears when something is wrong."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.model.limits import (
    COUPON_BATCH_ROWS,
    COUPON_CODES_PER_POOL_MAX,
    COUPON_PATTERN_SPACE_MIN,
    COUPON_POOLS_PER_APP_MAX,
)
from gateway.policy.coupon_pattern import DIGITS, space_of
from gateway.store.database import Database
from tests.api.world import Answer, Shop

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def _pool(shop: Shop, **fields: Any) -> None:
    answer = await shop.call("POST", "/v1/coupons", {"pool": "winter", **fields})
    assert answer.status == 201, answer.body


def _refusal(answer: Answer) -> tuple[int, str, str | None]:
    return answer.status, answer.code, answer.param


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


@pytest.mark.parametrize(
    ("coupon", "in_days"), [({"pool": "none"}, 0), ({"pool": "Not A Slug"}, 0), ({"pool": "winter"}, 2)]
)
async def test_a_message_is_refused_a_pool_that_has_nothing_for_it(shop: Shop, coupon: dict[str, str], in_days: int):
    """422 with the field, where there is no such pool and where it will have expired; in a batch with the message."""
    now = datetime.now(UTC)
    await _pool(shop, expires_at=(now + timedelta(days=1)).isoformat())
    at = {"schedule": {"at": (now + timedelta(days=in_days)).isoformat()}} if in_days else {}
    order = {"audience": {"users": ["ada"]}, "title": "x", "coupon": coupon, **at}
    refused = await shop.call("POST", "/v1/messages", order)
    assert _refusal(refused) == (422, "coupon_pool_unknown", "coupon.pool"), refused.text
    in_batch = (await shop.call("POST", "/v1/messages/batch", {"messages": [order]})).body["data"][0]
    assert (in_batch["status"], in_batch["error"]["code"]) == (422, "coupon_pool_unknown")
    assert in_batch["error"]["param"] == "messages[0].coupon.pool"
    order = {"audience": {"users": ["ada"]}, "title": "x", "coupon": {"pool": "winter"}}
    assert (await shop.call("POST", "/v1/messages", order)).status == 202


async def test_an_app_has_a_bounded_number_of_pools(api_database: Database, shop: Shop, rival: Shop):
    """The next one is a 409, until one goes; another app is not counted."""
    await api_database.execute(
        "INSERT INTO coupon_pools (app_id, id, slug, name) SELECT $1, n, 'p' || n, 'p' FROM generate_series(1, $2) n",
        shop.app.id,
        COUPON_POOLS_PER_APP_MAX,
    )
    refused = await shop.call("POST", "/v1/coupons", {"pool": "winter"})
    assert _refusal(refused) == (409, "coupon_pools_too_many", None)
    await _pool(rival)
    assert (await shop.call("DELETE", "/v1/coupons/p1")).status == 204
    await _pool(shop)


async def test_a_pattern_makes_codes_that_are_hard_to_guess(shop: Shop):
    """A thousand possible codes for each one in the pool, those that were there before included."""
    await _pool(shop)
    pattern = "A-####"
    most = space_of(pattern) // COUPON_PATTERN_SPACE_MIN
    refused = await shop.call("POST", "/v1/coupons/winter/generate", {"pattern": pattern, "count": most + 1})
    assert _refusal(refused) == (422, "coupon_pattern_small", "pattern")
    made = await shop.call("POST", "/v1/coupons/winter/generate", {"pattern": pattern, "count": most})
    assert (made.status, made.body["imported"]) == (201, most)
    refused = await shop.call("POST", "/v1/coupons/winter/generate", {"pattern": pattern, "count": 1})
    assert _refusal(refused) == (422, "coupon_pattern_small", "pattern")
    assert (await shop.call("GET", "/v1/coupons/winter")).body["codes"] == most


async def test_a_pattern_that_others_use_up_meanwhile_comes_to_an_end(api_database: Database, shop: Shop):
    """409 rather than a search without end: all its codes come in between the look at the pool and the new code."""
    await _pool(shop)
    codes = ["A-" + "".join(digits) for digits in itertools.product(DIGITS, repeat=4)]
    async with api_database.transaction() as others:
        await others.execute(
            "INSERT INTO coupon_codes (app_id, bucket, pool_id, code)"
            " SELECT $1, bucket, id, code FROM coupon_pools, unnest($2::smallint[]) bucket, unnest($3::text[]) code"
            " WHERE app_id = $1",
            shop.app.id,
            list(shop.app.buckets),
            codes,
        )
        wanted = {"pattern": "A-####", "count": 1}
        asked = asyncio.create_task(shop.call("POST", "/v1/coupons/winter/generate", wanted))
        async with asyncio.timeout(10):
            while not await api_database.fetchval(_WAITING):
                assert not asked.done(), await asked
    assert _refusal(await asked) == (409, "coupon_pattern_used_up", None)


async def _nearly_full(db: Database, shop: Shop, *, room: int) -> None:
    """Fills the only pool. Without an index and a log, millions of rows take seconds; all are still counted."""
    async with db.transaction() as tx:
        await tx.execute("ALTER TABLE coupon_codes SET UNLOGGED")
        await tx.execute("ALTER TABLE coupon_codes DROP CONSTRAINT coupon_codes_pkey")
        await tx.execute(
            "INSERT INTO coupon_codes (app_id, bucket, pool_id, code, state)"
            " SELECT $1, $2, id, 'c' || n, 4 FROM coupon_pools, generate_series(1, $3) n WHERE app_id = $1",
            shop.app.id,
            shop.app.home,
            COUPON_CODES_PER_POOL_MAX - room,
        )


async def test_a_pool_holds_a_bounded_number_of_codes(changed: Any, dsn: str, shop: Shop):
    """409 for what does not fit, loaded or generated; what fits is taken, to the last."""
    database = await Database.open(dsn, name="codes")
    big = Shop(await changed(database=database), shop.session, shop.app, shop.key)
    await _pool(big)
    await _nearly_full(database, big, room=COUPON_BATCH_ROWS + 1)
    too_many = {"pattern": "A-####-????-????", "count": COUPON_BATCH_ROWS + 2}
    refused = await big.call("POST", "/v1/coupons/winter/generate", too_many)
    assert _refusal(refused) == (409, "coupon_pool_full", None), refused.text
    # The first batch goes in and stays, and takes the room that the second would need.
    lines = "".join(f"B-{n}\n" for n in range(COUPON_BATCH_ROWS + 2)).encode()
    refused = await big.call("POST", "/v1/coupons/winter/codes", raw=lines)
    assert _refusal(refused) == (409, "coupon_pool_full", None), refused.text
    fits = await big.call("POST", "/v1/coupons/winter/codes", raw=b"A-1\n")
    assert (fits.status, fits.body["imported"]) == (200, 1)
    refused = await big.call("POST", "/v1/coupons/winter/codes", raw=b"A-2\n")
    assert _refusal(refused) == (409, "coupon_pool_full", None)
    await database.close()


async def test_a_code_that_expired_is_not_redeemed(shop: Shop):
    """409 for one with a time of its own and for one of a pool that is over; one that was used says that instead."""
    await _pool(shop)
    await shop.call("POST", "/v1/coupons/winter/codes", raw=b"OLD,2001-01-01T00:00:00Z\nUSED\nLATE\n")
    path = "/v1/coupons/winter/redeem"
    assert _refusal(await shop.call("POST", path, {"code": "OLD"})) == (409, "coupon_expired", "code")
    assert (await shop.call("POST", path, {"code": "USED"})).status == 200
    over = {"expires_at": "2001-01-01T00:00:00Z"}
    assert (await shop.call("PATCH", "/v1/coupons/winter", over)).status == 200
    assert _refusal(await shop.call("POST", path, {"code": "LATE"})) == (409, "coupon_expired", "code")
    assert _refusal(await shop.call("POST", path, {"code": "USED"})) == (409, "coupon_redeemed", "code")
    assert (await shop.call("GET", "/v1/coupons/winter")).body["redeemed"] == 1
