"""Calls that a device makes for itself, or the shop's server for it.

A device proves itself with its secret alone, so the secret says of which app it is: outside it is
`stpl_ds_<app>_<random>`, inside `subscribers` keeps it without the app.
"""

from typing import Final

from gateway.api.call import Call
from gateway.model.app import App
from gateway.model.errors import GatewayError
from gateway.model.ids import to_text
from gateway.tenancy.api_keys import PUBLISHABLE_PREFIX

PREFIX: Final = "stpl_ds_"
VISITOR_PREFIX: Final = "stpl_vs_"
"""Of visitors, who have an id and a secret as devices do and no address; as long as the other one."""
_APP_DIGITS: Final = 13
_APP: Final = slice(len(PREFIX), len(PREFIX) + _APP_DIGITS)

_PLATFORMS: Final[dict[tuple[str, str], str]] = {
    ("chrome", "android"): "chrome_android",
    ("firefox", "android"): "firefox_android",
    ("edge", "android"): "edge_android",
    ("chrome", ""): "chrome_desktop",
    ("firefox", ""): "firefox_desktop",
    ("edge", ""): "edge_desktop",
    ("safari", ""): "safari_mac",
}


def outward(secret: str, app: App) -> str:
    """The secret as the device gets it."""
    kind, random = secret[: len(PREFIX)], secret[len(PREFIX) :]
    return f"{kind}{to_text('app', app.public_id).removeprefix('app_')}_{random}"


def inward(text: str, *, prefix: str = PREFIX) -> tuple[str, str] | None:
    """(app, secret as it is checked), or None for what is no secret of this kind."""
    if not text.startswith(prefix) or text[_APP.stop : _APP.stop + 1] != "_":
        return None
    return f"app_{text[_APP]}", prefix + text[_APP.stop + 1 :]


async def enter(call: Call, *, prefix: str = PREFIX) -> tuple[App, str | None]:
    """The app, and the device's secret; None instead for a key, which was admitted already.

    Raises 401 without either, and what `Call.enter_app` raises.
    """
    if call.key is not None:
        return await call.app_for(call.query("app")), None
    token = call.bearer
    if token is None:
        raise GatewayError(
            "key_missing",
            "Send the device's secret, or an API key, as `Authorization: Bearer ...`.",
            kind="authentication",
        )
    return await enter_with_secret(call, token, prefix=prefix)


async def enter_with_secret(call: Call, token: str, *, prefix: str = PREFIX) -> tuple[App, str]:
    """The app, and the device's secret as it is checked. Raises 401 for what is no such secret, and as `enter`."""
    if token.startswith(PUBLISHABLE_PREFIX):
        raise GatewayError(
            "key_publishable",
            "A publishable key registers devices only: send the secret (stpl_ds_...) that registering this one gave.",
            kind="authentication",
        )
    parts = inward(token, prefix=prefix)
    if parts is None:
        raise GatewayError("secret_invalid", "This is no secret of a device.", kind="authentication")
    try:
        return await call.enter_app(parts[0]), parts[1]
    except GatewayError as fault:
        if fault.kind != "not_found":
            raise
        raise GatewayError("secret_invalid", "This is no secret of a device.", kind="authentication") from None


_APPS: Final = {"ios": "ios_app", "android": "android_app"}


def platform_of(platform: str | None, os: str | None, *, is_app: bool = False) -> str | None:
    """Our name of a platform, from the browser and the system as the script tells them; of an app, from its system."""
    if is_app and platform is None:
        return _APPS.get(os or "")
    if os is None or platform is None:
        return platform
    if os == "ios":
        return "safari_ios"  # every browser of iOS is WebKit (App Store Review Guidelines, 2.5.6)
    return _PLATFORMS.get((platform, "android" if os == "android" else ""), platform)
