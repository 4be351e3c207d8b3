"""`/v1/subscriptions`: devices enrol, change and leave; the shop's server looks at them."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.api.answers import json_answer, no_content
from gateway.api.auth import enter_with_key, enter_with_publishable
from gateway.api.call import Call, decoder_of
from gateway.api.devices import enter, inward, outward, platform_of
from gateway.api.schema.subscriptions import (
    IdentityAnswer,
    IdentityRequest,
    KeptLocation,
    Subscribed,
    SubscribeRequest,
    SubscriptionAnswer,
    SubscriptionChange,
    SubscriptionPage,
)
from gateway.model.app import App
from gateway.model.consent import How
from gateway.model.errors import GatewayError, Invalid
from gateway.model.ids import from_text, to_text
from gateway.model.limits import POSITION_DEVICE_DECIMALS, POSITION_IP_DECIMALS
from gateway.model.place import LocatedBy
from gateway.model.subscriber import PLATFORM_NAMES, STATE_WORDS, Subscription
from gateway.policy.user_agent import browser_of, system_of
from gateway.store import topics
from gateway.store.subscriptions import Filters
from gateway.subscribers import identity
from gateway.subscribers.preferences import check_state
from gateway.tenancy.api_keys import PUBLISHABLE_PREFIX

_ENROL: Final = decoder_of(SubscribeRequest)
_CHANGE: Final = decoder_of(SubscriptionChange)
_IDENTITY: Final = decoder_of(IdentityRequest)


async def enrol(call: Call) -> web.Response:
    """POST /v1/subscriptions"""
    wanted: SubscribeRequest = call.decode(_ENROL)
    app = await _enrolling_app(call, wanted)
    known = None if wanted.secret is None else inward(wanted.secret)
    raw = msgspec.structs.replace(wanted, platform=_platform(call, wanted), secret=None if known is None else known[1])
    enrolled = await call.services.enroller.enrol(
        app, raw, now=call.now(), client=_client(call), by_server=call.key is not None,
        how=how_said(call), where=call.origin or "",
    )  # fmt: skip
    answer = Subscribed(id=to_text("sub", enrolled.id), secret=outward(enrolled.secret, app), topics=enrolled.topics)
    return json_answer(answer, status=HTTPStatus.CREATED if enrolled.is_new else HTTPStatus.OK)


async def _enrolling_app(call: Call, wanted: SubscribeRequest) -> App:
    """The app, for a page of one of its origins, for a native app's publishable key, or for its server's key."""
    if call.brings(PUBLISHABLE_PREFIX):
        return await enter_with_publishable(call, wanted.app)
    if call.bearer is not None:
        await enter_with_key(call)
        return await call.app_for(wanted.app)
    app = await call.enter_app(wanted.app)
    if call.origin is None:
        raise GatewayError(
            "origin_refused",
            "Only pages of the app's origins enrol devices without a key; native apps send a publishable one.",
            kind="permission",
        )
    return app


def _platform(call: Call, wanted: SubscribeRequest) -> str | None:
    """As it was said; of a page that says nothing, what its browser calls itself."""
    provider = call.services.transports.get(wanted.channel)
    is_app = provider is not None and not provider.page_fields
    if wanted.platform is None and not is_app and call.origin is not None and call.bearer is None:
        agent = call.request.headers.get("User-Agent", "")
        return platform_of(browser_of(agent), wanted.os or system_of(agent) or "")
    return platform_of(wanted.platform, wanted.os, is_app=is_app)


async def change(call: Call) -> web.Response:
    """PATCH /v1/subscriptions/{id}"""
    app, secret = await enter(call)
    number = device_number(call, secret)
    wanted: SubscriptionChange = call.decode(_CHANGE)
    patch = msgspec.structs.replace(wanted, platform=platform_of(wanted.platform, wanted.os))
    changed = await call.services.enroller.change(
        app, number, secret, patch, now=call.now(), client=_client(call), how=how_said(call), where=call.origin or ""
    )
    return await _answer(call, app, changed)


async def leave(call: Call) -> web.Response:
    """DELETE /v1/subscriptions/{id}"""
    app, secret = await enter(call)
    await call.services.enroller.leave(
        app, device_number(call, secret), secret, now=call.now(), how=how_said(call), where=call.origin or ""
    )
    return no_content()


async def show(call: Call) -> web.Response:
    """GET /v1/subscriptions/{id}"""
    app, secret = await enter(call)
    return await _answer(call, app, await call.services.enroller.get(app, device_number(call, secret), secret))


async def login(call: Call) -> web.Response:
    """POST /v1/subscriptions/{id}/identity"""
    app, secret = await enter(call)
    number = device_number(call, secret)
    wanted: IdentityRequest = call.decode(_IDENTITY)
    await identity.login(
        call.services.database,
        call.services.keyring,
        app,
        number,
        secret,
        external_id=wanted.external_id,
        signature=wanted.signature,
        expires=wanted.expires,
        now=call.now(),
    )
    return json_answer(IdentityAnswer(to_text("sub", number), wanted.external_id))


async def logout(call: Call) -> web.Response:
    """DELETE /v1/subscriptions/{id}/identity"""
    app, secret = await enter(call)
    await identity.logout(call.services.database, app, device_number(call, secret), secret)
    return no_content()


async def page(call: Call) -> web.Response:
    """GET /v1/subscriptions"""
    app = await call.app_for(call.query("app"))
    limit = call.page_limit()
    known = {one.slug: one.id for one in await topics.list_of_app(call.services.database, app.id)}
    found = await call.services.enroller.list_page(
        app, after=_after(call), limit=limit + 1, filters=_filters(call, known), user=call.query("user")
    )
    shown = found[:limit]
    slugs = {number: slug for slug, number in known.items()}
    data = [_shown(one, [slugs[number] for number in one.topics if number in slugs]) for one in shown]
    return json_answer(SubscriptionPage(data, to_text("sub", shown[-1].id) if len(found) > limit else None))


def _filters(call: Call, known: dict[str, int]) -> Filters:
    slug = call.query("topic")
    if slug is not None and slug not in known:
        raise Invalid("topic_unknown", "There is no topic of that name in this app.", param="topic")
    return Filters(
        state=check_state(call.query("state")),
        provider=call.query("channel"),
        topic_id=None if slug is None else known[slug],
    )


def _after(call: Call) -> int | None:
    cursor = call.cursor()
    if cursor is None:
        return None
    number = from_text("sub", cursor)
    if number is None:
        raise Invalid("field_invalid", "Give the `next` of the page before, unchanged.", param="after")
    return number


def how_said(call: Call) -> How:
    """In which way somebody says what this call says, for the ledger: browsers tell their page's origin, apps none."""
    if call.key is not None:
        return How.SERVER
    return How.APP if call.origin is None else How.PAGE


