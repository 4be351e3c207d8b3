"""Whatever is sent of people and events: a refusal with the field at fault, never a fault of ours, never half of it."""

from typing import Any

import pytest

from tests.api.world import Shop

_DEEP = "[" * 5_000 + "]" * 5_000
_LONG = "x" * 1_025


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"attributes": {"a": {"b": 1}}}, "attributes.a"),
        ({"attributes": {"a": [1, 2]}}, "attributes.a"),
        ({"attributes": {"a": ["x", None]}}, "attributes.a"),
        ({"attributes": {"a": ["x"] * 101}}, "attributes.a"),
        ({"attributes": {"a": _LONG}}, "attributes.a"),
        ({"attributes": {"a": 10**400}}, "attributes.a"),
        ({"attributes": {"a": 2**53 + 1}}, "attributes.a"),
        ({"attributes": {"a": -1e300}}, "attributes.a"),
        ({"attributes": {"": 1}}, "attributes"),
        ({"attributes": {"a" * 65: 1}}, "attributes"),
        ({"attributes": {"a\n": 1}}, "attributes"),
        ({"attributes": {str(number): 1 for number in range(101)}}, "attributes"),
        ({"attributes": {"a": "b\0"}}, "attributes.a"),
        ({"tags": {"t": {}}}, "tags.t"),
        ({"tags": []}, "tags"),
        ({"language": "?"}, "language"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"country": "nl"}, "country"),
        ({"email": "ada"}, "email"),
        ({"email": "a@b@c.example"}, "email"),
        ({"email": "a b@c.example"}, "email"),
        ({"email": f"{'a' * 250}@c.example"}, "email"),
        ({"phone": "0201234567"}, "phone"),
        ({"phone": "+1"}, "phone"),
        ({"name": "Ada"}, "name"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_person_that_cannot_be_is_refused(shop: Shop, body: dict[str, Any], param: str | None):
    """And nothing of it is kept."""
    answer = await shop.call("PUT", "/v1/users/c", {"attributes": {"kept": 1}, **body})
    assert (answer.status, answer.param) == (422, param), answer.text
    assert (await shop.call("GET", "/v1/users/c")).status == 404


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b'{"attributes": {"a": NaN}}', 400),
        (b'{"attributes": {"a": 1e999}}', 422),
        (b'{"attributes": {"a": ' + _DEEP.encode() + b"}}", 400),
        (b'{"attributes": {"a": "\xff"}}', 400),
        (b'{"attributes": {"a": 1}', 400),
        (b"[]", 422),
    ],
)
async def test_what_is_no_json_is_refused(shop: Shop, raw: bytes, status: int):
    """Also where it is deep, infinite, or cut."""
    answer = await shop.call("PUT", "/v1/users/c", raw=raw, headers={"Content-Type": "application/json"})
    assert answer.status == status, answer.text
    answer = await shop.call("POST", "/v1/events", raw=raw, headers={"Content-Type": "application/json"})
    assert answer.status in (400, 422), answer.text


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a\x07"}, "name"),
        ({"user": ""}, "user"),
        ({"user": "x" * 257}, "user"),
        ({"user": "export"}, "user"),
        ({"at": "2020-01-01T00:00:00Z"}, "at"),
        ({"at": "2120-01-01T00:00:00Z"}, "at"),
        ({"at": "2026-01-01T00:00:00"}, "at"),
        ({"at": "yesterday"}, "at"),
        ({"id": ""}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"properties": []}, "properties"),
        ({"properties": {"x": "y" * 4_100}}, "properties"),
        ({"properties": {"total": 1e13}}, "properties.total"),
        ({"properties": {"total": 10**400}}, "properties.total"),
        ({"properties": {"total": "a\0"}}, "properties.total"),
        ({"colour": "red"}, "colour"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_an_event_that_cannot_be_is_refused_with_all_of_its_request(
    shop: Shop, event: dict[str, Any], param: str | None
):
    """All events of a request are taken, or none."""
    good = {"name": "bought", "user": "c"}
    answer = await shop.call("POST", "/v1/events", {**good, **event})
    assert (answer.status, answer.param) == (422, param), answer.text
    answer = await shop.call("POST", "/v1/events", [good, {**good, **event}])
    assert (answer.status, answer.param) == (422, f"[1].{param}" if param else None), answer.text
    assert (await shop.call("GET", "/v1/users/c")).status == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/users/bulk", {"users": []}),
        ("/v1/users/bulk", {"users": [{"external_id": "a"}] * 1_001}),
        ("/v1/events", []),
        ("/v1/events", [{"name": "a", "user": "b"}] * 1_001),
        ("/v1/users/c/aliases", {"alias": ""}),
        ("/v1/users/c/aliases", {"alias": "a\tb"}),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_calls_have_bounds(shop: Shop, path: str, body: Any):
    """Neither nothing nor too much."""
    await shop.call("PUT", "/v1/users/c", {})
    assert (await shop.call("POST", path, body)).status == 422


@pytest.mark.parametrize("after", ["AA", "YQBi", "_w", "a", "!!"])
async def test_a_place_in_the_list_that_nobody_was_told_is_refused(shop: Shop, after: str):
    """Whatever it decodes to: NUL, no UTF-8, or nothing at all."""
    answer = await shop.call("GET", f"/v1/users?after={after}")
    assert (answer.status, answer.param) == (422, "after"), answer.text


async def test_a_person_holds_a_hundred_attributes(shop: Shop):
    """The hundred and first is refused, also where the others came before; other names have a bound, too."""
    for start in (0, 50):
        body = {"attributes": {str(number): number for number in range(start, start + 50)}}
        assert (await shop.call("PATCH" if start else "PUT", "/v1/users/c", body)).status < 300
    more = await shop.call("PATCH", "/v1/users/c", {"attributes": {"one more": 1}})
    assert (more.status, more.param) == (422, "attributes")
    for number in range(20):
        assert (await shop.call("POST", "/v1/users/c/aliases", {"alias": f"c-{number}"})).status == 200
    assert (await shop.call("POST", "/v1/users/c/aliases", {"alias": "c-20"})).param == "alias"


async def test_a_fault_in_a_list_of_people_is_named_once(shop: Shop):
    """By the path of the one it is in, whether it is wrong as a whole or in a field."""
    users = [5, {"external_id": 3}, {"external_id": "a", "tags": {"x": {}}}, {"external_id": "a", "tags": {"x": "y"}}]
    answer = await shop.call("POST", "/v1/users/bulk", {"users": users})
    assert [one.get("error", {}).get("param") for one in answer.body["data"]] == [
        "users[0]", "users[1].external_id", "users[2].tags.x", None,
    ]  # fmt: skip
