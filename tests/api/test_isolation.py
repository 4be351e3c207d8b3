"""Two apps on one gateway: whatever id of the one is sent with the key of the other, it is not there."""

from typing import Any

import pytest

from gateway.api.route import Route
from gateway.api.routes import ROUTES
from tests.api.paths import filled
from tests.api.world import Shop

_NAMING = [route for route in ROUTES if "{" in route.path and route.auth.kind in ("key", "device")]
_APP_TAKING = [route for route in ROUTES if route.auth.kind == "key" and any(one.name == "app" for one in route.query)]
_BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/users/bulk"): {"users": [{"external_id": "only-here", "attributes": {"owner": "them"}}]},
    ("POST", "/v1/events"): {"name": "order_placed", "user": "only-here"},
    ("PUT", "/v1/users/{external_id}"): {},
    ("PATCH", "/v1/users/{external_id}"): {"attributes": {"owner": "them"}},
    ("POST", "/v1/users/{external_id}/aliases"): {"alias": "theirs"},
    ("PATCH", "/v1/subscriptions/{id}"): {"language": "fr"},
    ("POST", "/v1/subscriptions/{id}/location"): {"lat": 52, "lon": 5},
    ("POST", "/v1/subscriptions/{id}/identity"): {"external_id": "a", "signature": "00", "expires": 1},
    ("PATCH", "/v1/apps/{id}"): {"name": "stolen"},
    ("POST", "/v1/apps/{id}/credentials"): {"channel": "webpush", "private_key": "x"},
    ("POST", "/v1/apps/{id}/credentials/rotate"): {"channel": "webpush"},
    ("POST", "/v1/lanes/resume"): {"key": "key_0000000000000", "host": "push.example"},
    ("PATCH", "/v1/messages/{id}"): {"limits": {"per_minute": 1}},
    ("POST", "/v1/messages/{id}/winner"): {"variant": "a"},
    ("POST", "/v1/messages/preview"): {"audience": {"all": True}, "title": "x"},
    ("PATCH", "/v1/segments/{slug}"): {"name": "stolen"},
    ("PATCH", "/v1/templates/{id}"): {"name": "stolen"},
    ("POST", "/v1/prompts/{slug}/winner"): {"variant": "a"},
    ("PATCH", "/v1/prompts/{slug}"): {"is_active": False},
    ("PATCH", "/v1/coupons/{pool}"): {"name": "stolen"},
    ("POST", "/v1/coupons/{pool}/generate"): {"pattern": "STOLEN-####-????", "count": 1},
    ("POST", "/v1/coupons/{pool}/redeem"): {"code": "OURS-1"},
    ("POST", "/v1/audience/estimate"): {"audience": {"all": True}},
    ("POST", "/v1/audience/explain"): {"audience": {"all": True}, "user": "only-here"},
}
_OWN: dict[str, Any] = {
    "/v1/topics": {"slug": "only-here"},
    "/v1/segments": {"slug": "only-here", "audience": {"all": True}},
    "/v1/lists": {"slug": "only-here"},
    "/v1/coupons": {"pool": "only-here"},
    "/v1/prompts": {"slug": "only-here", "texts": {"en": {"title": "Ours"}}},
    "/v1/geofences": {"slug": "only-here", "near": {"lat": 52.1, "lon": 5.1, "radius_km": 1}},
}
"""Things that have a name rather than an id."""


def _named(route: Route) -> str:
    return f"{route.method} {route.path}"


async def _belongings(shop: Shop) -> dict[str, str]:
    """One of everything that has an id."""
    for path, body in _OWN.items():
        assert (await shop.call("POST", path, body)).status == 201, path
    template = await shop.call("POST", "/v1/templates", {"name": "only-here", "content": {"title": "Ours"}})
    await shop.call("PUT", "/v1/users/only-here", {"attributes": {"owner": "us"}})
    message = await shop.call("POST", "/v1/messages", {"audience": {"all": True}, "title": "Ours"})
    device = await shop.enrol()
    key = await shop.call("POST", "/v1/keys", {"name": "ours", "scopes": ["read"]})
    credentials = await shop.call("GET", f"/v1/apps/{shop.id}/credentials")
    return {
        "message": message.body["id"],
        "subscription": device["id"],
        "key": key.body["id"],
        "credential": credentials.body["data"][0]["id"],
        "template": template.body["id"],
    }


def _path(route: Route, owner: Shop, theirs: dict[str, str]) -> str:
    ids = {
        "messages": theirs["message"],
        "subscriptions": theirs["subscription"],
        "apps": owner.id,
        "keys": theirs["key"],
        "templates": theirs["template"],
    }
    thing = ids.get(route.path.split("/")[2], "only-here")
    return filled(
        route.path, id=thing, slug="only-here", pool="only-here", external_id="only-here", key=theirs["credential"]
    )


