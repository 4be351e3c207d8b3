"""What devices track: of the person who is logged in there, or of the device until somebody is."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.model.ids import from_text, to_text
from gateway.model.limits import DEVICE_EVENTS_ADOPTED_MAX
from gateway.store import device_events, erasures, persons
from gateway.store.device_events import DeviceEvent
from gateway.subscribers.identity import signature_of
from tests.api.world import Answer, Shop
from tests.store.waiting import wait_for_a_lock

_CART = {
    "id": "e-1",
    "name": "add_to_cart",
    "properties": {
        "currency": "EUR",
        "value": 49.8,
        "items": [{"item_id": "sku-5", "item_name": "Tea pot", "price": 24.9, "quantity": 2}],
    },
}


async def _track(shop: Shop, device: dict[str, Any], *events: dict[str, Any], **fields: Any) -> Answer:
    body = {"subscription": device["id"], "secret": device["secret"], "events": list(events), **fields}
    return await shop.page("POST", "/v1/events", body)


async def _login(shop: Shop, device: dict[str, Any], user: str) -> None:
    (secret, *_) = await shop.gateway.services.keyring.identity_secrets(shop.app.id)
    expires = str(int(time.time()) + 600)
    body = {"external_id": user, "signature": signature_of(secret, shop.app, user, expires), "expires": expires}
    headers = {"Authorization": f"Bearer {device['secret']}"}
    answer = await shop.page("POST", f"/v1/subscriptions/{device['id']}/identity", body, headers=headers)
    assert answer.status == 200, answer.text


async def _events_of(shop: Shop, user: str) -> dict[str, Any]:
    return (await shop.call("GET", f"/v1/users/{user}")).body["events"]


async def _reached(shop: Shop, event: str) -> int:
    """How many devices a filter on this event finds."""
    body = {"audience": {"where": {"all": [{"event": event, "done": True}]}}}
    answer = await shop.call("POST", "/v1/audience/estimate?exact=true", body)
    assert answer.status == 200, answer.text
    return answer.body["devices"]


async def test_what_is_done_on_a_device_is_its_persons(shop: Shop):
    """A cart filled in the browser counts for who is logged in there, with its worth, once."""
    device = await shop.enrol()
    await _login(shop, device, "cust-1")
    answer = await _track(shop, device, _CART)
    assert (answer.status, answer.body) == (202, {"accepted": 1, "duplicates": 0})
    assert (await _track(shop, device, _CART)).body == {"accepted": 0, "duplicates": 1}
    known = (await _events_of(shop, "cust-1"))["add_to_cart"]
    assert (known["count"], known["sum"]) == (1, 49.8)


async def test_an_event_on_its_way_does_not_bring_back_who_is_erased(shop: Shop):
    """Whoever is forgotten stays forgotten: no row of theirs is made anew by what their device was just telling."""
    device = await shop.enrol()
    await _login(shop, device, "cust-9")
    number = from_text("sub", device["id"])
    assert number is not None
    database = shop.gateway.services.database
    async with database.transaction() as tx:
        await erasures.begin(tx, shop.app, ["cust-9"], [number])
        tracking = asyncio.create_task(_track(shop, device, _CART))
        await wait_for_a_lock(database)
    assert (await tracking).status == 202
    assert (await shop.call("GET", "/v1/users/cust-9")).status == 404


async def test_a_device_that_is_nobodys_is_reached_by_what_it_did(shop: Shop):
    """Most subscribers never log in: a filter on events finds their devices all the same."""
    device, other = await shop.enrol(), await shop.enrol()
    await _track(shop, device, _CART, {**_CART, "id": "e-2"})
    assert (await _track(shop, device, _CART)).body == {"accepted": 0, "duplicates": 1}
    await _track(shop, other, {"name": "view_item", "id": "e-1"})
    assert await _reached(shop, "add_to_cart") == 1


async def test_the_login_brings_along_what_was_done_before_it(shop: Shop):
    """First the cart, then the login, as people do it: the cart is the person's, counted once, on all their devices."""
    known, device = await shop.enrol(), await shop.enrol()
    await _login(shop, known, "cust-2")
    await _track(shop, device, _CART, {**_CART, "id": "e-2"})
    assert await _reached(shop, "add_to_cart") == 1
    await _login(shop, device, "cust-2")
    assert (await _events_of(shop, "cust-2"))["add_to_cart"]["count"] == 2
    assert await _reached(shop, "add_to_cart") == 2
    assert (await _track(shop, device, _CART)).body == {"accepted": 0, "duplicates": 1}
    left = await shop.gateway.services.database.fetchval(
        "SELECT count(*) FROM device_events WHERE app_id = $1", shop.app.id
    )
    assert left == 0


