"""What a message says to one person, on each of their devices and on every other platform: nothing is sent."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gateway.model.app import App
from gateway.model.delivery import Device
from gateway.model.errors import NotFound
from gateway.model.ids import bucket_of_id
from gateway.model.message import Content
from gateway.model.subscriber import PLATFORM_NAMES, Platform
from gateway.policy.lint import Finding, lint_said
from gateway.policy.liquid import TextUnmade
from gateway.policy.personalise import said_to
from gateway.policy.platforms import LOOKS
from gateway.policy.wording import NOBODY, Wording, wording_of
from gateway.sending.sizes import size_for
from gateway.store import audiences, persons
from gateway.store.database import Database
from gateway.transports.base import Transport

_OF_APPS = (Platform.IOS_APP, Platform.ANDROID_APP)


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """What one device would show. subscription: None where the person has no such device.

    skipped: why nothing would be sent; `said` is None then.
    """

    subscription: int | None
    channel: str
    platform: Platform
    said: Content | None
    skipped: str | None
    payload_bytes: int
    payload_bytes_max: int
    findings: list[Finding]


async def devices_of(db: Database, app: App, *, user: str | None, subscription: int | None) -> list[Device]:
    """The devices of a person, or the one that is named, with all that is known of them. Raises `NotFound`."""
    numbers = [] if subscription is None else [subscription]
    if user is not None:
        numbers = (await persons.subscriptions_of(db, app, [user])).get(user, [])
    buckets = sorted({bucket_of_id(number, home=app.home, spread=app.spread) for number in numbers})
    found = await audiences.devices(db, app_id=app.id, buckets=buckets, ids=numbers, reads_person=True)
    if not found:
        raise NotFound(
            "subscription" if user is None else "user with a device",
            param="subscription" if user is None else "user",
        )
    return [found[number] for number in sorted(found)]


def spoken(
    app: App, content: Content, devices: Sequence[Device], *, transports: Mapping[str, Transport]
) -> list[Spoken]:
    """What each device shows, and what the same person would see on platforms that they have not."""
    wording = wording_of(app, content)
    own = [
        _spoken(content, wording, device, transports[device.provider], subscription=device.subscription_id)
        for device in devices
        if device.provider in transports
    ]
    there = {one.platform for one in own}
    person = devices[0] if devices else NOBODY
    others = [
        _spoken(content, wording, _as_if(person, platform), transport, subscription=None)
        for transport, platform in _platforms(transports)
        if platform not in there
    ]
    return own + others


def _spoken(
    content: Content, wording: Wording, device: Device, transport: Transport, *, subscription: int | None
) -> Spoken:
    said: Content | None = None
    skipped: str | None = None
    try:
        said = said_to(content, wording, device)
    except TextUnmade as fault:
        skipped = fault.reason
    platform = Platform(device.platform) if device.platform in PLATFORM_NAMES else Platform.OTHER
    return Spoken(
        subscription=subscription,
        channel=transport.name,
        platform=platform,
        said=said,
        skipped=skipped,
        payload_bytes=size_for(content, wording, transport, device) or 0,
        payload_bytes_max=transport.payload_bytes_max(platform),
        findings=[] if said is None else lint_said(said, platform),
    )


def _as_if(person: Device, platform: Platform) -> Device:
    return msgspec.structs.replace(person, platform=platform)


def platforms_of(transports: Mapping[str, Transport]) -> list[Platform]:
    """The platforms that these providers reach."""
    return [platform for _, platform in _platforms(transports)]


def _platforms(transports: Mapping[str, Transport]) -> Iterator[tuple[Transport, Platform]]:
    """A provider that pages enrol with reaches browsers; another one reaches what its devices are by default."""
    for transport in transports.values():
        for platform in LOOKS:
            if platform is transport.platform or (transport.page_fields and platform not in _OF_APPS):
                yield transport, platform
