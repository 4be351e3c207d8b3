"""Publishable keys: for apps on phones, where anybody can read them."""

import asyncio
import secrets
from typing import Any

import pytest

from gateway.api.route import Route
from gateway.api.routes import ROUTES
from gateway.model.ids import from_text
from gateway.tenancy.api_keys import publishable_text
from tests.api.apps import app_token, ask_as_app, bring_keys, publishable_key
from tests.api.test_scopes import _path
from tests.api.world import Gateway, Shop, browser

_SERVERS = [route for route in ROUTES if route.auth.kind == "key"]


def _named(route: Route) -> str:
    return f"{route.method} {route.path}"


async def test_an_app_registers_its_device_with_it(shop: Shop):
    """No Origin, no server: the key says which app it is."""
    await bring_keys(shop)
    key = await publishable_key(shop)

    for body in (app_token(), {**app_token(), "app": shop.id}):
        answer = await ask_as_app(shop, "POST", "/v1/subscriptions", body, bearer=key)
        assert answer.status == 201, answer.text
        assert answer.body["secret"].startswith("stpl_ds_")


async def test_it_is_shown_as_often_as_one_likes(shop: Shop):
    """It is no secret; the texts of others stay untold."""
    key = await publishable_key(shop)
    listed = await shop.call("GET", "/v1/keys")

    assert key.startswith("stpl_pk_")
    assert len(key) == 28
    shown = {one["key"] for one in listed.body["data"]}
    assert shown == {None, key}


@pytest.mark.parametrize("route", _SERVERS, ids=_named)
async def test_it_opens_nothing_of_the_servers(shop: Shop, route: Route):
    """Who unpacks the app and calls the API with what lies in it is told which key that needs."""
    answer = await ask_as_app(shop, route.method, _path(route), bearer=await publishable_key(shop))

    assert (answer.status, answer.code) == (403, "key_publishable")
    assert "secret key" in answer.body["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/subscriptions/{id}"),
        ("PATCH", "/v1/subscriptions/{id}"),
        ("DELETE", "/v1/subscriptions/{id}"),
        ("POST", "/v1/subscriptions/{id}/identity"),
        ("DELETE", "/v1/subscriptions/{id}/identity"),
    ],
)
async def test_it_changes_no_device(shop: Shop, method: str, path: str):
    """Not even the one that was registered with it: that has a secret of its own."""
    device = await shop.enrol()

    answer = await ask_as_app(shop, method, path.format(**device), {}, bearer=await publishable_key(shop))

    assert (answer.status, answer.code) == (401, "key_publishable")
    assert "stpl_ds_" in answer.body["error"]["message"]
    assert (await shop.call("GET", f"/v1/subscriptions/{device['id']}")).body["state"] == "active"


async def test_pages_keep_to_their_origins_with_it(shop: Shop):
    """A key that was copied out of an app lets no foreign page in."""
    key, headers = await publishable_key(shop), {"Origin": "https://evil.example"}
    body = {"app": shop.id, **browser()}

    foreign = await ask_as_app(shop, "POST", "/v1/subscriptions", body, bearer=key, headers=headers)
    own = await ask_as_app(shop, "POST", "/v1/subscriptions", body, bearer=key, headers={"Origin": shop.origin})

    assert (foreign.status, foreign.code) == (403, "origin_refused")
    assert "Access-Control-Allow-Origin" not in foreign.headers
    assert own.status == 201


async def test_it_is_of_one_app(shop: Shop, rival: Shop):
    """Another app named beside it is not there."""
    answer = await ask_as_app(
        shop, "POST", "/v1/subscriptions", {**app_token(), "app": rival.id}, bearer=await publishable_key(shop)
    )

    assert (answer.status, answer.code, answer.param) == (404, "not_found", "app")


async def test_without_it_an_app_is_told_what_is_missing(shop: Shop):
    """The name of an app alone registers nobody who is no page."""
    answer = await ask_as_app(shop, "POST", "/v1/subscriptions", {**app_token(), "app": shop.id})

    assert (answer.status, answer.code) == (403, "origin_refused")
    assert "publishable" in answer.body["error"]["message"]


@pytest.mark.parametrize("wrong", ["checksum", "id", "secret key's id", "revoked"])
async def test_one_that_is_none_registers_nobody(shop: Shop, wrong: str):
    """Made up, mistyped, ended: 401."""
    key = await publishable_key(shop)
    listed = {one["key"]: one["id"] for one in (await shop.call("GET", "/v1/keys")).body["data"]}
    match wrong:
        case "checksum":
            text = key[:-1] + ("a" if key[-1] != "a" else "b")
        case "id":
            text = _text_of("key_0000000000001")
        case "secret key's id":
            text = _text_of(listed[None])
        case _:
            text = key
            assert (await shop.call("DELETE", f"/v1/keys/{listed[key]}")).status == 204

    answer = await ask_as_app(shop, "POST", "/v1/subscriptions", app_token(), bearer=text)

    assert (answer.status, answer.code) == (401, "key_invalid")


