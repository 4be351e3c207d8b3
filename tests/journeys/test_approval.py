"""A message to more people than one person may decide about waits until somebody approves it."""

from typing import Any

from gateway.model.ids import from_text, to_text
from gateway.store import audit
from gateway.tenancy.api_keys import issue
from tests.chaos.processes import until
from tests.journeys.world import Shop, World


async def _over(shop: Shop, size: int | None) -> None:
    path = f"/v1/apps/{to_text('app', shop.app.public_id)}"
    status, _, said = await shop.call("PATCH", path, {"settings": {"approval_over": size}})
    assert status == 200, said


async def _approve(shop: Shop, message: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    status, _, said = await shop.call("POST", f"/v1/messages/{message}/approve", body, headers=headers)
    return status, said


async def _second_key(shop: Shop) -> str:
    return (await issue(shop.world.db, app_id=shop.app.id, name="second", scopes=("send",), actor="test")).text


async def test_a_large_message_waits_for_a_second_key(world: World, shop: Shop):
    """Its sender is told at once; nothing goes out until a second key approves it, and the log has who did."""
    await shop.devices(3)
    await _over(shop, 2)
    order = {"audience": {"all": True}, "title": "Sale"}
    status, _, said = await shop.call("POST", "/v1/messages", order)
    assert (status, said["state"], said["approval"]["state"], said["approval"]["audience"]) == (
        202, "scheduled", "needed", 3,
    )  # fmt: skip
    message = said["id"]
    status, refused = await _approve(shop, message)
    assert (status, refused["error"]["code"]) == (409, "approval_unconfirmed")
    said = await shop.message(message)
    assert (said["state"], said["approval"]["state"]) == ("scheduled", "needed")
    assert await shop.tokens_reached(message) == []
    second = await _second_key(shop)
    status, said = await _approve(shop, message, key=second)
    assert (status, said["approval"]["state"]) == (200, "given")
    assert (await shop.done(message))["counts"]["sent"] == 3
    log = await audit.list_page(world.db, app_id=shop.app.id, before=None, limit=10)
    (entry,) = [one for one in log if one.action == "message_approved"]
    assert (entry.target, entry.actor, entry.detail["audience"]) == (message, said["approval"]["by"], 3)
    assert (await _approve(shop, message, key=second))[0] == 200, "approving twice changes nothing"


async def test_the_number_may_be_typed(world: World, shop: Shop):
    """Whoever is alone repeats the exact size; another number approves nothing, whoever types it."""
    await shop.devices(3)
    await _over(shop, 2)
    message = await shop.send()
    for key in (None, await _second_key(shop)):
        status, said = await _approve(shop, message, {"audience": 4}, key=key)
        assert (status, said["error"]["param"]) == (409, "audience")
    assert (await _approve(shop, message, {"audience": "3"}))[0] == 422
    assert (await _approve(shop, message, {"audience": 3}))[0] == 200
    assert (await shop.done(message))["counts"]["sent"] == 3


async def test_small_messages_wait_for_nobody(world: World, shop: Shop):
    """Up to the size, and to a few named people, whatever the size."""
    devices = await shop.devices(3)
    await _over(shop, 3)
    assert (await shop.done(await shop.send()))["counts"]["sent"] == 3
    await _over(shop, 1)
    named = {"subscriptions": [one.id for one in devices]}
    assert (await shop.done(await shop.send(named)))["counts"]["sent"] == 3
    status, said = await _approve(shop, await shop.send(named))
    assert (status, said["error"]["code"]) == (409, "state_conflict")


async def test_an_audience_that_grew_waits_at_planning(world: World, shop: Shop):
    """Counted again when its time comes; then the number has to be typed, as nobody saw it before."""
    await shop.devices(2)
    await _over(shop, 2)
    message = await shop.send(schedule={"at": "2027-01-01T00:00:00Z"})
    await shop.devices(2)
    await world.db.execute("UPDATE messages SET due_at = now() WHERE id = $1", from_text("msg", message))

    async def waits() -> bool:
        asked = (await shop.message(message))["approval"]
        return asked is not None and asked["state"] == "needed"

    await until("it waits for approval", waits, within_s=10)
    second = await _second_key(shop)
    assert (await _approve(shop, message, key=second))[0] == 409
    assert (await _approve(shop, message, {"audience": 4}, key=second))[0] == 200
    assert (await shop.done(message))["counts"]["sent"] == 4


async def test_what_nobody_approves_expires(world: World, shop: Shop):
    """Its life goes on while it waits: its whole audience is counted as expired."""
    await shop.devices(3)
    await _over(shop, 2)
    message = await shop.send(ttl=600)
    await world.db.execute("UPDATE messages SET expires_at = now() WHERE id = $1", from_text("msg", message))
    said = await shop.done(message)
    assert (said["counts"]["audience"], said["counts"]["expired"], said["approval"]["state"]) == (3, 3, "ended")
    assert (await _approve(shop, message, {"audience": 3}))[0] == 409


async def test_a_waiting_message_is_cancelled_and_paused_as_any(world: World, shop: Shop):
    """Cancelled, it cannot be approved; paused and approved, it goes once it is resumed."""
    await shop.devices(3)
    await _over(shop, 2)
    unwanted, paused = await shop.send(), await shop.send()
    await shop.call("POST", f"/v1/messages/{unwanted}/cancel")
    assert (await _approve(shop, unwanted, {"audience": 3}))[0] == 409
    await shop.call("POST", f"/v1/messages/{paused}/pause")
    assert (await _approve(shop, paused, {"audience": 3}))[0] == 200
    assert (await shop.message(paused))["state"] == "paused"
    await shop.call("POST", f"/v1/messages/{paused}/resume")
    assert (await shop.done(paused))["counts"]["sent"] == 3
