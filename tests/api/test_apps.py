"""Apps, keys, credentials and topics over HTTP."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.wire.vapid import VapidKey
from tests.api.world import Gateway, Shop, browser


async def test_the_operator_makes_and_ends_an_app(gateway: Gateway, shop: Shop):
    """A new app can send at once; an ended one is gone, and so is its key."""
    admin = await gateway.admin_key()
    wanted = {"name": f"new {shop.id}", "origins": ["https://new.example"], "subject": "mailto:a@new.example"}
    made = await shop.call("POST", "/v1/apps", wanted, key=admin)
    assert made.status == 201, made.text
    assert made.body["api_key"].startswith("stpl_sk_")
    assert (
        made.body["snippet"]
        == f'<script src="https://push.example/sdk/v1/steeple.js" data-app="{made.body["id"]}" defer></script>'
    )
    sent = await shop.call("POST", "/v1/messages", {"audience": {"all": True}, "title": "x"}, key=made.body["api_key"])
    assert sent.status == 202
    taken = await shop.call("POST", "/v1/apps", wanted, key=admin)
    assert (taken.status, taken.code) == (409, "name_taken")
    assert (await shop.call("DELETE", f"/v1/apps/{made.body['id']}", key=admin)).status == 204
    assert (await shop.call("GET", f"/v1/apps/{made.body['id']}", key=admin)).status == 404
    assert (await shop.call("GET", "/v1/topics", key=made.body["api_key"])).status == 404


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"origins": ["https://shop.example/path"]}, "origin_invalid", "origins"),
        ({"origins": ["*"]}, "origin_invalid", "origins"),
        ({"subject": "mailto:a@localhost"}, "subject_invalid", "subject"),
        ({"name": ""}, "field_invalid", "name"),
        ({"colour": "red"}, "field_unknown", "colour"),
    ],
)
async def test_an_app_that_cannot_be_is_refused(
    gateway: Gateway, shop: Shop, change: dict[str, Any], code: str, param: str
):
    """The same rules when it is made and when it is changed."""
    good = {"name": f"x {shop.id}", "origins": ["https://x.example"], "subject": "mailto:a@x.example"}
    made = await shop.call("POST", "/v1/apps", {**good, **change}, key=await gateway.admin_key())
    changed = await shop.call("PATCH", f"/v1/apps/{shop.id}", change)
    for answer in (made, changed):
        assert (answer.status, answer.code, answer.param) == (422, code, param), answer.text


async def test_apps_are_listed_page_by_page(gateway: Gateway, shop: Shop, rival: Shop):
    """All of them, in the order they were made."""
    admin = await gateway.admin_key()
    seen: list[str] = []
    after = ""
    for _ in range(200):
        page = (await shop.call("GET", f"/v1/apps?limit=100{after}", key=admin)).body
        seen += [app["id"] for app in page["data"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen.index(shop.id) < seen.index(rival.id)
    assert len(set(seen)) == len(seen)
    assert (await shop.call("GET", "/v1/apps?after=odd", key=admin)).param == "after"


async def test_a_changed_origin_holds_at_once(shop: Shop):
    """In the process that changed it; in others after five seconds."""
    changed = await shop.call("PATCH", f"/v1/apps/{shop.id}", {"origins": ["https://moved.example"]})
    assert changed.body["origins"] == ["https://moved.example"]
    old = await shop.page("GET", f"/v1/sdk/config?app={shop.id}")
    new = await shop.page("GET", f"/v1/sdk/config?app={shop.id}", headers={"Origin": "https://moved.example"})
    assert (old.status, new.status) == (403, 200)


async def test_links_may_lead_to_the_link_hosts(shop: Shop):
    """Once named, another host of the shop's is fine, and its origins no longer are."""
    await shop.call("PATCH", f"/v1/apps/{shop.id}", {"link_hosts": ["blog.shop.example"]})
    order = {"audience": {"all": True}, "title": "x"}
    assert (await shop.call("POST", "/v1/messages", {**order, "url": "https://blog.shop.example/a"})).status == 202
    assert (await shop.call("POST", "/v1/messages", {**order, "url": "https://shop.example/a"})).code == "link_refused"


