"""Native apps: what they say of a device, and how they call."""

import secrets
from typing import Any

from tests.api.world import Answer, Shop, ask
from tests.transports import apple_material, google_material

BUNDLE = apple_material.BUNDLE


def app_token(**more: Any) -> dict[str, Any]:
    """An Android of its own."""
    return {"channel": "fcm", "token": f"{secrets.token_urlsafe(16)}:APA91b{secrets.token_urlsafe(90)}", **more}


def iphone(**more: Any) -> dict[str, Any]:
    """An iPhone of its own."""
    return {"channel": "apns", "token": secrets.token_hex(32), "bundle_id": BUNDLE, **more}


async def bring_keys(shop: Shop, *, bundle_ids: tuple[str, ...] = (BUNDLE,)) -> tuple[str, str]:
    """The app's keys at Apple and Google, by their ids."""
    keys: list[str] = []
    for channel, given in (
        ("apns", apple_material.p8(bundle_ids=list(bundle_ids))),
        ("fcm", google_material.account()),
    ):
        made = await shop.call(
            "POST", f"/v1/apps/{shop.id}/credentials", {"channel": channel, "private_key": given, "current": True}
        )
        assert made.status == 201, made.text
        keys.append(made.body["id"])
    return keys[0], keys[1]


async def publishable_key(shop: Shop) -> str:
    """A new one of this app's."""
    made = await shop.call("POST", "/v1/keys", {"name": "the app", "scopes": ["device"]})
    assert made.status == 201, made.text
    return made.body["key"]


async def ask_as_app(
    shop: Shop,
    method: str,
    path: str,
    body: Any = None,
    *,
    bearer: str | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """A call from a phone: no Origin."""
    given = {"User-Agent": "Bell/7 CFNetwork/1410.0.3 Darwin/22.6.0", **(headers or {})}
    if bearer is not None:
        given["Authorization"] = f"Bearer {bearer}"
    return await ask(shop.session, method, shop.gateway.url + path, body=body, headers=given)
