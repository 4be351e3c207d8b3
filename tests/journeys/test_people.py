"""People: what a shop tells of them, the names they go by, what they do, and that all of it is on their devices."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.model.ids import to_text
from gateway.model.limits import ALIASES_PER_PERSON_MAX
from gateway.store import copies
from gateway.subscribers import people
from gateway.subscribers.identity import signature_of
from tests.journeys.world import Device, Shop, World


async def _facts(shop: Shop, device: Device) -> dict[str, Any]:
    """What a device carries of its person."""
    return await shop.world.db.fetchval("SELECT facts FROM subscriptions WHERE id = $1", device.number) or {}


async def _put(shop: Shop, user: str, **fields: Any) -> dict[str, Any]:
    status, _, said = await shop.call("PUT", f"/v1/users/{user}", fields)
    assert status in (200, 201), said
    return said


async def _tell(shop: Shop, *events: dict[str, Any]) -> dict[str, Any]:
    status, _, said = await shop.call("POST", "/v1/events", list(events))
    assert status == 202, said
    return said


async def _user(shop: Shop, user: str) -> dict[str, Any]:
    status, _, said = await shop.call("GET", f"/v1/users/{user}")
    assert status == 200, said
    return said


async def test_a_shop_tells_of_a_person(shop: Shop) -> None:
    """Typed attributes, tags, language, time zone, e-mail and phone; a moment is kept in UTC."""
    fields = {
        "attributes": {
            "first_name": "Ada", "spent": 120.5, "orders": 3, "vip": True, "born": "1815-12-10",
            "renews": "2026-12-01T09:00:00+01:00", "likes": ["tea", "maths"],
        },
        "tags": {"plan": "gold"}, "language": "nl", "timezone": "Europe/Amsterdam", "country": "NL",
        "email": "Ada@Shop.Example", "phone": "+31 20 123 4567",
    }  # fmt: skip
    status, _, said = await shop.call("PUT", "/v1/users/cust-17", fields)
    assert status == 201, said
    kept = {**fields["attributes"], "renews": "2026-12-01T08:00:00Z"}  # type: ignore[dict-item]  # of mixed values
    assert said == await _user(shop, "cust-17")
    assert said["attributes"] == kept
    assert (said["tags"], said["language"], said["timezone"]) == ({"plan": "gold"}, "nl", "Europe/Amsterdam")
    assert (said["email"], said["phone"]) == ("Ada@shop.example", "+31201234567")


async def test_a_change_merges_and_a_put_replaces(shop: Shop) -> None:
    """PATCH leaves what it does not name, and null takes away; PUT is the whole person."""
    await _put(shop, "cust-17", attributes={"a": 1, "b": 2}, language="nl", email="ada@shop.example")
    status, _, said = await shop.call(
        "PATCH", "/v1/users/cust-17", {"attributes": {"b": None, "c": 3}, "language": None}
    )
    assert (status, said["attributes"], said["language"], said["email"]) == (
        200, {"a": 1, "c": 3}, None, "ada@shop.example",
    )  # fmt: skip
    status, _, said = await shop.call("PUT", "/v1/users/cust-17", {"tags": {"x": "y"}})
    assert (status, said["attributes"], said["tags"], said["email"]) == (200, {}, {"x": "y"}, None)
    status, _, said = await shop.call("PATCH", "/v1/users/nobody", {"tags": {}})
    assert (status, said["error"]["code"]) == (404, "not_found")


async def test_true_is_another_value_than_one(shop: Shop) -> None:
    """Typed values: a number that becomes true or false is a change, and the other way round."""
    for value in (1, True, 0, False):
        said = await _put(shop, "cust-17", attributes={"vip": value})
        assert said["attributes"]["vip"] is value


async def test_what_is_known_is_on_every_device_at_once(shop: Shop) -> None:
    """One that was there, and one that comes later; what somebody else has is not."""
    mine, theirs = await shop.devices(2, lines=[{"user": "cust-17"}, {"user": "cust-18"}])
    await _put(shop, "cust-17", attributes={"first_name": "Ada"}, language="nl")
    (later,) = await shop.devices(1, lines=[{"user": "cust-17"}])

    for device in (mine, later):
        facts = await _facts(shop, device)
        assert (facts["attributes"], facts["language"], facts["devices"]) == ({"first_name": "Ada"}, "nl", 2)
    assert await _facts(shop, theirs) == {}


async def test_a_device_that_logs_out_forgets(shop: Shop) -> None:
    """The next one who uses the browser gets nothing that was meant for the last."""
    first, second = await shop.devices(2, lines=[{"user": "cust-17"}, {"user": "cust-17"}])
    await _put(shop, "cust-17", attributes={"first_name": "Ada"})
    status, _, _ = await shop.call("PATCH", f"/v1/subscriptions/{first.id}", {"user": None})
    assert status == 200
    assert await _facts(shop, first) == {}
    assert "devices" not in await _facts(shop, second)

    status, _, _ = await shop.call("PATCH", f"/v1/subscriptions/{first.id}", {"user": "cust-18"})
    assert status == 200
    assert await _facts(shop, first) == {}


async def test_a_login_in_a_browser_brings_the_persons_facts(world: World, shop: Shop) -> None:
    """Signed by the shop; under the other name of the person as well."""
    (device,) = await shop.devices(1)
    await _put(shop, "cust-17", attributes={"first_name": "Ada"})
    await shop.call("POST", "/v1/users/cust-17/aliases", {"alias": "ada@login"})
    (secret,) = await world.base.keyring.identity_secrets(shop.app.id)
    expires = str(int(world.base.clock.now_s()) + 60)
    body = {
        "external_id": "ada@login",
        "signature": signature_of(secret, shop.app, "ada@login", expires),
        "expires": expires,
    }
    status, _, said = await shop.call("POST", f"/v1/subscriptions/{device.id}/identity", body)
    assert status == 200, said
    assert (await _facts(shop, device))["attributes"] == {"first_name": "Ada"}
    assert (await _user(shop, "cust-17"))["subscriptions"] == [device.id]


async def test_another_name_leads_to_the_same_person(shop: Shop) -> None:
    """To read, to change, to send, to tell events of, and to import devices for."""
    (device,) = await shop.devices(1, lines=[{"user": "cust-17"}])
    await _put(shop, "cust-17", attributes={"a": 1})
    status, _, said = await shop.call("POST", "/v1/users/cust-17/aliases", {"alias": "crm-5"})
    assert (status, said["aliases"]) == (200, ["crm-5"])

    await shop.call("PATCH", "/v1/users/crm-5", {"attributes": {"b": 2}})
    await _tell(shop, {"name": "seen", "user": "crm-5"})
    (other,) = await shop.devices(1, lines=[{"user": "crm-5"}])
    said = await _user(shop, "crm-5")
    assert (said["external_id"], said["attributes"]) == ("cust-17", {"a": 1, "b": 2})
    assert said["events"]["seen"]["count"] == 1
    assert set(said["subscriptions"]) == {device.id, other.id}
    done = await shop.done(await shop.send({"users": ["crm-5"]}))
    assert done["counts"]["sent"] == 2

    again = await shop.call("POST", "/v1/users/crm-5/aliases", {"alias": "crm-5"})
    assert (again[0], again[2]["aliases"]) == (200, ["crm-5"])
    await _put(shop, "cust-18")
    status, _, said = await shop.call("POST", "/v1/users/cust-18/aliases", {"alias": "crm-5"})
    assert (status, said["error"]["code"]) == (409, "name_taken")


async def test_two_people_who_are_one_become_one(shop: Shop) -> None:
    """All devices, of two values the newer one, and events together; both names lead there."""
    mine, theirs = await shop.devices(2, lines=[{"user": "cust-17"}, {"user": "guest-4"}])
    await _put(shop, "guest-4", attributes={"plan": "old", "seen_on": "phone"}, language="en", email="g@shop.example")
    await _put(shop, "cust-17", attributes={"plan": "gold"}, language="nl")
    await shop.world.db.execute(
        'UPDATE persons SET set_at = \'{"a.plan": 9999999999, "a.seen_on": 5, "language": 5}\''
        " WHERE app_id = $1 AND person = 'guest-4'",
        shop.app.id,
    )
    await _tell(
        shop, {"name": "bought", "user": "guest-4", "properties": {"total": 10}},
        {"name": "bought", "user": "cust-17", "properties": {"total": 5}},
    )  # fmt: skip

    status, _, said = await shop.call("POST", "/v1/users/cust-17/aliases", {"alias": "guest-4"})

    assert status == 200, said
    assert said["attributes"] == {"plan": "old", "seen_on": "phone"}
    assert (said["language"], said["email"]) == ("nl", "g@shop.example")
    assert set(said["subscriptions"]) == {mine.id, theirs.id}
    assert (said["events"]["bought"]["count"], said["events"]["bought"]["sum"]) == (2, 15)
    for device in (mine, theirs):
        facts = await _facts(shop, device)
        assert (facts["attributes"]["plan"], facts["devices"]) == ("old", 2)
    assert await _user(shop, "guest-4") == said


async def test_one_name_too_many_moves_nobody(shop: Shop) -> None:
    """Whoever goes by the name that is refused stays who they are, with every device."""
    mine, theirs = await shop.devices(2, lines=[{"user": "cust-17"}, {"user": "guest-4"}])
    for number in range(ALIASES_PER_PERSON_MAX):
        await shop.call("POST", "/v1/users/cust-17/aliases", {"alias": f"crm-{number}"})

    status, _, said = await shop.call("POST", "/v1/users/cust-17/aliases", {"alias": "guest-4"})

    assert (status, said["error"]["param"]) == (422, "alias")
    assert (await _user(shop, "guest-4"))["subscriptions"] == [theirs.id]
    assert (await _user(shop, "cust-17"))["subscriptions"] == [mine.id]


async def test_events_become_facts_by_kind(shop: Shop) -> None:
    """How often, since when, until when, for how much, and on which days; on the devices at once."""
    (device,) = await shop.devices(1, lines=[{"user": "cust-17"}])
    now = datetime.now(UTC).replace(microsecond=0)
    before = now - timedelta(days=3)
    await _tell(
        shop,
        {"name": "order_placed", "user": "cust-17", "at": now.isoformat(), "properties": {"total": 20.1}},
        {"name": "order_placed", "user": "cust-17", "at": before.isoformat(), "properties": {"value": 0.2, "total": 9}},
        {"name": "viewed", "user": "cust-17"},
    )
    facts = (await _facts(shop, device))["events"]
    day = str(int(now.timestamp()) // 86_400)
    assert facts["order_placed"] == {
        "n": 2, "first": int(before.timestamp()), "last": int(now.timestamp()), "sum": 20.3,
        "days": {str(int(day) - 3): [1, 0.2], day: [1, 20.1]}, "latest": f"{day} {int(day) - 3}",
    }  # fmt: skip
    assert facts["viewed"]["n"] == 1


async def test_an_event_that_is_told_twice_counts_once(shop: Shop) -> None:
    """By its id, even around midnight and within one request; without one by all that it says; and late."""
    at = (datetime.now(UTC) - timedelta(days=10)).isoformat()
    same = {"name": "bought", "user": "cust-17", "at": at, "properties": {"total": 5}}
    named = {"name": "bought", "user": "cust-17", "id": "order-5", "properties": {"total": 7}}
    assert await _tell(shop, same, same, named, named) == {"accepted": 2, "duplicates": 2}
    moved = {**named, "at": (datetime.now(UTC) - timedelta(days=1)).isoformat()}
    assert await _tell(shop, same, named, moved) == {"accepted": 0, "duplicates": 3}
    assert await _tell(shop, {**same, "user": "cust-18"}) == {"accepted": 1, "duplicates": 0}
    unnamed = {"name": "viewed", "user": "cust-17"}
    assert await _tell(shop, unnamed, unnamed) == {"accepted": 2, "duplicates": 0}
    bought = (await _user(shop, "cust-17"))["events"]["bought"]
    assert (bought["count"], bought["sum"]) == (2, 12)


async def test_money_is_in_the_apps_currency(shop: Shop) -> None:
    """What was paid in another one counts as an order, not as money."""
    app = to_text("app", shop.app.public_id)
    status, _, _ = await shop.call("PATCH", f"/v1/apps/{app}", {"settings": {"currency": "EUR"}})
    assert status == 200
    await _tell(
        shop, {"name": "bought", "user": "c", "properties": {"total": 5, "currency": "eur"}},
        {"name": "bought", "user": "c", "properties": {"total": 900, "currency": "JPY"}},
    )  # fmt: skip
    bought = (await _user(shop, "c"))["events"]["bought"]
    assert (bought["count"], bought["sum"]) == (2, 5)


async def test_what_a_crash_left_behind_is_finished(world: World, shop: Shop) -> None:
    """The change was stored, its copies were not: the loop finds that, and an older copy never wins."""
    (device,) = await shop.devices(1, lines=[{"user": "cust-17"}])
    await _put(shop, "cust-17", attributes={"plan": "gold"})
    await world.db.execute(
        """
        UPDATE persons SET attrs = '{"attributes": {"plan": "platinum"}}', version = version + 1,
                           changed_at = now() - interval '1 hour'
        WHERE app_id = $1 AND person = 'cust-17'
        """,
        shop.app.id,
    )
    assert await copies.lag_s(world.db) > 3_000
    assert await people.fan_out(world.db, world.base.keyring.app_by_id) >= 1
    assert (await _facts(shop, device))["attributes"] == {"plan": "platinum"}
    assert await copies.lag_s(world.db) < 10

    await world.db.execute(
        "UPDATE subscriptions SET facts = jsonb_set(facts, '{v}', '99') WHERE id = $1", device.number
    )
    await _put(shop, "cust-17", attributes={"plan": "late"})
    assert (await _facts(shop, device))["attributes"] == {"plan": "platinum"}


async def test_many_people_at_once(shop: Shop) -> None:
    """A result for each, in order; a wrong one leaves the others alone."""
    users = [
        {"external_id": "a", "attributes": {"n": 1}},
        {"external_id": "b", "language": "not a language"},
        {"external_id": "a", "attributes": {"m": 2}},
        {"external_id": "c", "colour": "red"},
        {"external_id": "", "tags": {}},
    ]
    status, _, said = await shop.call("POST", "/v1/users/bulk", {"users": users})
    assert (status, said["accepted"], said["refused"]) == (200, 2, 3)
    assert [one["status"] for one in said["data"]] == [201, 422, 200, 422, 422]
    params = [one["error"]["param"] for one in said["data"] if "error" in one]
    assert params == ["users[1].language", "users[3].colour", "users[4].external_id"]
    assert (await _user(shop, "a"))["attributes"] == {"n": 1, "m": 2}
    assert (await shop.call("GET", "/v1/users/b"))[0] == 404


async def test_a_repeated_call_tells_the_same(shop: Shop) -> None:
    """With an Idempotency-Key events without an id count once, too."""
    event = {"name": "viewed", "user": "cust-17"}
    for _ in range(2):
        status, _, said = await shop.call("POST", "/v1/events", event, headers={"Idempotency-Key": "k1"})
        assert (status, said["accepted"]) == (202, 1)
    assert (await _user(shop, "cust-17"))["events"]["viewed"]["count"] == 1


async def test_people_are_listed_page_by_page(shop: Shop) -> None:
    """Each once, other names are no people of their own."""
    for number in range(5):
        await _put(shop, f"c{number}é")
    await shop.call("POST", "/v1/users/c0é/aliases", {"alias": "zero"})
    seen: list[str] = []
    after = ""
    for _ in range(5):
        _, _, page = await shop.call("GET", f"/v1/users?limit=2{after}")
        seen += [one["external_id"] for one in page["data"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert sorted(seen) == [f"c{number}é" for number in range(5)]


@pytest.mark.parametrize("name", ["a/b", "a b", "ä%2Fö", "100%"])
async def test_ids_of_shops_may_look_odd(shop: Shop, name: str) -> None:
    """Whatever a shop calls its customers, percent-encoded in the path."""
    from urllib.parse import quote  # noqa: PLC0415 - here alone

    import yarl  # noqa: PLC0415 - an address that is encoded already

    url = yarl.URL(f"{shop.world.url}/v1/users/{quote(name, safe='')}", encoded=True)
    headers = {"Authorization": f"Bearer {shop.api_key}"}
    async with shop.world.session.put(url, json={"attributes": {"x": 1}}, headers=headers) as answer:
        assert (answer.status, (await answer.json())["external_id"]) == (201, name)