async def test_nothing_is_left_for_the_next_one_to_log_in(shop: Shop):
    """On a device that was shared: who tracked more than a login brings along leaves none of it to somebody else."""
    device = await shop.enrol()
    number = from_text("sub", device["id"])
    assert number is not None
    at = datetime.now(UTC)
    tracked = [
        DeviceEvent(subscription_id=number, id=f"e-{n}", name="visit", at=at - timedelta(minutes=n), data={})
        for n in range(DEVICE_EVENTS_ADOPTED_MAX + 1)
    ]
    await device_events.insert(shop.gateway.services.database, shop.app, tracked)
    await _login(shop, device, "ann")
    await _login(shop, device, "bob")
    assert (await _events_of(shop, "ann"))["visit"]["count"] == DEVICE_EVENTS_ADOPTED_MAX
    assert (await shop.call("GET", "/v1/users/bob")).body["events"] == {}


async def test_a_purchase_is_known_by_its_transaction(shop: Shop):
    """The thank-you page is loaded three times and the server tells it as well: one purchase."""
    device = await shop.enrol()
    await _login(shop, device, "cust-3")
    purchase = {"name": "purchase", "properties": {"transaction_id": "T-77", "value": 80, "currency": "EUR"}}
    told = await asyncio.gather(*(_track(shop, device, purchase) for _ in range(3)))
    assert sorted(one.body["accepted"] for one in told) == [0, 0, 1]
    answer = await shop.call("POST", "/v1/events", {**purchase, "user": "cust-3"})
    assert answer.body == {"accepted": 0, "duplicates": 1}
    assert (await _events_of(shop, "cust-3"))["purchase"]["sum"] == 80


@pytest.mark.parametrize("transaction", ["T" * 200, "T\n77"])
async def test_a_transaction_of_any_form_is_one_purchase(shop: Shop, transaction: str):
    """However shops number them: the same one counts once, and one that ends otherwise is another."""
    device = await shop.enrol()
    await _login(shop, device, "cust-5")
    for number in (transaction, transaction, f"{transaction}8"):
        answer = await _track(shop, device, {"name": "purchase", "properties": {"transaction_id": number, "value": 5}})
        assert answer.status == 202, answer.text
    assert (await _events_of(shop, "cust-5"))["purchase"]["count"] == 2


async def test_items_say_what_an_event_is_worth(shop: Shop):
    """Without a value, price times quantity of the items, as shops' tags have them."""
    device = await shop.enrol()
    await _login(shop, device, "cust-4")
    items = [{"item_id": "a", "price": 10.5, "quantity": 2}, {"item_name": "b"}, {"item_id": "c", "price": 1}]
    await _track(shop, device, {"name": "begin_checkout", "id": "x", "properties": {"items": items}})
    assert (await _events_of(shop, "cust-4"))["begin_checkout"]["sum"] == 22


async def test_nobody_speaks_for_another_device(shop: Shop, rival: Shop):
    """A wrong secret, another device's, another app's, an id that does not exist: refused, and nothing is kept."""
    device, other = await shop.enrol(), await shop.enrol()
    foreign = await rival.enrol()
    forged = device["secret"][:-1] + ("A" if device["secret"][-1] != "A" else "B")
    claims = [
        (device["id"], forged),
        (device["id"], other["secret"]),
        (device["id"], foreign["secret"]),
        (to_text("sub", 5), device["secret"]),
        ("sub_x", device["secret"]),
        (device["id"], "stpl_ds_"),
        (device["id"], rival.key),
    ]
    for id_, secret in claims:
        answer = await shop.page("POST", "/v1/events", {"subscription": id_, "secret": secret, "events": [_CART]})
        assert answer.status in (401, 403), (id_, secret, answer.text)
    assert await _reached(shop, "add_to_cart") == 0
    assert await _reached(rival, "add_to_cart") == 0


async def test_a_forger_among_others_changes_nothing_for_them(shop: Shop):
    """Requests of one moment are written together; each is judged by itself."""
    devices = [await shop.enrol() for _ in range(4)]
    forged = {"id": devices[0]["id"], "secret": devices[1]["secret"]}
    answers = await asyncio.gather(*(_track(shop, one, _CART) for one in [*devices, forged, forged]))
    assert [one.status for one in answers] == [202] * 4 + [401] * 2
    assert await _reached(shop, "add_to_cart") == 4


async def test_who_left_is_not_tracked(shop: Shop):
    """After the opt-out the secret opens nothing here."""
    device = await shop.enrol()
    headers = {"Authorization": f"Bearer {device['secret']}"}
    assert (await shop.page("DELETE", f"/v1/subscriptions/{device['id']}", headers=headers)).status == 204
    assert (await _track(shop, device, _CART)).status == 401


async def test_native_apps_bring_the_secret_in_the_header(shop: Shop):
    """As with every other call of a device; no Origin, no preflight."""
    device = await shop.enrol()
    headers = {"Authorization": f"Bearer {device['secret']}"}
    answer = await shop.call("POST", "/v1/events", {"subscription": device["id"], "events": [_CART]}, headers=headers)
    assert (answer.status, answer.body["accepted"]) == (202, 1)


