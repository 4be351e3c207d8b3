"""Geofences: a phone says where it is, and the shop hears who came to a store and left it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gateway.model.ids import from_text
from gateway.store.geofences import forget_old_visits
from tests.geo.files import AMSTERDAM
from tests.journeys.test_places import AGREED, DAM_SQUARE
from tests.journeys.visitors import Visitor
from tests.journeys.world import Shop

STORE = {"slug": "store-utrecht", "near": {"lat": 52.0908, "lon": 5.1222, "radius_km": 0.5}}
IN_THE_STORE = {"lat": 52.0910, "lon": 5.1220, "accuracy_m": 20}
IN_THE_NEXT_STREET = {"lat": 52.0958, "lon": 5.1222, "accuracy_m": 20}
AT_HOME = {"lat": 52.2, "lon": 5.3, "accuracy_m": 20}
TRIANGLE = {"type": "Polygon", "coordinates": [[[5.1, 52.0], [5.2, 52.0], [5.2, 52.1], [5.1, 52.0]]]}


async def fence(shop: Shop, body: dict[str, Any] | None = None) -> None:
    status, _, said = await shop.call("POST", "/v1/geofences", body or STORE)
    assert status == 201, said


async def customer(shop: Shop, name: str = "cust-17") -> Visitor:
    """A person's phone, whose position the gateway may use."""
    visitor = await Visitor(shop, AMSTERDAM).enrolled(consent=AGREED)
    status, _, said = await shop.call("PATCH", f"/v1/subscriptions/{visitor.id}", {"user": name})
    assert status == 200, said
    return visitor


async def at(visitor: Visitor, location: dict[str, Any]) -> dict[str, Any]:
    status, said = await visitor.call("POST", f"/v1/subscriptions/{visitor.id}/location", location)
    assert status == 200, said
    return said


async def events(shop: Shop, name: str = "cust-17") -> list[tuple[str, str]]:
    """What the shop knows that a person did."""
    rows = await shop.world.db.fetch(
        "SELECT name, data FROM person_events WHERE app_id = $1 AND person = $2 ORDER BY at", shop.app.id, name
    )
    return [(row["name"], row["data"]["fence"]) for row in rows]


async def test_coming_and_going_are_events_of_the_person(shop: Shop) -> None:
    """Once each, however often the phone says that it is there; the segment of visitors knows of it at once."""
    await fence(shop)
    visitor = await customer(shop)

    assert await at(visitor, AT_HOME) == {"inside": [], "entered": [], "left": []}
    assert await at(visitor, IN_THE_STORE) == {
        "inside": ["store-utrecht"], "entered": ["store-utrecht"], "left": [],
    }  # fmt: skip
    assert (await at(visitor, IN_THE_STORE))["entered"] == []
    assert (await at(visitor, IN_THE_NEXT_STREET))["left"] == []
    assert (await at(visitor, AT_HOME))["left"] == ["store-utrecht"]

    assert await events(shop) == [("geofence_entered", "store-utrecht"), ("geofence_left", "store-utrecht")]
    came = {"event": "geofence_entered", "done_within": "P1D"}
    _, _, plan = await shop.call("POST", "/v1/messages?dry_run=true", {"audience": {"where": came}, "title": "Welcome"})
    assert plan["audience"] == 1


async def test_two_posts_at_the_same_moment_are_one_visit(shop: Shop) -> None:
    """A phone on a bad line says it twice; the shop hears it once."""
    await fence(shop)
    visitor = await customer(shop)

    await asyncio.gather(*(at(visitor, IN_THE_STORE) for _ in range(5)))

    assert await events(shop) == [("geofence_entered", "store-utrecht")]


async def test_the_position_is_kept_nowhere(shop: Shop) -> None:
    """What is kept is in which geofence the device is, and that for as long as positions are."""
    await fence(shop)
    visitor = await customer(shop)
    await at(visitor, IN_THE_STORE)
    number = from_text("sub", visitor.id)

    row = await shop.world.db.fetchrow("SELECT lat, located_by, fences FROM subscriptions WHERE id = $1", number)
    assert row is not None
    assert (round(row["lat"], 1), row["located_by"], len(row["fences"])) == (52.4, 1, 1)

    await shop.world.db.execute(
        "UPDATE subscriptions SET fenced_at = fenced_at - $2::interval WHERE id = $1", number, timedelta(days=31)
    )
    await forget_old_visits(shop.world.db, days=30)
    assert await shop.world.db.fetchval("SELECT fences FROM subscriptions WHERE id = $1", number) is None


async def test_where_somebody_is_belongs_to_what_is_held_on_them(shop: Shop) -> None:
    """Position, city and geofences, as they are kept."""
    await fence(shop)
    visitor = await customer(shop)
    await visitor.change(location=DAM_SQUARE)
    await at(visitor, IN_THE_STORE)

    _, _, said = await shop.call("GET", "/v1/users/cust-17/export")

    (place,) = said["places"]
    assert (place["subscription"], place["city"]) == (visitor.id, "Amsterdam")
    assert (place["lat"], place["lon"], place["geofences"]) == (52.373, 4.891, ["store-utrecht"])


