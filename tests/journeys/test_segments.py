"""Segments, lists and exclusions: saved once, used wherever an audience is, as they are at the moment."""

import io
from typing import Any

import pytest

from gateway.model.limits import SEGMENTS_PER_APP_MAX
from gateway.sandbox import Rule
from tests.journeys.world import Device, Shop, World

PEOPLE: list[dict[str, Any]] = [
    {"user": "ada", "topics": ["sale", "news"], "language": "nl", "tags": {"plan": "gold"}},
    {"user": "ada", "topics": ["sale"], "language": "nl-BE", "tags": {"plan": "gold"}},
    {"user": "bob", "topics": ["news"], "language": "en", "tags": {"plan": "blue"}},
    {"user": "cyd", "topics": ["sale", "wholesale"], "language": "de"},
    {"topics": [], "language": "en"},
]


async def save(shop: Shop, slug: str, audience: dict[str, Any]) -> dict[str, Any]:
    """A segment of this name."""
    status, _, said = await shop.call("POST", "/v1/segments", {"slug": slug, "audience": audience})
    assert status == 201, said
    return said


async def upload(shop: Shop, slug: str, *lines: str, mode: str = "add") -> dict[str, Any]:
    """A list of this name with these people."""
    await shop.call("POST", "/v1/lists", {"slug": slug})
    call = shop.world.session.post(
        f"{shop.world.url}/v1/lists/{slug}/import?mode={mode}",
        data=io.BytesIO("\n".join(lines).encode()),
        headers={"Authorization": f"Bearer {shop.api_key}", "Content-Type": "text/csv"},
    )
    async with call as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def reached(shop: Shop, devices: list[Device], audience: dict[str, Any]) -> list[int]:
    """Which of the devices a message to this audience gets to, by their place."""
    message = await shop.send(audience)
    said = await shop.done(message)
    tokens = set(await shop.tokens_reached(message))
    assert said["counts"]["sent"] == len(tokens)
    return [at for at, device in enumerate(devices) if device.token in tokens]


async def people(shop: Shop) -> list[Device]:
    """The five devices above, two saved audiences on them, and a list."""
    devices = await shop.devices(len(PEOPLE), lines=PEOPLE)
    await save(shop, "dutch", {"languages": ["nl"]})
    await save(shop, "readers", {"where": {"any": [{"topic": "news"}, {"segment": "dutch"}]}})
    await upload(shop, "vips", "bob", devices[4].id)
    return devices


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        ({"segment": "dutch"}, [0, 1]),
        ({"segment": "readers"}, [0, 1, 2]),
        ({"segment": ["dutch", "readers"], "topics": "news"}, [0, 2]),
        ({"where": {"none": [{"segment": "readers"}]}}, [3, 4]),
        ({"lists": ["vips"]}, [2, 4]),
        ({"where": {"any": [{"list": "vips"}, {"topic": "wholesale"}]}}, [2, 3, 4]),
        ({"segment": "readers", "lists": ["vips"]}, [2]),
        ({"users": ["ada", "bob"], "segment": "dutch"}, [0, 1]),
        ({"all": True, "exclude": {"segment": "readers"}}, [3, 4]),
        ({"all": True, "exclude": {"lists": ["vips"]}}, [0, 1, 3]),
        ({"all": True, "exclude": {"users": ["ada"]}}, [2, 3, 4]),
        ({"all": True, "exclude": {"topics": "wholesale"}}, [0, 1, 2, 4]),
        ({"all": True, "exclude": {"where": {"tag": "plan", "is": "gold"}}}, [2, 3, 4]),
        ({"all": True, "exclude": {"languages": ["en"], "topics": "news"}}, [0, 1, 3, 4]),
        ({"topics": "sale", "exclude": {"where": {"any": [{"segment": "dutch"}, {"topic": "news"}]}}}, [3]),
        ({"users": ["ada", "bob"], "exclude": {"languages": ["nl-BE"]}}, [0, 2]),
        ({"all": True, "exclude": {"all": True}}, []),
    ],
    ids=str,
)
async def test_a_name_stands_for_its_audience(shop: Shop, audience: dict[str, Any], expected: list[int]):
    """By selector, in a filter, inside another segment, and in what is excluded."""
    devices = await people(shop)
    assert await reached(shop, devices, audience) == expected