async def test_a_key_of_an_app_cannot_make_an_admin(shop: Shop):
    """Nobody gives themselves more than their app."""
    answer = await shop.call("POST", "/v1/keys", {"name": "x", "scopes": ["admin"]})
    assert (answer.status, answer.param) == (422, "scopes")
    odd = await shop.call("POST", "/v1/keys", {"name": "x", "scopes": ["everything"]})
    assert (odd.status, odd.param) == (422, "scopes[0]")


async def test_a_key_is_told_once(shop: Shop):
    """Its text is in the answer that made it and nowhere else."""
    made = await shop.call("POST", "/v1/keys", {"name": "till", "scopes": ["read", "send"]})
    listed = await shop.call("GET", "/v1/keys")
    assert made.body["key"] not in listed.text
    assert {key["name"] for key in listed.body["data"]} == {"first key", "till"}


async def test_the_operators_keys_are_apart_from_the_apps(gateway: Gateway, shop: Shop):
    """Without an app's name an admin key sees and makes keys of the installation."""
    admin = await gateway.admin_key()
    own = await shop.call("POST", "/v1/keys", {"name": f"op {shop.id}", "scopes": ["admin"]}, key=admin)
    assert (own.status, own.body["app"]) == (201, None)
    apps_own = await shop.call("GET", f"/v1/keys?app={shop.id}", key=admin)
    assert [key["name"] for key in apps_own.body["data"]] == ["first key"]
    assert f"op {shop.id}" in (await shop.call("GET", "/v1/keys", key=admin)).text


async def test_a_key_at_a_provider_is_succeeded_and_brought(shop: Shop):
    """A successor serves new subscriptions, the old one lives on; private halves never come out."""
    path = f"/v1/apps/{shop.id}/credentials"
    old = (await shop.call("GET", path)).body["data"][0]
    new = await shop.call("POST", f"{path}/rotate", {"channel": "webpush"})
    assert (new.status, new.body["current"]) == (201, True)
    brought = VapidKey.generate()
    loaded = await shop.call("POST", path, {"channel": "webpush", "private_key": brought.to_pem().decode()})
    assert (loaded.status, loaded.body["public"]["vapid_public_key"]) == (201, brought.public_base64url)
    listed = await shop.call("GET", path)
    assert [one["current"] for one in listed.body["data"]] == [False, True, False]
    assert "PRIVATE" not in listed.text
    assert (await shop.call("DELETE", f"{path}/{old['id']}")).status == 204
    again = await shop.call("DELETE", f"{path}/{old['id']}")
    assert (again.status, again.code) == (404, "credential_unknown")
    wrong = await shop.call("POST", path, {"channel": "webpush", "private_key": "x"})
    assert (wrong.status, wrong.code) == (422, "key_material_invalid")
    assert (await shop.call("POST", f"{path}/rotate", {"channel": "pigeon"})).code == "channel_unknown"


async def test_a_key_that_devices_need_is_not_retired(shop: Shop):
    """A mistake would lose every subscriber who came with it."""
    path = f"/v1/apps/{shop.id}/credentials"
    await shop.enrol()
    old = (await shop.call("GET", path)).body["data"][0]
    await shop.call("POST", f"{path}/rotate", {"channel": "webpush"})
    answer = await shop.call("DELETE", f"{path}/{old['id']}")
    assert (answer.status, answer.code) == (409, "credential_in_use")