@pytest.mark.parametrize("change", [{"location": None}, {"consent": {"text": "News only", "location": False}}])
async def test_a_visit_is_forgotten_when_its_person_says_so(shop: Shop, change: dict[str, Any]) -> None:
    """As a position is; and who agrees again on the same day comes anew."""
    await fence(shop)
    visitor = await customer(shop)
    await at(visitor, IN_THE_STORE)

    status, kept = await visitor.change(**change)
    assert (status, kept["location"]["by"]) == (200, "ip")
    number = from_text("sub", visitor.id)
    assert await shop.world.db.fetchval("SELECT fences FROM subscriptions WHERE id = $1", number) is None

    await visitor.change(consent=AGREED)
    assert (await at(visitor, IN_THE_STORE))["entered"] == ["store-utrecht"]
    assert await events(shop) == [("geofence_entered", "store-utrecht")] * 2


async def test_a_visitor_without_a_name_is_told_and_not_recorded(shop: Shop) -> None:
    """The app hears what it entered; there is no person whose event it could be."""
    await fence(shop)
    visitor = await Visitor(shop, AMSTERDAM).enrolled(consent=AGREED)

    assert (await at(visitor, IN_THE_STORE))["entered"] == ["store-utrecht"]
    assert await shop.world.db.fetchval("SELECT count(*) FROM person_events WHERE app_id = $1", shop.app.id) == 0


async def test_without_consent_or_secret_nothing_is_taken(shop: Shop) -> None:
    """A position needs its person's consent, and the device's own secret."""
    visitor = await Visitor(shop, AMSTERDAM).enrolled()
    stranger = await customer(shop)
    path = f"/v1/subscriptions/{visitor.id}/location"

    status, said = await visitor.call("POST", path, IN_THE_STORE)
    assert (status, said["error"]["code"]) == (422, "location_without_consent")
    status, said = await stranger.call("POST", path, IN_THE_STORE)
    assert (status, said["error"]["code"]) == (401, "secret_invalid")
    status, said = await visitor.call("POST", path, IN_THE_STORE, with_secret=False)
    assert (status, said["error"]["code"]) == (401, "key_missing")


async def test_a_phone_that_talks_too_much_is_told_to_wait(shop: Shop) -> None:
    """Six positions at once are fine, the seventh is asked to come back in ten seconds."""
    visitor = await customer(shop)
    path = f"/v1/subscriptions/{visitor.id}/location"
    statuses = [(await visitor.call("POST", path, AT_HOME))[0] for _ in range(7)]
    assert statuses == [200] * 6 + [429]


async def test_geofences_are_listed_and_deleted(shop: Shop) -> None:
    """Circles and areas, by their slug; a deleted one is entered by nobody."""
    await fence(shop)
    await fence(shop, {"slug": "zone", "within": TRIANGLE})

    _, _, listed = await shop.call("GET", "/v1/geofences")
    assert [{name: one[name] for name in one if name != "created_at"} for one in listed["data"]] == [
        STORE, {"slug": "zone", "within": TRIANGLE},
    ]  # fmt: skip
    status, _, said = await shop.call("POST", "/v1/geofences", STORE)
    assert (status, said["error"]["code"]) == (409, "name_taken")
    assert (await shop.call("DELETE", "/v1/geofences/store-utrecht"))[0] == 204
    assert (await shop.call("DELETE", "/v1/geofences/store-utrecht"))[0] == 404
    assert (await at(await customer(shop), IN_THE_STORE))["inside"] == []


async def test_an_app_has_a_hundred(shop: Shop) -> None:
    """The next one is refused with a reason."""
    for number in range(100):
        await fence(shop, {**STORE, "slug": f"store-{number}"})
    status, _, said = await shop.call("POST", "/v1/geofences", STORE)
    assert (status, said["error"]["code"]) == (409, "geofences_too_many")


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"slug": "Not A Slug"}, "field_invalid", "slug"),
        ({"near": None}, "field_missing", "near"),
        ({"within": TRIANGLE}, "field_missing", "near"),
        ({"near": {"lat": 91, "lon": 5, "radius_km": 1}}, "area_invalid", "near.lat"),
        ({"near": {"lat": 52, "lon": 5, "radius_km": 101}}, "field_invalid", "near.radius_km"),
        ({"near": None, "within": {"type": "Polygon", "coordinates": []}}, "area_invalid", "within.coordinates"),
        (
            {"near": None, "within": {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 0]]]}},
            "area_invalid",
            "within",
        ),
    ],
)
async def test_geofences_that_cannot_be_meant_are_refused(
    shop: Shop, change: dict[str, Any], code: str, param: str
) -> None:
    """With the field at fault."""
    status, _, said = await shop.call("POST", "/v1/geofences", {**STORE, **change})
    assert (status, said["error"]["code"], said["error"]["param"]) == (422, code, param)