def _text_of(key_id: str) -> str:
    number = from_text("key", key_id)
    assert number is not None
    return publishable_text(number)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"scopes": ["device", "send"], "name": "app"}, "scopes"),
        ({"scopes": ["device", "device", "read"], "name": "app"}, "scopes"),
    ],
)
async def test_no_key_is_half_secret(shop: Shop, body: dict[str, Any], param: str):
    """The scope of a publishable key goes with no other."""
    answer = await shop.call("POST", "/v1/keys", body)

    assert (answer.status, answer.code, answer.param) == (422, "field_invalid", param)


async def test_the_installation_has_none(gateway: Gateway, shop: Shop):
    """It would be everybody's."""
    answer = await shop.call("POST", "/v1/keys", {"scopes": ["device"], "name": "x"}, key=await gateway.admin_key())

    assert (answer.status, answer.param) == (422, "scopes")


async def test_one_address_that_floods_uses_up_its_own_share_alone(make_gateway, shop: Shop):
    """The key lies in every copy of an app: whoever takes it out of one cannot close it to the others."""
    await bring_keys(shop)
    key = await publishable_key(shop)
    gateway: Gateway = await make_gateway(rate_public=1, rate_per_key=20, trusted_proxies="127.0.0.1/32")
    flooded = Shop(gateway, shop.session, shop.app, shop.key)

    def enrol(address: str) -> Any:
        forwarded = {"X-Forwarded-For": address}
        return ask_as_app(flooded, "POST", "/v1/subscriptions", app_token(), bearer=key, headers=forwarded)

    flood = await asyncio.gather(*(enrol("203.0.113.9") for _ in range(60)))
    others = await asyncio.gather(*(enrol(f"198.51.100.{at}") for at in range(8)))

    assert sum(answer.status == 201 for answer in flood) < 10
    assert [answer.status for answer in others] == [201] * 8


async def test_a_flood_with_it_is_slowed(make_gateway, shop: Shop):
    """By address and app as a page's, and by key."""
    await bring_keys(shop)
    key = await publishable_key(shop)
    for settings in ({"rate_public": 2}, {"rate_per_key": 10}):
        gateway: Gateway = await make_gateway(**settings)
        flooded = Shop(gateway, shop.session, shop.app, shop.key)
        answers = await asyncio.gather(
            *(ask_as_app(flooded, "POST", "/v1/subscriptions", app_token(), bearer=key) for _ in range(40))
        )
        assert 10 <= sum(answer.status == 201 for answer in answers) <= 14, settings
        assert {answer.code for answer in answers if answer.status != 201} == {"rate_limited"}


_EXPOSED = {
    "a page enrols": ("POST", "/v1/subscriptions", {"Origin": "https://shop.example"}),
    "a page changes": ("PATCH", "/v1/subscriptions/{id}", {"Origin": "https://shop.example"}),
    "an iPhone enrols": ("POST", "/v1/subscriptions", {"User-Agent": "Bell/7 CFNetwork/1410.0.3 Darwin/22.6.0"}),
    "an Android logs in": (
        "POST",
        "/v1/subscriptions/{id}/identity",
        {"User-Agent": "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UD1A)"},
    ),
    "an iPhone sends": ("POST", "/v1/messages", {"User-Agent": "Bell/7 CFNetwork/1410.0.3 Darwin/22.6.0"}),
    "receipts": ("POST", "/v1/receipts", {}),
    "config": ("GET", "/v1/sdk/config?app={app}", {}),
}


@pytest.mark.parametrize("case", _EXPOSED)
async def test_a_secret_key_on_a_device_is_refused_and_has_to_go(shop: Shop, case: str):
    """Whoever has the app or the page has the key: the developer hears it at the first try."""
    method, path, headers = _EXPOSED[case]
    device = await shop.enrol()

    answer = await shop.call(method, path.format(app=shop.id, **device), {}, headers=headers)

    assert (answer.status, answer.code) == (403, "key_exposed"), answer.text
    assert "Rotate it" in answer.body["error"]["message"]


async def test_a_server_still_registers_for_its_devices(shop: Shop):
    """An app may tell its own server the token, which knows whose device it is."""
    await bring_keys(shop)
    user = f"cust-{secrets.token_hex(4)}"

    answer = await shop.call("POST", "/v1/subscriptions", {**app_token(), "user": user}, headers={"User-Agent": "x"})

    assert answer.status == 201, answer.text
    assert (await shop.call("GET", f"/v1/subscriptions/{answer.body['id']}")).body["user"] == user


async def test_receipts_may_bring_it(shop: Shop):
    """They need no key; one that is brought is counted, and must be one."""
    good, wrong = await publishable_key(shop), "stpl_pk_0000000000000_aaaaaa"

    assert (await ask_as_app(shop, "POST", "/v1/receipts", {"receipts": []}, bearer=good)).status == 202
    assert (await ask_as_app(shop, "POST", "/v1/receipts", {"receipts": []}, bearer=wrong)).status == 401
