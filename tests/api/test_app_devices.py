"""The life of an app's installation on a phone: registered, refreshed, logged in, reinstalled."""

import hmac
import json
import secrets
import time
from typing import Any

import pytest

from gateway.model.ids import from_text
from gateway.tenancy.secrets import reveal_identity
from tests.api.apps import BUNDLE, app_token, ask_as_app, bring_keys, iphone, publishable_key
from tests.api.world import Answer, Shop


async def _register(shop: Shop, body: dict[str, Any]) -> Answer:
    return await ask_as_app(shop, "POST", "/v1/subscriptions", body, bearer=await publishable_key(shop))


async def _change(shop: Shop, device: dict[str, Any], body: Any) -> Answer:
    return await ask_as_app(shop, "PATCH", f"/v1/subscriptions/{device['id']}", body, bearer=device["secret"])


@pytest.mark.parametrize(
    ("body", "platform"),
    [
        (iphone(), "ios_app"),
        (app_token(), "android_app"),
        (app_token(os="ios"), "ios_app"),
        (app_token(platform="other"), "other"),
        ({"channel": "stub", "token": "accepted:x"}, "other"),
    ],
)
async def test_a_device_is_what_its_channel_is_for(shop: Shop, body: dict[str, Any], platform: str):
    """An iPhone at Apple's service, an Android at Google's, unless it says more."""
    await bring_keys(shop)
    await shop.call("POST", f"/v1/apps/{shop.id}/credentials", {"channel": "stub", "private_key": "rehearsal"})

    made = await _register(shop, {**body, "language": "nl", "timezone": "Europe/Amsterdam", "topics": ["sale"]})

    assert made.status == 201, made.text
    shown = await shop.call("GET", f"/v1/subscriptions/{made.body['id']}")
    assert (shown.body["platform"], shown.body["channel"]) == (platform, body["channel"])
    assert (shown.body["language"], shown.body["topics"]) == ("nl", ["sale"])


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (iphone(token="xyz"), "token"),
        (iphone(environment="staging"), "environment"),
        (iphone(bundle_id="no such id!"), "bundle_id"),
        ({"channel": "apns", "token": "ab" * 32}, "bundle_id"),
        ({"channel": "fcm"}, "token"),
        (app_token(token="short"), "token"),
        (app_token(user="cust-1"), "user"),
    ],
)
async def test_a_registration_that_cannot_be_kept_says_why(shop: Shop, body: dict[str, Any], param: str):
    """422 with the field; a user needs a login, from apps as from pages."""
    await bring_keys(shop)

    answer = await _register(shop, body)

    assert (answer.status, answer.param) == (422, param), answer.text


async def test_an_app_started_twice_is_one_device(shop: Shop):
    """Also when it was installed anew, has lost its secret, and the system gave it the same token."""
    await bring_keys(shop)
    body = iphone()
    first, again = await _register(shop, body), await _register(shop, {**body, "token": body["token"].upper()})

    assert (first.status, again.status) == (201, 200)
    assert first.body["id"] == again.body["id"]
    assert (await _change(shop, first.body, {"language": "fr"})).code == "secret_invalid"
    assert (await _change(shop, again.body, {"language": "fr"})).status == 200


async def test_a_new_token_is_the_same_device(shop: Shop):
    """It keeps its id, its topics, what it said of itself; the old token is nobody's again."""
    await bring_keys(shop)
    old, new = iphone(environment="sandbox"), secrets.token_hex(32)
    device = (await _register(shop, {**old, "topics": ["sale"]})).body

    moved = await _change(shop, device, {"token": new})

    assert (moved.status, moved.body["id"], moved.body["topics"]) == (200, device["id"], ["sale"])
    again = await _register(shop, {**old, "token": new})
    assert (again.status, again.body["id"]) == (200, device["id"])
    other = await _register(shop, old)
    assert other.status == 201
    assert other.body["id"] != device["id"]


async def test_a_token_that_is_somebody_elses_is_not_taken_by_moving(shop: Shop):
    """409: whoever has it registers with it instead."""
    await bring_keys(shop)
    held = app_token()
    await _register(shop, held)
    device = (await _register(shop, app_token())).body

    answer = await _change(shop, device, {"token": held["token"]})

    assert (answer.status, answer.code) == (409, "endpoint_taken")


async def test_a_device_that_registers_again_is_back(shop: Shop):
    """Left, or given up by its service: the app that says its token again is reached again."""
    await bring_keys(shop)
    body = app_token()
    device = (await _register(shop, body)).body
    path = f"/v1/subscriptions/{device['id']}"
    assert (await ask_as_app(shop, "DELETE", path, bearer=device["secret"])).status == 204
    assert (await shop.call("GET", path)).body["state"] == "left"

    again = await _register(shop, body)

    assert (again.status, again.body["id"]) == (200, device["id"])
    assert (await shop.call("GET", path)).body["state"] == "active"


async def test_each_registration_is_newer_than_what_was_said_before(shop: Shop):
    """An answer "gone since then" that was on its way must not close a device that has just said that it lives."""
    await bring_keys(shop)
    body = iphone()
    device = (await _register(shop, body)).body
    at = [await _registered_at(shop, device["id"])]

    await _change(shop, device, {"language": "nl"})
    at.append(await _registered_at(shop, device["id"]))
    await _register(shop, body)
    at.append(await _registered_at(shop, device["id"]))

    assert at[0] == at[1] < at[2]