@pytest.mark.parametrize("route", _NAMING, ids=_named)
async def test_an_id_of_another_app_is_not_there(shop: Shop, rival: Shop, route: Route):
    """404, as for a thing that does not exist: a rival learns nothing, reads nothing, changes nothing."""
    theirs = await _belongings(shop)
    if route.auth.scope == "admin":
        answer = await rival.call(route.method, _path(route, shop, theirs))
        assert (answer.status, answer.code) == (403, "scope_missing")
        return
    answer = await rival.call(
        route.method, _path(route, shop, theirs), _BODIES.get((route.method, route.path)), key=rival.key
    )
    if route.method == "PUT":
        assert answer.status == 201, "a thing of their own, under the same name"
    elif route.path.endswith("/identity") and route.method == "POST":
        assert answer.code in ("signature_invalid", "not_found")
    else:
        assert answer.status == 404, answer.text
    assert await _is_untouched(shop, theirs)


async def _is_untouched(shop: Shop, theirs: dict[str, str]) -> bool:
    message = await shop.call("GET", f"/v1/messages/{theirs['message']}")
    device = await shop.call("GET", f"/v1/subscriptions/{theirs['subscription']}")
    app = await shop.call("GET", f"/v1/apps/{shop.id}")
    named = {path: await shop.call("GET", path) for path in _OWN}
    template = await shop.call("GET", f"/v1/templates/{theirs['template']}")
    keys = await shop.call("GET", "/v1/keys")
    credentials = await shop.call("GET", f"/v1/apps/{shop.id}/credentials")
    user = await shop.call("GET", "/v1/users/only-here")
    return (
        message.body["state"] == "accepted"
        and (user.body["attributes"], user.body["aliases"]) == ({"owner": "us"}, [])
        and (device.body["state"], device.body["language"], device.body["user"]) == ("active", None, None)
        and app.body["name"] == shop.app.name
        and all(len(answer.body["data"]) == 1 and "stolen" not in answer.text for answer in named.values())
        and template.body["name"] == "only-here"
        and all(key["revoked_at"] is None for key in keys.body["data"])
        and [one["retired_at"] for one in credentials.body["data"]] == [None]
    )


@pytest.mark.parametrize("route", _APP_TAKING, ids=_named)
async def test_naming_another_app_is_a_404(shop: Shop, rival: Shop, route: Route):
    """A key is its app's: with another app's name it finds nothing."""
    theirs = await _belongings(shop)
    path = _path(route, shop, theirs) if "{" in route.path else route.path
    answer = await rival.call(route.method, f"{path}?app={shop.id}", _BODIES.get((route.method, route.path)))
    if route.path == "/v1/messages/batch":
        answer = await rival.call(
            "POST", f"{path}?app={shop.id}", {"messages": [{"audience": {"users": ["a"]}, "title": "x"}]}
        )
    assert answer.status == 404, answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"audience": {"all": True}, "title": "x"}),
        ("/v1/topics", {"slug": "x"}),
        ("/v1/keys", {"name": "x", "scopes": ["read"]}),
    ],
)
async def test_another_app_in_the_body_is_a_404(shop: Shop, rival: Shop, path: str, body: dict[str, Any]):
    """So it is for an app that is named in the body."""
    answer = await rival.call("POST", path, {**body, "app": shop.id})
    assert (answer.status, answer.code, answer.param) == (404, "not_found", "app")


async def test_lists_hold_the_own_things_only(shop: Shop, rival: Shop):
    """What one app has is in no list of another."""
    theirs = await _belongings(shop)
    for path in ("/v1/messages", "/v1/subscriptions", "/v1/topics", "/v1/keys", "/v1/subscriptions/export"):
        answer = await rival.call("GET", path)
        assert answer.status == 200
        assert not any(one in answer.text for one in (*theirs.values(), "only-here")), path


async def test_a_message_to_another_apps_device_reaches_nobody(shop: Shop, rival: Shop):
    """Naming a foreign device makes a message to nobody, and does not tell that the device exists."""
    device = await shop.enrol()
    answer = await rival.call(
        "POST", "/v1/messages?dry_run=true", {"audience": {"subscriptions": [device["id"]]}, "title": "x"}
    )
    assert answer.status == 200, answer.text
    assert answer.body["audience"] == 0


async def test_a_device_secret_is_good_for_its_own_device_only(shop: Shop, rival: Shop):
    """With one device's secret nobody reads, changes or ends another one, of the same app or of another."""
    mine, other, foreign = await shop.enrol(), await shop.enrol(), await rival.enrol()
    headers = {"Authorization": f"Bearer {mine['secret']}"}
    for device in (other, foreign):
        for method, body in (("GET", None), ("PATCH", {"language": "fr"}), ("DELETE", None)):
            answer = await shop.page(method, f"/v1/subscriptions/{device['id']}", body, headers=headers)
            assert (answer.status, answer.code) == (401, "secret_invalid")
    assert (await shop.page("GET", f"/v1/subscriptions/{mine['id']}", headers=headers)).status == 200


async def test_an_idempotency_key_is_the_apps_own(shop: Shop, rival: Shop):
    """Two shops may use the same key at the same time."""
    order = {"audience": {"all": True}, "title": "x"}
    first = await shop.call("POST", "/v1/messages", order, headers={"Idempotency-Key": "order-1"})
    second = await rival.call("POST", "/v1/messages", order, headers={"Idempotency-Key": "order-1"})
    assert (first.status, second.status) == (202, 202)
    assert first.body["id"] != second.body["id"]
    assert "Idempotent-Replayed" not in second.headers