async def test_devices_may_be_excluded_one_by_one(shop: Shop):
    """The ids of devices serve for leaving out as well."""
    devices = await people(shop)
    assert await reached(shop, devices, {"all": True, "exclude": {"subscriptions": [devices[0].id]}}) == [1, 2, 3, 4]


async def test_whoever_a_segment_excludes_is_known_by_their_other_names(shop: Shop):
    """Sent to, counted and explained: a person whom a segment leaves out by another name is left out."""
    devices = await people(shop)
    await shop.call("POST", "/v1/users/ada/aliases", {"alias": "crm-1"})
    await save(shop, "others", {"all": True, "exclude": {"users": ["crm-1"]}})
    assert await reached(shop, devices, {"segment": "others"}) == [2, 3, 4]
    _, _, one = await shop.call("GET", "/v1/segments/others?count=true&exact=true")
    assert one["count"]["devices"] == 3
    status, _, said = await shop.call(
        "POST", "/v1/audience/explain", {"audience": {"segment": "others"}, "user": "ada"}
    )
    assert (status, said["is_in"]) == (200, False)


async def test_a_segment_tells_how_many_are_in_it(shop: Shop):
    """Live, on show and on list, exactly where asked for; and a list tells its people and their devices."""
    await people(shop)
    _, _, one = await shop.call("GET", "/v1/segments/readers?count=true&exact=true")
    assert one["count"]["devices"] == 3
    _, _, page = await shop.call("GET", "/v1/segments?count=true")
    assert {each["slug"]: each["count"]["devices"] for each in page["data"]} == {"dutch": 2, "readers": 3}
    _, _, plain = await shop.call("GET", "/v1/segments/readers")
    assert "count" not in plain
    assert plain["audience"] == {"where": {"any": [{"topic": "news"}, {"segment": "dutch"}]}}
    _, _, vips = await shop.call("GET", "/v1/lists/vips?count=true")
    assert vips["counts"] == {"users": 1, "devices": 2}


async def test_a_circle_is_refused_and_named(shop: Shop):
    """However long: 422 with the way round, and nothing is changed."""
    await people(shop)
    status, _, said = await shop.call("PATCH", "/v1/segments/dutch", {"audience": {"segment": "readers"}})
    assert (status, said["error"]["code"], said["error"]["param"]) == (422, "segment_cycle", "audience.segment")
    assert "dutch -> readers -> dutch" in said["error"]["message"]
    _, _, held = await shop.call("GET", "/v1/segments/dutch")
    assert (held["audience"], held["version"]) == ({"languages": ["nl"]}, 1)


async def test_what_is_in_use_cannot_be_deleted(shop: Shop):
    """409 names the segment or the message that uses it; once that is gone, it goes."""
    await people(shop)
    status, _, said = await shop.call("DELETE", "/v1/segments/dutch")
    assert (status, said["error"]["code"]) == (409, "segment_in_use")
    assert "`readers`" in said["error"]["message"]
    later = {"at": "2027-06-01T09:00:00Z"}
    message = await shop.send({"all": True, "exclude": {"segment": "readers", "lists": ["vips"]}}, schedule=later)
    for path, code in (("/v1/segments/readers", "segment_in_use"), ("/v1/lists/vips", "list_in_use")):
        status, _, said = await shop.call("DELETE", path)
        assert (status, said["error"]["code"]) == (409, code)
        assert message in said["error"]["message"]
    await shop.call("POST", f"/v1/messages/{message}/cancel")
    for path in ("/v1/segments/readers", "/v1/segments/dutch", "/v1/lists/vips"):
        assert (await shop.call("DELETE", path))[0] == 204
    assert (await shop.call("GET", "/v1/segments/dutch"))[0] == 404