async def _registered_at(shop: Shop, subscription: str) -> Any:
    return await shop.gateway.services.database.fetchval(
        "SELECT registered_at FROM subscriptions WHERE app_id = $1 AND id = $2",
        shop.app.id,
        from_text("sub", subscription),
    )


async def test_a_device_gets_the_key_that_reaches_it(shop: Shop):
    """One shop, two apps, a key for each; and a new key that reaches both takes over when it is current."""
    first, _ = await bring_keys(shop)
    second, _ = await bring_keys(shop, bundle_ids=("com.shop.outlet",))

    async def key_of(bundle_id: str) -> str:
        made = await _register(shop, iphone(bundle_id=bundle_id))
        assert made.status == 201, made.text
        line = next(line for line in (await _exported(shop)) if line["id"] == made.body["id"])
        return line["key_id"]

    assert (await key_of(BUNDLE), await key_of("com.shop.outlet")) == (first, second)
    both, _ = await bring_keys(shop, bundle_ids=(BUNDLE, "com.shop.outlet"))
    assert (await key_of(BUNDLE), await key_of("com.shop.outlet")) == (both, both)


async def _exported(shop: Shop) -> list[dict[str, Any]]:
    answer = await shop.call("GET", "/v1/subscriptions/export")
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_a_device_that_no_key_reaches_is_told_so(shop: Shop):
    """Before anything is sent to it, with the field and the apps that there are."""
    without = await _register(shop, iphone())
    first, _ = await bring_keys(shop)
    one = await _register(shop, iphone(bundle_id="com.other.app"))
    await bring_keys(shop, bundle_ids=("com.shop.outlet",))
    two = await _register(shop, iphone(bundle_id="com.other.app"))
    named = await _register(shop, iphone(bundle_id="com.shop.outlet", key_id=first))
    unknown = await _register(shop, app_token(key_id=first))

    assert (without.status, without.code, without.param) == (422, "credential_unknown", "channel")
    for answer in (one, two, named):
        assert (answer.status, answer.code, answer.param) == (422, "credential_unknown", "bundle_id"), answer.text
    assert BUNDLE in one.body["error"]["message"]
    assert "None of the app's 2 keys" in two.body["error"]["message"]
    assert (unknown.status, unknown.param) == (422, "key_id")


async def test_a_person_has_devices_of_every_kind(shop: Shop):
    """A signed login makes a phone the person's as it makes a browser theirs."""
    await bring_keys(shop)
    services = shop.gateway.services
    secret = await reveal_identity(services.database, services.vault, shop.app, actor="test")
    user, expires = "cust-17", int(time.time()) + 600
    signed = hmac.digest(secret.encode(), f"v1\n{shop.id}\n{user}\n{expires}".encode(), "sha256").hex()
    devices = [(await _register(shop, body)).body for body in (iphone(), app_token())] + [await shop.enrol()]

    for device in devices:
        answer = await ask_as_app(
            shop,
            "POST",
            f"/v1/subscriptions/{device['id']}/identity",
            {"external_id": user, "signature": signed, "expires": expires},
            bearer=device["secret"],
        )
        assert answer.status == 200, answer.text

    held = (await shop.call("GET", f"/v1/subscriptions?user={user}")).body["data"]
    assert {one["id"] for one in held} == {device["id"] for device in devices}
    assert sorted(one["channel"] for one in held) == ["apns", "fcm", "webpush"]
    preview = await shop.call(
        "POST", "/v1/messages?dry_run=true", {"audience": {"users": [user]}, "title": "Hello", "body": "All of you"}
    )
    assert preview.body["per_channel"] == {"apns": 1, "fcm": 1, "webpush": 1}
    only = {"audience": {"users": [user], "channels": ["apns", "fcm"]}, "title": "Hello"}
    assert (await shop.call("POST", "/v1/messages?dry_run=true", only)).body["per_channel"] == {"apns": 1, "fcm": 1}


async def test_devices_of_apps_travel(shop: Shop, rival: Shop):
    """What an export writes, an import reads: to the same key by its id, elsewhere to the key that reaches it."""
    await bring_keys(shop)
    await bring_keys(rival)
    for body in (iphone(environment="sandbox", topics=["sale"]), app_token(os="ios")):
        assert (await _register(shop, body)).status == 201
    lines = await _exported(shop)
    assert all(line["key_id"].startswith("key_") and "vapid_key_id" not in line for line in lines)

    moved = _without_ids(lines)
    for target, rows in ((shop, lines), (rival, moved)):
        body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        headers = {"Content-Type": "application/x-ndjson"}
        report = await target.call("POST", "/v1/subscriptions/import", raw=body, headers=headers)
        assert report.body["errors"] == []
        assert report.body["updated" if target is shop else "imported"] == 2

    assert sorted(map(repr, _without_ids(await _exported(rival)))) == sorted(map(repr, moved))


def _without_ids(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name not in ("id", "key_id")} for line in lines]


async def test_an_import_says_which_app_no_key_reaches(shop: Shop):
    """A line for another app is left out and named; what a file leaves out follows from the channel."""
    await bring_keys(shop)
    rows = [iphone(bundle_id="com.other.app"), iphone(), app_token()]
    body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    report = await shop.call(
        "POST", "/v1/subscriptions/import", raw=body, headers={"Content-Type": "application/x-ndjson"}
    )

    assert [(error["line"], error["code"]) for error in report.body["errors"]] == [(1, "credential_unknown")]
    platforms = {one["channel"]: one["platform"] for one in (await shop.call("GET", "/v1/subscriptions")).body["data"]}
    assert platforms == {"apns": "ios_app", "fcm": "android_app"}
