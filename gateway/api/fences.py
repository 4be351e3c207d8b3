"""`/v1/geofences`, and devices that say where they are."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.devices import enter
from gateway.api.orders_geo import area_of_fence, circle_of_fence
from gateway.api.schema.places import FenceAnswer, FencePage, FenceRequest, LocationAnswer, NearRequest
from gateway.api.subscriptions import device_number
from gateway.model.errors import Invalid, NotFound
from gateway.model.place import Fence
from gateway.model.slug import SLUG
from gateway.policy.areas import geojson_of
from gateway.subscribers.request import Location

_NEW: Final = decoder_of(FenceRequest)
_LOCATION: Final = decoder_of(Location)


async def page(call: Call) -> web.Response:
    """GET /v1/geofences"""
    app = await call.app_for(call.query("app"))
    return json_answer(FencePage([_shown(one) for one in await call.services.fences.list_of(app)], None))


async def create(call: Call) -> web.Response:
    """POST /v1/geofences"""
    wanted: FenceRequest = call.decode(_NEW)
    app = await call.app_for(wanted.app)
    if SLUG.fullmatch(wanted.slug) is None:
        raise Invalid("field_invalid", "A slug has lower-case letters, digits, `.`, `-` and `_`.", param="slug")
    if (wanted.near is None) == (wanted.within is None):
        raise Invalid("field_missing", "A geofence is a circle (near) or an area (within).", param="near")
    near = None if wanted.near is None else circle_of_fence(wanted.near)
    within = None if wanted.within is None else area_of_fence(wanted.within)
    made = await call.services.fences.create(app, wanted.slug, near=near, within=within)
    return json_answer(_shown(made), status=HTTPStatus.CREATED)


async def delete(call: Call) -> web.Response:
    """DELETE /v1/geofences/{slug}"""
    app = await call.app_for(call.query("app"))
    slug = call.request.match_info["slug"]
    if SLUG.fullmatch(slug) is None:
        raise NotFound("geofence")
    await call.services.fences.delete(app, slug)
    return no_content()


async def locate(call: Call) -> web.Response:
    """POST /v1/subscriptions/{id}/location"""
    app, secret = await enter(call)
    number = device_number(call, secret)
    location: Location = call.decode(_LOCATION)
    call.gate.take_for_position(app.id, number)
    crossing = await call.services.fences.arrive(app, number, secret, location, now=call.now())
    return json_answer(
        LocationAnswer(
            inside=[fence.slug for fence in crossing.inside],
            entered=[fence.slug for fence in crossing.entered],
            left=[fence.slug for fence in crossing.left],
        )
    )


def _shown(fence: Fence) -> FenceAnswer:
    near = fence.near
    return FenceAnswer(
        slug=fence.slug,
        near=None if near is None else NearRequest(lat=near.lat, lon=near.lon, radius_km=near.radius_km),
        within=None if fence.within is None else geojson_of(fence.within),
        created_at=fence.created_at,
    )