def _client(call: Call) -> str:
    """The address that the device itself calls from: what a shop's server sends is the server's."""
    return call.address if call.key is None else ""


def device_number(call: Call, secret: str | None) -> int:
    """The id in the path. To a device an id that is none looks like one that is not its own."""
    number = from_text("sub", call.request.match_info["id"])
    if number is not None:
        return number
    return call.path_id("sub", "subscription") if secret is None else -1


async def _answer(call: Call, app: App, found: Subscription) -> web.Response:
    return json_answer(_shown(found, await call.services.enroller.topics_of(app, found)))


def _shown(one: Subscription, slugs: Sequence[str]) -> SubscriptionAnswer:
    consent: dict[str, Any] | None = one.consent
    return SubscriptionAnswer(
        id=to_text("sub", one.id),
        channel=one.provider,
        state=STATE_WORDS[one.state],
        user=one.person,
        topics=sorted(slugs),
        tags=one.tags,
        language=one.locale,
        timezone=one.timezone,
        country=one.country,
        region=one.region,
        city=one.city,
        location=_location(one),
        platform=PLATFORM_NAMES.get(one.platform, "other"),
        consent=consent,
        created_at=one.created_at,
        seen_at=one.seen_at,
        ended_at=one.ended_at,
    )


def _location(one: Subscription) -> KeptLocation | None:
    if one.lat is None or one.lon is None or one.located_by is None:
        return None
    is_given = one.located_by == LocatedBy.DEVICE
    decimals = POSITION_DEVICE_DECIMALS if is_given else POSITION_IP_DECIMALS
    return KeptLocation(
        lat=round(one.lat, decimals),
        lon=round(one.lon, decimals),
        by="device" if is_given else "ip",
        timezone=one.geo_timezone,
        at=one.located_at,
    )
