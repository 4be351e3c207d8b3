"""The same call twice makes a thing once."""

import asyncio
from datetime import timedelta

import pytest

from gateway.store import idempotency
from gateway.store.idempotency import Slot
from tests.api.world import Gateway, Shop

_ORDER = {"audience": {"all": True}, "title": "Once"}
_KEY = {"Idempotency-Key": "order-17"}


async def test_a_repeated_message_is_sent_once(shop: Shop):
    """A shop that lost the answer asks again and gets it, marked as a repetition."""
    first = await shop.call("POST", "/v1/messages", _ORDER, headers=_KEY)
    second = await shop.call("POST", "/v1/messages", _ORDER, headers=_KEY)
    assert (first.status, second.status) == (202, 202)
    assert second.body == first.body
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len((await shop.call("GET", "/v1/messages")).body["data"]) == 1


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/topics"])
async def test_the_same_key_with_another_body_is_a_conflict(shop: Shop, path: str):
    """A key that stands for something else is a mistake of the caller, and is told."""
    bodies = (
        [{**_ORDER, "title": "x"}, {**_ORDER, "title": "y"}]
        if path == "/v1/messages"
        else [{"slug": "x"}, {"slug": "y"}]
    )
    assert (await shop.call("POST", path, bodies[0], headers=_KEY)).status in (201, 202)
    answer = await shop.call("POST", path, bodies[1], headers=_KEY)
    assert (answer.status, answer.code) == (409, "idempotency_mismatch")


async def test_a_key_used_on_another_route_is_a_conflict(shop: Shop):
    """The path is part of what a key stands for."""
    assert (await shop.call("POST", "/v1/topics", {"slug": "x"}, headers=_KEY)).status == 201
    answer = await shop.call("POST", "/v1/messages", _ORDER, headers=_KEY)
    assert (answer.status, answer.code) == (409, "idempotency_mismatch")


async def test_an_issued_key_can_be_asked_for_again(shop: Shop):
    """The only copy of a secret was in a lost answer: the repetition brings it, and the database holds it sealed."""
    wanted = {"name": "till", "scopes": ["read"]}
    first = await shop.call("POST", "/v1/keys", wanted, headers=_KEY)
    second = await shop.call("POST", "/v1/keys", wanted, headers=_KEY)
    assert second.body["key"] == first.body["key"]
    assert second.headers["Idempotent-Replayed"] == "true"
    kept = await shop.gateway.services.database.fetchval(
        "SELECT answer FROM idempotency WHERE app_id = $1 AND key = 'order-17'", shop.app.id
    )
    assert first.body["key"].encode() not in kept
    assert b"till" not in kept
    assert len((await shop.call("GET", "/v1/keys")).body["data"]) == 2


async def test_a_new_app_is_made_once(gateway: Gateway, shop: Shop):
    """The installation's own keys have a space of their own."""
    admin = await gateway.admin_key()
    wanted = {"name": f"second of {shop.id}", "subject": "mailto:a@shop.example"}
    headers = {"Idempotency-Key": f"app-{shop.id}"}
    first = await shop.call("POST", "/v1/apps", wanted, key=admin, headers=headers)
    second = await shop.call("POST", "/v1/apps", wanted, key=admin, headers=headers)
    assert (first.status, second.body) == (201, first.body)


async def test_a_refusal_is_not_kept(shop: Shop):
    """After what was wrong is mended, the same key works."""
    assert (await shop.call("POST", "/v1/topics", {"slug": "NO"}, headers=_KEY)).status == 422
    assert (await shop.call("POST", "/v1/topics", {"slug": "yes"}, headers=_KEY)).status == 201


async def test_only_one_of_many_at_once_does_the_work(shop: Shop):
    """Ten calls with one key make one key; who comes while it is being made is asked to wait."""
    wanted = {"name": "till", "scopes": ["read"]}
    answers = await asyncio.gather(*(shop.call("POST", "/v1/keys", wanted, headers=_KEY) for _ in range(10)))
    waiting = [answer for answer in answers if answer.status == 409]
    assert all((answer.code, answer.headers["Retry-After"]) == ("idempotency_in_flight", "1") for answer in waiting)
    assert len({answer.text for answer in answers if answer.status == 201}) == 1
    assert len((await shop.call("GET", "/v1/keys")).body["data"]) == 2


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_an_unusable_key_is_refused(shop: Shop, key: str):
    """A key that cannot be kept is a 400 that names the header, not a call done without one."""
    answer = await shop.call("POST", "/v1/messages", _ORDER, headers={"Idempotency-Key": key})
    assert (answer.status, answer.code, answer.param) == (400, "header_invalid", "Idempotency-Key")


async def test_a_reservation_of_a_dead_call_is_taken_over(shop: Shop):
    """A process that died with a key reserved blocks it for a minute, not for a week; and can no longer complete it."""
    db = shop.gateway.services.database
    slot = Slot(app_id=shop.app.id, bucket=shop.app.home, key="dead")
    first = await idempotency.reserve(db, slot, request_hash=b"x")
    assert first is not None
    assert await idempotency.reserve(db, slot, request_hash=b"x") is None
    await db.execute(
        "UPDATE idempotency SET created_at = created_at - interval '61 seconds' WHERE app_id = $1 AND key = 'dead'",
        shop.app.id,
    )
    assert await idempotency.reserve(db, slot, request_hash=b"other") is None
    second = await idempotency.reserve(db, slot, request_hash=b"x")
    assert second is not None
    late = first - timedelta(seconds=61)
    assert not await idempotency.complete(db, slot, reserved_at=late, status=201, answer=b"late")
    assert await idempotency.complete(db, slot, reserved_at=second, status=201, answer=b"mine")
    kept = await idempotency.find(db, slot)
    assert kept is not None
    assert kept.answer == b"mine"


async def test_a_key_is_free_again_after_a_week(shop: Shop):
    """What has expired is neither answered nor in the way."""
    db = shop.gateway.services.database
    assert (await shop.call("POST", "/v1/topics", {"slug": "x"}, headers=_KEY)).status == 201
    await db.execute("UPDATE idempotency SET expires_at = now() - interval '1 second' WHERE app_id = $1", shop.app.id)
    answer = await shop.call("POST", "/v1/topics", {"slug": "y"}, headers=_KEY)
    assert answer.status == 201
    assert "Idempotent-Replayed" not in answer.headers
