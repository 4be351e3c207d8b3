"""A device's life over HTTP: enrol, change, log in, leave."""

import hmac
import json
import time
from typing import Any

import pytest

from gateway.tenancy.secrets import reveal_identity
from tests.api.world import Shop, ask, browser


def _own(device: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {device['secret']}"}


async def test_a_browser_enrols_and_sees_itself(shop: Shop):
    """The script's own fields are understood; the address is told to nobody."""
    body = {
        "app": shop.id,
        **browser(),
        "language": "nl",
        "timezone": "Europe/Amsterdam",
        "platform": "chrome",
        "os": "android",
    }
    enrolled = await shop.page("POST", "/v1/subscriptions", {**body, "topics": ["sale"]})
    assert enrolled.status == 201, enrolled.text
    shown = await shop.page("GET", f"/v1/subscriptions/{enrolled.body['id']}", headers=_own(enrolled.body))
    assert shown.status == 200
    assert shown.body["platform"] == "chrome_android"
    assert shown.body["topics"] == ["sale"]
    assert (shown.body["language"], shown.body["timezone"], shown.body["state"]) == ("nl", "Europe/Amsterdam", "active")
    assert body["endpoint"] not in shown.text


@pytest.mark.parametrize(
    ("platform", "os", "kept"),
    [
        ("firefox", "android", "firefox_android"),
        ("firefox", "linux", "firefox_desktop"),
        ("chrome", "ios", "safari_ios"),
        ("safari", "macos", "safari_mac"),
        ("edge", "windows", "edge_desktop"),
        ("samsung", "android", "samsung"),
    ],
)
async def test_browser_and_system_make_a_platform(shop: Shop, platform: str, os: str, kept: str):
    """What the script says in two words is one of our platforms."""
    device = await shop.enrol(platform=platform, os=os)
    assert (await shop.call("GET", f"/v1/subscriptions/{device['id']}")).body["platform"] == kept


@pytest.mark.parametrize(
    ("agent", "said", "kept"),
    [
        ("Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0", {}, "firefox_android"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36", {}, "chrome_desktop"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.4 Safari/605.1.15", {}, "safari_mac"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.4 Safari/605.1.15", {"os": "ios"}, "safari_ios"),
        ("Mozilla/5.0 (X11) Chrome/156.0", {"platform": "firefox", "os": "android"}, "firefox_android"),
        ("curl/8.5", {}, "other"),
    ],
)
async def test_a_page_that_does_not_say_its_browser_is_known_by_what_it_calls_itself(
    shop: Shop, agent: str, said: dict[str, str], kept: str
):
    """What a device is sent depends on it, so it is never left open; a page knows better, of an iPad above all."""
    body = {"app": shop.id, **browser(), **said}
    device = await shop.page("POST", "/v1/subscriptions", body, headers={"User-Agent": agent})
    assert (await shop.call("GET", f"/v1/subscriptions/{device.body['id']}")).body["platform"] == kept


async def test_the_same_browser_twice_is_one_device(shop: Shop):
    """A second tab gets the same id and a fresh secret; the first secret is over."""
    address = browser()
    first, second = await shop.enrol(**address), await shop.enrol(**address)
    assert first["id"] == second["id"]
    old = await shop.page("GET", f"/v1/subscriptions/{first['id']}", headers=_own(first))
    assert (old.status, old.code) == (401, "secret_invalid")
    assert (await shop.page("GET", f"/v1/subscriptions/{first['id']}", headers=_own(second))).status == 200


async def test_an_endpoint_alone_takes_nobodys_device(shop: Shop):
    """Who has learned an endpoint, but not the browser's keys, cannot take the subscription over."""
    address = browser()
    device = await shop.enrol(**address)
    thief = {"app": shop.id, **browser(address["endpoint"])}
    answer = await shop.page("POST", "/v1/subscriptions", thief)
    assert (answer.status, answer.code) == (409, "endpoint_taken")
    owner = await shop.page("POST", "/v1/subscriptions", {**thief, "secret": device["secret"]})
    assert (owner.status, owner.body["id"]) == (200, device["id"])


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"endpoint": "http://169.254.169.254/latest"}, "endpoint_refused", "endpoint"),
        ({"endpoint": "https://evil.example/push"}, "endpoint_refused", "endpoint"),
        ({"keys": {"p256dh": "AAAA", "auth": "AAAA"}}, "key_material_invalid", "keys.auth"),
        ({"keys": {"p256dh": "B" + "A" * 86, "auth": "A" * 22}}, "key_material_invalid", "keys.p256dh"),
        ({"keys": "x"}, "field_invalid", "keys"),
        ({"channel": "pigeon"}, "channel_unknown", "channel"),
        ({"vapid_key_id": "key_0000000000000"}, "credential_unknown", "vapid_key_id"),
        ({"language": "!"}, "field_invalid", "language"),
        ({"topics": [f"t{n}" for n in range(51)]}, "topics_too_many", "topics"),
        ({"tags": {"a": {"b": 1}}}, "field_invalid", "tags.a"),
        ({"user": "cust-1"}, "field_invalid", "user"),
        ({"colour": "red"}, "field_unknown", "colour"),
        ({"app": ""}, "field_missing", "app"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_an_opt_in_that_cannot_be_kept_says_why(shop: Shop, change: dict[str, Any], code: str, param: str):
    """422 with the field: endpoints that are no push service's, keys that are none, a user without proof."""
    answer = await shop.page("POST", "/v1/subscriptions", {"app": shop.id, **browser(), **change})
    assert (answer.status, answer.code, answer.param) == (422, code, param), answer.text


async def test_an_unknown_app_enrols_nobody(shop: Shop):
    """404, and after enough of them 429: guessing costs."""
    answer = await shop.page("POST", "/v1/subscriptions", {"app": "app_0000000000000", **browser()})
    assert (answer.status, answer.code) == (404, "not_found")


async def test_a_device_changes_itself(shop: Shop):
    """Topics are the whole list, tags are merged, a null takes one away, an address moves."""
    device = await shop.enrol(topics=["a", "b"], tags={"x": 1, "y": "z"})
    path = f"/v1/subscriptions/{device['id']}"
    changed = await shop.page(
        "PATCH", path, {"topics": ["b", "c"], "tags": {"x": None, "n": ["l"]}}, headers=_own(device)
    )
    assert changed.status == 200, changed.text
    assert (changed.body["topics"], changed.body["tags"]) == (["b", "c"], {"y": "z", "n": ["l"]})
    moved = await shop.page("PATCH", path, browser(), headers=_own(device))
    assert (moved.status, moved.body["id"]) == (200, device["id"])
    named = await shop.page("PATCH", path, {"user": "somebody-else"}, headers=_own(device))
    assert (named.status, named.param) == (422, "user")
    assert (await shop.call("PATCH", path, {"user": "cust-17"})).body["user"] == "cust-17"
    assert (await shop.call("GET", "/v1/subscriptions?user=cust-17")).body["data"][0]["id"] == device["id"]


async def test_a_device_leaves(shop: Shop):
    """Once and for all, and leaving twice is no fault."""
    device = await shop.enrol()
    path = f"/v1/subscriptions/{device['id']}"
    for _ in range(2):
        assert (await shop.page("DELETE", path, headers=_own(device))).status == 204
    assert (await shop.call("GET", path)).body["state"] == "left"


async def test_a_login_needs_the_shops_signature(shop: Shop):
    """Only who has the identity secret can say whose device it is; a signature is for one user and a time."""
    services = shop.gateway.services
    secret = await reveal_identity(services.database, services.vault, shop.app, actor="test")
    device = await shop.enrol()
    path = f"/v1/subscriptions/{device['id']}/identity"

    def signed(user: str, expires: int) -> dict[str, object]:
        text = f"v1\n{shop.id}\n{user}\n{expires}"
        return {
            "external_id": user,
            "signature": hmac.digest(secret.encode(), text.encode(), "sha256").hex(),
            "expires": expires,
        }

    soon = int(time.time()) + 600
    good = await shop.page("POST", path, signed("cust-17", soon), headers=_own(device))
    assert (good.status, good.body) == (200, {"id": device["id"], "user": "cust-17"})
    for forged in (
        {**signed("cust-17", soon), "external_id": "cust-18"},
        signed("cust-18", int(time.time()) - 1),
        {**signed("a", soon), "signature": "00"},
    ):
        answer = await shop.page("POST", path, forged, headers=_own(device))
        assert (answer.status, answer.code) == (403, "signature_invalid")
    assert (await shop.call("GET", f"/v1/subscriptions/{device['id']}")).body["user"] == "cust-17"
    assert (await shop.page("DELETE", path, headers=_own(device))).status == 204
    assert (await shop.call("GET", f"/v1/subscriptions/{device['id']}")).body["user"] is None


@pytest.mark.parametrize(
    "secret", ["", "x", "stpl_ds_", "stpl_ds_0000000000000_x", "stpl_ds_" + "z" * 500, "stpl_xx_x"]
)
async def test_what_is_no_secret_opens_nothing(shop: Shop, secret: str):
    """Malformed, of an unknown app, of another kind: 401 each, and nothing to tell them apart."""
    device = await shop.enrol()
    answer = await shop.page("GET", f"/v1/subscriptions/{device['id']}", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status == 401
    assert answer.code in ("secret_invalid", "key_invalid")


async def test_devices_are_listed_and_filtered(shop: Shop):
    """Pages in the order of ids; by topic, state and channel."""
    devices = [await shop.enrol(topics=["even"] if n % 2 == 0 else []) for n in range(5)]
    seen: list[str] = []
    after = ""
    for _ in range(4):
        page = (await shop.call("GET", f"/v1/subscriptions?limit=2{after}")).body
        seen += [one["id"] for one in page["data"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert sorted(seen) == sorted(device["id"] for device in devices)
    assert len((await shop.call("GET", "/v1/subscriptions?topic=even")).body["data"]) == 3
    assert (await shop.call("GET", "/v1/subscriptions?state=left")).body["data"] == []
    assert (await shop.call("GET", "/v1/subscriptions?topic=odd")).code == "topic_unknown"
    assert (await shop.call("GET", "/v1/subscriptions?state=odd")).param == "state"
    assert (await shop.call("GET", "/v1/subscriptions?after=odd")).param == "after"


async def test_devices_move_out_and_in(shop: Shop, rival: Shop):
    """What one app exports another one imports; wrong lines are named and left out."""
    await shop.enrol(topics=["sale"], language="nl")
    await shop.enrol()
    exported = await shop.call("GET", "/v1/subscriptions/export")
    assert exported.headers["Content-Type"] == "application/x-ndjson"
    assert len(exported.text.splitlines()) == 2
    lines = "\n".join(line.replace('"vapid_key_id"', '"x_key"') for line in exported.text.splitlines())
    refused = await rival.call("POST", "/v1/subscriptions/import", raw=lines.encode())
    assert (refused.status, refused.body["rejected"]) == (200, 2)
    assert refused.body["errors"][0]["line"] == 1
    back = await shop.call("POST", "/v1/subscriptions/import", raw=(exported.text + "not json\n").encode())
    assert (back.status, back.body["imported"], back.body["updated"], back.body["rejected"]) == (200, 0, 2, 1)
    squeezed = await ask(
        shop.session, "POST", f"{shop.gateway.url}/v1/subscriptions/import", raw=b"x",
        headers={"Authorization": f"Bearer {shop.key}", "Content-Encoding": "gzip"},
    )  # fmt: skip
    assert squeezed.code == "encoding_unsupported"


async def test_an_import_is_read_while_it_comes(shop: Shop):
    """Nothing has to fit into memory: many lines in pieces cut anywhere."""
    text = "\n".join(json.dumps(browser()) for _ in range(300)).encode()

    async def pieces():
        for start in range(0, len(text), 1000):
            yield text[start : start + 1000]

    headers = {"Authorization": f"Bearer {shop.key}", "Content-Type": "application/x-ndjson"}
    async with shop.session.post(
        f"{shop.gateway.url}/v1/subscriptions/import", data=pieces(), headers=headers
    ) as answer:
        assert await answer.json() == {"imported": 300, "updated": 0, "rejected": 0, "errors": []}