async def test_a_page_of_another_origin_is_turned_away(shop: Shop):
    """A script elsewhere that got hold of a secret cannot use a visitor's browser for it."""
    device = await shop.enrol()
    body = {"subscription": device["id"], "secret": device["secret"], "events": [_CART]}
    answer = await shop.page("POST", "/v1/events", body, headers={"Origin": "https://elsewhere.example"})
    assert (answer.status, answer.code) == (403, "origin_refused")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"events": []}, "events"),
        ({"events": [_CART] * 21}, "events"),
        ({"events": [{**_CART, "name": ""}]}, "events[0].name"),
        ({"events": [_CART, {**_CART, "id": ""}]}, "events[1].id"),
        ({"events": [{**_CART, "user": "cust-1"}]}, "events[0].user"),
        ({"events": [{**_CART, "at": "2120-01-01T00:00:00Z"}]}, "events[0].at"),
        ({"events": [{**_CART, "properties": {"value": 1e13}}]}, "events[0].properties.value"),
        ({"events": [{**_CART, "properties": {"x": "y" * 5000}}]}, "events[0].properties"),
        ({"events": [{**_CART, "properties": {"items": 5}}]}, "events[0].properties.items"),
        ({"events": [{**_CART, "properties": {"items": [5]}}]}, "events[0].properties.items[0]"),
        ({"events": [{**_CART, "properties": {"items": [{"price": 1}]}}]}, "events[0].properties.items[0].item_id"),
        (
            {"events": [{**_CART, "properties": {"items": [{"item_id": "a", "price": "4"}]}}]},
            "events[0].properties.items[0].price",
        ),
        ({"events": [{**_CART, "properties": {"currency": "euro"}}]}, "events[0].properties.currency"),
        ({"events": "all"}, "events"),
        ({"secret": "x" * 101}, "secret"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_malformed_event_is_a_422_with_all_of_its_request(shop: Shop, fields: dict[str, Any], param: str):
    """The page's developer hears which field; nothing of the request is taken."""
    device = await shop.enrol()
    answer = await _track(shop, device, _CART, **fields)
    assert (answer.status, answer.param) == (422, param), answer.text
    assert await _reached(shop, "add_to_cart") == 0


@pytest.mark.parametrize("raw", [b'{"subscription": "sub_1", "sec', b"\xff\xfe", b"[" * 2000, b"events=1"])
async def test_a_body_that_cannot_be_read_is_told_so(shop: Shop, raw: bytes):
    """A page that was cut off while it sent is not told that its secret is wrong."""
    answer = await shop.page("POST", "/v1/events", raw=raw)
    assert (answer.status, answer.code) == (400, "json_unreadable"), answer.text


@pytest.mark.parametrize("body", [{"events": []}, [], "sub_1"])
async def test_a_body_that_names_no_device_needs_a_key(shop: Shop, body: Any):
    """It can be read; what is missing is who says it."""
    answer = await shop.page("POST", "/v1/events", body)
    assert (answer.status, answer.code) == (401, "key_missing"), answer.text


async def test_a_body_of_a_device_is_small(shop: Shop):
    """What a shop's server may send in one request is not read from everybody."""
    answer = await shop.page("POST", "/v1/events", raw=b'{"subscription": "' + b"x" * 70_000)
    assert (answer.status, answer.code) == (413, "body_too_large")


async def test_one_device_does_not_flood(shop: Shop):
    """Beyond a burst it hears 429 and when to come again; the others go on."""
    device, other = await shop.enrol(), await shop.enrol()
    answers = await asyncio.gather(*(_track(shop, device, {"name": "scroll", "id": str(n)}) for n in range(70)))
    refused = [one for one in answers if one.status == 429]
    assert 5 <= len(refused) <= 10
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert (await _track(shop, other, _CART)).status == 202


async def test_what_nobody_logs_in_for_is_forgotten_after_a_month(shop: Shop):
    """Younger events stay, and so do the facts that filters ask."""
    db = shop.gateway.services.database
    device = await shop.enrol()
    await _track(shop, device, _CART, {**_CART, "id": "e-2"})
    await db.execute(
        "UPDATE device_events SET at = at - interval '31 days' WHERE app_id = $1 AND id = 'e-1'", shop.app.id
    )
    assert await device_events.prune(db) >= 1
    left = await db.fetch("SELECT id FROM device_events WHERE app_id = $1", shop.app.id)
    assert [row["id"] for row in left] == ["e-2"]
    assert await _reached(shop, "add_to_cart") == 1


async def test_erasing_a_person_takes_what_their_devices_tracked(shop: Shop):
    """Also what was not made theirs yet, because the device became theirs by a file."""
    db = shop.gateway.services.database
    device = await shop.enrol()
    await _track(shop, device, _CART)
    number = from_text("sub", device["id"])
    assert number is not None
    await persons.attach(db, shop.app, "cust-8", number)
    assert (await shop.call("DELETE", "/v1/users/cust-8")).status == 204
    assert await db.fetchval("SELECT count(*) FROM device_events WHERE app_id = $1", shop.app.id) == 0
