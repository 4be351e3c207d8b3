"""What an order would do, without doing it: how many, on what, when, and what may surprise."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

import msgspec

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.delivery import Device
from gateway.model.errors import Invalid
from gateway.model.geometry import needs_device
from gateway.model.limits import PLACE_IP_RADIUS_KM_MIN
from gateway.model.message import Content
from gateway.model.segment import Names
from gateway.model.subscriber import PLATFORM_NAMES
from gateway.policy.liquid import TextUnmade
from gateway.policy.personalise import made
from gateway.policy.wording import Wording, wording_of
from gateway.sending.accept import Order
from gateway.sending.plan import devices_named
from gateway.store import audiences
from gateway.store.database import Database
from gateway.store.names import names_of
from gateway.transports.base import Compiled, Transport

_SAMPLE_TOKEN = "0" * 55
"""As long as a receipt token."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a dry run."""

    audience: int
    per_channel: dict[str, int]
    per_platform: dict[str, int]
    due_at: datetime
    payload_bytes: dict[str, int]
    """By channel, the largest payload of all languages."""
    warnings: list[str]


def payload_bytes(content: Content, wording: Wording, transports: Mapping[str, Transport]) -> dict[str, int]:
    """How large a message gets on each channel, in its largest language, before encryption.

    Fields count as they are for somebody of whom nothing is known.
    """
    return {
        name: _largest(made(content, wording, partial(transport.compile, message_id=0)), content)
        for name, transport in transports.items()
    }


def _largest(compiled: Compiled, content: Content) -> int:
    return max(_size(compiled, device, content.ttl_s) for device in _devices(content))


def _size(compiled: Compiled, device: Device, ttl_s: int) -> int:
    try:
        return len(compiled.render(device, _SAMPLE_TOKEN, ttl_s))
    except TextUnmade:
        return 0


def check_size(content: Content, wording: Wording, transports: Mapping[str, Transport]) -> None:
    """Raises `Invalid` (content_too_large) where a message fits no device of a channel."""
    for name, size in payload_bytes(content, wording, transports).items():
        largest = transports[name].payload_bytes_max(0)
        if size > largest:
            raise Invalid(
                "content_too_large",
                f"The message takes {size} bytes on {name} and {largest} fit; shorten texts, links or data.",
            )


async def preview(
    db: Database, app: App, order: Order, *, transports: Mapping[str, Transport], now: datetime
) -> Preview:
    """Who an order would reach if it were sent now."""
    names = await names_of(db, app.id, order.audience)
    kinds = await _kinds(db, app, order.audience, names, now=now)
    sizes = payload_bytes(order.content, wording_of(app, order.content), transports)
    return Preview(
        audience=sum(kinds.values()),
        per_channel=_summed(kinds, lambda provider, _platform: provider),
        per_platform=_summed(kinds, lambda _provider, platform: PLATFORM_NAMES.get(platform, "other")),
        due_at=order.due_at or now,
        payload_bytes=sizes,
        warnings=[
            *_warnings(order, kinds, sizes, transports, unknown=order.audience.topic_slugs - names.topics.keys()),
            *await _guesses(db, app, order.audience, names, reached=sum(kinds.values()), now=now),
        ],
    )


async def _kinds(
    db: Database, app: App, audience: Audience, names: Names, *, now: datetime
) -> dict[tuple[str, int], int]:
    """How many devices, by provider and platform."""
    if not audience.is_named:
        return await audiences.count_by_kind(
            db, app_id=app.id, buckets=app.buckets, audience=audience, names=names, now=now
        )
    kinds: dict[tuple[str, int], int] = {}
    for _, device in await devices_named(db, app, audience, now=now):
        kinds[device.provider, device.platform] = kinds.get((device.provider, device.platform), 0) + 1
    return kinds


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


def _devices(content: Content) -> list[Device]:
    """A device for each language of the message."""
    languages = {language for text in (content.title, content.body) if isinstance(text, dict) for language in text} or {
        ""
    }
    return [Device(0, "", 0, b"", 0, language, None) for language in sorted(languages)]
