"""Where the device of a group is, as far as rules about hours ask."""

from gateway.delivery.keys import Keys, app_if_there
from gateway.model.app_settings import AppSettings
from gateway.model.delivery import Device
from gateway.policy.zones import Place, place_of

_GONE: AppSettings = AppSettings(quiet_hours=None)


async def settings_of_app(keys: Keys, app_id: int) -> AppSettings:
    """The app's settings at this moment; none of a deleted app, whose chunks end soon."""
    app = await app_if_there(keys, app_id)
    return _GONE if app is None else app.own


async def app_timezone_of(keys: Keys, app_id: int) -> str | None:
    """The zone of the app's people whose own is not known."""
    return (await settings_of_app(keys, app_id)).timezone


def place_of_device(device: Device, app_timezone: str | None) -> Place:
    """Where the device is, as it is known at this moment."""
    return place_of(
        timezone=device.timezone,
        country=device.country,
        facts=device.facts,
        geo_timezone=device.geo_timezone,
        app_timezone=app_timezone,
    )
