"""People by the thousand: from a file, into a file, from the command line."""

import io
from typing import Any

import msgspec

from gateway.model.limits import ALIASES_PER_PERSON_MAX
from tests.journeys.world import Shop


async def _import(shop: Shop, lines: bytes) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {shop.api_key}", "Content-Type": "application/x-ndjson"}
    url = f"{shop.world.url}/v1/users/import"
    async with shop.world.session.post(url, data=io.BytesIO(lines), headers=headers) as answer:
        assert answer.status == 200
        return await answer.json()


async def _export(shop: Shop) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {shop.api_key}"}
    async with shop.world.session.get(f"{shop.world.url}/v1/users/export", headers=headers) as answer:
        assert answer.status == 200
        return [msgspec.json.decode(line) for line in (await answer.read()).splitlines()]


async def test_a_file_of_people_comes_in_and_goes_out_again(shop: Shop) -> None:
    """Every line that can be read; the others are named with their numbers. What went out comes in unchanged."""
    (device,) = await shop.devices(1, lines=[{"user": "a"}])
    lines = [
        b'{"external_id": "a", "attributes": {"n": 1}, "email": "a@shop.example", "aliases": ["crm-a"]}',
        b'{"external_id": "b", "attributes": {"n": [1]}}',
        b"",
        b"not json",
        b'{"external_id": "c", "colour": "red"}',
        b'{"external_id": "d", "tags": {"x": "\\u0000"}}',
        b'{"external_id": "export"}',
        b'{"external_id": "e", "attributes": {"x": 1e999}}',
        b'{"external_id": "f", "language": "nl"}',
        b'{"external_id": "g", "attributes": {"x": "' + b"y" * 20_000 + b'"}}',
        b'{"language": "nl"}',
    ]
    said = await _import(shop, b"\xef\xbb\xbf" + b"\n".join(lines))
    assert (said["imported"], said["updated"], said["rejected"]) == (1, 1, 8)
    assert [(one["line"], one["code"]) for one in said["errors"]] == [
        (2, "field_invalid"), (4, "json_unreadable"), (5, "field_unknown"), (6, "field_invalid"),
        (7, "field_invalid"), (8, "field_invalid"), (10, "body_too_large"), (11, "field_missing"),
    ]  # fmt: skip
    facts = await shop.world.db.fetchval("SELECT facts FROM subscriptions WHERE id = $1", device.number)
    assert facts["attributes"] == {"n": 1}

    rows = await _export(shop)
    assert sorted(rows, key=lambda one: one["external_id"]) == [
        {"external_id": "a", "attributes": {"n": 1}, "email": "a@shop.example", "aliases": ["crm-a"]},
        {"external_id": "f", "language": "nl"},
    ]
    version = await shop.world.db.fetchval("SELECT sum(version) FROM persons WHERE app_id = $1", shop.app.id)
    again = await _import(shop, b"\n".join(msgspec.json.encode(one) for one in rows))
    assert (again["imported"], again["updated"], again["rejected"]) == (0, 2, 0)
    assert await shop.world.db.fetchval("SELECT sum(version) FROM persons WHERE app_id = $1", shop.app.id) == version


async def test_two_lines_about_one_person_come_one_after_the_other(shop: Shop) -> None:
    """In one batch and across batches; the later value holds."""
    lines = [b'{"external_id": "u%d", "attributes": {"n": %d}}' % (number % 1500, number) for number in range(4500)]
    said = await _import(shop, b"\n".join(lines))
    assert (said["imported"], said["updated"], said["rejected"]) == (1500, 3000, 0)
    _, _, user = await shop.call("GET", "/v1/users/u7")
    assert user["attributes"] == {"n": 3007}


async def test_a_file_brings_other_names(shop: Shop) -> None:
    """Many at once. A line whose other name is somebody else's is left out with all it says, not with half of it."""
    (device,) = await shop.devices(1, lines=[{"user": "c"}])
    lines: list[dict[str, Any]] = [
        {"external_id": "a", "attributes": {"n": 1}, "aliases": ["crm-a", "shop-a", "crm-a", "a"]},
        {"external_id": "b", "attributes": {"n": 1}, "aliases": ["crm-a"]},
        {"external_id": "d", "attributes": {"n": 4}, "aliases": ["c"]},
        {"external_id": "e", "aliases": [f"e-{number}" for number in range(ALIASES_PER_PERSON_MAX)]},
        {"external_id": "e-1", "attributes": {"n": 5}, "aliases": ["e-20"]},
        {"external_id": "f", "aliases": ["g"]},
        {"external_id": "g", "aliases": ["h"]},
    ]
    said = await _import(shop, b"\n".join(msgspec.json.encode(one) for one in lines))
    assert [(one["line"], one["code"]) for one in said["errors"]] == [(2, "name_taken"), (5, "field_invalid")]
    assert (said["imported"], said["updated"], said["rejected"]) == (5, 0, 2)

    rows = {row["external_id"]: row for row in await _export(shop)}
    assert {name: sorted(row.get("aliases", ())) for name, row in rows.items()} == {
        "a": ["crm-a", "shop-a"], "d": ["c"], "e": sorted(lines[3]["aliases"]), "f": ["g", "h"],
    }  # fmt: skip
    assert "attributes" not in rows["e"], "of a line that was left out nothing is kept"
    facts = await shop.world.db.fetchval("SELECT facts FROM subscriptions WHERE id = $1", device.number)
    assert facts["attributes"] == {"n": 4}, "the device of the person who went by the other name"

    lines = [{"external_id": "crm-a", "attributes": {"n": 2}, "aliases": ["a", "shop-a", "new-a"]},
             {"external_id": "x", "attributes": {"n": 2}, "aliases": ["new-a"]},
             {"external_id": "y", "attributes": {"n": 2}, "aliases": ["c"]}]  # fmt: skip
    said = await _import(shop, b"\n".join(msgspec.json.encode(one) for one in lines))
    assert [(one["line"], one["code"]) for one in said["errors"]] == [(2, "name_taken"), (3, "name_taken")]
    rows = {row["external_id"]: row for row in await _export(shop)}
    assert rows["a"]["attributes"] == {"n": 2}
    assert rows["a"]["aliases"] == ["crm-a", "shop-a", "new-a"]
    assert rows.keys() == {"a", "d", "e", "f"}, "whoever is only in a line that was left out is not made"