async def test_a_scheduled_message_uses_the_segment_as_it_is_then(world: World, shop: Shop):
    """A segment is live: changed before the message is planned, it is the changed one that counts."""
    devices = await people(shop)
    message = await shop.send({"segment": "dutch"}, schedule={"at": "2027-06-01T09:00:00Z"})
    status, _, said = await shop.call("PATCH", "/v1/segments/dutch", {"audience": {"languages": ["de"]}})
    assert (status, said["version"]) == (200, 2)
    await world.db.execute("UPDATE messages SET due_at = now() WHERE app_id = $1", shop.app.id)
    await shop.done(message)
    assert await shop.tokens_reached(message) == [devices[3].token]


async def test_who_is_excluded_while_waiting_does_not_get_it(world: World, shop: Shop):
    """Whoever waits for another try is looked at once more by the segment as it is then; the counts stay true."""
    devices = await people(shop)
    world.faults(Rule(status=503, retry_after_s=20, token_prefix=devices[3].token, times=1))
    message = await shop.send({"all": True, "exclude": {"segment": "dutch"}})
    await shop.came_to(message, "sent", 2)
    await shop.call("PATCH", "/v1/segments/dutch", {"audience": {"languages": ["nl", "de"]}})
    await world.let_pass(120)
    said = await shop.done(message)
    assert said["skipped_by"] == {"excluded": 1}
    assert (said["counts"]["audience"], said["counts"]["sent"]) == (3, 2)
    assert await shop.end_of(message, devices[3]) == ("skipped", "excluded")


async def test_named_people_are_looked_at_once_more(world: World, shop: Shop):
    """A named recipient who comes onto an excluded list meanwhile is skipped, and counted so."""
    devices = await people(shop)
    world.faults(Rule(status=503, retry_after_s=20, token_prefix=devices[3].token, times=1))
    message = await shop.send({"users": ["ada", "cyd"], "exclude": {"lists": ["vips"]}})
    await shop.came_to(message, "sent", 2)
    await upload(shop, "vips", "cyd")
    await world.let_pass(120)
    said = await shop.done(message)
    assert said["skipped_by"] == {"excluded": 1}
    assert await shop.end_of(message, devices[3]) == ("skipped", "excluded")


async def test_who_turns_out_to_be_excluded_while_waiting_does_not_get_it(world: World, shop: Shop):
    """A name that is excluded comes to be somebody's while they wait for another try: they are left out."""
    devices = await people(shop)
    world.faults(Rule(status=503, retry_after_s=20, token_prefix=devices[3].token, times=1))
    message = await shop.send({"all": True, "exclude": {"users": ["crm-3"]}})
    await shop.came_to(message, "sent", 4)
    await shop.call("POST", "/v1/users/cyd/aliases", {"alias": "crm-3"})
    await world.let_pass(120)
    said = await shop.done(message)
    assert said["skipped_by"] == {"excluded": 1}
    assert await shop.end_of(message, devices[3]) == ("skipped", "excluded")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "param"),
    [
        ("POST", "/v1/segments", {"slug": "Bad Slug", "audience": {"all": True}}, 422, "slug"),
        ("POST", "/v1/segments", {"slug": "s", "audience": {}}, 422, "audience"),
        ("POST", "/v1/segments", {"slug": "s", "audience": {"users": ["a"]}}, 422, "audience.users"),
        ("POST", "/v1/segments", {"slug": "s", "audience": {"segment": "s"}}, 422, "audience.segment"),
        ("POST", "/v1/segments", {"slug": "s", "audience": {"segment": "ghost"}}, 422, "audience.segment"),
        ("POST", "/v1/segments", {"slug": "s", "audience": {"lists": ["ghost"]}}, 422, "audience.lists"),
        ("POST", "/v1/segments", {"slug": "s", "audience": {"segment": []}}, 422, "audience"),
        ("POST", "/v1/segments", {"slug": "s", "audience": {"segment": ["a"] * 21}}, 422, "audience.segment"),
        ("POST", "/v1/segments", {"slug": "s", "audience": {"segment": "A B"}}, 422, "audience.segment"),
        ("POST", "/v1/segments", {"slug": "s", "audience": {"all": True, "exclude": {}}}, 422, "audience.exclude"),
        (
            "POST", "/v1/segments", {"slug": "s", "audience": {"all": True, "exclude": {"exclude": {"all": True}}}},
            422, "audience.exclude.exclude",
        ),
        (
            "POST", "/v1/segments", {"slug": "s", "audience": {"all": True, "exclude": {"where": {"tag": "x"}}}},
            422, "audience.exclude.where",
        ),
        ("POST", "/v1/segments", {"slug": "s", "audience": {"all": True}, "name": "a\u0007"}, 422, "name"),
        ("POST", "/v1/segments", {"slug": "s", "name": "x", "audience": None}, 422, "audience"),
        ("POST", "/v1/segments", {"slug": "dutch", "audience": {"all": True}}, 409, "slug"),
        ("GET", "/v1/segments/ghost", None, 404, None),
        ("GET", "/v1/segments/%00", None, 404, None),
        ("GET", "/v1/segments?after=%27--", None, 422, "after"),
        ("GET", "/v1/segments/dutch?count=perhaps", None, 422, "count"),
        ("PATCH", "/v1/segments/ghost", {"name": "x"}, 404, None),
        ("PATCH", "/v1/segments/dutch", {"slug": "other"}, 422, "slug"),
        ("DELETE", "/v1/segments/ghost", None, 404, None),
        ("POST", "/v1/messages", {"audience": {"segment": "ghost"}, "title": "x"}, 422, "audience.segment"),
        ("POST", "/v1/messages", {"audience": {"where": {"list": "ghost"}}, "title": "x"}, 422, "audience.where.list"),
        ("POST", "/v1/lists", {"slug": "vips"}, 409, "slug"),
        ("POST", "/v1/lists/ghost/import", None, 404, None),
        ("POST", "/v1/lists/vips/import?mode=destroy", None, 422, "mode"),
        ("GET", "/v1/lists/ghost", None, 404, None),
        ("DELETE", "/v1/lists/ghost", None, 404, None),
    ],
    ids=str,
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(  # noqa: PLR0917 - a row of the table
    shop: Shop, method: str, path: str, body: Any, status: int, param: str | None
):
    """Each with the field at fault, and nothing changes."""
    await save(shop, "dutch", {"languages": ["nl"]})
    await upload(shop, "vips", "bob")
    code, _, said = await shop.call(method, path, body)
    assert (code, said["error"]["param"]) == (status, param), said
    _, _, page = await shop.call("GET", "/v1/segments")
    assert [one["slug"] for one in page["data"]] == ["dutch"]


