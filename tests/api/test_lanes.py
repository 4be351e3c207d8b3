"""Keys that stand still or are slowed at a push service, as their owner sees them, and starting one again."""

from datetime import datetime
from typing import Any

from gateway.model.ids import from_text
from gateway.store import audit, lanes
from gateway.store.lanes import Slowed
from tests.api.world import Gateway, Shop

PARKED, STOPPED = 1, 2
HOST = "updates.push.services.mozilla.com"
HALVED = Slowed(16.0, 32.0, 500.0, 0.0)


async def own_key(shop: Shop) -> str:
    """The id of the shop's key at web push services."""
    listed = await shop.call("GET", f"/v1/apps/{shop.id}/credentials")
    return next(key["id"] for key in listed.body["data"] if key["channel"] == "webpush")


async def tell(shop: Shop, *, state: int, reason: str, host: str = HOST, for_s: float = 60, **more: Any) -> None:
    """What a worker found out about the shop's key."""
    db = shop.gateway.services.database
    key = from_text("key", await own_key(shop))
    number = await db.fetchval("SELECT id FROM credentials WHERE public_id = $1", key)
    await lanes.tell(
        db, app_id=shop.app.id, credential_id=number, origin=f"https://{host}", state=state, reason=reason,
        for_s=for_s, **more,
    )  # fmt: skip


async def test_a_shop_sees_which_of_its_keys_stand(shop: Shop, rival: Shop):
    """Where, why, until when and since when; nothing of other shops, and nothing while all is well."""
    assert (await shop.call("GET", "/v1/lanes")).body == {"data": [], "next": None}
    await tell(shop, state=STOPPED, reason="vapid_refused")
    await tell(rival, state=STOPPED, reason="tls")

    (lane,) = (await shop.call("GET", "/v1/lanes")).body["data"]

    since, until = (datetime.fromisoformat(lane.pop(field)) for field in ("since", "until"))
    assert 55 < (until - since).total_seconds() <= 60
    assert "mend it" in lane.pop("meaning")
    assert lane == {
        "app": shop.id,
        "key": await own_key(shop),
        "channel": "webpush",
        "host": HOST,
        "state": "stopped",
        "reason": "vapid_refused",
        "rate_per_s": None,
    }


async def test_a_slowed_key_shows_its_rate(shop: Shop):
    """It runs; a site that the service limits on purpose is told so in a sentence."""
    await tell(shop, state=lanes.RUNNING, reason="throttled", for_s=0, slowed=HALVED)
    (lane,) = (await shop.call("GET", "/v1/lanes")).body["data"]
    assert (lane["state"], lane["reason"], lane["until"]) == ("running", "throttled", None)
    assert 16 <= lane["rate_per_s"] < 17

    await tell(shop, state=lanes.RUNNING, reason="throttled", for_s=0, slowed=HALVED, is_limited=True)
    (lane,) = (await shop.call("GET", "/v1/lanes")).body["data"]
    assert lane["reason"] == "site_limited"
    assert "unwanted" in lane["meaning"]


async def test_the_operator_sees_all_shops_or_one(gateway: Gateway, shop: Shop, rival: Shop):
    """Page by page, with the key of the installation."""
    admin = await gateway.admin_key()
    for one in (shop, rival):
        await tell(one, state=PARKED, reason="throttled")
        await tell(one, state=STOPPED, reason="tls", host="web.push.apple.com")
    seen: list[dict[str, Any]] = []
    after = ""
    for _ in range(100):
        page = (await shop.call("GET", f"/v1/lanes?limit=1{after}", key=admin)).body
        seen += page["data"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert {(lane["app"], lane["host"]) for lane in seen} >= {
        (one.id, host) for one in (shop, rival) for host in (HOST, "web.push.apple.com")
    }
    assert len({(lane["app"], lane["key"], lane["host"]) for lane in seen}) == len(seen)
    named = (await shop.call("GET", f"/v1/lanes?app={rival.id}", key=admin)).body["data"]
    assert [lane["state"] for lane in named] == ["stopped", "parked"]
    assert {lane["app"] for lane in named} == {rival.id}


async def test_a_page_that_cannot_be_is_refused(shop: Shop):
    """`next` is to be sent back as it was."""
    for odd in ("odd", "-1", "99999999999", "%C2%B2"):
        answer = await shop.call("GET", f"/v1/lanes?after={odd}")
        assert (answer.status, answer.param) == (422, "after")


async def test_a_mended_key_is_tried_again_at_once(shop: Shop):
    """The reason is forgotten, for this service only, and the log of who did what has an entry."""
    await tell(shop, state=STOPPED, reason="vapid_refused")
    await tell(shop, state=STOPPED, reason="vapid_refused", host="web.push.apple.com")
    wanted = {"key": await own_key(shop), "host": HOST}

    resumed = await shop.call("POST", "/v1/lanes/resume", wanted)

    assert (resumed.status, resumed.body) == (200, {"app": shop.id, **wanted})
    left = (await shop.call("GET", "/v1/lanes")).body["data"]
    assert [lane["host"] for lane in left] == ["web.push.apple.com"]
    entries = await audit.list_page(shop.gateway.services.database, app_id=shop.app.id, before=None, limit=1)
    assert [(one.action, one.target, one.detail) for one in entries] == [
        ("lane_resumed", wanted["key"], {"host": HOST})
    ]


async def test_what_does_not_stand_is_not_resumed(shop: Shop, rival: Shop):
    """A host with a typing error, a key that is none, another shop's key."""
    await tell(rival, state=STOPPED, reason="vapid_refused")
    theirs = await own_key(rival)
    for wanted, status, param in (
        ({"key": await own_key(shop), "host": "push.odd.example"}, 404, "host"),
        ({"key": theirs, "host": HOST}, 404, "host"),
        ({"key": "mine", "host": HOST}, 422, "key"),
        ({"key": theirs, "host": HOST, "colour": "red"}, 422, "colour"),
    ):
        answer = await shop.call("POST", "/v1/lanes/resume", wanted)
        assert (answer.status, answer.param) == (status, param), answer.text
    assert len((await rival.call("GET", "/v1/lanes")).body["data"]) == 1