async def test_the_meter_tells_who_has_moved_and_when_an_old_key_may_go(shop: Shop):
    """Two devices of the old key; one comes back, and is given the new one under its id; a third is new."""
    path = f"/v1/apps/{shop.id}/credentials"
    moving, _staying = await shop.enrol(), await shop.enrol()
    new = (await shop.call("POST", f"{path}/rotate", {"channel": "webpush"})).body
    own = {"Authorization": f"Bearer {moving['secret']}"}
    moved = {**browser(), "vapid_key_id": new["id"]}
    del moved["channel"]
    assert (await shop.page("PATCH", f"/v1/subscriptions/{moving['id']}", moved, headers=own)).status == 200
    await shop.enrol(vapid_key_id=new["id"])

    old, current = (await shop.call("GET", f"{path}/meter")).body["data"]

    assert (old["current"], old["devices"], old["share"], old["came_over"]) == (False, 1, 0.3333, 0)
    assert (current["id"], current["current"], current["devices"], current["came_over"]) == (new["id"], True, 2, 1)
    assert current["may_retire_at"] is None
    day, free = datetime.fromisoformat(old["last_seen_at"]), datetime.fromisoformat(old["may_retire_at"])
    assert free - day == timedelta(days=180)
    refused = await shop.call("DELETE", f"{path}/{old['id']}")
    assert (refused.status, refused.code) == (409, "credential_in_use")
    assert f"By {free:%Y-%m-%d} " in refused.text
    assert (await shop.call("DELETE", f"{path}/{old['id']}?force=maybe")).param == "force"
    assert (await shop.call("DELETE", f"{path}/{old['id']}?force=true")).status == 204
    assert [one["id"] for one in (await shop.call("GET", f"{path}/meter")).body["data"]] == [new["id"]]


async def test_a_key_is_current_since_the_first_time(shop: Shop):
    """Said again that it is current, it is so since the same day: who came over is still counted."""
    path = f"/v1/apps/{shop.id}/credentials"
    brought = VapidKey.generate().to_pem().decode()
    wanted = {"channel": "webpush", "private_key": brought, "current": True}
    await shop.call("POST", path, wanted)
    since = (await shop.call("GET", f"{path}/meter")).body["data"][1]["current_at"]
    await shop.call("POST", path, wanted)
    assert (await shop.call("GET", f"{path}/meter")).body["data"][1]["current_at"] == since


async def test_topics_are_made_listed_and_deleted(shop: Shop):
    """A slug is unique in its app."""
    made = await shop.call("POST", "/v1/topics", {"slug": "sale", "name": "Sales"})
    assert (made.status, made.body["name"]) == (201, "Sales")
    twice = await shop.call("POST", "/v1/topics", {"slug": "sale"})
    assert (twice.status, twice.code) == (409, "name_taken")
    assert (await shop.call("POST", "/v1/topics", {"slug": "Not A Slug"})).param == "slug"
    assert (await shop.call("DELETE", "/v1/topics/sale")).status == 204
    assert (await shop.call("DELETE", "/v1/topics/sale")).status == 404
    assert (await shop.call("GET", "/v1/topics")).body == {"data": [], "next": None}


async def test_settings_are_merged_and_shown(shop: Shop):
    """One at a time, with what holds in the answer; null takes one back."""
    path = f"/v1/apps/{shop.id}"
    await shop.call("PATCH", path, {"settings": {"timezone": "Europe/Amsterdam", "currency": "EUR"}})
    changed = await shop.call("PATCH", path, {"settings": {"timezone": "America/New_York"}})
    assert (changed.body["settings"]["timezone"], changed.body["settings"]["currency"]) == ("America/New_York", "EUR")
    assert (await shop.call("PATCH", path, {"settings": {"currency": None}})).body["settings"]["currency"] is None
    assert (await shop.call("GET", path)).body["settings"]["timezone"] == "America/New_York"


@pytest.mark.parametrize(
    ("settings", "param"),
    [({"colour": 1}, "settings.colour"), ({"timezone": "Nowhere"}, "settings.timezone"), ([], "settings")],
)
async def test_a_wrong_setting_changes_nothing(shop: Shop, settings: Any, param: str):
    """Neither it nor its neighbours."""
    path = f"/v1/apps/{shop.id}"
    good = {"currency": "USD"}
    answer = await shop.call("PATCH", path, {"settings": {**good, **settings} if settings else settings})
    assert (answer.status, answer.param) == (422, param)
    assert (await shop.call("GET", path)).body["settings"]["currency"] is None


async def test_an_app_is_made_with_settings(gateway: Gateway, shop: Shop):
    """From its first moment."""
    wanted = {"name": f"set {shop.id}", "subject": "mailto:a@new.example", "settings": {"currency": "CHF"}}
    made = await shop.call("POST", "/v1/apps", wanted, key=await gateway.admin_key())
    assert made.body["settings"]["currency"] == "CHF"
