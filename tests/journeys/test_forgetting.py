"""People take their data with them, and are forgotten."""

from typing import Any

import msgspec

from gateway.api.schema.users import DossierAnswer
from gateway.model.ids import from_text, to_text
from gateway.subscribers import erase
from tests.journeys.world import Shop, World

_NAMES = ("cust-17", "crm-17", "Ada", "ada@shop.example", "teapot-for-ada")


async def _known(shop: Shop) -> tuple[Any, Any, str, str]:
    """Ada with two devices, an alias, events, and two messages; and somebody else beside her."""
    mine, other, _theirs = await shop.devices(
        3, prefix="x", lines=[{"user": "cust-17", "tags": {"n": "Ada"}}, {"user": "cust-17"}, {"user": "cust-18"}]
    )
    fields = {"attributes": {"first_name": "Ada"}, "email": "ada@shop.example", "tags": {"plan": "gold"}}
    await shop.call("PUT", "/v1/users/cust-17", fields)
    await shop.call("POST", "/v1/users/cust-17/aliases", {"alias": "crm-17"})
    event = {"name": "viewed", "user": "crm-17", "id": "v1", "properties": {"product": "teapot-for-ada"}}
    assert (await shop.call("POST", "/v1/events", event))[0] == 202
    everybody = await shop.send()
    named = await shop.send({"users": ["cust-17", "cust-18"]})
    await shop.done(everybody)
    await shop.done(named)
    return mine, other, everybody, named


async def test_everything_that_is_held_on_a_person(shop: Shop) -> None:
    """Profile, names, devices with addresses, messages and what became of them, events: in one document."""
    mine, other, everybody, named = await _known(shop)
    status, _, said = await shop.call("GET", "/v1/users/crm-17/export")
    assert status == 200
    assert tuple(said) == DossierAnswer.__struct_fields__
    assert (said["user"]["external_id"], said["user"]["email"]) == ("cust-17", "ada@shop.example")
    assert {one["endpoint"] for one in said["devices"]} == {mine.endpoint, other.endpoint}
    got = {(one["message"], one["subscription"], one["state"]) for one in said["messages"]}
    assert got == {(message, device.id, "sent") for message in (everybody, named) for device in (mine, other)}
    assert [(one["id"], one["name"], one["properties"]) for one in said["events"]] == [
        ("v1", "viewed", {"product": "teapot-for-ada"})
    ]
    assert said["reports"] == []


async def test_an_erased_person_is_nowhere(world: World, shop: Shop) -> None:
    """No device, no profile, no event, no name in any table of the app; counts of messages stay."""
    mine, other, everybody, named = await _known(shop)
    before = (await shop.message(everybody))["counts"], (await shop.message(named))["counts"]

    status, _, _ = await shop.call("DELETE", "/v1/users/crm-17")

    assert status == 204
    for user in ("cust-17", "crm-17"):
        assert (await shop.call("GET", f"/v1/users/{user}"))[0] == 404
    assert (await shop.call("GET", f"/v1/subscriptions/{mine.id}"))[0] == 404
    assert ((await shop.message(everybody))["counts"], (await shop.message(named))["counts"]) == before
    _, _, page = await shop.call("GET", f"/v1/messages/{everybody}/recipients")
    assert {one["subscription"] for one in page["data"]}.isdisjoint({mine.id, other.id})
    assert len(page["data"]) == 1
    assert (await shop.done(await shop.send({"users": ["cust-17"]})))["counts"]["audience"] == 0
    assert (await shop.done(await shop.send()))["counts"]["audience"] == 1

    await world.db.execute("UPDATE erasures SET created_at = now() - interval '1 hour' WHERE app_id = $1", shop.app.id)
    assert await erase.finish_erasures(world.db, world.base.keyring.app_by_id) == 1
    await shop.world.db.execute("DELETE FROM idempotency WHERE app_id = $1", shop.app.id)
    await world.db.execute(
        "DELETE FROM messages WHERE app_id = $1 AND id <> ALL($2::bigint[])",
        shop.app.id,
        [from_text("msg", one) for one in (everybody, named)],
    )
    assert await _tables_with(shop, *_NAMES, mine.token, other.token) == []


async def test_whoever_comes_back_is_somebody_new(shop: Shop) -> None:
    """An erased device that opts in again is a new one; nothing of the past is on it."""
    mine, _, _, _ = await _known(shop)
    await shop.call("DELETE", "/v1/users/cust-17")
    await shop.call("PUT", "/v1/users/cust-17", {"tags": {"plan": "new"}})
    _, _, said = await shop.call("GET", "/v1/users/cust-17")
    assert (said["attributes"], said["aliases"], said["events"], said["subscriptions"]) == ({}, [], {}, [])
    assert (await shop.call("DELETE", "/v1/users/nobody"))[0] == 404
    assert mine.id not in str(said)


async def _tables_with(shop: Shop, *texts: str) -> list[tuple[str, str]]:
    """Tables in which a row of the app holds one of the texts in any column."""
    tables = await shop.world.db.fetch(
        """
        SELECT c.table_name FROM information_schema.columns c
        JOIN information_schema.tables t ON t.table_name = c.table_name AND t.table_type = 'BASE TABLE'
        WHERE c.column_name = 'app_id' AND c.table_schema = 'public'
        """
    )
    found: list[tuple[str, str]] = []
    for row in tables:
        name = row["table_name"]
        statement: Any = f'SELECT to_jsonb(t)::text AS row FROM "{name}" t WHERE app_id = $1'  # noqa: S608 - our own tables
        rows = await shop.world.db.fetch(statement, shop.app.id)
        content = "\n".join(one["row"] if isinstance(one["row"], str) else str(one["row"]) for one in rows)
        hidden = [text for text in texts if text in content or text.encode().hex() in content]
        found += [(name, text) for text in hidden]
    return found


async def test_the_search_finds_what_is_there(shop: Shop) -> None:
    """Negative control."""
    mine, _, _, _ = await _known(shop)
    tables = {name for name, _ in await _tables_with(shop, *_NAMES, mine.token, str(mine.number))}
    assert {"persons", "subscriptions", "messages"} <= tables
    assert any(name.startswith("person_events") for name in tables)
    assert any(name.startswith("outcomes") for name in tables)


async def test_contact_is_sealed_and_shown_to_few(shop: Shop) -> None:
    """The database holds neither address nor number, and a key that may only read does not see them."""
    await shop.call("PUT", "/v1/users/c", {"email": "ada@shop.example", "phone": "+31201234567"})
    assert await _tables_with(shop, "ada@shop.example", "+31201234567") == []
    _, _, made = await shop.call("POST", "/v1/keys", {"name": "reader", "scopes": ["read"]})
    reader = msgspec.structs.replace(shop, api_key=made["key"])
    _, _, said = await reader.call("GET", "/v1/users/c")
    assert (said["external_id"], said["email"], said["phone"]) == ("c", None, None)
    assert (await reader.call("GET", "/v1/users/c/export"))[0] == 403
    _, _, page = await reader.call("GET", "/v1/users")
    assert page["data"][0]["email"] is None
    assert to_text("app", shop.app.public_id) not in str(page)
