"""What an order would do, without doing it: how many, on what, in which hours, and what may surprise."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.delivery import Device
from gateway.model.geometry import needs_device
from gateway.model.limits import PLACE_IP_RADIUS_KM_MIN
from gateway.model.segment import Names
from gateway.model.subscriber import PLATFORM_NAMES, Platform
from gateway.model.work import PlaceKey
from gateway.policy.forecast import Forecast
from gateway.policy.lint import Finding, lint
from gateway.policy.variants import contents_of
from gateway.policy.wording import wording_of
from gateway.sending import places
from gateway.sending.accept import Order
from gateway.sending.forecast import forecast_of
from gateway.sending.plan import devices_named
from gateway.sending.sizes import payload_bytes
from gateway.sending.spoken import platforms_of
from gateway.store import audiences
from gateway.store.database import Database
from gateway.store.names import names_of
from gateway.transports.base import Transport


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a dry run."""

    audience: int
    per_channel: dict[str, int]
    per_platform: dict[str, int]
    due_at: datetime
    payload_bytes: dict[str, int]
    """By channel, the largest payload of all languages."""
    bytes_left: dict[str, int]
    """By platform of the audience, how much more would fit."""
    warnings: list[str]
    forecast: Forecast
    findings: list[Finding]
    """What the message looks like on the platforms of the audience; on all where nobody would get it."""


async def preview(
    db: Database, app: App, order: Order, *, transports: Mapping[str, Transport], now: datetime
) -> Preview:
    """Who an order would reach if it were sent now."""
    names = await names_of(db, app, order.audience)
    kinds, where = await _kinds_and_places(db, app, order, names, now=now)
    wording = wording_of(app, order.content)
    sizes: dict[str, int] = {}
    for content in contents_of(order.content, order.terms.variants):
        for name, size in payload_bytes(content, wording_of(app, content), transports).items():
            sizes[name] = max(size, sizes.get(name, 0))
    audience = sum(kinds.values())
    reached = {Platform(platform) for _, platform in kinds if platform in PLATFORM_NAMES}
    return Preview(
        audience=audience,
        per_channel=_summed(kinds, lambda provider, _platform: provider),
        per_platform=_summed(kinds, lambda _provider, platform: PLATFORM_NAMES.get(platform, "other")),
        due_at=order.due_at or now,
        payload_bytes=sizes,
        bytes_left={
            PLATFORM_NAMES.get(platform, "other"): transports[provider].payload_bytes_max(platform) - sizes[provider]
            for provider, platform in sorted(kinds)
            if provider in transports
        },
        forecast=await forecast_of(db, app, order, where, audience=audience, now=now),
        findings=lint(order.content, wording, sorted(reached) or platforms_of(transports)),
        warnings=[
            *_warnings(order, kinds, sizes, transports, unknown=order.audience.topic_slugs - names.topics.keys()),
            *await _guesses(db, app, order.audience, names, reached=audience, now=now),
        ],
    )


async def audience_size(db: Database, app: App, audience: Audience, *, now: datetime) -> int:
    """How many devices an audience has now, exactly."""
    return sum((await _kinds(db, app, audience, await names_of(db, app, audience), now=now)).values())


async def _kinds_and_places(
    db: Database, app: App, order: Order, names: Names, *, now: datetime
) -> tuple[Mapping[tuple[str, int], int], Mapping[PlaceKey, int]]:
    """How many devices, by provider and platform, and by where they are; those who are named are read once for both."""
    audience, terms = order.audience, order.terms
    if audience.is_named:
        found = await devices_named(db, app, audience, names, now=now, reads_person=True)
        return _by_kind(found), Counter(places.key_of(device, terms) for _, device in found)
    kinds = await _kinds(db, app, audience, names, now=now)
    return kinds, await places.count_places(db, app, terms, audience, names, now=now)


async def _kinds(
    db: Database, app: App, audience: Audience, names: Names, *, now: datetime
) -> dict[tuple[str, int], int]:
    """How many devices, by provider and platform."""
    if audience.is_named:
        return _by_kind(await devices_named(db, app, audience, names, now=now))
    return await audiences.count_by_kind(
        db, app_id=app.id, buckets=app.buckets, audience=audience, names=names, now=now
    )


def _by_kind(found: Iterable[tuple[int, Device]]) -> dict[tuple[str, int], int]:
    return Counter((device.provider, device.platform) for _, device in found)


async def _guesses(
    db: Database, app: App, audience: Audience, names: Names, *, reached: int, now: datetime
) -> list[str]:
    """How many are left out since only a guess from their address puts them into so small a place."""
    geo = audience.geo
    if geo is None or not needs_device(geo):
        return []
    loose = msgspec.structs.replace(audience, geo=msgspec.structs.replace(geo, counts_guesses=True))
    left_out = sum((await _kinds(db, app, loose, names, now=now)).values()) - reached
    told = (
        f"An address is no evidence below {PLACE_IP_RADIUS_KM_MIN:g} km: of devices that gave no position of their own,"
    )
    return [f"{told} {left_out} are left out."]


def _warnings(
    order: Order,
    kinds: Mapping[tuple[str, int], int],
    sizes: Mapping[str, int],
    transports: Mapping[str, Transport],
    *,
    unknown: set[str],
) -> list[str]:
    said = [f"The topic {slug} does not exist: nobody follows it." for slug in sorted(unknown)]
    if not kinds:
        said.append("Nobody would get this message.")
    for (provider, platform), devices in sorted(kinds.items()):
        transport = transports.get(provider)
        if transport is not None and sizes[provider] > transport.payload_bytes_max(platform):
            name = PLATFORM_NAMES.get(platform, "other")
            said.append(f"{sizes[provider]} bytes are too large for {name}: {devices} devices would not get it.")
    if order.content.ttl_s == 0:
        said.append("With ttl 0 only devices that are online at the moment get it.")
    return said


def _summed(kinds: Mapping[tuple[str, int], int], name: Callable[[str, int], str]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (provider, platform), devices in kinds.items():
        sums[name(provider, platform)] = sums.get(name(provider, platform), 0) + devices
    return sums