async def test_an_app_has_so_many_segments(world: World, shop: Shop):
    """One more than the limit is a 409; pages lead through all of them."""
    await world.db.execute(
        "INSERT INTO segments (app_id, slug, name, audience)"
        " SELECT $1, 's' || lpad(n::text, 3, '0'), 'x', '{\"everybody\": true}' FROM generate_series(1, $2::int) AS n",
        shop.app.id,
        SEGMENTS_PER_APP_MAX,
    )
    status, _, said = await shop.call("POST", "/v1/segments", {"slug": "more", "audience": {"all": True}})
    assert (status, said["error"]["code"]) == (409, "segments_too_many")
    slugs: list[str] = []
    path = "/v1/segments?limit=100"
    while True:
        _, _, page = await shop.call("GET", path)
        slugs += [one["slug"] for one in page["data"]]
        if page["next"] is None:
            break
        path = f"/v1/segments?limit=100&after={page['next']}"
    assert slugs == sorted(set(slugs))
    assert len(slugs) == SEGMENTS_PER_APP_MAX


async def test_segments_of_one_shop_are_no_other_shops(world: World, shop: Shop):
    """The name means nothing elsewhere."""
    await save(shop, "dutch", {"languages": ["nl"]})
    other = await world.shop()
    assert (await other.call("GET", "/v1/segments/dutch"))[0] == 404
    status, _, said = await other.call("POST", "/v1/messages", {"audience": {"segment": "dutch"}, "title": "x"})
    assert (status, said["error"]["code"]) == (422, "segment_unknown")


async def test_a_persons_lists_are_told_to_them(shop: Shop):
    """What we hold on a person names the lists that they, or a device of theirs, are on."""
    devices = await people(shop)
    await upload(shop, "staff", "bob", "ada")
    await upload(shop, "testers", devices[2].id)
    _, _, said = await shop.call("GET", "/v1/users/bob/export")
    assert said["lists"] == ["staff", "testers", "vips"]
